#include "sidecar/net/sniff_http.h"

#include <gtest/gtest.h>

#include <string>

namespace pillion::net {
namespace {

Sniffed sniff(std::string_view bytes) {
  HttpSniffer sniffer;
  return sniffer.feed(bytes);
}

std::string_view protocol(std::string_view bytes) {
  HttpSniffer sniffer;
  return sniffer.feed(bytes) == Sniffed::kYes ? sniffer.protocol() : "none";
}

TEST(HttpSniffer, OtherProtocolsAreToldApartByTheirFirstOddByte) {
  for (std::string_view bytes :
       {"\r\n", "\n", " GET", "\x16\x03\x01", "*1\r", "EHLO mail\r\n", "SSH-2.0-x\r", "GET  /",
        "GET / HTTQ", "GET / http/1.1", "GET /\r\n", "GET / HTTP/1.1 x", "GET / HTTP/1.\n",
        "GET / HTTP/x.1\r\n", "GET / HTTP/11.1\r\n", "\"GET / HTTP/1.1\r\n"})
    EXPECT_EQ(sniff(bytes), Sniffed::kNo) << bytes;
}

TEST(HttpSniffer, ALineThatNeverEndsIsTooLarge) {
  std::string line = "GET /" + std::string(HttpSniffer::kMaxBytes, 'a');
  EXPECT_EQ(sniff(line), Sniffed::kTooLarge);
  EXPECT_EQ(sniff(line + " HTTP/1.1\r\n"), Sniffed::kYes);
}

TEST(HttpSniffer, FindsVersions) {
  EXPECT_EQ(protocol("GET / HTTP/1.1\r\n"), "http/1.1");
  EXPECT_EQ(protocol("BREW-1 /pot?a=b HTTP/1.1\nhost: x\r\n"), "http/1.1");
  EXPECT_EQ(protocol("GET http://a.test/ HTTP/1.0\r\n"), "http/1.0");
  EXPECT_EQ(protocol("GET / HTTP/2.0\r\n"), "http/1.0");  // as Envoy: all that is not 1.1
  EXPECT_EQ(protocol("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "h2c");
}

TEST(HttpSniffer, APrefaceIsWaitedForToItsEnd) {
  std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  HttpSniffer sniffer;
  for (std::size_t i = 0; i < preface.size(); ++i)
    ASSERT_EQ(sniffer.feed(preface.substr(0, i)), Sniffed::kMore) << i;
  EXPECT_EQ(sniffer.feed(preface), Sniffed::kYes);
  EXPECT_EQ(sniffer.protocol(), "h2c");
}

TEST(HttpSniffer, AMethodThatBeginsAsThePrefaceDoesIsHttp1) {
  std::string_view line = "PRI /x HTTP/1.1\r\n";
  HttpSniffer sniffer;
  for (std::size_t i = 0; i < line.size(); ++i)
    ASSERT_EQ(sniffer.feed(line.substr(0, i)), Sniffed::kMore) << i;
  EXPECT_EQ(sniffer.feed(line), Sniffed::kYes);
  EXPECT_EQ(sniffer.protocol(), "http/1.1");
}

TEST(HttpSniffer, KeepsItsVerdict) {
  HttpSniffer sniffer;
  EXPECT_EQ(sniffer.feed("\r"), Sniffed::kNo);
  EXPECT_EQ(sniffer.feed("GET / HTTP/1.1\r\n"), Sniffed::kNo);
}

TEST(Http2Server, GreetsWithSettings) {
  std::string settings("\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64", 15);
  for (std::size_t i = 0; i < 9; ++i)
    ASSERT_EQ(sniff_http2_server(settings.substr(0, i)), Sniffed::kMore) << i;
  EXPECT_EQ(sniff_http2_server(settings.substr(0, 9)), Sniffed::kYes);
  EXPECT_EQ(sniff_http2_server(settings), Sniffed::kYes);
  EXPECT_EQ(sniff_http2_server(std::string("\0\0\0\4\0\0\0\0\0", 9)), Sniffed::kYes);
}

TEST(Http2Server, OtherGreetingsAreKnownAtOnce) {
  using namespace std::string_literals;
  for (const std::string& greeting : {"2"s, "SSH"s, "\x4a\0\0\0\x0a"s, "\0\0\7\4"s, "\0\x80\0"s,
                                      "\0\0\6\4\1"s, "\0\0\6\4\0\0\0\0\1"s, "\0\0\6\1"s})
    EXPECT_EQ(sniff_http2_server(greeting), Sniffed::kNo) << greeting.size();
}

}  // namespace
}  // namespace pillion::net
