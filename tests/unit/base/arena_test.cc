#include "sidecar/base/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "sidecar/base/hash.h"

namespace pillion {
namespace {

TEST(Arena, AlignsWhatItGives) {
  BlockPool pool;
  Arena arena(pool);
  for (std::size_t align : {1u, 2u, 8u, 16u, 64u, 256u}) {
    arena.allocate(1, 1);
    auto at = reinterpret_cast<std::uintptr_t>(arena.allocate(3, align));
    EXPECT_EQ(at % align, 0u) << align;
  }
  auto large = reinterpret_cast<std::uintptr_t>(arena.allocate(100'000, 64));
  EXPECT_EQ(large % 64, 0u);
}

TEST(Arena, KeepsAllocationsApart) {
  constexpr uint64_t kSeed = 3;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  BlockPool pool;
  Arena arena(pool);
  std::vector<std::pair<char*, std::size_t>> all;
  for (int i = 0; i < 2000; ++i) {
    std::size_t size = random.below(20) == 0 ? random.below(10'000) + 1 : random.below(200) + 1;
    auto* bytes = static_cast<char*>(arena.allocate(size, std::size_t{1} << random.below(5)));
    std::memset(bytes, i % 251, size);
    all.emplace_back(bytes, size);
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < all[i].second; ++j)
      ASSERT_EQ(static_cast<unsigned char>(all[i].first[j]), i % 251);
}

TEST(Arena, FillsABlockToItsEnd) {
  BlockPool pool;
  Arena arena(pool);
  for (int i = 0; i < 100; ++i) std::memset(arena.allocate(1000, 1), 1, 1000);
  for (std::size_t size = BlockPool::kBlockSize - 64; size < BlockPool::kBlockSize + 64; ++size)
    std::memset(arena.allocate(size, 16), 1, size);
}

TEST(Arena, KeepsUsingTheOpenBlockAfterALargeOne) {
  BlockPool pool;
  Arena arena(pool);
  auto* before = static_cast<char*>(arena.allocate(8, 1));
  arena.allocate(1'000'000, 1);
  auto* after = static_cast<char*>(arena.allocate(8, 1));
  EXPECT_EQ(after, before + 8);
}

TEST(Arena, CopiesAndJoinsText) {
  BlockPool pool;
  Arena arena(pool);
  std::string source = "text";
  std::string_view copy = arena.copy(source);
  source = "none";
  EXPECT_EQ(copy, "text");
  EXPECT_EQ(arena.copy(""), "");
  EXPECT_EQ(arena.concat("a", std::string("bc"), std::string_view(), "d"), "abcd");
  EXPECT_EQ(arena.concat("", std::string_view()), "");
  std::string large(50'000, 'x');
  EXPECT_EQ(arena.concat(large, "y"), large + "y");
}

TEST(Arena, MakesObjectsAndArrays) {
  struct Pair {
    Pair(int x, double y) : a(x), b(y) {}
    int a;
    double b;
  };
  BlockPool pool;
  Arena arena(pool);
  auto* pair = arena.make<Pair>(1, 2.5);
  EXPECT_EQ(pair->a, 1);
  EXPECT_EQ(pair->b, 2.5);
  auto* numbers = arena.array<uint64_t>(1000);
  for (uint64_t i = 0; i < 1000; ++i) numbers[i] = i;
  EXPECT_EQ(numbers[999], 999u);
}

TEST(Arena, GivesItsBlocksBackForTheNextOne) {
  BlockPool pool;
  void* block;
  {
    Arena arena(pool);
    block = arena.allocate(100);
  }
  Arena next(pool);
  EXPECT_EQ(next.allocate(100), block);
  next.reset();
  EXPECT_EQ(next.allocate(100), block);
}

TEST(BlockPool, KeepsNoMoreThanItsMaximum) {
  BlockPool pool(2);
  std::vector<void*> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(pool.take());
  for (void* block : blocks) pool.give(block);
  // The first two were kept, last in first out; the other two went back to the heap.
  EXPECT_EQ(pool.take(), blocks[1]);
  EXPECT_EQ(pool.take(), blocks[0]);
  pool.give(blocks[1]);
  pool.give(blocks[0]);
}

TEST(Arena, UsesTheMemoryItIsGivenBeforeAnyBlock) {
  BlockPool pool;
  alignas(16) char first[64];
  Arena arena(pool, first, sizeof(first));
  EXPECT_EQ(arena.allocate(48), static_cast<void*>(first));
  auto* next = static_cast<char*>(arena.allocate(48));
  EXPECT_TRUE(next < first || next >= first + sizeof(first));
}

}  // namespace
}  // namespace pillion
