#include "sidecar/net/proxy_protocol.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pillion::net {
namespace {

constexpr ProxyProtocolRules kAny;

Address ip(std::string_view text, uint16_t port) {
  return *Address::parse_ip(text, port);
}

ProxyParse parse(std::string_view bytes, const ProxyProtocolRules& rules = kAny) {
  ProxyHeader header;
  return parse_proxy_header(bytes, rules, header);
}

std::string v2(unsigned command, unsigned family, std::string_view body) {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out += static_cast<char>(command);
  out += static_cast<char>(family);
  out += static_cast<char>(body.size() >> 8);
  out += static_cast<char>(body.size() & 255);
  return out + std::string(body);
}

const std::string kV4("\x0a\0\0\1\x0a\0\0\2\0\x50\1\xbb", 12);

TEST(ProxyProtocol, BytesThatAreNoHeaderAreRefused) {
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n"), ProxyParse::kMissing);
  EXPECT_EQ(parse("PROXX"), ProxyParse::kMissing);
  EXPECT_EQ(parse("\r\n\r\nG"), ProxyParse::kMissing);
}

TEST(ProxyProtocol, MalformedLinesAreRefused) {
  for (std::string_view line :
       {"PROXY \r\n", "PROXY\r\n", "PROXYX TCP4 1.2.3.4 1.2.3.5 1 2\r\n", "PROXY UNKNOWNX\r\n",
        "PROXY TCP4 0.0.0.0 1.2.3.4 1 2\r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.5 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.5 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.5 1 2 3\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.5 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.5 1 -2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.5 1 2\r\n", "PROXY TCP4 1.2.3 1.2.3.5 1 2\r\n",
        "PROXY TCP4 224.0.0.1 1.2.3.5 1 2\r\n", "PROXY TCP4 1.2.3.4 255.255.255.255 1 2\r\n"})
    EXPECT_EQ(parse(line), ProxyParse::kMalformed) << line;
}

TEST(ProxyProtocol, ALineIsAtMost107Bytes) {
  std::string line = "PROXY UNKNOWN " + std::string(91, 'x');
  EXPECT_EQ(parse(line + "\r\n"), ProxyParse::kHeader);
  EXPECT_EQ(parse(line + "\r"), ProxyParse::kMore);
  EXPECT_EQ(parse(line + "x\r\n"), ProxyParse::kMalformed);
  EXPECT_EQ(parse(line + "xx"), ProxyParse::kMalformed);
}

TEST(ProxyProtocol, ReadsLines) {
  ProxyHeader header;
  std::string_view line = "PROXY TCP4 10.1.2.3 10.4.5.6 1234 443\r\nGET";
  ASSERT_EQ(parse_proxy_header(line, kAny, header), ProxyParse::kHeader);
  EXPECT_EQ(header.source, ip("10.1.2.3", 1234));
  EXPECT_EQ(header.destination, ip("10.4.5.6", 443));
  EXPECT_EQ(header.size, line.size() - 3);
  EXPECT_EQ(header.version, 1u);
  EXPECT_FALSE(header.local);
  line = "PROXY TCP6 2001:db8::1 ::1 1 2\r\n";
  ASSERT_EQ(parse_proxy_header(line, kAny, header), ProxyParse::kHeader);
  EXPECT_EQ(header.source, ip("2001:db8::1", 1));
  line = "PROXY TCP6 2001:db8::1 ::1 1 2  \r\n";
  EXPECT_EQ(parse(line), ProxyParse::kHeader);
  line = "PROXY UNKNOWN\r\n";
  ASSERT_EQ(parse_proxy_header(line, kAny, header), ProxyParse::kHeader);
  EXPECT_TRUE(header.local);
  EXPECT_FALSE(header.source.valid());
}

TEST(ProxyProtocol, MalformedBinaryHeadersAreRefused) {
  EXPECT_EQ(parse(v2(0x11, 0x11, kV4)), ProxyParse::kMalformed);                    // version 1
  EXPECT_EQ(parse(v2(0x22, 0x11, kV4)), ProxyParse::kMalformed);                    // command 2
  EXPECT_EQ(parse(v2(0x21, 0x10, kV4)), ProxyParse::kMalformed);                    // no transport
  EXPECT_EQ(parse(v2(0x21, 0x01, kV4)), ProxyParse::kMalformed);                    // no family
  EXPECT_EQ(parse(v2(0x21, 0x31, std::string(216, 'a'))), ProxyParse::kMalformed);  // Unix
  EXPECT_EQ(parse(v2(0x21, 0x41, kV4)), ProxyParse::kMalformed);
  EXPECT_EQ(parse(v2(0x21, 0x11, kV4.substr(1))), ProxyParse::kMalformed);
  EXPECT_EQ(parse(v2(0x21, 0x21, std::string(35, 'a'))), ProxyParse::kMalformed);
}

TEST(ProxyProtocol, ValuesThatRunPastTheHeaderAreRefused) {
  EXPECT_EQ(parse(v2(0x21, 0x11, kV4 + "\x02")), ProxyParse::kMalformed);
  EXPECT_EQ(parse(v2(0x21, 0x11, kV4 + std::string("\x02\x00", 2))), ProxyParse::kMalformed);
  EXPECT_EQ(parse(v2(0x21, 0x11, kV4 + std::string("\x02\x00\x02g", 4))), ProxyParse::kMalformed);
}

TEST(ProxyProtocol, ReadsBinaryHeadersWithTheirValues) {
  std::string bytes = v2(0x21, 0x11,
                         kV4 + std::string("\x02\x00\x03"
                                           "abc"
                                           "\xe0\x00\x00",
                                           9)) +
                      "rest";
  ProxyHeader header;
  ASSERT_EQ(parse_proxy_header(bytes, kAny, header), ProxyParse::kHeader);
  EXPECT_EQ(header.version, 2u);
  EXPECT_EQ(header.source, ip("10.0.0.1", 80));
  EXPECT_EQ(header.destination, ip("10.0.0.2", 443));
  ASSERT_EQ(header.tlvs.size(), 2u);
  EXPECT_EQ(header.tlvs[0].type, 2);
  EXPECT_EQ(header.tlvs[0].value, "abc");
  EXPECT_EQ(header.tlvs[1].type, 0xe0);
  EXPECT_EQ(header.tlvs[1].value, "");
  EXPECT_EQ(header.size, bytes.size() - 4);
}

TEST(ProxyProtocol, LocalLeavesTheConnectionsOwnAddresses) {
  ProxyHeader header;
  ASSERT_EQ(parse_proxy_header(v2(0x20, 0x00, "skip me"), kAny, header), ProxyParse::kHeader);
  EXPECT_TRUE(header.local);
  EXPECT_FALSE(header.source.valid());
  EXPECT_EQ(header.size, 23u);
}

TEST(ProxyProtocol, WaitsForEveryByteAndNoMore) {
  for (const std::string& bytes : {std::string("PROXY TCP4 10.1.2.3 10.4.5.6 1234 443\r\n"),
                                   v2(0x21, 0x11, kV4), v2(0x20, 0, std::string(300, 'x'))}) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
      ASSERT_EQ(parse(bytes.substr(0, i)), ProxyParse::kMore) << i;
    EXPECT_EQ(parse(bytes), ProxyParse::kHeader);
  }
}

