// What the parser makes of requests: framing, targets, Host, and every shape that two parsers might
// read differently (RFC 9112), which must be refused.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/http/event_recorder.h"

namespace pillion::http {
namespace {

Transcript parse(const std::vector<std::string_view>& pieces, CodecLimits limits = {}) {
  EventRecorder events;
  Http1Parser parser(Role::kServer, events, limits);
  return transcribe(parser, events, pieces);
}

// Whole, and byte by byte: both must agree, so every test below checks splits as well.
Transcript parse(std::string_view bytes, CodecLimits limits = {}) {
  Transcript whole = parse(std::vector<std::string_view>{bytes}, limits);
  Transcript pieces = parse(byte_by_byte(bytes), limits);
  EXPECT_EQ(whole.events, pieces.events);
  EXPECT_EQ(whole.refused, pieces.refused);
  EXPECT_EQ(whole.status, pieces.status);
  EXPECT_EQ(whole.details, pieces.details);
  return whole;
}

std::string get(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}
std::string post(std::string_view fields, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
std::string chunked(std::string_view body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}
std::string line(std::string_view request_line) {
  return std::string(request_line) + "\r\nHost: a\r\n\r\n";
}
constexpr std::string_view kHello = "5\r\nhello\r\n0\r\n\r\n";
constexpr std::string_view kPostHello = "request POST / host=a\nbody hello\ncomplete\n";

testing::AssertionResult refused(const Transcript& t, int status, std::string_view details) {
  if (!t.refused) return testing::AssertionFailure() << "was taken:\n" << t.events;
  if (t.status != status || t.details != details)
    return testing::AssertionFailure() << "refused with " << t.status << " " << t.details;
  if (t.events.find("complete") != std::string::npos)
    return testing::AssertionFailure() << "a message was completed first:\n" << t.events;
  return testing::AssertionSuccess();
}
testing::AssertionResult bad_fold(const Transcript& t) {
  return refused(t, 400, "http1.invalid_characters");
}
testing::AssertionResult bad(const Transcript& t) {
  return refused(t, 400, "http1.codec_error");
}

TEST(Http1Request, PassesALoneGetOn) {
  EXPECT_EQ(parse("GET /p?q=1 HTTP/1.1\r\nHost: a:80\r\nX-Y:  b \t\r\n\r\n").events,
            "request GET /p?q=1 host=a:80 [x-y: b] end\ncomplete\n");
}

TEST(Http1Request, PassesASizedBodyOn) {
  EXPECT_EQ(parse(post("Content-Length: 5\r\n", "hello")).events,
            "request POST / host=a [content-length: 5]\nbody hello\ncomplete\n");
}

TEST(Http1Request, PassesAChunkedBodyOn) {
  EXPECT_EQ(parse(chunked(kHello)).events, kPostHello);
  EXPECT_EQ(parse(post("Transfer-Encoding: \tChUnKeD  \r\n", kHello)).events, kPostHello);
  EXPECT_EQ(parse(chunked("00000A\r\n0123456789\r\n000\r\n\r\n")).events,
            "request POST / host=a\nbody 0123456789\ncomplete\n");
}

TEST(Http1Request, PassesAnEmptyBodyOnAsTheHeadsEnd) {
  EXPECT_EQ(parse(post("Content-Length: 0\r\n", "")).events,
            "request POST / host=a [content-length: 0] end\ncomplete\n");
  EXPECT_EQ(parse(chunked("0\r\n\r\n")).events, "request POST / host=a\ncomplete\n");
}

TEST(Http1Request, GetMayHaveABody) {
  EXPECT_EQ(parse(get("Transfer-Encoding: chunked\r\n") + std::string(kHello)).events,
            "request GET / host=a\nbody hello\ncomplete\n");
}

// RFC 9112 section 6.1: two framings in one message are what smuggling is made of.
TEST(Http1Request, RefusesLengthWithTransferEncoding) {
  constexpr std::string_view kWhy = "http1.content_length_and_chunked_not_allowed";
  EXPECT_TRUE(refused(parse(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", kHello)),
                      400, kWhy));
  EXPECT_TRUE(refused(parse(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", kHello)),
                      400, kWhy));
  EXPECT_TRUE(refused(parse(post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", kHello)),
                      400, kWhy));
}

// RFC 9112 section 6.3: where both are to be taken the coding counts, and the length does not go
// on.
TEST(Http1Request, DropsTheLengthBesideTransferEncodingWhenToldTo) {
  const CodecLimits lenient{.allow_chunked_length = true};
  EXPECT_EQ(
      parse(post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", kHello), lenient).events,
      kPostHello);
  EXPECT_EQ(
      parse(post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", kHello), lenient).events,
      kPostHello);
  EXPECT_EQ(parse(post("Content-Length: 5\r\n", "hello"), lenient).events,
            "request POST / host=a [content-length: 5]\nbody hello\ncomplete\n");
  EXPECT_TRUE(
      refused(parse(post("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", "hello"), lenient),
              501, "http1.invalid_transfer_encoding"));
  EXPECT_TRUE(bad(parse(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), lenient)));
}

// RFC 9112 section 6.3: a list of equal lengths may be merged, but Envoy refuses it, and so do we.
TEST(Http1Request, RefusesSeveralLengths) {
  EXPECT_TRUE(bad(parse(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"))));
  EXPECT_TRUE(bad(parse(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"))));
  EXPECT_TRUE(bad(parse(post("Content-Length: 5, 5\r\n", "hello"))));
  EXPECT_TRUE(bad(parse(post("Content-Length: 5,6\r\n", "hello"))));
}

TEST(Http1Request, RefusesLengthsThatAreNoNumber) {
  for (std::string_view length :
       {"-5", "+5", "0x5", "", " ", "5 5", "5x", "x5", "5.0", "1e1", "\"5\"", "\v5", "5;"}) {
    EXPECT_TRUE(bad(parse(post("Content-Length: " + std::string(length) + "\r\n", "hello"))))
        << length;
  }
}

TEST(Http1Request, RefusesLengthsBeyond64Bits) {
  EXPECT_TRUE(bad(parse(post("Content-Length: 18446744073709551616\r\n", "hello"))));
  EXPECT_TRUE(bad(parse(post("Content-Length: 18446744073709551621\r\n", "hello"))));
  EXPECT_TRUE(bad(parse(post("Content-Length: 99999999999999999999999999\r\n", "hello"))));
  EXPECT_FALSE(parse(post("Content-Length: 18446744073709551615\r\n", "hello")).refused);
}

TEST(Http1Request, RefusesTransferEncodingsOtherThanOneChunked) {
  for (std::string_view coding :
       {"gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,chunked", "identity",
        "xchunked", "chunkedx", "chunke", "chunked;q=1", "\"chunked\"", "chunked,", ",chunked", "",
        "chunked chunked", "chunked \t",
        "\xa0"
        "chunked"}) {
    EXPECT_TRUE(refused(parse(post("Transfer-Encoding: " + std::string(coding) + "\r\n", kHello)),
                        501, "http1.invalid_transfer_encoding"))
        << coding;
  }
}

TEST(Http1Request, RefusesTransferEncodingGivenTwice) {
  constexpr std::string_view kWhy = "http1.invalid_transfer_encoding";
  EXPECT_TRUE(
      refused(parse(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kHello)),
              501, kWhy));
  EXPECT_TRUE(
      refused(parse(post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", kHello)),
              501, kWhy));
  EXPECT_TRUE(
      refused(parse(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", kHello)),
              501, kWhy));
}

TEST(Http1Request, RefusesObfuscatedTransferEncodingNames) {
  using std::string_literals::operator""s;
  for (const std::string& name :
       {"Transfer-Encoding "s, "Transfer-Encoding\t"s, "Transfer-Encoding\v"s,
        "Transfer-Encoding\0"s, "Transfer\0-Encoding"s, "Transfer-Encoding\r"s}) {
    EXPECT_TRUE(bad(parse(post(name + ": chunked\r\n", kHello)))) << name;
  }
  // A fold of the line before it.
  EXPECT_TRUE(bad_fold(parse(post("X: a\r\n Transfer-Encoding: chunked\r\n", kHello))));
}

TEST(Http1Request, TakesNamesThatOnlyResembleTransferEncodingAsOthers) {
  EXPECT_EQ(
      parse(get("Transfer_Encoding: chunked\r\nContent-Length: 0\r\n")).events,
      "request GET / host=a [transfer_encoding: chunked] [content-length: 0] end\ncomplete\n");
}

// RFC 9112 section 6.1: HTTP/1.0 knows no transfer coding; the framing is faulty.
TEST(Http1Request, RefusesTransferEncodingInHttp10) {
  EXPECT_TRUE(refused(parse("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            std::string(kHello)),
                      400, "http1.transfer_encoding_not_allowed"));
}

TEST(Http1Request, RefusesBadChunkSizes) {
  for (std::string_view size : {"0x5", "-5", "+5", " 5", "", "g", "5g", "5 ", "5\t", "5 5", "\v5",
                                "fffffffffffffffff", "10000000000000005"}) {
    Transcript t = parse(chunked(std::string(size) + "\r\nhello\r\n0\r\n\r\n"));
    EXPECT_TRUE(bad(t)) << size;
    EXPECT_EQ(t.events.find("body"), std::string::npos) << size;
  }
}

TEST(Http1Request, RefusesChunksThatDoNotEndInCrlf) {
  for (std::string_view body :
       {"5\r\nhello0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n", "5\r\nhello\r\r\n0\r\n\r\n"}) {
    EXPECT_TRUE(bad(parse(chunked(body)))) << body;
  }
}

TEST(Http1Request, RefusesChunkSizeLinesThatDoNotEndInCrlf) {
  for (std::string_view body :
       {"5\nhello\r\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n", "5\r\r\nhello\r\n0\r\n\r\n",
        "5;a\nhello\r\n0\r\n\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n", "0\n\n", "0\r\n\n", "0\n\r\n"}) {
    EXPECT_TRUE(bad(parse(chunked(body)))) << body;
  }
}

TEST(Http1Request, PassesOverChunkExtensions) {
  for (std::string_view extension : {";a=b", ";a", ";a=\"b c\"", ";a=b;c=d"}) {
    EXPECT_EQ(parse(chunked("5" + std::string(extension) + "\r\nhello\r\n0\r\n\r\n")).events,
              kPostHello)
        << extension;
  }
}

TEST(Http1Request, RefusesControlCharactersInChunkExtensions) {
  EXPECT_TRUE(bad(parse(chunked(std::string("5;a\0b\r\nhello\r\n0\r\n\r\n", 20)))));
  EXPECT_TRUE(bad(parse(chunked("5;a=\x01\r\nhello\r\n0\r\n\r\n"))));
  EXPECT_TRUE(bad(parse(chunked("5;a=\"\x7f\"\r\nhello\r\n0\r\n\r\n"))));
}

TEST(Http1Request, BoundsOneChunksExtensions) {
  EXPECT_FALSE(parse(chunked("5;" + std::string(8000, 'a') + "\r\nhello\r\n0\r\n\r\n")).refused);
  EXPECT_TRUE(bad(parse(chunked("5;" + std::string(17000, 'a') + "\r\nhello\r\n0\r\n\r\n"))));
  EXPECT_TRUE(bad(parse(chunked("5;a=" + std::string(17000, 'a') + "\r\nhello\r\n0\r\n\r\n"))));
}

// Many small chunks whose extensions outweigh them would let a client make us read without end.
TEST(Http1Request, BoundsExtensionsOfAllChunksByTheBodysSize) {
  std::string small;
  for (int i = 0; i < 100; ++i) small += "1;" + std::string(1000, 'a') + "\r\nx\r\n";
  EXPECT_TRUE(bad(parse(chunked(small + "0\r\n\r\n"))));
  std::string large;
  for (int i = 0; i < 100; ++i)
    large += "400;" + std::string(1000, 'a') + "\r\n" + std::string(1024, 'x') + "\r\n";
  EXPECT_FALSE(parse(chunked(large + "0\r\n\r\n")).refused);
}

TEST(Http1Request, RefusesBareLineFeeds) {
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\nHost: a\n\n")));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\nHost: a\r\n\r\n")));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n")));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\r\nHost: a\r\n\n")));
  EXPECT_TRUE(bad(parse(get("X: a\nTransfer-Encoding: chunked\r\n"))));
}

TEST(Http1Request, RefusesBareCarriageReturns) {
  EXPECT_TRUE(bad(parse(get("X: a\rb\r\n"))));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n")));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\rHost: a\r\n\r\n")));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n")));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n")));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n")));
}

// RFC 9112 section 5.2: folded lines are obsolete, and a server may refuse them.
TEST(Http1Request, RefusesFoldedLines) {
  EXPECT_TRUE(bad_fold(parse(get("X: a\r\n b\r\n"))));
  EXPECT_TRUE(bad_fold(parse(get("X: a\r\n\tb\r\n"))));
  EXPECT_TRUE(bad_fold(parse(get("X:\r\n b\r\n"))));
  EXPECT_TRUE(bad_fold(parse(post("Transfer-Encoding:\r\n chunked\r\n", kHello))));
  EXPECT_TRUE(bad_fold(parse(chunked("0\r\nx: a\r\n b\r\n\r\n"))));
  EXPECT_TRUE(bad(parse("GET / HTTP/1.1\r\n Host: a\r\n\r\n")));
}

TEST(Http1Request, RefusesWhatIsNoFieldName) {
  for (std::string_view field :
       {"X : a", "X\t: a", ": a", "Xabc", "X Y: a", "X(: a", "X/: a", "X@: a", "X\xe9: a",
        "X\x01: a", "X\x7f: a", "\"X\": a", "X,Y: a"}) {
    EXPECT_TRUE(bad(parse(get(std::string(field) + "\r\n")))) << field;
  }
  EXPECT_TRUE(bad(parse(get(std::string("X\0: a\r\n", 7)))));
}

TEST(Http1Request, RefusesControlCharactersInValues) {
  for (char c : {'\0', '\x01', '\x08', '\v', '\f', '\x1f', '\x7f'}) {
    std::string field = "X: a";
    field += c;
    EXPECT_TRUE(refused(parse(get(field + "b\r\n")), 400, "http1.invalid_characters"))
        << static_cast<int>(c);
    EXPECT_TRUE(
        refused(parse(get("X: " + std::string(1, c) + "\r\n")), 400, "http1.invalid_characters"))
        << static_cast<int>(c);
  }
}

TEST(Http1Request, TakesTabsAndObsTextInValues) {
  EXPECT_EQ(parse(get("X: a\tb \xe9\r\nY:\r\n")).events,
            "request GET / host=a [x: a\tb \xe9] [y: ] end\ncomplete\n");
}

TEST(Http1Request, TakesEveryTokenCharacterInNames) {
  EXPECT_EQ(parse(get("x!#$%&'*+-.^_`|~09: 1\r\n")).events,
            "request GET / host=a [x!#$%&'*+-.^_`|~09: 1] end\ncomplete\n");
}

TEST(Http1Request, RefusesControlCharactersAndSpacesInTargets) {
  for (char c : {'\0', '\x01', '\t', '\v', '\f', '\r', '\n', '\x1f', '\x7f', ' '}) {
    std::string target = "GET /a";
    target += c;
    EXPECT_TRUE(bad(parse(line(target + "b HTTP/1.1")))) << static_cast<int>(c);
  }
  EXPECT_TRUE(bad(parse(line("GET /\xe9 HTTP/1.1"))));
}

TEST(Http1Request, TakesOddButHarmlessTargets) {
  for (std::string_view target : {"//a/b", "/%zz", "/a;b=c", "/?", "/a?b?c", "/\"<>\\^`{|}[]@:"}) {
    EXPECT_EQ(parse(line("GET " + std::string(target) + " HTTP/1.1")).events,
              "request GET " + std::string(target) + " host=a end\ncomplete\n");
  }
}

TEST(Http1Request, RefusesTargetsThatAreNone) {
  for (std::string_view start : {"GET HTTP/1.1", "GET  HTTP/1.1", "GET\t/\tHTTP/1.1",
                                 " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "GET"}) {
    EXPECT_TRUE(bad(parse(line(start)))) << start;
  }
  for (std::string_view start : {"GET a HTTP/1.1", "GET * HTTP/1.1", "GET ?a HTTP/1.1",
                                 "GET h:443 HTTP/1.1", "OPTIONS *x HTTP/1.1", "GET *a HTTP/1.1"}) {
    Transcript t = parse(line(start));
    EXPECT_TRUE(t.refused && t.status == 400) << start;
  }
}

TEST(Http1Request, TakesOptionsAsterisk) {
  EXPECT_EQ(parse(line("OPTIONS * HTTP/1.1")).events, "request OPTIONS * host=a end\ncomplete\n");
}

TEST(Http1Request, TakesAbsoluteForm) {
  auto target = [](std::string_view start) { return parse(line(start)).events; };
  EXPECT_EQ(target("GET http://b:81/p?q HTTP/1.1"),
            "request GET /p?q host=b:81 scheme=http end\ncomplete\n");
  EXPECT_EQ(target("GET HTTP://b/p HTTP/1.1"), "request GET /p host=b scheme=http end\ncomplete\n");
  EXPECT_EQ(target("GET https://b/p HTTP/1.1"),
            "request GET /p host=b scheme=https end\ncomplete\n");
  EXPECT_EQ(target("GET http://b HTTP/1.1"), "request GET / host=b scheme=http end\ncomplete\n");
  EXPECT_EQ(target("GET http://b?x HTTP/1.1"),
            "request GET /?x host=b scheme=http end\ncomplete\n");
  // RFC 9112 section 3.2.4: this is how OPTIONS * passes through a forward proxy.
  EXPECT_EQ(target("OPTIONS http://b HTTP/1.1"),
            "request OPTIONS * host=b scheme=http end\ncomplete\n");
}

TEST(Http1Request, RefusesAbsoluteFormWithBadAuthority) {
  for (std::string_view target :
       {"http:///p", "http://u@b/p", "http://u:p@b/", "http://b:8x/p", "http://b\\c/p",
        "http://[::1/p", "http://b c/p", "http://?q", "http://b#f"}) {
    Transcript t = parse(line("GET " + std::string(target) + " HTTP/1.1"));
    EXPECT_TRUE(t.refused && t.status == 400) << target << "\n" << t.events;
  }
}

TEST(Http1Request, RefusesOtherSchemes) {
  for (std::string_view target : {"ftp://b/p", "file:///p", "httpx://b/"}) {
    EXPECT_TRUE(refused(parse(line("GET " + std::string(target) + " HTTP/1.1")), 400,
                        "http1.invalid_scheme"))
        << target;
  }
}

TEST(Http1Request, RefusesBadHosts) {
  for (std::string_view host :
       {"a/b", "a b", "a?b", "a#b", "u@a", "a:b", "a:80:80", "::1", "[::1", "[::1]x", "[]", "a\\b",
        "<a>", "\"a\"", "a|b", "a:123456", "\xe9", "a,b c"}) {
    EXPECT_TRUE(refused(parse("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), 400,
                        "http.invalid_authority"))
        << host;
  }
}

TEST(Http1Request, TakesGoodHosts) {
  for (std::string_view host : {"a", "a:80", "a:", "[::1]", "[::1]:80", "[fe80::1%25eth0]", "a_b",
                                "a.b.", "1.2.3.4:65535", "a%20b", "xn--a"}) {
    EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n").events,
              "request GET / host=" + std::string(host) + " end\ncomplete\n");
  }
}

TEST(Http1Request, TellsAMissingHostFromAnEmptyOne) {
  // Whether that is an error depends on the version and on default_host_for_http_10.
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n\r\n").events, "request GET / host=(none) end\ncomplete\n");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost:\r\n\r\n").events, "request GET / host= end\ncomplete\n");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: \r\n\r\n").events,
            "request GET / host= end\ncomplete\n");
}

// RFC 9112 section 3.2.
TEST(Http1Request, RefusesSeveralHosts) {
  constexpr std::string_view kWhy = "http1.multiple_host_headers";
  EXPECT_TRUE(refused(parse(get("Host: b\r\n")), 400, kWhy));
  EXPECT_TRUE(refused(parse(get("Host: a\r\n")), 400, kWhy));
  EXPECT_TRUE(refused(parse("GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n"), 400, kWhy));
  EXPECT_TRUE(refused(parse("GET http://b/ HTTP/1.1\r\nHost: a\r\nHost: c\r\n\r\n"), 400, kWhy));
}

TEST(Http1Request, RefusesOtherProtocolsAndVersions) {
  for (std::string_view start :
       {"GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/3.0", "GET / HTTP/1.10",
        "GET / HTTP/1", "GET / HTTP/1.", "GET / http/1.1", "GET / HTTPS/1.1", "GET / HTTP 1.1",
        "GET / RTSP/1.0", "DESCRIBE / RTSP/1.0", "OPTIONS / RTSP/1.0", "SOURCE / ICE/1.0",
        "GET / ICE/1.0"}) {
    // Versions that are no HTTP/1.x are answered as those that are too old.
    Transcript t = parse(line(start));
    EXPECT_TRUE(bad(t) || refused(t, 426, "low_version")) << start;
  }
  Transcript old = parse("GET /\r\n\r\n");
  EXPECT_TRUE(bad(old) || refused(old, 426, "low_version"));
  EXPECT_TRUE(bad(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")));
}

// RFC 9110 section 9.1: methods are case-sensitive. Envoy and we refuse those nobody has
// registered.
TEST(Http1Request, RefusesUnknownMethods) {
  for (std::string_view start : {"get / HTTP/1.1", "Get / HTTP/1.1", "FOO / HTTP/1.1",
                                 "GETT / HTTP/1.1", "GE / HTTP/1.1", "G\xe9T / HTTP/1.1"}) {
    EXPECT_TRUE(bad(parse(line(start)))) << start;
  }
  EXPECT_TRUE(bad(parse(line(std::string(300, 'A') + " / HTTP/1.1"))));
}

TEST(Http1Request, TakesRegisteredMethods) {
  for (std::string_view method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE",
                                  "PATCH", "PURGE", "PROPFIND", "REPORT", "QUERY"}) {
    EXPECT_EQ(parse(line(std::string(method) + " / HTTP/1.1")).events,
              "request " + std::string(method) + " / host=a end\ncomplete\n");
  }
}

// RFC 9112 section 2.2: an empty line or so before a request is to be passed over.
TEST(Http1Request, PassesOverLeadingEmptyLines) {
  EXPECT_EQ(parse("\r\n\r\n" + get("")).events, "request GET / host=a end\ncomplete\n");
}

TEST(Http1Request, BeginsNoMessageForEmptyLines) {
  EventRecorder events;
  Http1Parser parser(Role::kServer, events, {});
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "\r\n";
  EXPECT_FALSE(transcribe(parser, events, {lines}).refused);
  EXPECT_EQ(events.begun, 0);
  EXPECT_FALSE(parser.in_message());
}

TEST(Http1Request, KnowsWhetherTheConnectionGoesOn) {
  auto keeps = [](std::string_view bytes) {
    EventRecorder events;
    Http1Parser parser(Role::kServer, events, {});
    Result<std::size_t> taken = parser.feed(bytes);
    EXPECT_TRUE(taken.has_value());
    return parser.keep_alive();
  };
  EXPECT_TRUE(keeps(get("")));
  EXPECT_FALSE(keeps(get("Connection: close\r\n")));
  EXPECT_FALSE(keeps(get("Connection: foo, Close\r\n")));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(Http1Request, PassesTrailersOn) {
  EXPECT_EQ(parse(chunked("5\r\nhello\r\n0\r\nX-T: 1\r\nY: 2\r\n\r\n")).events,
            "request POST / host=a\nbody hello\ncomplete [x-t: 1] [y: 2]\n");
}

// RFC 9110 section 6.5.1: these would change how the message is framed, routed or trusted.
TEST(Http1Request, DropsTrailersThatMayNotBeTrailers) {
  for (std::string_view name :
       {"Host", "Connection", "Keep-Alive", "Upgrade", "Trailer", "TE", "Proxy-Connection"}) {
    EXPECT_EQ(parse(chunked("0\r\n" + std::string(name) + ": 1\r\nX: y\r\n\r\n")).events,
              "request POST / host=a\ncomplete [x: y]\n")
        << name;
  }
}

TEST(Http1Request, RefusesFramingInTrailers) {
  EXPECT_TRUE(bad(parse(chunked("0\r\nContent-Length: 1\r\n\r\n"))));
  EXPECT_TRUE(parse(chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")).refused);
}

TEST(Http1Request, RefusesMalformedTrailers) {
  for (std::string_view trailers :
       {"foo bar\r\n", "x : y\r\n", "x: y\n", "x: y\rz: 1\r\n", " x: y\r\n", ": a\r\n"}) {
    EXPECT_TRUE(bad(parse(chunked("0\r\n" + std::string(trailers) + "\r\n")))) << trailers;
  }
}

TEST(Http1Request, BoundsTheNumberOfFields) {
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += "x: 1\r\n";
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\n" + fields + "\r\n", {60 * 1024, 100}).refused);
  EXPECT_TRUE(refused(parse(get(fields), {60 * 1024, 100}), 431, "http1.too_many_headers"));
}

TEST(Http1Request, CountsHostAndFramingFieldsToo) {
  // What is kept elsewhere costs a peer's patience all the same.
  EXPECT_TRUE(refused(parse(get("Content-Length: 0\r\nx: 1\r\n"), {60 * 1024, 2}), 431,
                      "http1.too_many_headers"));
}

TEST(Http1Request, BoundsTheNumberOfTrailers) {
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "x: 1\r\n";
  EXPECT_TRUE(refused(parse(chunked("0\r\n" + fields + "\r\n"), {60 * 1024, 100}), 431,
                      "http1.too_many_headers"));
}

TEST(Http1Request, BoundsTheNumberOfDroppedTrailers) {
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "host: 1\r\n";
  EXPECT_TRUE(refused(parse(chunked("0\r\n" + fields + "\r\n"), {60 * 1024, 100}), 431,
                      "http1.too_many_headers"));
}

TEST(Http1Request, BoundsTheBytesOfFields) {
  constexpr std::string_view kWhy = "http1.headers_too_large";
  EXPECT_FALSE(parse(get("x: " + std::string(900, 'a') + "\r\n"), {1024, 100}).refused);
  EXPECT_TRUE(refused(parse(get("x: " + std::string(1024, 'a') + "\r\n"), {1024, 100}), 431, kWhy));
  EXPECT_TRUE(refused(parse(get(std::string(1024, 'a') + ": x\r\n"), {1024, 100}), 431, kWhy));
  std::string many;
  for (int i = 0; i < 90; ++i) many += "xxxxxxxx: 1\r\n";
  EXPECT_TRUE(refused(parse(get(many), {1024, 100}), 431, kWhy));
}

TEST(Http1Request, BoundsTheBytesOfTrailers) {
  EXPECT_TRUE(refused(parse(chunked("0\r\nx: " + std::string(1024, 'a') + "\r\n\r\n"), {1024, 100}),
                      431, "http1.headers_too_large"));
}

TEST(Http1Request, AnswersALongTargetWith414) {
  EXPECT_TRUE(refused(parse(line("GET /" + std::string(1024, 'a') + " HTTP/1.1"), {1024, 100}), 414,
                      "http1.uri_too_long"));
  EXPECT_FALSE(
      parse(line("GET /" + std::string(8192, 'a') + " HTTP/1.1"), {60 * 1024, 100}).refused);
}

// A field name's length is kept in 16 bits, while max_request_headers_kb may be up to 8 MiB.
TEST(Http1Request, BoundsTheLengthOfAName) {
  EXPECT_TRUE(refused(parse(std::vector<std::string_view>{get(std::string(70000, 'a') + ": x\r\n")},
                            {8192 * 1024, 100}),
                      431, "http1.headers_too_large"));
  EXPECT_FALSE(parse(std::vector<std::string_view>{get(std::string(65535, 'a') + ": x\r\n")},
                     {8192 * 1024, 100})
                   .refused);
}

}  // namespace
}  // namespace pillion::http
