#include "sidecar/http/message.h"

#include <gtest/gtest.h>

namespace pillion::http {
namespace {

TEST(Message, UnknownMethodsAndStatusesHaveAName) {
  EXPECT_EQ(method_of("get"), Method::kOther);
  EXPECT_EQ(method_of(""), Method::kOther);
  EXPECT_EQ(method_of("PROPFIND"), Method::kOther);
  EXPECT_EQ(reason_phrase(0), "Unknown");
  EXPECT_EQ(reason_phrase(299), "Unknown");
  EXPECT_EQ(reason_phrase(1000), "Unknown");
}

TEST(Message, KnowsTheRegisteredMethods) {
  EXPECT_EQ(method_of("GET"), Method::kGet);
  EXPECT_EQ(method_of("HEAD"), Method::kHead);
  EXPECT_EQ(method_of("POST"), Method::kPost);
  EXPECT_EQ(method_of("PUT"), Method::kPut);
  EXPECT_EQ(method_of("DELETE"), Method::kDelete);
  EXPECT_EQ(method_of("CONNECT"), Method::kConnect);
  EXPECT_EQ(method_of("OPTIONS"), Method::kOptions);
  EXPECT_EQ(method_of("TRACE"), Method::kTrace);
  EXPECT_EQ(method_of("PATCH"), Method::kPatch);
}

TEST(Message, IdempotenceFollowsRfc9110) {
  for (Method method : {Method::kGet, Method::kHead, Method::kPut, Method::kDelete,
                        Method::kOptions, Method::kTrace})
    EXPECT_TRUE(is_idempotent(method)) << static_cast<int>(method);
  for (Method method : {Method::kPost, Method::kConnect, Method::kPatch, Method::kOther})
    EXPECT_FALSE(is_idempotent(method)) << static_cast<int>(method);
}

TEST(Message, ReasonPhrasesCoverBothEndsOfTheTable) {
  EXPECT_EQ(reason_phrase(100), "Continue");
  EXPECT_EQ(reason_phrase(101), "Switching Protocols");
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(503), "Service Unavailable");
  EXPECT_EQ(reason_phrase(511), "Network Authentication Required");
}

TEST(Message, VersionsPrintAsAccessLogsDo) {
  EXPECT_EQ(version_text(Version::kHttp10), "HTTP/1.0");
  EXPECT_EQ(version_text(Version::kHttp11), "HTTP/1.1");
  EXPECT_EQ(version_text(Version::kHttp2), "HTTP/2");
}

TEST(RequestHead, PseudoFieldsAreAbsentUntilSet) {
  BlockPool pool;
  Arena arena(pool);
  RequestHead head(arena);
  for (const char* name :
       {":path", ":method", ":authority", ":scheme", ":protocol", "host", ":x", ""})
    EXPECT_FALSE(head.field(name).has_value()) << name;
}

TEST(RequestHead, FieldReadsPseudoFieldsHostAndHeaders) {
  BlockPool pool;
  Arena arena(pool);
  RequestHead head(arena);
  head.method_text = "GET";
  head.path = "/a?b=c";
  head.authority = "h.example";
  head.scheme = "http";
  head.headers.add("x-a", "1");
  head.headers.add("x-a", "2");
  EXPECT_EQ(head.field(":method"), "GET");
  EXPECT_EQ(head.field(":path"), "/a?b=c");
  EXPECT_EQ(head.field(":authority"), "h.example");
  EXPECT_EQ(head.field("host"), "h.example");
  EXPECT_EQ(head.field(":scheme"), "http");
  EXPECT_EQ(head.field("x-a"), "1,2");
  EXPECT_EQ(head.first("x-a"), "1");
  EXPECT_EQ(head.first("host"), "h.example");
  EXPECT_FALSE(head.first("x-b").has_value());
}

TEST(RequestHead, SplitsPathAndQuery) {
  BlockPool pool;
  Arena arena(pool);
  RequestHead head(arena);
  head.path = "/a";
  EXPECT_EQ(head.path_only(), "/a");
  EXPECT_EQ(head.query(), "");
  head.path = "/a?b?c";
  EXPECT_EQ(head.path_only(), "/a");
  EXPECT_EQ(head.query(), "b?c");
  head.path = "/a?";
  EXPECT_EQ(head.path_only(), "/a");
  EXPECT_EQ(head.query(), "");
}

TEST(ResponseHead, StatusIsAField) {
  BlockPool pool;
  Arena arena(pool);
  ResponseHead head(arena);
  head.status = 404;
  EXPECT_EQ(head.field(":status"), "404");
  EXPECT_EQ(head.first(":status"), "404");
  EXPECT_FALSE(head.field(":path").has_value());
  head.status = 1000;
  EXPECT_FALSE(head.field(":status").has_value());
}

}  // namespace
}  // namespace pillion::http