TEST(ProxyProtocol, VersionsMayBeForbidden) {
  ProxyProtocolRules rules{.allow_v1 = false};
  EXPECT_EQ(parse("PROXY UNKNOWN\r\n", rules), ProxyParse::kDisallowed);
  EXPECT_EQ(parse(v2(0x21, 0x11, kV4), rules), ProxyParse::kHeader);
  rules = {.allow_v2 = false};
  EXPECT_EQ(parse(v2(0x21, 0x11, kV4), rules), ProxyParse::kDisallowed);
  EXPECT_EQ(parse("PROXY UNKNOWN\r\n", rules), ProxyParse::kHeader);
}

TEST(ProxyProtocol, AHeaderMayBeOptional) {
  ProxyProtocolRules rules{.allow_without = true};
  EXPECT_EQ(parse("G", rules), ProxyParse::kNone);
  EXPECT_EQ(parse("PROX", rules), ProxyParse::kMore);
  EXPECT_EQ(parse("PROXY bad\r\n", rules), ProxyParse::kMalformed);
  // A version that is forbidden besides is not looked for: its bytes are the connection's own.
  rules.allow_v1 = false;
  EXPECT_EQ(parse("P", rules), ProxyParse::kNone);
  EXPECT_EQ(parse("\r\n\r\n", rules), ProxyParse::kMore);
}

TEST(ProxyProtocol, WritesWhatItReads) {
  std::string v4;
  write_proxy_v1(v4, ip("10.1.2.3", 1234), ip("10.4.5.6", 443));
  EXPECT_EQ(v4, "PROXY TCP4 10.1.2.3 10.4.5.6 1234 443\r\n");
  for (auto [source, destination] : {std::pair(ip("10.1.2.3", 1234), ip("10.4.5.6", 443)),
                                     std::pair(ip("::1", 1), ip("::2", 2))}) {
    std::string line;
    write_proxy_v1(line, source, destination);
    std::string binary;
    EXPECT_TRUE(write_proxy_v2(binary, source, destination, {{5, "unique"}}));
    for (const std::string& bytes : {line, binary}) {
      ProxyHeader header;
      ASSERT_EQ(parse_proxy_header(bytes, kAny, header), ProxyParse::kHeader);
      EXPECT_EQ(header.source, source);
      EXPECT_EQ(header.destination, destination);
      EXPECT_EQ(header.size, bytes.size());
      EXPECT_EQ(header.tlvs.size(), header.version == 2 ? 1u : 0u);
    }
  }
}

TEST(ProxyProtocol, WritesUnknownForAddressesThatHaveNoFamilyInCommon) {
  std::string line;
  write_proxy_v1(line, ip("10.1.2.3", 1), ip("::1", 2));
  EXPECT_EQ(line, "PROXY UNKNOWN\r\n");
  std::string binary;
  EXPECT_TRUE(write_proxy_v2(binary, {}, {}, {}, true));
  ProxyHeader header;
  ASSERT_EQ(parse_proxy_header(binary, kAny, header), ProxyParse::kHeader);
  EXPECT_TRUE(header.local);
}

TEST(ProxyProtocol, DoesNotWriteMoreThanTheFormatHolds) {
  std::string binary;
  std::string large(65535 - 12 - 3, 'v');
  EXPECT_TRUE(write_proxy_v2(binary, ip("1.2.3.4", 1), ip("1.2.3.4", 2), {{5, large}}));
  ProxyHeader header;
  EXPECT_EQ(parse_proxy_header(binary, kAny, header), ProxyParse::kHeader);
  EXPECT_EQ(binary.size(), kMaxProxyHeader);
  binary.clear();
  EXPECT_FALSE(write_proxy_v2(binary, ip("1.2.3.4", 1), ip("1.2.3.4", 2), {{5, large + "v"}}));
  EXPECT_EQ(binary, "");
}

}  // namespace
}  // namespace pillion::net
