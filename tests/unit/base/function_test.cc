#include "sidecar/base/function.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace pillion {
namespace {

TEST(Function, IsEmptyUntilItIsGivenOne) {
  Function<void()> none;
  EXPECT_FALSE(none);
  none = [] {};
  EXPECT_TRUE(none);
}

TEST(Function, PassesArgumentsAndResults) {
  Function<int(int, std::string)> f = [](int n, const std::string& text) {
    return n + static_cast<int>(text.size());
  };
  EXPECT_EQ(f(1, "abc"), 4);
  Function<void(int&)> by_reference = [](int& n) { ++n; };
  int n = 1;
  by_reference(n);
  EXPECT_EQ(n, 2);
  Function<std::unique_ptr<int>(std::unique_ptr<int>)> moves = [](auto p) { return p; };
  EXPECT_EQ(*moves(std::make_unique<int>(5)), 5);
}

TEST(Function, HoldsWhatCannotBeCopied) {
  auto token = std::make_unique<int>(7);
  Function<int()> f = [token = std::move(token)] { return *token; };
  Function<int()> g = std::move(f);
  EXPECT_FALSE(f);  // NOLINT(bugprone-use-after-move): empty after a move
  EXPECT_EQ(g(), 7);
}

TEST(Function, KeepsStateBetweenCalls) {
  Function<int()> counter = [n = 0]() mutable { return ++n; };
  counter();
  EXPECT_EQ(counter(), 2);
}

// Small captures stay inside, large ones go to the heap: both are destroyed exactly once.
template <std::size_t kSize>
void destroys_once() {
  auto token = std::make_shared<int>(1);
  {
    std::array<char, kSize> ballast{};
    Function<std::size_t()> f = [token, ballast] { return ballast.size() + (token ? 1 : 0); };
    EXPECT_EQ(token.use_count(), 2);
    Function<std::size_t()> g = std::move(f);
    EXPECT_EQ(token.use_count(), 2);
    EXPECT_EQ(g(), kSize + 1);
    Function<std::size_t()> h = [] { return std::size_t{0}; };
    h = std::move(g);
    EXPECT_EQ(h(), kSize + 1);
    Function<std::size_t()>& same = h;
    h = std::move(same);
    EXPECT_EQ(h(), kSize + 1);
    h = {};
    EXPECT_EQ(token.use_count(), 1);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Function, DestroysSmallCapturesOnce) {
  destroys_once<1>();
}
TEST(Function, DestroysLargeCapturesOnce) {
  destroys_once<500>();
}

TEST(Function, HoldsFunctionPointers) {
  Function<int(int)> f = +[](int n) { return n * 2; };
  EXPECT_EQ(f(4), 8);
}

}  // namespace
}  // namespace pillion
