// SPIFFE trust domains: each is verified by its own bundle, and by no other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/tls/pair.h"

namespace pillion::tls {
namespace {

struct TlsSpiffe : testing::Test {
  Authority blue{"blue root"};
  Authority green{"green root"};
  Plain plain;
  TlsSpiffe() {
    plain.mutual();
    plain.downstream.validation = config::CertificateValidation();
    plain.downstream.validation->trust_domains = {{"blue.test", inline_secret(blue.pem())},
                                                  {"green.test", inline_secret(green.pem())}};
  }
  Pair shake(const Authority& authority, CertificateSpec spec) {
    if (spec.key_usage.empty()) spec.key_usage = "digitalSignature";
    plain.upstream.certificates = {certificate_of(authority.leaf(spec))};
    return plain.shake();
  }
};

TEST_F(TlsSpiffe, AnAuthorityCannotVouchForAnotherDomain) {
  Pair pair = shake(green, {.sans = "URI:spiffe://blue.test/a"});
  EXPECT_EQ(pair.server->failure(), Failure::kChain);
}

TEST_F(TlsSpiffe, AnUnknownDomainFails) {
  Pair pair = shake(green, {.sans = "URI:spiffe://red.test/a"});
  EXPECT_EQ(pair.server->failure(), Failure::kChain);
  EXPECT_THAT(std::string(pair.server->failure_text()),
              testing::HasSubstr("no trust bundle store"));
}

TEST_F(TlsSpiffe, ACertificateWithoutAUriFails) {
  EXPECT_EQ(shake(green, {.sans = "DNS:green.test"}).server->failure(), Failure::kChain);
  EXPECT_EQ(shake(green, {}).server->failure(), Failure::kChain);
  EXPECT_EQ(shake(green, {.sans = "URI:https://green.test/a"}).server->failure(), Failure::kChain);
}

TEST_F(TlsSpiffe, ASigningCertificateIsNoIdentity) {
  Pair pair = shake(green, {.sans = "URI:spiffe://green.test/a", .authority = true});
  EXPECT_EQ(pair.server->failure(), Failure::kChain);
  EXPECT_THAT(std::string(pair.server->failure_text()), testing::HasSubstr("cert precheck"));
  pair = shake(green,
               {.sans = "URI:spiffe://green.test/a", .key_usage = "digitalSignature,keyCertSign"});
  EXPECT_EQ(pair.server->failure(), Failure::kChain);
}

TEST_F(TlsSpiffe, ACertificateThatDoesNotLimitItsUseIsNoIdentity) {
  plain.upstream.certificates = {certificate_of(green.leaf({.sans = "URI:spiffe://green.test/a"}))};
  EXPECT_EQ(plain.shake().server->failure(), Failure::kChain);
}

TEST_F(TlsSpiffe, EachDomainIsVerifiedByItsOwnBundle) {
  EXPECT_TRUE(shake(blue, {.sans = "URI:spiffe://blue.test/a"}).established());
  EXPECT_TRUE(shake(green, {.sans = "URI:spiffe://green.test/ns/x/sa/y"}).established());
}

TEST_F(TlsSpiffe, OnlyUrisAreMatched) {
  plain.downstream.validation->sans = {
      san(config::SanMatcher::Type::kUri, "spiffe://green.test/a")};
  EXPECT_TRUE(shake(green, {.sans = "URI:spiffe://green.test/a"}).established());
  EXPECT_EQ(shake(green, {.sans = "URI:spiffe://green.test/b"}).server->failure(), Failure::kSan);
}

TEST_F(TlsSpiffe, AClientWithoutACertificateFails) {
  plain.upstream.certificates.clear();
  plain.downstream.require_client_certificate = false;
  EXPECT_EQ(plain.shake().server->failure(), Failure::kNoCertificate);
}

}  // namespace
}  // namespace pillion::tls
