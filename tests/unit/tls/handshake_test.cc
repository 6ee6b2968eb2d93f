// Handshakes that fail, each for one reason, and those that succeed: versions, ALPN, SNI and the
// choice of certificates.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/tls/pair.h"

namespace pillion::tls {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using Type = config::SanMatcher::Type;
using Kind = config::StringMatcher::Kind;

std::string failure_of(const std::unique_ptr<Session>& session) {
  return std::string(session->failure_text());
}

TEST(TlsHandshake, AnExpiredServerCertificateFailsTheClient) {
  Plain plain;
  // The server itself would refuse to load what has expired, so only the client's clock can tell:
  // a certificate that is valid from tomorrow on is as untimely.
  plain.downstream.certificates = {
      certificate_of(plain.authority.leaf({.sans = "DNS:server.test", .from_days = 1}))};
  Pair pair = plain.shake();
  EXPECT_EQ(pair.client->failure(), Failure::kChain);
  EXPECT_THAT(failure_of(pair.client),
              AllOf(StartsWith("TLS_error:|"), HasSubstr("CERTIFICATE_VERIFY_FAILED"),
                    HasSubstr("at depth 0: certificate is not yet valid:TLS_error_end")));
  EXPECT_EQ(pair.server->failure(), Failure::kConnection);  // it got the alert
}

TEST(TlsHandshake, UntimelyCertificatesPassWhereExpiredOnesAreAllowed) {
  Plain plain;
  plain.downstream.certificates = {
      certificate_of(plain.authority.leaf({.sans = "DNS:server.test", .from_days = 1}))};
  plain.upstream.validation->allow_expired = true;
  EXPECT_TRUE(plain.shake().established());
}

TEST(TlsHandshake, AnUnknownAuthorityFails) {
  Plain plain;
  Authority other("another root");
  plain.upstream.validation = trusting(other);
  Pair pair = plain.shake();
  EXPECT_EQ(pair.client->failure(), Failure::kChain);
  EXPECT_FALSE(pair.client->established());
  EXPECT_THAT(failure_of(pair.client), HasSubstr("unable to get local issuer certificate"));
  EXPECT_THAT(failure_of(pair.server), HasSubstr("ALERT_UNKNOWN_CA"));
}

TEST(TlsHandshake, OneOfSeveralAuthoritiesIsEnough) {
  Plain plain;
  Authority other("another root");
  plain.upstream.validation->trusted_ca = inline_secret(other.pem() + plain.authority.pem());
  EXPECT_TRUE(plain.shake().established());
}

TEST(TlsHandshake, AnUntrustedChainPassesWhereItIsAccepted) {
  Plain plain;
  plain.upstream.validation = trusting(Authority("another root"));
  plain.upstream.validation->accept_untrusted = true;
  Pair pair = plain.shake();
  EXPECT_TRUE(pair.established());
  EXPECT_FALSE(pair.client->peer_verified());
  plain.upstream.validation = trusting(plain.authority);
  plain.upstream.validation->accept_untrusted = true;
  EXPECT_TRUE(plain.shake().client->peer_verified());
}

TEST(TlsHandshake, ARevokedCertificateFails) {
  Plain plain;
  plain.upstream.validation->crl = inline_secret(plain.authority.crl({&plain.server_leaf}));
  Pair pair = plain.shake();
  EXPECT_EQ(pair.client->failure(), Failure::kChain);
  EXPECT_THAT(failure_of(pair.client), HasSubstr("certificate revoked"));
}

TEST(TlsHandshake, ACertificateThatTheListDoesNotNamePasses) {
  Plain plain;
  plain.upstream.validation->crl = inline_secret(plain.authority.crl({&plain.client_leaf}));
  EXPECT_TRUE(plain.shake().established());
}

TEST(TlsHandshake, ChainsAreFollowedAsFarAsTheDepthAllows) {
  Plain plain;
  Issued middle = issue({.common_name = "middle", .authority = true}, &plain.authority.root());
  Issued lower = issue({.common_name = "lower", .authority = true}, &middle);
  Issued leaf = issue({.sans = "DNS:server.test"}, &lower);
  plain.downstream.certificates = {certificate_of(leaf, lower.pem() + middle.pem())};
  EXPECT_TRUE(plain.shake().established());
  plain.upstream.validation->max_depth = 1;
  Pair pair = plain.shake();
  EXPECT_EQ(pair.client->failure(), Failure::kChain);
  plain.upstream.validation->max_depth = 2;
  EXPECT_TRUE(plain.shake().established());
}

TEST(TlsHandshake, AWrongNameFailsAndIsSaid) {
  Plain plain;
  plain.upstream.validation->sans = {san(Type::kUri, "spiffe://mesh.test/other")};
  Pair pair = plain.shake();
  EXPECT_EQ(pair.client->failure(), Failure::kSan);
  EXPECT_THAT(failure_of(pair.client), HasSubstr("SAN matcher, certificate SANs are [server.test, "
                                                 "spiffe://mesh.test/server]:TLS_error_end"));
}

TEST(TlsHandshake, ANameHasToBeOfTheRightType) {
  Plain plain;
  plain.upstream.validation->sans = {san(Type::kDns, "spiffe://mesh.test/server")};
  EXPECT_EQ(plain.shake().client->failure(), Failure::kSan);
}

TEST(TlsHandshake, EveryKindOfMatcherAndNameIsKnown) {
  Plain plain;
  plain.downstream.certificates = {certificate_of(plain.authority.leaf(
      {.sans = "DNS:*.wild.test,URI:spiffe://mesh.test/server,email:a@b.test,IP:10.1.2.3,"
               "IP:fd00::1,otherName:1.2.3.4;UTF8:hello"}))};
  config::SanMatcher other = san(Type::kOther, "hello");
  other.oid = "1.2.3.4";
  for (const config::SanMatcher& matcher :
       {san(Type::kDns, "a.wild.test"), san(Type::kDns, "*.wild.test"),
        san(Type::kUri, "spiffe://mesh.test/", Kind::kPrefix),
        san(Type::kUri, "/server", Kind::kSuffix), san(Type::kUri, "mesh", Kind::kContains),
        san(Type::kUri, "spiffe://[a-z.]+/.*", Kind::kRegex), san(Type::kEmail, "a@b.test"),
        san(Type::kIp, "10.1.2.3"), san(Type::kIp, "fd00::1"), other}) {
    plain.upstream.validation->sans = {matcher};
    EXPECT_TRUE(plain.shake().established()) << matcher.match.text;
  }
  other.oid = "1.2.3.5";
  for (const config::SanMatcher& matcher :
       {san(Type::kDns, "a.b.wild.test"), san(Type::kDns, "wild.test"), san(Type::kIp, "10.1.2.4"),
        other}) {
    plain.upstream.validation->sans = {matcher};
    EXPECT_EQ(plain.shake().client->failure(), Failure::kSan) << matcher.match.text;
  }
}

TEST(TlsHandshake, PinsThatDoNotMatchFail) {
  Plain plain;
  plain.upstream.validation->certificate_pins = {plain.client_leaf.digest()};
  plain.upstream.validation->spki_pins = {plain.client_leaf.spki_digest()};
  Pair pair = plain.shake();
  EXPECT_EQ(pair.client->failure(), Failure::kPin);
  EXPECT_THAT(failure_of(pair.client), HasSubstr("cert hash and spki"));
}

TEST(TlsHandshake, OnePinThatMatchesIsEnoughAndNeedsNoAuthority) {
  Plain plain;
  plain.upstream.validation = config::CertificateValidation();
  plain.upstream.validation->certificate_pins = {plain.client_leaf.digest(),
                                                 plain.server_leaf.digest()};
  EXPECT_TRUE(plain.shake().established());
  plain.upstream.validation->certificate_pins.clear();
  plain.upstream.validation->spki_pins = {plain.server_leaf.spki_digest()};
  EXPECT_TRUE(plain.shake().established());
}

TEST(TlsHandshake, AClientWithoutTheRequiredCertificateFails) {
  Plain plain;
  plain.mutual();
  plain.upstream.certificates.clear();
  Pair pair = plain.shake();
  EXPECT_EQ(pair.server->failure(), Failure::kNoCertificate);
  EXPECT_THAT(failure_of(pair.server),
              HasSubstr("PEER_DID_NOT_RETURN_A_CERTIFICATE:peer did not provide required client "
                        "certificate:TLS_error_end"));
}

TEST(TlsHandshake, AnOptionalClientCertificateIsVerifiedWhenThereIsOne) {
  Plain plain;
  plain.mutual();
  plain.downstream.require_client_certificate = false;
  plain.upstream.certificates = {certificate_of(Authority("another").leaf())};
  EXPECT_EQ(plain.shake().server->failure(), Failure::kChain);
  plain.upstream.certificates.clear();
  Pair pair = plain.shake();
  EXPECT_TRUE(pair.established());
  EXPECT_FALSE(pair.server->has_peer_certificate());
}

TEST(TlsHandshake, ARequiredCertificateThatNothingCanVerifyFails) {
  Plain plain;
  plain.mutual();
  plain.downstream.validation = config::CertificateValidation();
  EXPECT_EQ(plain.shake().server->failure(), Failure::kChain);
}

TEST(TlsHandshake, BothSidesSeeWhoTheOtherIs) {
  Plain plain;
  Pair pair = plain.mutual().shake();
  ASSERT_TRUE(pair.established());
  EXPECT_TRUE(pair.server->peer_verified());
  const Identity* client = pair.server->peer();
  ASSERT_NE(client, nullptr);
  EXPECT_THAT(client->uri_sans, testing::ElementsAre("spiffe://mesh.test/client"));
  EXPECT_EQ(client->subject, "CN=client");
  EXPECT_EQ(client->issuer, "CN=test root");
  EXPECT_EQ(client->sha256_fingerprint.size(), 64u);
  EXPECT_EQ(pair.server->peer_pem(), plain.client_leaf.pem());
  EXPECT_THAT(pair.client->peer()->dns_sans, testing::ElementsAre("server.test"));
  EXPECT_THAT(pair.server->local_uri_sans(), testing::ElementsAre("spiffe://mesh.test/server"));
  EXPECT_EQ(pair.server->sni(), "server.test");
  EXPECT_EQ(pair.server->version(), "TLSv1.3");
  EXPECT_EQ(pair.server->curve(), "X25519MLKEM768");
  EXPECT_THAT(std::string(pair.server->cipher()), StartsWith("TLS_"));
  EXPECT_EQ(pair.server->signature_algorithm(), "ecdsa_secp256r1_sha256");
  EXPECT_FALSE(pair.server->resumed());
}

TEST(TlsHandshake, VersionsWithoutOverlapFail) {
  Plain plain;
  plain.downstream.parameters.min = config::TlsVersion::kTls13;
  plain.upstream.parameters.max = config::TlsVersion::kTls12;
  Pair pair = plain.shake();
  EXPECT_EQ(pair.server->failure(), Failure::kConnection);
  EXPECT_THAT(failure_of(pair.server), HasSubstr("UNSUPPORTED_PROTOCOL"));
  EXPECT_THAT(failure_of(pair.client), HasSubstr("PROTOCOL_VERSION"));
}

TEST(TlsHandshake, TheHighestCommonVersionIsUsed) {
  Plain plain;
  plain.upstream.parameters.max = config::TlsVersion::kTls12;
  Pair pair = plain.shake();
  ASSERT_TRUE(pair.established());
  EXPECT_EQ(pair.server->version(), "TLSv1.2");
  EXPECT_EQ(pair.server->curve(), "X25519");
  EXPECT_THAT(std::string(pair.server->cipher()), StartsWith("TLS_ECDHE_ECDSA_"));
}

TEST(TlsHandshake, CiphersWithoutOverlapFail) {
  Plain plain;
  plain.upstream.parameters.max = config::TlsVersion::kTls12;
  plain.upstream.parameters.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
  plain.downstream.parameters.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305";
  EXPECT_THAT(failure_of(plain.shake().server), HasSubstr("NO_SHARED_CIPHER"));
}

TEST(TlsHandshake, TheServersPreferenceDecidesTheProtocol) {
  Plain plain;
  plain.downstream.alpn = {"h2", "http/1.1"};
  plain.upstream.alpn = {"http/1.1", "h2"};
  Pair pair = plain.shake();
  EXPECT_EQ(pair.server->alpn(), "h2");
  EXPECT_EQ(pair.client->alpn(), "h2");
}

TEST(TlsHandshake, WithoutACommonProtocolThereIsNone) {
  Plain plain;
  plain.downstream.alpn = {"h2"};
  plain.upstream.alpn = {"http/1.1"};
  Pair pair = plain.shake();
  EXPECT_TRUE(pair.established());
  EXPECT_EQ(pair.server->alpn(), "");
  EXPECT_EQ(pair.client->alpn(), "");
}

TEST(TlsHandshake, AConnectionMayAskForOtherProtocolsAndNames) {
  Plain plain;
  plain.downstream.alpn = {"h2", "http/1.1"};
  plain.upstream.alpn = {"h2"};
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  Pair pair = pair_of(*client, *server, {.sni = "other.test", .alpn = {"http/1.1"}});
  pair.shake();
  EXPECT_EQ(pair.server->alpn(), "http/1.1");
  EXPECT_EQ(pair.server->sni(), "other.test");
  pair = pair_of(*client, *server, {.verify_sans = {"nobody.test"}});
  EXPECT_EQ(pair.shake().client->failure(), Failure::kSan);
  pair = pair_of(*client, *server, {.verify_sans = {"nobody.test", "server.test"}});
  EXPECT_TRUE(pair.shake().established());
}

TEST(TlsHandshake, TheNameAskedForHasToBeInTheCertificateWhereThatIsConfigured) {
  Plain plain;
  plain.upstream.auto_sni_san_validation = true;
  EXPECT_TRUE(plain.shake().established());
  plain.upstream.sni = "other.test";
  EXPECT_EQ(plain.shake().client->failure(), Failure::kSan);
}

TEST(TlsHandshake, TheEndpointsHostnameIsTheNameWhereThatIsConfigured) {
  Plain plain;
  plain.upstream.auto_host_sni = true;
  auto client = client_context(plain.upstream);
  EXPECT_EQ(client->make_session("endpoint.test")->sni(), "endpoint.test");
  EXPECT_EQ(client->make_session("")->sni(), "server.test");
}

TEST(TlsHandshake, CertificatesAreChosenByNameAndKeyType) {
  Plain plain;
  Issued a_ec = plain.authority.leaf({.common_name = "a-ec", .sans = "DNS:a.test"});
  Issued a_rsa = plain.authority.leaf(
      {.common_name = "a-rsa", .sans = "DNS:a.test", .key = CertificateSpec::Key::kRsa});
  Issued wild = plain.authority.leaf({.common_name = "wild", .sans = "DNS:*.w.test"});
  plain.downstream.certificates = {certificate_of(plain.server_leaf), certificate_of(a_rsa),
                                   certificate_of(a_ec), certificate_of(wild)};
  auto server = server_context(plain.downstream);
  auto subject = [&](const std::string& sni) {
    plain.upstream.sni = sni;
    Pair pair = pair_of(*client_context(plain.upstream), *server);
    pair.shake();
    EXPECT_TRUE(pair.established()) << sni;
    EXPECT_EQ("CN=" + std::string(), pair.server->local_subject().substr(0, 3));
    EXPECT_EQ(pair.server->local_subject(), pair.client->peer()->subject);
    return pair.client->peer()->subject;
  };
  EXPECT_EQ(subject("A.test"), "CN=a-ec");
  EXPECT_EQ(subject("x.w.test"), "CN=wild");
  EXPECT_EQ(subject("nobody.test"), "CN=server");
  EXPECT_EQ(subject(""), "CN=server");
  plain.upstream.parameters.signature_algorithms = "rsa_pss_rsae_sha256";
  plain.upstream.validation->trusted_ca = inline_secret(plain.authority.pem());
  EXPECT_EQ(subject("a.test"), "CN=a-rsa");
  EXPECT_EQ(subject(""), "CN=a-rsa");
}

}  // namespace
}  // namespace pillion::tls
