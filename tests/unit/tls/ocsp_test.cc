// OCSP staples: what is read of them, and what the three policies make of one that is over or not
// there.

#include "sidecar/tls/ocsp.h"

#include <gtest/gtest.h>

#include "sidecar/tls/material.h"
#include "tests/unit/tls/ocsp_response.h"
#include "tests/unit/tls/pair.h"

namespace pillion::tls {
namespace {

using config::OcspPolicy;

struct OcspStaple : testing::Test {
  Plain plain;

  config::TlsCertificate& certificate() { return plain.downstream.certificates.front(); }
  void staple(OcspSpec spec = {}) {
    if (spec.about == nullptr) spec.about = &plain.server_leaf;
    certificate().ocsp_staple = inline_secret(ocsp_response(spec));
  }
  std::string load_problem() {
    auto loaded = load_server(plain.downstream, compile_match);
    return loaded ? std::string() : loaded.error().message;
  }
  // A handshake with a client of BoringSSL's own that asks for a staple, or does not.
  struct Outcome {
    bool established = false;
    Staple staple = Staple::kNotAsked;
    std::string response;
  };
  Outcome shake(bool ask = true) {
    bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
    bssl::UniquePtr<SSL> client(SSL_new(context.get()));
    SSL_set_connect_state(client.get());
    if (ask) SSL_enable_ocsp_stapling(client.get());
    SSL_set0_rbio(client.get(), BIO_new(BIO_s_mem()));
    SSL_set0_wbio(client.get(), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(client.get()), -1);
    auto server = server_context(plain.downstream)->make_session();
    for (int i = 0; i < 4; ++i) {
      SSL_do_handshake(client.get());
      BIO* wire = SSL_get_wbio(client.get());
      const uint8_t* data = nullptr;
      std::size_t size = 0;
      BIO_mem_contents(wire, &data, &size);
      Buffer out;
      feed_all(*server, {reinterpret_cast<const char*>(data), size}, out);
      BIO_reset(wire);
      std::string back = out.to_string();
      BIO_write(SSL_get_rbio(client.get()), back.data(), static_cast<int>(back.size()));
    }
    Outcome outcome{server->established(), server->staple(), {}};
    const uint8_t* response = nullptr;
    std::size_t size = 0;
    SSL_get0_ocsp_response(client.get(), &response, &size);
    outcome.response.assign(reinterpret_cast<const char*>(response), size);
    return outcome;
  }
  void expect(OcspPolicy policy, Staple staple) {
    plain.downstream.ocsp_policy = policy;
    Outcome outcome = shake();
    EXPECT_EQ(outcome.staple, staple);
    EXPECT_EQ(outcome.established, staple != Staple::kFailed);
    EXPECT_EQ(outcome.response.empty(), staple != Staple::kSent);
  }
};

TEST_F(OcspStaple, WhatIsNoResponseIsRefused) {
  certificate().ocsp_staple = inline_secret("staple bytes");
  EXPECT_EQ(load_problem(), "OCSP staple (inline data): is no OCSP response in DER");
  std::string whole = ocsp_response({.about = &plain.server_leaf});
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_FALSE(parse_ocsp(std::string_view(whole).substr(0, size))) << size;
  EXPECT_TRUE(parse_ocsp(whole));
}

TEST_F(OcspStaple, AResponseOfFailureIsRefused) {
  staple({.status = 3});
  EXPECT_EQ(load_problem(),
            "OCSP staple (inline data): is an OCSP response that says it was unsuccessful");
}

TEST_F(OcspStaple, AResponseAboutAnotherCertificateIsRefused) {
  staple({.about = &plain.client_leaf});
  EXPECT_EQ(load_problem(), "OCSP staple (inline data): is about another certificate");
  staple({.count = 2});
  EXPECT_EQ(load_problem(),
            "OCSP staple (inline data): is an OCSP response about several certificates");
}

TEST_F(OcspStaple, MustStapleNeedsAStapleForEachCertificate) {
  plain.downstream.ocsp_policy = OcspPolicy::kMust;
  EXPECT_EQ(load_problem(),
            "certificate (inline data): has no OCSP staple, which MUST_STAPLE asks for");
  staple();
  EXPECT_EQ(load_problem(), "");
}

TEST_F(OcspStaple, ACertificateThatAsksForAStapleNeedsOneUnderEachPolicy) {
  plain.server_leaf = plain.authority.leaf({.sans = "DNS:server.test", .must_staple = true});
  plain.downstream.certificates = {certificate_of(plain.server_leaf)};
  EXPECT_EQ(load_problem(),
            "certificate (inline data): asks for an OCSP staple (RFC 7633); give it one");
  staple({.to_seconds = -1});
  expect(OcspPolicy::kLenient, Staple::kFailed);
  staple();
  expect(OcspPolicy::kLenient, Staple::kSent);
}

TEST_F(OcspStaple, AGoodStapleIsSentUnderEachPolicy) {
  staple();
  for (OcspPolicy policy : {OcspPolicy::kLenient, OcspPolicy::kStrict, OcspPolicy::kMust})
    expect(policy, Staple::kSent);
  EXPECT_EQ(shake().response, certificate().ocsp_staple.bytes.view());
}

TEST_F(OcspStaple, AStapleThatIsOverIsLeftOutOrEndsTheHandshake) {
  staple({.from_seconds = -120, .to_seconds = -60});
  expect(OcspPolicy::kLenient, Staple::kOmitted);
  expect(OcspPolicy::kStrict, Staple::kFailed);
  expect(OcspPolicy::kMust, Staple::kFailed);
}

TEST_F(OcspStaple, AStapleThatDoesNotSayWhenItEndsIsOver) {
  staple({.ends = false});
  expect(OcspPolicy::kLenient, Staple::kOmitted);
  expect(OcspPolicy::kStrict, Staple::kFailed);
}

TEST_F(OcspStaple, WithoutOneTheCertificateIsShownAlone) {
  expect(OcspPolicy::kLenient, Staple::kOmitted);
  expect(OcspPolicy::kStrict, Staple::kOmitted);
}

TEST_F(OcspStaple, AClientThatDoesNotAskGetsNone) {
  staple({.to_seconds = -1});
  plain.downstream.ocsp_policy = OcspPolicy::kMust;
  Outcome outcome = shake(false);
  EXPECT_TRUE(outcome.established);
  EXPECT_EQ(outcome.staple, Staple::kNotAsked);
}

TEST_F(OcspStaple, AnotherCertificateStandsInForOneThatMayNotBeShown) {
  staple({.to_seconds = -1});
  Issued other = plain.authority.leaf({.common_name = "other", .sans = "DNS:server.test"});
  plain.downstream.certificates.push_back(certificate_of(other));
  plain.downstream.certificates.back().ocsp_staple =
      inline_secret(ocsp_response({.about = &other}));
  expect(OcspPolicy::kMust, Staple::kSent);
}

}  // namespace
}  // namespace pillion::tls
