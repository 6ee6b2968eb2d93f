#include "xds/field_path.h"

#include <gtest/gtest.h>

namespace pillion::xds {
namespace {

TEST(FieldPath, WritesFieldsIndexesAndKeys) {
  LoadContext context("f");
  const FieldPath root(context);
  const FieldPath listeners = root.field("static_resources.listeners");
  const FieldPath third = listeners.index(3);
  const FieldPath config = third.field("typed_per_filter_config");
  EXPECT_EQ(config.key("envoy.cors").text(),
            "static_resources.listeners[3].typed_per_filter_config[\"envoy.cors\"]");
  EXPECT_EQ(root.text(), "");
  const FieldPath entry = config.key("x");
  EXPECT_EQ(entry.index(1).text(),
            "static_resources.listeners[3].typed_per_filter_config[\"x\"][1]");
}

TEST(Problems, PutFileAndPathBeforeTheText) {
  LoadContext context("envoy.yaml");
  const FieldPath root(context);
  root.field("admin").problem("is wrong");
  root.problem("is empty");
  EXPECT_EQ(context.problems.lines(),
            (std::vector<std::string>{"envoy.yaml: admin: is wrong", "envoy.yaml: is empty"}));
}

TEST(Problems, KeepOnlyTheFirstAtOnePlace) {
  LoadContext context("f");
  const FieldPath root(context);
  root.field("a").problem("first");
  root.field("a").problem("second");
  EXPECT_EQ(context.problems.lines(), std::vector<std::string>{"f: a: first"});
}

TEST(Problems, DoNotCallMissingWhatIsWrong) {
  LoadContext context("f");
  const FieldPath root(context);
  root.field("a.b").problem("wrong");
  root.field("a").missing("is required");
  root.field("ab").missing("is required");
  EXPECT_EQ(context.problems.lines(),
            (std::vector<std::string>{"f: a.b: wrong", "f: ab: is required"}));
}

TEST(Problems, CallNothingMissingBelowWhatCannotBeRead) {
  LoadContext context("f");
  const FieldPath root(context);
  root.field("a").unreadable("expected an object");
  root.field("a.name").missing("is required");
  EXPECT_EQ(context.problems.lines(), std::vector<std::string>{"f: a: expected an object"});
}

TEST(Problems, AreBoundedAndCountTheRest) {
  LoadContext context("f");
  const FieldPath root(context);
  const FieldPath list = root.field("list");
  for (std::size_t i = 0; i < Problems::kMax + 5; ++i) list.index(i).problem("bad");
  const auto lines = context.problems.lines();
  ASSERT_EQ(lines.size(), Problems::kMax + 1);
  EXPECT_EQ(lines.back(), "f: and 5 more problems");
  EXPECT_EQ(context.problems.count(), Problems::kMax + 5);
}

}  // namespace
}  // namespace pillion::xds
