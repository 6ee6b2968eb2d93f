#include "sidecar/proxy/chain_match.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pillion::proxy {
namespace {

using config::FilterChainMatch;
using SourceType = FilterChainMatch::SourceType;

Address at(const std::string& ip, uint16_t port = 1) {
  return *Address::parse_ip(ip, port);
}
CidrRange range(const char* ip, uint32_t length) {
  return *CidrRange::create(ip, length);
}

class ChainMatch : public testing::Test {
 protected:
  FilterChainMatch& chain() { return chains_.emplace_back(); }
  int choose(const Address& local, const Address& direct, const Address& remote) {
    std::vector<const FilterChainMatch*> all;
    for (const FilterChainMatch& match : chains_) all.push_back(&match);
    return match_chain(all, {local, direct, remote});
  }
  // `set` changes what is known of a connection beyond its addresses.
  template <class Set>
  int choose_traits(Set&& set) {
    std::vector<const FilterChainMatch*> all;
    for (const FilterChainMatch& match : chains_) all.push_back(&match);
    Address address = at("10.0.0.1");
    ConnectionTraits traits{address, address, address};
    set(traits);
    return match_chain(all, traits);
  }
  int choose(const Address& local, const Address& remote) { return choose(local, remote, remote); }
  std::vector<FilterChainMatch> chains_;
};

TEST_F(ChainMatch, WithoutChainsMatchesNothing) {
  EXPECT_EQ(choose(at("10.0.0.1"), at("10.0.0.2")), -1);
}

TEST_F(ChainMatch, AnEmptyMatchTakesEverything) {
  chain();
  EXPECT_EQ(choose(at("10.0.0.1"), at("10.0.0.2")), 0);
  EXPECT_EQ(choose(at("::1"), *Address::unix_path("/x")), 0);
}

TEST_F(ChainMatch, ByDestinationPort) {
  chain().destination_port = 80;
  chain();
  EXPECT_EQ(choose(at("10.0.0.1", 80), at("10.0.0.2")), 0);
  EXPECT_EQ(choose(at("10.0.0.1", 81), at("10.0.0.2")), 1);
}

TEST_F(ChainMatch, ByTheLongestDestinationPrefix) {
  chain().prefix_ranges = {range("10.0.0.0", 8)};
  chain().prefix_ranges = {range("10.1.0.0", 16), range("10.2.0.0", 16)};
  chain().prefix_ranges = {range("0.0.0.0", 0)};
  EXPECT_EQ(choose(at("10.9.0.1"), at("1.1.1.1")), 0);
  EXPECT_EQ(choose(at("10.2.0.1"), at("1.1.1.1")), 1);
  EXPECT_EQ(choose(at("11.0.0.1"), at("1.1.1.1")), 2);
  EXPECT_EQ(choose(at("::1"), at("::2")), -1);
}

TEST_F(ChainMatch, ByDirectSourceBeforeSource) {
  chain().source_prefix_ranges = {range("2.0.0.0", 8)};
  chain().direct_source_ranges = {range("1.0.0.0", 8)};
  EXPECT_EQ(choose(at("10.0.0.1"), at("1.1.1.1"), at("2.2.2.2")), 1);
  EXPECT_EQ(choose(at("10.0.0.1"), at("3.1.1.1"), at("2.2.2.2")), 0);
  EXPECT_EQ(choose(at("10.0.0.1"), at("3.1.1.1"), at("3.2.2.2")), -1);
}

TEST_F(ChainMatch, BySourceType) {
  chain().source_type = SourceType::kSameIpOrLoopback;
  chain().source_type = SourceType::kExternal;
  EXPECT_EQ(choose(at("10.0.0.1"), at("127.0.0.1")), 0);
  EXPECT_EQ(choose(at("10.0.0.1"), at("10.0.0.1", 99)), 0);
  EXPECT_EQ(choose(at("10.0.0.1"), at("10.0.0.2")), 1);
  EXPECT_EQ(choose(at("10.0.0.1"), *Address::unix_path("/x")), 0);
}

TEST_F(ChainMatch, BySourcePort) {
  chain().source_ports = {5, 6};
  chain();
  EXPECT_EQ(choose(at("10.0.0.1"), at("10.0.0.2", 6)), 0);
  EXPECT_EQ(choose(at("10.0.0.1"), at("10.0.0.2", 7)), 1);
}

TEST_F(ChainMatch, ByServerName) {
  chain().server_names = {"a.test", "b.test"};
  chain().server_names = {"*.test"};
  chain().server_names = {"*.sub.test"};
  chain();
  auto choose_name = [this](std::string_view name) {
    return choose_traits([&](ConnectionTraits& traits) { traits.server_name = name; });
  };
  EXPECT_EQ(choose_name("b.test"), 0);
  EXPECT_EQ(choose_name("c.test"), 1);
  EXPECT_EQ(choose_name("x.y.sub.test"), 2);
  EXPECT_EQ(choose_name("sub.test"), 1);
  EXPECT_EQ(choose_name("test"), 3);
  EXPECT_EQ(choose_name(".test"), 3);
  EXPECT_EQ(choose_name(""), 3);
}

TEST_F(ChainMatch, ByTransportProtocol) {
  chain().transport_protocol = "tls";
  chain().transport_protocol = "raw_buffer";
  EXPECT_EQ(choose(at("10.0.0.1"), at("10.0.0.2")), 1);
  EXPECT_EQ(choose_traits([](ConnectionTraits& traits) { traits.transport = "tls"; }), 0);
}

TEST_F(ChainMatch, ByTheProtocolThatTheClientWantsMost) {
  chain().application_protocols = {"http/1.1"};
  chain().application_protocols = {"h2", "h2c"};
  chain();
  auto choose_protocols = [this](const std::vector<std::string>& protocols) {
    return choose_traits([&](ConnectionTraits& traits) { traits.protocols = protocols; });
  };
  EXPECT_EQ(choose_protocols({"h2", "http/1.1"}), 1);
  EXPECT_EQ(choose_protocols({"x", "http/1.1", "h2"}), 0);
  EXPECT_EQ(choose_protocols({"x"}), 2);
  EXPECT_EQ(choose_protocols({}), 2);
}

// Envoy takes the most specific value of one criterion and does not come back to the others.
TEST_F(ChainMatch, DoesNotGoBack) {
  FilterChainMatch& narrow = chain();
  narrow.prefix_ranges = {range("10.1.0.0", 16)};
  narrow.source_ports = {5};
  chain().prefix_ranges = {range("10.0.0.0", 8)};
  EXPECT_EQ(choose(at("10.1.0.1"), at("10.0.0.2", 5)), 0);
  EXPECT_EQ(choose(at("10.1.0.1"), at("10.0.0.2", 6)), -1);
  EXPECT_EQ(choose(at("10.2.0.1"), at("10.0.0.2", 6)), 1);
}

TEST_F(ChainMatch, EarlierCriteriaWeighMore) {
  chain().source_ports = {5};
  chain().destination_port = 80;
  EXPECT_EQ(choose(at("10.0.0.1", 80), at("10.0.0.2", 5)), 1);
  EXPECT_EQ(choose(at("10.0.0.1", 81), at("10.0.0.2", 5)), 0);
}

TEST_F(ChainMatch, OfEqualChainsTheFirstWins) {
  chain().destination_port = 80;
  chain().destination_port = 80;
  EXPECT_EQ(choose(at("10.0.0.1", 80), at("10.0.0.2")), 0);
}

}  // namespace
}  // namespace pillion::proxy
