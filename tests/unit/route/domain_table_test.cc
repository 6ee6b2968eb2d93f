#include "sidecar/route/domain_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pillion::route {
namespace {

using Anchor = DomainTable::Anchor;

TEST(DomainTable, AnEmptyTableFindsNothing) {
  for (Anchor anchor : {Anchor::kWhole, Anchor::kEnd, Anchor::kBeginning}) {
    DomainTable table(anchor);
    EXPECT_TRUE(table.empty());
    EXPECT_EQ(table.find(""), DomainTable::kNone);
    EXPECT_EQ(table.find("a"), DomainTable::kNone);
  }
}

TEST(DomainTable, RefusesTheSameTextTwice) {
  for (Anchor anchor : {Anchor::kWhole, Anchor::kEnd, Anchor::kBeginning}) {
    DomainTable table(anchor);
    EXPECT_TRUE(table.add("a", 1));
    EXPECT_FALSE(table.add("a", 2));
  }
}

TEST(DomainTable, WholeNamesHaveToBeEqual) {
  DomainTable table(Anchor::kWhole);
  table.add("a.b", 1);
  table.add("", 2);
  EXPECT_EQ(table.find("a.b"), 1u);
  EXPECT_EQ(table.find("a.bc"), DomainTable::kNone);
  EXPECT_EQ(table.find(""), 2u);
}

TEST(DomainTable, TakesTheLongestEndThatIsShorterThanTheName) {
  DomainTable table(Anchor::kEnd);
  table.add(".com", 1);
  table.add("b.com", 2);
  table.add(".b.com", 3);
  EXPECT_EQ(table.find("a.b.com"), 3u);
  EXPECT_EQ(table.find("ab.com"), 2u);
  EXPECT_EQ(table.find("b.com"), 1u);
  EXPECT_EQ(table.find(".com"), DomainTable::kNone);
  EXPECT_EQ(table.find("b.org"), DomainTable::kNone);
}

TEST(DomainTable, TakesTheLongestBeginningThatIsShorterThanTheName) {
  DomainTable table(Anchor::kBeginning);
  table.add("a.", 1);
  table.add("a.b", 2);
  EXPECT_EQ(table.find("a.bc"), 2u);
  EXPECT_EQ(table.find("a.b"), 1u);
  EXPECT_EQ(table.find("a."), DomainTable::kNone);
}

TEST(DomainTable, FindsEachOfTenThousand) {
  std::vector<std::string> names;
  for (int i = 0; i < 10000; ++i) names.push_back("host" + std::to_string(i) + ".example");
  DomainTable table(Anchor::kWhole);
  for (uint32_t i = 0; i < names.size(); ++i) ASSERT_TRUE(table.add(names[i], i));
  for (uint32_t i = 0; i < names.size(); ++i) ASSERT_EQ(table.find(names[i]), i);
  EXPECT_EQ(table.find("host10000.example"), DomainTable::kNone);
}

}  // namespace
}  // namespace pillion::route
