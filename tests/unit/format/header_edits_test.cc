#include "sidecar/format/header_edits.h"

#include <gtest/gtest.h>

#include "tests/unit/format/context.h"

namespace pillion::format {
namespace {

using Action = config::HeaderAppend::Action;

class HeaderEditsTest : public FormatTest {
 protected:
  template <class Head>
  static std::string all(const Head& head) {
    std::string out;
    for (const http::Header& h : head.headers) {
      out += h.name();
      out += '=';
      out += h.value();
      out += ';';
    }
    return out;
  }
  // The edits have to outlive the heads.
  void edit(config::HeaderEdits config) {
    auto compiled = HeaderEdits::compile(config);
    ASSERT_TRUE(compiled.has_value()) << compiled.error().message;
    edits_.push_back(std::make_unique<HeaderEdits>(*std::move(compiled)));
    edits_.back()->apply(request_, context());
  }
  static config::HeaderEdits append(std::string name, std::string value,
                                    Action action = Action::kAppendIfExistsOrAdd,
                                    bool keep_empty = false) {
    config::HeaderEdits edits;
    edits.append.push_back({std::move(name), std::move(value), action, keep_empty});
    return edits;
  }
  std::vector<std::unique_ptr<HeaderEdits>> edits_;
};

TEST_F(HeaderEditsTest, NamesTheHeaderOfABadOperator) {
  auto compiled = HeaderEdits::compile(append("x-a", "%NOPE%"));
  ASSERT_FALSE(compiled.has_value());
  EXPECT_EQ(compiled.error().message.find("header 'x-a': format '%NOPE%'"), 0u);
}

TEST_F(HeaderEditsTest, RefusesToRemovePseudoHeadersAndHost) {
  for (const char* name : {":path", ":status", "host", "Host"}) {
    config::HeaderEdits edits;
    edits.remove.emplace_back(name);
    auto compiled = HeaderEdits::compile(edits);
    ASSERT_FALSE(compiled.has_value()) << name;
    EXPECT_NE(compiled.error().message.find("may not be removed"), std::string::npos);
  }
}

TEST_F(HeaderEditsTest, NothingToEditIsEmpty) {
  auto compiled = HeaderEdits::compile({});
  ASSERT_TRUE(compiled.has_value());
  EXPECT_TRUE(compiled->empty());
  EXPECT_FALSE(HeaderEdits::compile(append("a", "b"))->empty());
}

TEST_F(HeaderEditsTest, ActionsDoWhatTheirNamesSay) {
  request_.headers.add("a", "1");
  edit(append("a", "2"));
  edit(append("b", "1"));
  EXPECT_EQ(all(request_), "a=1;a=2;b=1;");
  edit(append("a", "x", Action::kAddIfAbsent));
  edit(append("c", "1", Action::kAddIfAbsent));
  EXPECT_EQ(all(request_), "a=1;a=2;b=1;c=1;");
  edit(append("d", "x", Action::kOverwriteIfExists));
  edit(append("a", "3", Action::kOverwriteIfExists));
  EXPECT_EQ(all(request_), "a=3;b=1;c=1;");
  edit(append("b", "2", Action::kOverwriteIfExistsOrAdd));
  edit(append("d", "1", Action::kOverwriteIfExistsOrAdd));
  EXPECT_EQ(all(request_), "a=3;b=2;c=1;d=1;");
}

TEST_F(HeaderEditsTest, EmptyValuesAreDroppedUnlessKept) {
  edit(append("a", "%REQ(none)%"));
  edit(append("b", ""));
  edit(append("c", "%REQ(none)%", Action::kAppendIfExistsOrAdd, true));
  EXPECT_EQ(all(request_), "c=;");
}

TEST_F(HeaderEditsTest, RemovesFirstAndFormatsFromWhatIsLeft) {
  request_.headers.add("x-rm", "old");
  request_.headers.add("x-a", "1");
  request_.headers.add("x-b", "b1");
  request_.headers.add("x-b", "b2");
  config::HeaderEdits edits;
  edits.remove = {"X-Rm", "x-gone"};
  edits.append = {{"x-a", "r", Action::kAppendIfExistsOrAdd, false},
                  {"x-b", "%REQ(x-a)%-%REQ(none)%", Action::kOverwriteIfExistsOrAdd, false},
                  {"x-rm", "again", Action::kAppendIfExistsOrAdd, false},
                  {"x-copy", "%REQ(x-rm)%", Action::kAppendIfExistsOrAdd, false}};
  edit(edits);
  EXPECT_EQ(all(request_), "x-a=1;x-b=1-;x-a=r;x-rm=again;");
}

TEST_F(HeaderEditsTest, AppendingToAnInlineHeaderJoinsIt) {
  request_.headers.add("x-forwarded-for", "9.9.9.9");
  request_.headers.add("cookie", "a=b");
  edit(append("X-Forwarded-For", "zz"));
  edit(append("cookie", "c=1"));
  EXPECT_EQ(all(request_), "x-forwarded-for=9.9.9.9,zz;cookie=a=b;cookie=c=1;");
}

TEST_F(HeaderEditsTest, SetsTheMembersOfARequest) {
  request_.path = "/old";
  request_.authority = "old";
  edit(append(":path", "/new"));
  edit(append("host", "new"));
  edit(append(":method", "POST"));
  edit(append(":scheme", "https", Action::kAddIfAbsent));
  EXPECT_EQ(request_.path, "/new");
  EXPECT_EQ(request_.authority, "new");
  EXPECT_EQ(request_.method, http::Method::kPost);
  EXPECT_EQ(request_.scheme, "https");
  edit(append(":scheme", "http", Action::kAddIfAbsent));
  EXPECT_EQ(request_.scheme, "https");
  EXPECT_TRUE(request_.headers.empty());
}

TEST_F(HeaderEditsTest, EditsResponsesFromBothHeads) {
  request_.headers.add("x-a", "1");
  response_.headers.add("x-up", "1");
  config::HeaderEdits edits;
  edits.append = {{"x-resp", "%RESP(x-up)%|%REQ(x-a)%", Action::kAppendIfExistsOrAdd, false},
                  {":status", "418", Action::kOverwriteIfExistsOrAdd, false},
                  {"server", "me", Action::kOverwriteIfExistsOrAdd, false}};
  edits.remove = {"x-up"};
  auto compiled = HeaderEdits::compile(edits);
  ASSERT_TRUE(compiled.has_value());
  compiled->apply(response_, context());
  EXPECT_EQ(all(response_), "server=me;x-resp=|1;");
  EXPECT_EQ(response_.status, 418);
}

}  // namespace
}  // namespace pillion::format
