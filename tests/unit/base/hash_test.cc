#include "sidecar/base/hash.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace pillion {
namespace {

TEST(HashBytes, DependsOnEveryByteItsLengthAndTheSeed) {
  std::string text = "0123456789abcdef0123456";
  uint64_t whole = hash_bytes(text);
  EXPECT_EQ(hash_bytes(std::string(text)), whole);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] ^= 1;
    EXPECT_NE(hash_bytes(other), whole) << i;
  }
  EXPECT_NE(hash_bytes(std::string_view("a\0", 2)), hash_bytes("a"));
  EXPECT_NE(hash_bytes(""), hash_bytes(std::string_view("\0", 1)));
  EXPECT_NE(hash_bytes("a", 1), hash_bytes("a", 2));
}

TEST(HashBytes, SpreadsSimilarNames) {
  std::set<uint64_t> low;
  for (int i = 0; i < 4096; ++i) low.insert(hash_bytes("cluster_" + std::to_string(i)) % 65536);
  // 4096 balls in 65536 bins leave about 3970 different bins.
  EXPECT_GT(low.size(), 3900u);
}

TEST(Random, RepeatsForTheSameSeedOnly) {
  Random a(1), b(1), c(2);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    uint64_t x = a.next();
    ASSERT_EQ(x, b.next());
    differs = differs || x != c.next();
  }
  EXPECT_TRUE(differs);
  Random d = Random::from_system();
  Random e = Random::from_system();
  EXPECT_NE(d.next(), e.next());
}

TEST(Random, StaysBelowItsBoundAndIsUniform) {
  constexpr uint64_t kSeed = 5;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  for (uint64_t bound : {uint64_t{1}, uint64_t{7}, uint64_t{1} << 40, UINT64_MAX})
    for (int i = 0; i < 1000; ++i) ASSERT_LT(random.below(bound), bound);
  std::array<int, 10> counts{};
  for (int i = 0; i < 100'000; ++i) ++counts[random.below(10)];
  for (int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

}  // namespace
}  // namespace pillion
