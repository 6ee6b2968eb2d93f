#include "sidecar/net/sniff_tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/net/client_hello.h"

namespace pillion::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Sniffed sniff(std::string_view bytes) {
  TlsSniffer sniffer;
  return sniffer.feed(bytes);
}

TEST(TlsSniffer, OtherProtocolsAreToldApartByTheirFirstByte) {
  for (std::string_view bytes : {"G", "P", "\x15\x03\x01", "\x17", "EHLO mail\r\n", "\x80\x2e\x01"})
    EXPECT_EQ(sniff(bytes), Sniffed::kNo) << bytes;
}

TEST(TlsSniffer, ARecordThatIsNoClientHelloIsNotTls) {
  EXPECT_EQ(sniff("\x16\x02"), Sniffed::kNo);  // the version's first byte
  EXPECT_EQ(sniff(std::string_view("\x16\x03\x01\x00\x00", 5)), Sniffed::kNo);
  EXPECT_EQ(sniff("\x16\x03\x01\xff\xff"), Sniffed::kNo);
  EXPECT_EQ(sniff(std::string_view("\x16\x03\x01\x00\x05\x02", 6)), Sniffed::kNo);  // ServerHello
}

TEST(TlsSniffer, MalformedHellosAreNotTls) {
  HelloPlan plan;
  plan.ciphers = "\x13";
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
  plan = {.session = std::string(33, 's')};
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
  plan = {.version = std::string("\x03\x00", 2)};  // SSL 3.0
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
  plan = {.more_extensions = std::string("\x00\x0a\x00", 3)};  // cut short
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
}

TEST(TlsSniffer, AServerNameThatNoLibraryTakesIsNotTls) {
  HelloPlan plan;
  plan.more_extensions = extension(0, "");
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
  plan.more_extensions = server_name_extension("");
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
  plan.more_extensions = server_name_extension(std::string("a\0b", 3));
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
  plan.more_extensions = server_name_extension(std::string(256, 'a'));
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
  plan.more_extensions = server_name_extension("one.test") + server_name_extension("two.test");
  EXPECT_EQ(sniff(client_hello(plan)), Sniffed::kNo);
}

TEST(TlsSniffer, AMessageLargerThanLibrariesTakeIsNotTls) {
  std::string head("\x16\x03\x01\x00\x04\x01", 6);
  EXPECT_EQ(sniff(head + std::string("\x00\x40\x00", 3)), Sniffed::kMore);
  EXPECT_EQ(sniff(head + std::string("\x00\x40\x01", 3)), Sniffed::kNo);
}

TEST(TlsSniffer, AHelloCutIntoTinyRecordsIsBounded) {
  HelloPlan plan;
  plan.more_extensions = extension(21, std::string(15000, '\0'));  // padding
  plan.record_size = 1;
  std::string bytes = client_hello(plan);
  ASSERT_GT(bytes.size(), TlsSniffer::kMaxBytes);
  TlsSniffer sniffer;
  std::size_t held = 0;
  Sniffed verdict = Sniffed::kMore;
  while (verdict == Sniffed::kMore)
    verdict = sniffer.feed(std::string_view(bytes).substr(0, held += 1000));
  EXPECT_EQ(verdict, Sniffed::kTooLarge);
  EXPECT_LE(held, TlsSniffer::kMaxBytes + 1000);
}

TEST(TlsSniffer, FindsNameAndProtocols) {
  TlsSniffer sniffer;
  HelloPlan plan{.server_name = "WWW.Example.test", .protocols = {"h2", "http/1.1"}};
  std::string bytes = client_hello(plan);
  EXPECT_EQ(sniffer.feed(bytes + "early data"), Sniffed::kYes);
  EXPECT_EQ(sniffer.server_name(), "www.example.test");
  EXPECT_THAT(sniffer.protocols(), ElementsAre("h2", "http/1.1"));
  EXPECT_EQ(sniffer.consumed(), bytes.size());
}

TEST(TlsSniffer, NameAndProtocolsMayBeAbsent) {
  TlsSniffer sniffer;
  EXPECT_EQ(sniffer.feed(client_hello()), Sniffed::kYes);
  EXPECT_EQ(sniffer.server_name(), "");
  EXPECT_THAT(sniffer.protocols(), IsEmpty());
}

TEST(TlsSniffer, AMalformedProtocolListCountsAsNone) {
  TlsSniffer sniffer;
  HelloPlan plan;
  plan.more_extensions = extension(16, with_length(2, std::string("\x02h2\x00", 4)));
  EXPECT_EQ(sniffer.feed(client_hello(plan)), Sniffed::kYes);
  EXPECT_THAT(sniffer.protocols(), IsEmpty());
}

TEST(TlsSniffer, SaysTheSameHoweverTheBytesAreCut) {
  for (std::size_t record_size : {16384, 50, 1}) {
    HelloPlan plan{.server_name = "a.test", .protocols = {"h2"}, .record_size = record_size};
    std::string bytes = client_hello(plan);
    TlsSniffer sniffer;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      ASSERT_EQ(sniffer.feed(std::string_view(bytes).substr(0, i)), Sniffed::kMore) << i;
    EXPECT_EQ(sniffer.feed(bytes), Sniffed::kYes);
    EXPECT_EQ(sniffer.server_name(), "a.test");
  }
}

TEST(TlsSniffer, KeepsItsVerdict) {
  TlsSniffer sniffer;
  EXPECT_EQ(sniffer.feed("GET"), Sniffed::kNo);
  EXPECT_EQ(sniffer.feed(client_hello()), Sniffed::kNo);
}

}  // namespace
}  // namespace pillion::net
