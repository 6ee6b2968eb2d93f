#include "sidecar/base/list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace pillion {
namespace {

using ::testing::ElementsAre;

struct Other {};
struct Item : TaggedNode<>, TaggedNode<Other> {
  explicit Item(int n) : number(n) {}
  int number;
};

template <class Tag>
std::vector<int> numbers(List<Item, Tag>& list) {
  std::vector<int> out;
  list.for_each([&out](Item& item) { out.push_back(item.number); });
  return out;
}

TEST(List, KeepsOrder) {
  List<Item> list;
  EXPECT_TRUE(list.empty());
  Item a(1), b(2), c(3);
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  EXPECT_THAT(numbers(list), ElementsAre(1, 2, 3));
  EXPECT_EQ(list.front().number, 1);
  EXPECT_EQ(list.back().number, 3);
  EXPECT_EQ(list.pop_front().number, 1);
  EXPECT_THAT(numbers(list), ElementsAre(2, 3));
}

TEST(List, ForgetsAnItemThatIsDestroyed) {
  List<Item> list;
  Item a(1);
  auto b = std::make_unique<Item>(2);
  Item c(3);
  list.push_back(a);
  list.push_back(*b);
  list.push_back(c);
  b.reset();
  EXPECT_THAT(numbers(list), ElementsAre(1, 3));
}

TEST(List, UnlinksItsItemsWhenItIsDestroyed) {
  Item a(1);
  {
    List<Item> list;
    list.push_back(a);
    EXPECT_TRUE(a.TaggedNode<>::linked());
  }
  EXPECT_FALSE(a.TaggedNode<>::linked());
  a.TaggedNode<>::unlink();
}

TEST(List, HoldsOneItemInTwoLists) {
  List<Item> one;
  List<Item, Other> two;
  Item a(1), b(2);
  one.push_back(a);
  one.push_back(b);
  two.push_back(b);
  two.push_back(a);
  EXPECT_THAT(numbers(one), ElementsAre(1, 2));
  EXPECT_THAT(numbers(two), ElementsAre(2, 1));
  a.TaggedNode<>::unlink();
  EXPECT_THAT(numbers(one), ElementsAre(2));
  EXPECT_THAT(numbers(two), ElementsAre(2, 1));
}

TEST(List, MovesAnItemThatIsInItAlready) {
  List<Item> list;
  Item a(1), b(2), c(3);
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  list.push_back(a);
  EXPECT_THAT(numbers(list), ElementsAre(2, 3, 1));
  list.push_back(a);  // the last one again
  EXPECT_THAT(numbers(list), ElementsAre(2, 3, 1));
  list.push_front(b);  // the first one again
  EXPECT_THAT(numbers(list), ElementsAre(2, 3, 1));
  List<Item> other;
  other.push_back(c);
  EXPECT_THAT(numbers(list), ElementsAre(2, 1));
}

TEST(List, LetsTheVisitedItemUnlinkItself) {
  List<Item> list;
  Item a(1), b(2), c(3);
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  list.for_each([](Item& item) {
    if (item.number != 2) item.TaggedNode<>::unlink();
  });
  EXPECT_THAT(numbers(list), ElementsAre(2));
}

}  // namespace
}  // namespace pillion
