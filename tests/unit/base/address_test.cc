#include "sidecar/base/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

namespace pillion {
namespace {

Address ip(std::string_view text, uint16_t port = 0) {
  auto parsed = Address::parse_ip(text, port);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? *parsed : Address();
}

CidrRange range(std::string_view text, uint32_t prefix) {
  auto made = CidrRange::create(text, prefix);
  EXPECT_TRUE(made.has_value()) << text;
  return made ? *made : CidrRange();
}

TEST(Address, RefusesWhatIsNoIpLiteral) {
  using std::string_view_literals::operator""sv;
  for (std::string_view text :
       {""sv, "localhost"sv, "1.2.3"sv, "1.2.3.4.5"sv, "256.1.1.1"sv, "[::1]"sv, "1.2.3.4:80"sv,
        ":::1"sv, "1.2.3.4\0"sv, "::1\0x"sv, " 1.2.3.4"sv}) {
    auto parsed = Address::parse_ip(text, 80);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_NE(parsed.error().message, "");
  }
}

TEST(Address, RefusesUnixPathsThatDoNotFit) {
  EXPECT_FALSE(Address::unix_path("").has_value());
  EXPECT_TRUE(Address::unix_path(std::string(107, 'x')).has_value());
  EXPECT_FALSE(Address::unix_path(std::string(108, 'x')).has_value());
}

TEST(Address, PrintsWhatItParses) {
  EXPECT_EQ(ip("10.0.0.1", 80).to_string(), "10.0.0.1:80");
  EXPECT_EQ(ip("2001:DB8::1", 443).to_string(), "[2001:db8::1]:443");
  EXPECT_EQ(ip("2001:db8::1", 443).ip_string(), "2001:db8::1");
  EXPECT_EQ((*Address::unix_path("@name")).to_string(), "@name");
}

TEST(Address, IsInvalidUntilItIsGivenOne) {
  Address none;
  EXPECT_FALSE(none.valid());
  EXPECT_FALSE(none.is_ip());
  EXPECT_EQ(none, Address());
  EXPECT_NE(none, ip("0.0.0.0"));
}

TEST(Address, ComparesByFamilyAddressAndPort) {
  EXPECT_EQ(ip("10.0.0.1", 80), ip("10.0.0.1", 80));
  EXPECT_NE(ip("10.0.0.1", 80), ip("10.0.0.1", 81));
  EXPECT_NE(ip("10.0.0.1", 80), ip("10.0.0.2", 80));
  EXPECT_NE(ip("::1", 80), ip("127.0.0.1", 80));
  EXPECT_EQ(*Address::unix_path("/a"), *Address::unix_path("/a"));
  EXPECT_NE(*Address::unix_path("/a"), *Address::unix_path("/b"));
  EXPECT_EQ(ip("10.0.0.1", 80).hash(), ip("10.0.0.1", 80).hash());
  EXPECT_NE(ip("10.0.0.1", 80).hash(), ip("10.0.0.1", 81).hash());
}

TEST(Address, SurvivesTheWayThroughASockaddr) {
  for (const Address& address :
       {ip("10.0.0.1", 80), ip("2001:db8::1", 443), *Address::unix_path("/tmp/s"),
        *Address::unix_path("@abstract"), *Address::unix_path(std::string(107, 'x'))}) {
    sockaddr_storage storage;
    socklen_t size = address.to_sockaddr(storage);
    EXPECT_EQ(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size), address)
        << address.to_string();
  }
}

TEST(Address, TakesAnUnnamedUnixPeer) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  Address peer = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&un),
                                        offsetof(sockaddr_un, sun_path));
  EXPECT_TRUE(peer.is_unix());
  EXPECT_EQ(peer.to_string(), "");
}

TEST(Address, ShowsMappedPeersOfADualStackSocketAsIpv4) {
  Address mapped = ip("::ffff:10.0.0.1", 80);
  sockaddr_storage storage;
  socklen_t size = mapped.to_sockaddr(storage);
  EXPECT_EQ(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size),
            ip("10.0.0.1", 80));
}

