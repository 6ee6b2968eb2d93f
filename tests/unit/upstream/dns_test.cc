#include "sidecar/upstream/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <optional>

#include "tests/unit/upstream/dns_server.h"

namespace pillion::upstream {
namespace {

using Family = config::DnsSettings::Family;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class DnsTest : public ::testing::Test {
 protected:
  DnsTest() {
    settings_.resolvers = {server_.address()};
    settings_.no_default_search_domain = true;
    settings_.query_timeout = std::chrono::milliseconds(5000);
    settings_.query_tries = 1;
  }
  DnsResolver& resolver() {
    if (!resolver_) resolver_ = std::make_unique<DnsResolver>(loop_, settings_);
    return *resolver_;
  }
  DnsAnswer look_up(const std::string& name, Family family = Family::kV4Only) {
    std::optional<DnsAnswer> got;
    auto query = resolver().resolve(name, family, [&got](const DnsAnswer& a) { got = a; });
    EXPECT_FALSE(got.has_value()) << "answered inside resolve()";
    EXPECT_TRUE(turn_until(loop_, [&got] { return got.has_value(); })) << name;
    return got.value_or(DnsAnswer{});
  }
  static std::vector<std::string> texts(const DnsAnswer& answer) {
    std::vector<std::string> out;
    for (const Address& address : answer.addresses) out.push_back(address.ip_string());
    return out;
  }

  io::EventLoop loop_;
  DnsServer server_{loop_};
  config::DnsSettings settings_;
  std::unique_ptr<DnsResolver> resolver_;
};

TEST_F(DnsTest, TellsNoSuchNameFromFailure) {
  DnsAnswer none = look_up("absent.test");
  EXPECT_TRUE(none.answered);
  EXPECT_THAT(none.addresses, IsEmpty());
  EXPECT_NE(none.error, "");

  server_.script("sick.test", DnsServer::kA, {.rcode = 2});
  DnsAnswer sick = look_up("sick.test");
  EXPECT_FALSE(sick.answered);
  EXPECT_NE(sick.error, "");

  server_.script("refused.test", DnsServer::kA, {.rcode = 5});
  EXPECT_FALSE(look_up("refused.test").answered);
}

TEST_F(DnsTest, TakesNoRecordOfTheTypeForAnAnswer) {
  server_.script("six.test", DnsServer::kA, {});
  DnsAnswer answer = look_up("six.test");
  EXPECT_TRUE(answer.answered);
  EXPECT_THAT(answer.addresses, IsEmpty());
}

TEST_F(DnsTest, GivesUpAfterTimeoutTimesTries) {
  settings_.query_timeout = std::chrono::milliseconds(20);
  settings_.query_tries = 3;
  server_.script("silent.test", DnsServer::kA, {.silent = true});
  EXPECT_FALSE(look_up("silent.test").answered);
  EXPECT_THAT(server_.queries, ElementsAre("silent.test/A", "silent.test/A", "silent.test/A"));
}

TEST_F(DnsTest, OutlivesGarbage) {
  settings_.query_timeout = std::chrono::milliseconds(20);
  server_.script("garbage.test", DnsServer::kA, {.garbage = true});
  EXPECT_FALSE(look_up("garbage.test").answered);
  server_.script("good.test", {"10.0.0.1"});
  EXPECT_TRUE(look_up("good.test").answered);
}

TEST_F(DnsTest, RefusesNamesThatCannotBe) {
  std::string long_label(64, 'a');
  EXPECT_THAT(look_up(long_label + ".test").addresses, IsEmpty());
  EXPECT_THAT(look_up("a..test").addresses, IsEmpty());
  EXPECT_THAT(server_.queries, IsEmpty());
}

TEST_F(DnsTest, ReturnsAllAddressesAndTheLeastTtl) {
  server_.script("many.test", {"10.0.0.2", "10.0.0.1", "10.0.0.3"}, 77);
  DnsAnswer answer = look_up("many.test");
  EXPECT_TRUE(answer.answered);
  EXPECT_THAT(texts(answer), UnorderedElementsAre("10.0.0.1", "10.0.0.2", "10.0.0.3"));
  EXPECT_EQ(answer.ttl, std::chrono::seconds(77));
  EXPECT_EQ(answer.error, "");
}

TEST_F(DnsTest, CountsTheTtlOfAliases) {
  server_.script("alias.test", DnsServer::kA,
                 {.addresses = {"10.0.0.1"}, .ttl = 60, .alias = "real.test", .alias_ttl = 9});
  DnsAnswer answer = look_up("alias.test");
  EXPECT_THAT(texts(answer), ElementsAre("10.0.0.1"));
  EXPECT_EQ(answer.ttl, std::chrono::seconds(9));
}

TEST_F(DnsTest, DropsRepeatedAddresses) {
  server_.script("twice.test", {"10.0.0.1", "10.0.0.1"});
  EXPECT_THAT(texts(look_up("twice.test")), ElementsAre("10.0.0.1"));
}

TEST_F(DnsTest, AsksForIpv6FirstWhenAuto) {
  server_.script("both.test", DnsServer::kA, {.addresses = {"10.0.0.1"}});
  server_.script("both.test", DnsServer::kAaaa, {.addresses = {"fd00::1"}});
  EXPECT_THAT(texts(look_up("both.test", Family::kAuto)), ElementsAre("fd00::1"));
  EXPECT_THAT(server_.queries, ElementsAre("both.test/AAAA"));
}

TEST_F(DnsTest, FallsBackToIpv4WhenAuto) {
  server_.script("four.test", {"10.0.0.1"});
  EXPECT_THAT(texts(look_up("four.test", Family::kAuto)), ElementsAre("10.0.0.1"));
  EXPECT_THAT(server_.queries, ElementsAre("four.test/AAAA", "four.test/A"));
  // As well when the first lookup fails rather than finding nothing.
  server_.script("four.test", DnsServer::kAaaa, {.rcode = 2});
  EXPECT_THAT(texts(look_up("four.test", Family::kAuto)), ElementsAre("10.0.0.1"));
}

TEST_F(DnsTest, PrefersIpv4WhenToldTo) {
  server_.script("both.test", DnsServer::kA, {.addresses = {"10.0.0.1"}});
  server_.script("both.test", DnsServer::kAaaa, {.addresses = {"fd00::1"}});
  EXPECT_THAT(texts(look_up("both.test", Family::kV4Preferred)), ElementsAre("10.0.0.1"));
  server_.script("both.test", DnsServer::kA, {});
  EXPECT_THAT(texts(look_up("both.test", Family::kV4Preferred)), ElementsAre("fd00::1"));
}

TEST_F(DnsTest, TakesBothFamiliesWhenAll) {
  server_.script("both.test", DnsServer::kA, {.addresses = {"10.0.0.1"}, .ttl = 30});
  server_.script("both.test", DnsServer::kAaaa, {.addresses = {"fd00::1"}, .ttl = 20});
  DnsAnswer answer = look_up("both.test", Family::kAll);
  EXPECT_THAT(texts(answer), UnorderedElementsAre("10.0.0.1", "fd00::1"));
  EXPECT_EQ(answer.ttl, std::chrono::seconds(20));
}

TEST_F(DnsTest, StaysWithinOneFamilyWhenOnlyThatIsAsked) {
  server_.script("both.test", DnsServer::kA, {.addresses = {"10.0.0.1"}});
  server_.script("both.test", DnsServer::kAaaa, {.addresses = {"fd00::1"}});
  EXPECT_THAT(texts(look_up("both.test", Family::kV6Only)), ElementsAre("fd00::1"));
  EXPECT_THAT(texts(look_up("both.test", Family::kV4Only)), ElementsAre("10.0.0.1"));
  server_.script("both.test", DnsServer::kAaaa, {});
  EXPECT_THAT(texts(look_up("both.test", Family::kV6Only)), IsEmpty());
}

TEST_F(DnsTest, AnswersLiteralsWithoutAsking) {
  EXPECT_THAT(texts(look_up("192.0.2.7")), ElementsAre("192.0.2.7"));
  EXPECT_THAT(texts(look_up("2001:db8::7", Family::kAuto)), ElementsAre("2001:db8::7"));
  EXPECT_THAT(server_.queries, IsEmpty());
}

TEST_F(DnsTest, HonoursTheHostsFile) {
  DnsAnswer answer = look_up("localhost");
  EXPECT_THAT(texts(answer), ElementsAre("127.0.0.1"));
  EXPECT_EQ(answer.ttl, std::chrono::seconds(0));
  EXPECT_THAT(server_.queries, IsEmpty());
}

TEST_F(DnsTest, UsesTcpWhenToldTo) {
  settings_.use_tcp = true;
  server_.script("tcp.test", {"10.0.0.1"});
  EXPECT_THAT(texts(look_up("tcp.test")), ElementsAre("10.0.0.1"));
  EXPECT_THAT(server_.queries, ElementsAre("tcp.test/A/tcp"));
}

TEST_F(DnsTest, AsksAgainOverTcpWhenTheAnswerIsCutOff) {
  server_.script("large.test", DnsServer::kA, {.addresses = {"10.0.0.1"}, .truncated = true});
  EXPECT_THAT(texts(look_up("large.test")), ElementsAre("10.0.0.1"));
  EXPECT_THAT(server_.queries, ElementsAre("large.test/A", "large.test/A/tcp"));
}

TEST_F(DnsTest, AppendsSearchDomainsUnlessToldNotTo) {
  setenv("LOCALDOMAIN", "mesh.test", 1);
  server_.script("short.mesh.test", {"10.0.0.1"});
  EXPECT_THAT(look_up("short").addresses, IsEmpty());
  settings_.no_default_search_domain = false;
  resolver_.reset();
  EXPECT_THAT(texts(look_up("short")), ElementsAre("10.0.0.1"));
  unsetenv("LOCALDOMAIN");
}

TEST_F(DnsTest, AsksTheNextServerWhenOneDoesNotAnswer) {
  DnsServer silent(loop_);
  silent.script("name.test", DnsServer::kA, {.silent = true});
  settings_.resolvers = {silent.address(), server_.address()};
  settings_.query_timeout = std::chrono::milliseconds(20);
  settings_.query_tries = 2;
  server_.script("name.test", {"10.0.0.1"});
  EXPECT_THAT(texts(look_up("name.test")), ElementsAre("10.0.0.1"));
}

TEST_F(DnsTest, RecoversAfterAllServersRefused) {
  Address nobody;
  {
    DnsServer gone(loop_);
    nobody = gone.address();
  }
  settings_.resolvers = {nobody};
  settings_.query_timeout = std::chrono::milliseconds(50);
  EXPECT_FALSE(look_up("name.test").answered);
  EXPECT_FALSE(look_up("name.test").answered);
  EXPECT_THAT(texts(look_up("192.0.2.1")), ElementsAre("192.0.2.1"));
}

TEST_F(DnsTest, DoesNotCallBackAfterCancel) {
  server_.script("a.test", {"10.0.0.1"});
  bool called = false;
  auto query =
      resolver().resolve("a.test", Family::kV4Only, [&called](const DnsAnswer&) { called = true; });
  query.reset();
  auto literal = resolver().resolve("192.0.2.1", Family::kV4Only,
                                    [&called](const DnsAnswer&) { called = true; });
  literal.reset();
  server_.script("b.test", {"10.0.0.2"});
  EXPECT_THAT(texts(look_up("b.test")), ElementsAre("10.0.0.2"));
  EXPECT_EQ(server_.queries.size(), 2u);  // the first one's answer has come as well
  EXPECT_FALSE(called);
}

TEST_F(DnsTest, FailsLookupsThatAreUnderWayWhenItIsDestroyed) {
  server_.script("silent.test", DnsServer::kA, {.silent = true});
  std::optional<DnsAnswer> got;
  auto query = resolver().resolve("silent.test", Family::kAuto,
                                  [&got](const DnsAnswer& answer) { got = answer; });
  resolver_.reset();
  EXPECT_TRUE(turn_until(loop_, [&got] { return got.has_value(); }));
  EXPECT_FALSE(got->answered);
}

TEST_F(DnsTest, MayBeDestroyedFromItsCallback) {
  server_.script("a.test", {"10.0.0.1"});
  bool done = false;
  std::unique_ptr<DnsResolver::Query> query;
  query = resolver().resolve("a.test", Family::kV4Only, [&](const DnsAnswer&) {
    query.reset();
    resolver_.reset();
    done = true;
  });
  EXPECT_TRUE(turn_until(loop_, [&done] { return done; }));
}

TEST_F(DnsTest, KeepsManyLookupsApart) {
  constexpr int kNames = 1000;
  std::vector<std::unique_ptr<DnsResolver::Query>> queries;
  std::map<int, std::vector<std::string>> got;
  for (int i = 0; i < kNames; ++i) {
    std::string name = "n" + std::to_string(i) + ".test";
    server_.script(name, {"10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250)});
    queries.push_back(resolver().resolve(
        name, Family::kAuto, [&got, i](const DnsAnswer& answer) { got[i] = texts(answer); }));
  }
  EXPECT_TRUE(turn_until(loop_, [&got] { return got.size() == kNames; })) << got.size();
  for (int i = 0; i < kNames; ++i)
    EXPECT_THAT(got[i],
                ElementsAre("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
}

TEST_F(DnsTest, FailsLookupsThatWaitForTheirTurnWhenItIsDestroyed) {
  int failed = 0;
  std::vector<std::unique_ptr<DnsResolver::Query>> queries;
  for (int i = 0; i < 200; ++i)
    queries.push_back(resolver().resolve(
        "n" + std::to_string(i) + ".test", Family::kV4Only,
        [&failed](const DnsAnswer& answer) { failed += answer.answered ? 0 : 1; }));
  queries[199].reset();
  resolver_.reset();
  EXPECT_TRUE(turn_until(loop_, [&failed] { return failed == 199; })) << failed;
}

TEST(DnsResolver, SharesOnlyWhatAsksTheSameServersTheSameWay) {
  config::DnsSettings a;
  config::DnsSettings b;
  b.family = Family::kV6Only;
  b.refresh = std::chrono::milliseconds(1);
  EXPECT_TRUE(DnsResolver::alike(a, b));
  b.use_tcp = true;
  EXPECT_FALSE(DnsResolver::alike(a, b));
  b.use_tcp = false;
  b.resolvers.push_back(*Address::parse_ip("192.0.2.1", 53));
  EXPECT_FALSE(DnsResolver::alike(a, b));
}

}  // namespace
}  // namespace pillion::upstream
