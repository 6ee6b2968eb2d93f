// Results that Envoy 1.40 gives for the same paths, but where a comment says otherwise.

#include "sidecar/http/normalize.h"

#include <gtest/gtest.h>

#include <string>

namespace pillion::http {
namespace {

class Normalize : public testing::Test {
 protected:
  std::string run(std::string_view path, const PathOptions& options) {
    unescaped = false;
    std::optional<std::string_view> out = normalize_path(path, options, arena, &unescaped);
    return out ? std::string(*out) : "(refused)";
  }
  std::string normal(std::string_view path) { return run(path, {.normalize = true}); }
  std::string merged(std::string_view path) { return run(path, {.merge_slashes = true}); }
  std::string forward(std::string_view path) { return run(path, {.unescape_slashes = true}); }
  std::string all(std::string_view path) {
    return run(path, {.normalize = true, .merge_slashes = true, .unescape_slashes = true});
  }
  BlockPool blocks;
  Arena arena{blocks};
  bool unescaped = false;
};

TEST_F(Normalize, RemovesDotSegments) {
  EXPECT_EQ(normal("/a/../b"), "/b");
  EXPECT_EQ(normal("/a/./b"), "/a/b");
  EXPECT_EQ(normal("/../a"), "/a");
  EXPECT_EQ(normal("/a/.."), "/");
  EXPECT_EQ(normal("/a/."), "/a/");
  EXPECT_EQ(normal("/.."), "/");
  EXPECT_EQ(normal("/."), "/");
  EXPECT_EQ(normal("/a/b/../../../c"), "/c");
  EXPECT_EQ(normal("/a//b//../c"), "/a//b/c");
}

TEST_F(Normalize, KeepsWhatOnlyResemblesDotSegments) {
  for (std::string_view path : {"/a/...", "/a/.../b", "/.a", "/a./b", "/..a/b", "/a/x..;/b", "/"})
    EXPECT_EQ(normal(path), path);
}

TEST_F(Normalize, SeesThroughEscapedDots) {
  EXPECT_EQ(normal("/a/%2e%2e/b"), "/b");
  EXPECT_EQ(normal("/a/%2E/b"), "/a/b");
  EXPECT_EQ(normal("/a/.%2e/b"), "/b");
  EXPECT_EQ(normal("/a/%2e"), "/a/");
}

TEST_F(Normalize, SeesThroughPathParametersOfDotSegments) {
  EXPECT_EQ(normal("/a/..;/b"), "/b");
  EXPECT_EQ(normal("/a/..;x=y/b"), "/b");
  EXPECT_EQ(normal("/a/.;/b"), "/a/b");
  EXPECT_EQ(normal("/a/b/..;x"), "/a/");
  EXPECT_EQ(normal("/..;"), "/");
  EXPECT_EQ(normal("/a;/../b"), "/b");
  // Envoy passes "/a/..;/b" on here, which its own rule would have removed.
  EXPECT_EQ(normal("/a/%2e%2e;/b"), "/b");
}

TEST_F(Normalize, DecodesUnreservedCharactersOnly) {
  EXPECT_EQ(normal("/%41%7e%2D%5f"), "/A~-_");
  for (std::string_view path : {"/%c3%a9", "/%C3%A9", "/%25", "/%2525", "/a%3fb", "/a%23b", "/a%3b",
                                "/a%20b", "/a%21", "/a%2fb", "/a%5Cb", "/a/%2e%2e%3b/b"})
    EXPECT_EQ(normal(path), std::string(path).find("%2e") == std::string::npos ? std::string(path)
                                                                               : "/a/..%3b/b");
}

TEST_F(Normalize, LeavesMalformedEscapesAlone) {
  for (std::string_view path : {"/%zz", "/%", "/%4", "/a%", "/a%4/b", "/%g1", "/%1g"})
    EXPECT_EQ(normal(path), path);
  EXPECT_EQ(normal("/%%41"), "/%A");
}

TEST_F(Normalize, RefusesAnEscapedNul) {
  EXPECT_EQ(normal("/a%00b"), "(refused)");
  EXPECT_EQ(normal("/%00"), "(refused)");
  EXPECT_EQ(merged("/a%00//b"), "/a%00/b");
}

TEST_F(Normalize, TurnsBackslashesIntoSlashes) {
  EXPECT_EQ(normal("/a\\b"), "/a/b");
  EXPECT_EQ(normal("/a\\..\\b"), "/b");
}

TEST_F(Normalize, EscapesWhatMayNotStandInAPath) {
  EXPECT_EQ(normal("/\"<>^`{|}"), "/%22%3C%3E%5E%60%7B%7C%7D");
  EXPECT_EQ(normal("/a!$&'()*+,=:@[];b~"), "/a!$&'()*+,=:@[];b~");
}

TEST_F(Normalize, LeavesTheQueryAlone) {
  EXPECT_EQ(normal("/a?b/../c"), "/a?b/../c");
  EXPECT_EQ(normal("/a/../b?x=%2e%2e/"), "/b?x=%2e%2e/");
  EXPECT_EQ(all("//a?b//c%2f"), "/a?b//c%2f");
  EXPECT_EQ(normal("/a/..?"), "/?");
}

TEST_F(Normalize, MergesSlashes) {
  EXPECT_EQ(merged("/a//b"), "/a/b");
  EXPECT_EQ(merged("//a"), "/a");
  EXPECT_EQ(merged("/a///"), "/a/");
  EXPECT_EQ(merged("/a//../b"), "/a/../b");
  // Envoy makes "//" of a path of nothing but slashes.
  EXPECT_EQ(merged("///"), "/");
}

TEST_F(Normalize, UnescapesSlashes) {
  EXPECT_EQ(forward("/a%2fb%2Fc"), "/a/b/c");
  EXPECT_TRUE(unescaped);
  EXPECT_EQ(forward("/a%5cb"), "/a\\b");
  EXPECT_EQ(forward("/a%2f%2e%2e%2fb"), "/a/%2e%2e/b");
  EXPECT_EQ(forward("/a%20b"), "/a%20b");
  EXPECT_FALSE(unescaped);
}

TEST_F(Normalize, UnescapesBeforeItNormalizes) {
  EXPECT_EQ(all("/a%2f..%2fb"), "/b");
  EXPECT_TRUE(unescaped);
  EXPECT_EQ(all("/a/%2e%2e%2fb"), "/b");
  EXPECT_EQ(all("/a%5C..%2fb"), "/b");
  EXPECT_EQ(all("/a%2f%2e%2e%2fb"), "/b");
  EXPECT_EQ(all("/a/../b"), "/b");
  EXPECT_FALSE(unescaped);
}

TEST_F(Normalize, RejectsEscapedSlashes) {
  PathOptions reject{.reject_escaped_slashes = true};
  for (std::string_view path : {"/a%2fb", "/a%2F", "/%5c", "/%%5C"})
    EXPECT_EQ(run(path, reject), "(refused)") << path;
  for (std::string_view path : {"/a%2", "/a%2g", "/a?x%2f", "/a%252f"})
    EXPECT_EQ(run(path, reject), path);
}

TEST_F(Normalize, RefusesWhatIsNoPath) {
  EXPECT_EQ(normal(""), "(refused)");
  EXPECT_EQ(normal("a"), "(refused)");
  EXPECT_EQ(normal("?a"), "(refused)");
}

// A second hop with the same options must not see another path.
TEST_F(Normalize, IsIdempotent) {
  for (std::string_view path : {"/a/../b", "/%41%7e", "/a\\b", "/a//b//../c", "/\"<>", "/%%41",
                                "/..;/a", "/%2e%2e;/a", "/a/./.././b/", "/%2525"}) {
    std::string once = normal(path);
    EXPECT_EQ(normal(once), once) << path;
  }
}

TEST_F(Normalize, GivesAPlainPathBackAsItIs) {
  std::string_view path = "/a/b.c?d";
  std::optional<std::string_view> out =
      normalize_path(path, {.normalize = true, .merge_slashes = true, .unescape_slashes = true},
                     arena, &unescaped);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->data(), path.data());
}

}  // namespace
}  // namespace pillion::http
