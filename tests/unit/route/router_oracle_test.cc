#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "sidecar/base/hash.h"
#include "tests/unit/route/oracle.h"

namespace pillion::route {
namespace {

TEST(RouterOracle, AgreesOnRandomTablesAndRequests) {
  // PILLION_SEED=<number> repeats a run.
  const char* given = std::getenv("PILLION_SEED");
  uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : Random::from_system().next();
  std::cout << "seed " << seed << "\n";
  Random random(seed);
  auto next = [&random](std::size_t bound) {
    return static_cast<std::size_t>(random.below(bound));
  };
  for (int i = 0; i < 2000; ++i)
    ASSERT_EQ(compare_with_oracle(next, 50), "") << "table " << i << ", PILLION_SEED=" << seed;
}

}  // namespace
}  // namespace pillion::route
