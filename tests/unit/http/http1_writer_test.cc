#include "sidecar/http/http1_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/http/event_recorder.h"

namespace pillion::http {
namespace {

class Http1Writer : public testing::Test {
 protected:
  RequestHead request() {
    RequestHead head(arena);
    head.method_text = "GET";
    head.path = "/p?q";
    head.authority = "a:80";
    return head;
  }
  template <class Head>
  std::string written(const Head& head, const Http1Tail& tail = {}) {
    Buffer out;
    write_head(out, head, tail);
    return out.to_string();
  }
  BlockPool blocks;
  Arena arena{blocks};
};

TEST_F(Http1Writer, WritesARequest) {
  RequestHead head = request();
  head.headers.add("X-A", "1");
  head.headers.add("x-b", "");
  EXPECT_EQ(written(head), "GET /p?q HTTP/1.1\r\nhost: a:80\r\nx-a: 1\r\nx-b: \r\n\r\n");
}

TEST_F(Http1Writer, WritesConnectWithItsAuthority) {
  RequestHead head = request();
  head.method = Method::kConnect;
  head.method_text = "CONNECT";
  head.path = {};
  head.authority = "h:443";
  EXPECT_EQ(written(head), "CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n");
}

TEST_F(Http1Writer, WritesAResponseWithTheStandardReason) {
  ResponseHead head(arena);
  head.status = 404;
  head.reason = "Whatever";
  head.headers.add("a", "b");
  EXPECT_EQ(written(head), "HTTP/1.1 404 Not Found\r\na: b\r\n\r\n");
  head.status = 299;
  EXPECT_EQ(written(head), "HTTP/1.1 299 Unknown\r\na: b\r\n\r\n");
}

TEST_F(Http1Writer, WritesEveryTail) {
  ResponseHead head(arena);
  auto tail = [&](const Http1Tail& t) {
    std::string all = written(head, t);
    return all.substr(all.find("\r\n") + 2);
  };
  EXPECT_EQ(tail({}), "\r\n");
  EXPECT_EQ(tail({.chunked = true}), "transfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(tail({.close = true}), "connection: close\r\n\r\n");
  EXPECT_EQ(tail({.keep_alive = true}), "connection: keep-alive\r\n\r\n");
  EXPECT_EQ(tail({.close = true, .keep_alive = true}), "connection: close\r\n\r\n");
  EXPECT_EQ(tail({.content_length_zero = true}), "content-length: 0\r\n\r\n");
  EXPECT_EQ(tail({.chunked = true, .close = true}),
            "connection: close\r\ntransfer-encoding: chunked\r\n\r\n");
}

TEST_F(Http1Writer, WritesProperCase) {
  RequestHead head = request();
  head.headers.add("content-type", "a");
  head.headers.add("x--y-", "b");
  head.headers.add("x-1a-É", "c");
  EXPECT_EQ(written(head, {.close = true, .proper_case = true}),
            "GET /p?q HTTP/1.1\r\nHost: a:80\r\nContent-Type: a\r\nX--Y-: b\r\nX-1a-É: c\r\n"
            "Connection: close\r\n\r\n");
}

// Regression: a name longer than a buffer's block was written past the block's end.
TEST_F(Http1Writer, WritesHeadsThatExceedABlock) {
  for (bool proper : {false, true}) {
    for (std::size_t size : {Buffer::kMaxReserve - 200, Buffer::kMaxReserve, Buffer::kBlockSize,
                             std::size_t{60'000}}) {
      RequestHead head = request();
      std::string name(size, 'n');
      std::string value(size, 'v');
      head.headers.add(name, "short");
      head.headers.add("short", value);
      if (proper) name[0] = 'N';
      std::string expected = std::string("GET /p?q HTTP/1.1\r\n") + (proper ? "Host" : "host") +
                             ": a:80\r\n" + name + ": short\r\n" +
                             (proper ? "Short: " : "short: ") + value + "\r\n" +
                             (proper ? "Connection" : "connection") + ": close\r\n\r\n";
      EXPECT_EQ(written(head, {.close = true, .proper_case = proper}), expected) << size;
    }
  }
}

TEST_F(Http1Writer, SaysHowManyBytesTheFieldsTook) {
  for (std::size_t size : {std::size_t{1}, std::size_t{30'000}}) {
    RequestHead request = this->request();
    request.headers.add("x-a", std::string(size, 'v'));
    Buffer out;
    EXPECT_EQ(write_head(out, request, {.chunked = true}),
              std::string("host: a:80\r\nx-a: \r\ntransfer-encoding: chunked\r\n").size() + size);
    ResponseHead response(arena);
    response.status = 404;
    EXPECT_EQ(write_head(out, response, {}), 0u);
    response.headers.add("x-a", std::string(size, 'v'));
    EXPECT_EQ(write_head(out, response, {.close = true}),
              std::string("x-a: \r\nconnection: close\r\n").size() + size);
  }
}

TEST_F(Http1Writer, AppendsToWhatIsThere) {
  Buffer out;
  std::string before(Buffer::kBlockSize - 100, 'x');
  out.append(before);
  RequestHead head = request();
  write_head(out, head, {});
  EXPECT_EQ(out.to_string(), before + "GET /p?q HTTP/1.1\r\nhost: a:80\r\n\r\n");
}

TEST_F(Http1Writer, WritesChunks) {
  Buffer out;
  write_chunk(out, "hello");
  write_chunk(out, std::string(255, 'x'));
  write_chunk(out, "");  // would end the body
  write_last_chunk(out, nullptr);
  EXPECT_EQ(out.to_string(), "5\r\nhello\r\nff\r\n" + std::string(255, 'x') + "\r\n0\r\n\r\n");
}

TEST_F(Http1Writer, WritesChunkSizesOfAnyMagnitude) {
  auto line = [](std::size_t size) {
    Buffer out;
    write_chunk_size(out, size);
    return out.to_string();
  };
  EXPECT_EQ(line(1), "1\r\n");
  EXPECT_EQ(line(16), "10\r\n");
  EXPECT_EQ(line(0xabcdef), "abcdef\r\n");
  EXPECT_EQ(line(SIZE_MAX), "ffffffffffffffff\r\n");
}

TEST_F(Http1Writer, WritesTrailers) {
  Headers trailers(arena);
  trailers.add("x", "1");
  trailers.add("y", "2");
  Buffer out;
  write_last_chunk(out, &trailers);
  EXPECT_EQ(out.to_string(), "0\r\nx: 1\r\ny: 2\r\n\r\n");
}

// What one hop writes, the next one reads the same.
TEST_F(Http1Writer, IsUnderstoodByTheParser) {
  RequestHead head = request();
  head.method = Method::kPost;
  head.method_text = "POST";
  head.headers.add("x-long", std::string(20'000, 'v'));
  Buffer out;
  write_head(out, head, {.chunked = true});
  write_chunk(out, "hello");
  Headers trailers(arena);
  trailers.add("t", "1");
  write_last_chunk(out, &trailers);
  EventRecorder events;
  Http1Parser parser(Role::kServer, events, {});
  Transcript t = transcribe(parser, events, {out.to_string()});
  EXPECT_EQ(t.events, "request POST /p?q host=a:80 [x-long: " + std::string(20'000, 'v') +
                          "]\nbody hello\ncomplete [t: 1]\n");
}

}  // namespace
}  // namespace pillion::http
