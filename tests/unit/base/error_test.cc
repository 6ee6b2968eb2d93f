#include "sidecar/base/error.h"

#include <gtest/gtest.h>

#include <memory>

#include "sidecar/base/check.h"

namespace pillion {
namespace {

constexpr Error kRefused{Code::kRefused, Origin::kUpstream, true, "refused"};

Result<int> positive(int n) {
  if (n <= 0) return fail(kRefused);
  return n;
}

Result<int> doubled(int n) {
  TRY(int value, positive(n));
  return value * 2;
}

Result<std::unique_ptr<int>, Problem> boxed(bool good) {
  if (!good) return problem("bad box");
  return std::make_unique<int>(3);
}

Result<int, Problem> unboxed(bool good) {
  TRY(std::unique_ptr<int> box, boxed(good));
  TRY(auto again, boxed(true));
  return *box + *again;
}

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_TRUE(positive(1).has_value());
  EXPECT_EQ(*positive(4), 4);
  auto failed = positive(0);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kRefused);
  EXPECT_EQ(failed.error().origin, Origin::kUpstream);
  EXPECT_TRUE(failed.error().retriable);
  EXPECT_STREQ(failed.error().what, "refused");
}

TEST(Result, PassesErrorsOnWithTry) {
  EXPECT_EQ(*doubled(4), 8);
  EXPECT_FALSE(doubled(-4).has_value());
  EXPECT_EQ(*unboxed(true), 6);
  EXPECT_EQ(unboxed(false).error().message, "bad box");
}

TEST(Result, GivesItsValueAway) {
  auto result = boxed(true);
  std::unique_ptr<int> box = *std::move(result);
  EXPECT_EQ(*box, 3);
  auto other = boxed(true);
  EXPECT_EQ(*other->get(), 3);
}

TEST(CheckDeathTest, NamesTheConditionAndAborts) {
  CHECK(1 + 1 == 2);
  EXPECT_DEATH(CHECK(1 + 1 == 3), "error_test.cc.*invariant broken: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace pillion
