#include "sidecar/upstream/original_destinations.h"

#include <gtest/gtest.h>

namespace pillion::upstream {
namespace {

Address at(uint16_t port) {
  return *Address::parse_ip("10.0.0.1", port);
}

TEST(OriginalDestinations, EachAddressIsOneEndpoint) {
  OriginalDestinations originals;
  bool added = false;
  auto one = originals.find_or_add(at(80), Time{}, added);
  EXPECT_TRUE(added);
  EXPECT_EQ(one->address_text, "10.0.0.1:80");
  EXPECT_EQ(originals.find_or_add(at(80), Time{}, added), one);
  EXPECT_FALSE(added);
  EXPECT_NE(originals.find_or_add(at(81), Time{}, added), one);
  EXPECT_EQ(originals.all()->all.size(), 2u);
}

TEST(OriginalDestinations, WhatNobodyHasAskedForDuringAWholeIntervalIsForgotten) {
  OriginalDestinations originals;
  bool added = false;
  originals.find_or_add(at(80), Time{}, added);
  EXPECT_EQ(originals.sweep(), 0u) << "it was asked for before";
  originals.find_or_add(at(80), Time{}, added);
  EXPECT_EQ(originals.sweep(), 0u);
  EXPECT_EQ(originals.sweep(), 1u);
  EXPECT_EQ(originals.size(), 0u);
}

TEST(OriginalDestinations, WhatIsHeldStays) {
  OriginalDestinations originals;
  bool added = false;
  auto held = originals.find_or_add(at(80), Time{}, added);
  originals.sweep();
  EXPECT_EQ(originals.sweep(), 0u);
  held.reset();
  EXPECT_EQ(originals.sweep(), 1u);
}

TEST(OriginalDestinations, ThereAreOnlySoMany) {
  OriginalDestinations originals;
  bool added = false;
  for (std::size_t i = 0; i < OriginalDestinations::kMost; ++i)
    ASSERT_NE(originals.find_or_add(at(static_cast<uint16_t>(i + 1)), Time{}, added), nullptr);
  EXPECT_EQ(originals.find_or_add(at(60000), Time{}, added), nullptr);
  EXPECT_FALSE(added);
  EXPECT_NE(originals.find_or_add(at(1), Time{}, added), nullptr) << "known ones are served";
}

}  // namespace
}  // namespace pillion::upstream