TEST(Address, KnowsLoopbackPrivateAndAny) {
  EXPECT_TRUE(ip("127.9.9.9").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("128.0.0.1").is_loopback());
  for (const char* text : {"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.9.9", "127.0.0.1",
                           "fd00::1", "fc00::1", "::1"})
    EXPECT_TRUE(ip(text).is_private()) << text;
  for (const char* text :
       {"11.0.0.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "8.8.8.8", "2001:db8::1", "fe80::1"})
    EXPECT_FALSE(ip(text).is_private()) << text;
  EXPECT_TRUE(ip("0.0.0.0").is_any());
  EXPECT_TRUE(ip("::").is_any());
  EXPECT_FALSE(ip("::1").is_any());
}

TEST(Address, ChangesItsPort) {
  Address address = ip("::1", 1);
  address.set_port(65535);
  EXPECT_EQ(address.port(), 65535);
  EXPECT_EQ((*Address::unix_path("/a")).port(), 0);
}

TEST(CidrRange, RefusesPrefixesThatAreTooLong) {
  EXPECT_TRUE(CidrRange::create("10.0.0.0", 32).has_value());
  EXPECT_FALSE(CidrRange::create("10.0.0.0", 33).has_value());
  EXPECT_TRUE(CidrRange::create("::", 128).has_value());
  EXPECT_FALSE(CidrRange::create("::", 129).has_value());
  EXPECT_FALSE(CidrRange::create("ten", 8).has_value());
}

TEST(CidrRange, ContainsWhatSharesItsPrefix) {
  EXPECT_TRUE(range("10.0.0.0", 8).contains(ip("10.255.0.1")));
  EXPECT_FALSE(range("10.0.0.0", 8).contains(ip("11.0.0.0")));
  EXPECT_TRUE(range("192.168.4.0", 22).contains(ip("192.168.7.255")));
  EXPECT_FALSE(range("192.168.4.0", 22).contains(ip("192.168.8.0")));
  EXPECT_TRUE(range("1.2.3.4", 32).contains(ip("1.2.3.4", 99)));
  EXPECT_TRUE(range("0.0.0.0", 0).contains(ip("200.1.1.1")));
  EXPECT_TRUE(range("2001:db8::", 33).contains(ip("2001:db8:7fff::1")));
  EXPECT_FALSE(range("2001:db8::", 33).contains(ip("2001:db8:8000::1")));
}

TEST(CidrRange, KeepsFamiliesApart) {
  EXPECT_FALSE(range("0.0.0.0", 0).contains(ip("::1")));
  EXPECT_FALSE(range("::", 0).contains(ip("1.2.3.4")));
  EXPECT_FALSE(range("0.0.0.0", 0).contains(*Address::unix_path("/a")));
  EXPECT_FALSE(range("0.0.0.0", 0).contains(Address()));
}

TEST(CidrRange, TakesMappedAddressesForIpv4) {
  EXPECT_TRUE(range("10.0.0.0", 8).contains(ip("::ffff:10.9.9.9")));
  EXPECT_FALSE(range("10.0.0.0", 8).contains(ip("::ffff:11.9.9.9")));
}

TEST(CidrRange, DropsTheBitsAfterThePrefix) {
  EXPECT_EQ(range("10.1.2.3", 8).to_string(), "10.0.0.0/8");
  EXPECT_EQ(range("10.1.255.3", 20).to_string(), "10.1.240.0/20");
  EXPECT_EQ(range("2001:db8:ffff::1", 36).to_string(), "2001:db8:f000::/36");
  EXPECT_EQ(range("1.2.3.4", 0).to_string(), "0.0.0.0/0");
  EXPECT_TRUE(range("10.1.2.3", 8).contains(ip("10.200.0.0")));
}

TEST(Address, WritesIpv4AsTheSystemDoes) {
  for (uint32_t ip : {0u, 1u, 0x0a000001u, 0x7f000001u, 0xc0a80a64u, 0x09636463u, 0xffffffffu}) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(ip);
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    Address address = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&v4), sizeof(v4));
    EXPECT_EQ(address.ip_string(), text);
  }
}

TEST(Address, CopiesOfUnixPathsAreTheirOwn) {
  Address path = *Address::unix_path("/run/a");
  Address copy = path;
  path = *Address::parse_ip("10.0.0.1", 1);
  EXPECT_EQ(copy.to_string(), "/run/a");
  Address& same = copy;
  copy = same;
  EXPECT_EQ(copy.to_string(), "/run/a");
  copy = path;
  EXPECT_EQ(copy.to_string(), "10.0.0.1:1");
}

}  // namespace
}  // namespace pillion
