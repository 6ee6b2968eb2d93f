// Sessions that are resumed, and those that must not be.

#include <gtest/gtest.h>

#include <ctime>

#include "sidecar/tls/material.h"
#include "tests/unit/tls/pair.h"

namespace pillion::tls {
namespace {

struct Resumption : testing::TestWithParam<config::TlsVersion> {
  Plain plain;
  Resumption() {
    plain.mutual();
    plain.upstream.parameters.max = GetParam();
  }
  // Two handshakes, between the second pair of contexts where they are given.
  static bool resumes(const ClientContext& client, const ServerContext& first,
                      const ServerContext& second) {
    Pair pair = pair_of(client, first);
    EXPECT_TRUE(pair.shake().established());
    EXPECT_FALSE(pair.server->resumed());
    pair = pair_of(client, second);
    EXPECT_TRUE(pair.shake().established());
    EXPECT_EQ(pair.server->resumed(), pair.client->resumed());
    return pair.server->resumed();
  }
};

TEST_P(Resumption, AServerWithAnotherTrustedAuthorityDoesNotResume) {
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'k'))};
  auto first = server_context(plain.downstream);
  plain.downstream.validation->trusted_ca =
      inline_secret(plain.authority.pem() + Authority("second root").pem());
  auto second = server_context(plain.downstream);
  EXPECT_FALSE(resumes(*client_context(plain.upstream), *first, *second));
}

TEST_P(Resumption, AServerThatRequiresCertificatesDoesNotResumeWithoutOne) {
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'k'))};
  plain.downstream.require_client_certificate = false;
  plain.upstream.certificates.clear();
  auto first = server_context(plain.downstream);
  plain.downstream.require_client_certificate = true;
  auto second = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  EXPECT_TRUE(pair_of(*client, *first).shake().established());
  Pair pair = pair_of(*client, *second);
  EXPECT_FALSE(pair.shake().established());
  EXPECT_EQ(pair.server->failure(), Failure::kNoCertificate);
}

TEST_P(Resumption, AServerWithOtherNamesToMatchDoesNotResume) {
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'k'))};
  auto first = server_context(plain.downstream);
  plain.downstream.validation->sans = {
      san(config::SanMatcher::Type::kUri, "spiffe://mesh.test/client")};
  auto second = server_context(plain.downstream);
  EXPECT_FALSE(resumes(*client_context(plain.upstream), *first, *second));
}

TEST_P(Resumption, AServerWithAnotherCertificateDoesNotResume) {
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'k'))};
  auto first = server_context(plain.downstream);
  plain.downstream.certificates = {
      certificate_of(plain.authority.leaf({.common_name = "server", .sans = "DNS:server.test"}))};
  auto second = server_context(plain.downstream);
  EXPECT_FALSE(resumes(*client_context(plain.upstream), *first, *second));
}

TEST_P(Resumption, AServerWithOtherTicketKeysDoesNotResume) {
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'k'))};
  auto first = server_context(plain.downstream);
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'l'))};
  auto second = server_context(plain.downstream);
  EXPECT_FALSE(resumes(*client_context(plain.upstream), *first, *second));
}

TEST_P(Resumption, WithNeitherTicketsNorSessionIdsThereIsNone) {
  plain.downstream.stateless_resumption = false;
  plain.downstream.stateful_resumption = false;
  auto server = server_context(plain.downstream);
  EXPECT_FALSE(resumes(*client_context(plain.upstream), *server, *server));
}

TEST_P(Resumption, AClientThatKeepsNoSessionsDoesNotResume) {
  plain.upstream.max_session_keys = 0;
  auto server = server_context(plain.downstream);
  EXPECT_FALSE(resumes(*client_context(plain.upstream), *server, *server));
}

// The server's clock, moved for its sessions alone.
int64_t ahead = 0;
void moved_clock(const SSL*, timeval* now) {
  *now = {std::time(nullptr) + ahead, 0};
}

// A handshake now and one `later`, from a client whose certificate ends in 600 seconds.
struct ShortLived : Resumption {
  ShortLived() {
    plain.upstream.certificates = {certificate_of(
        plain.authority.leaf({.common_name = "client", .to_days = 0, .to_seconds = 600}))};
  }
  bool resumes_after(int64_t later) {
    auto material = load_server(plain.downstream, compile_match);
    EXPECT_TRUE(material);
    ahead = 0;
    SSL_CTX_set_current_time_cb((*material)->ssl.get(), moved_clock);
    auto client = client_context(plain.upstream);
    for (int64_t now : {int64_t{0}, later}) {
      ahead = now;
      Pair pair;
      pair.client = client->make_session();
      pair.server = std::make_unique<Session>(*material, Role::kServer);
      EXPECT_TRUE(pair.shake().established());
      if (now != 0) return pair.server->resumed();
    }
    return false;
  }
};

TEST_P(ShortLived, SessionsEndWithTheCertificateThatWasVerified) {
  EXPECT_TRUE(resumes_after(590));
  EXPECT_FALSE(resumes_after(601));
}

TEST_P(ShortLived, SessionsDoNotEndWithACertificateThatMayBeOver) {
  plain.downstream.validation->allow_expired = true;
  EXPECT_TRUE(resumes_after(601));
}

TEST_P(ShortLived, SessionsEndWithTheRevocationList) {
  plain.downstream.validation->crl = inline_secret(plain.authority.crl({}, 300));
  EXPECT_TRUE(resumes_after(290));
  EXPECT_FALSE(resumes_after(301));
}

TEST_P(ShortLived, SessionsEndAsSoonAsConfigured) {
  plain.downstream.session_timeout = std::chrono::seconds(100);
  EXPECT_TRUE(resumes_after(90));
  EXPECT_FALSE(resumes_after(101));
}

TEST_P(Resumption, AServerWithARevocationListDoesNotResume) {
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'k'))};
  auto first = server_context(plain.downstream);
  plain.downstream.validation->crl = inline_secret(plain.authority.crl({}));
  auto second = server_context(plain.downstream);
  EXPECT_FALSE(resumes(*client_context(plain.upstream), *first, *second));
}

TEST_P(Resumption, ASessionThatFailedIsNotOfferedAgain) {
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  pair_of(*client, *server).shake();
  Pair pair = pair_of(*client, *server, {.sni = "server.test", .verify_sans = {"other.test"}});
  EXPECT_FALSE(pair.shake().established());
  pair = pair_of(*client, *server);
  EXPECT_TRUE(pair.shake().established());
  EXPECT_FALSE(pair.client->resumed());
}

TEST_P(Resumption, TheSecondHandshakeIsShort) {
  auto server = server_context(plain.downstream);
  EXPECT_TRUE(resumes(*client_context(plain.upstream), *server, *server));
}

TEST_P(Resumption, SharedTicketKeysResumeOnAnotherServer) {
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'k'))};
  auto first = server_context(plain.downstream);
  plain.downstream.ticket_keys = {inline_secret(std::string(80, 'n')),
                                  inline_secret(std::string(80, 'k'))};
  auto second = server_context(plain.downstream);
  EXPECT_TRUE(resumes(*client_context(plain.upstream), *first, *second));
}

TEST_P(Resumption, TheIdentityOfTheFirstHandshakeStays) {
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  pair_of(*client, *server).shake();
  Pair pair = pair_of(*client, *server);
  pair.shake();
  ASSERT_TRUE(pair.server->resumed());
  EXPECT_TRUE(pair.server->peer_verified());
  EXPECT_EQ(pair.server->peer()->subject, "CN=client");
  EXPECT_EQ(pair.client->peer()->subject, "CN=server");
}

TEST_P(Resumption, SessionsOfOneNameAreNotOfferedForAnother) {
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  pair_of(*client, *server).shake();
  Pair pair = pair_of(*client, *server, {.sni = "other.test"});
  EXPECT_TRUE(pair.shake().established());
  EXPECT_FALSE(pair.client->resumed());
}

TEST_P(Resumption, AClientVerifiesTheResumedServerAnew) {
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  pair_of(*client, *server).shake();
  // This connection wants somebody else; the session's certificate does not name them.
  Pair pair = pair_of(*client, *server, {.sni = "server.test", .verify_sans = {"other.test"}});
  pair.shake();
  EXPECT_FALSE(pair.client->established());
  EXPECT_EQ(pair.client->failure(), Failure::kSan);
}

TEST_P(Resumption, AReloadThatFindsTheSameKeepsSessions) {
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  pair_of(*client, *server).shake();
  auto reloaded = client->reload();
  ASSERT_TRUE(reloaded);
  EXPECT_FALSE(*reloaded);
  Pair pair = pair_of(*client, *server);
  EXPECT_TRUE(pair.shake().established());
  EXPECT_TRUE(pair.client->resumed());
}

TEST_P(Resumption, AnOverlongTicketKeyIsRefused) {
  plain.downstream.ticket_keys = {inline_secret(std::string(48, 'k'))};
  auto built = ServerContext::build(std::make_shared<config::DownstreamTls>(plain.downstream),
                                    compile_match);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().message,
            "session ticket key (inline data): has 48 bytes; it must have exactly 80");
}

std::string version_name(const testing::TestParamInfo<config::TlsVersion>& version) {
  return version.param == config::TlsVersion::kTls12 ? "Tls12" : "Tls13";
}

INSTANTIATE_TEST_SUITE_P(Versions, ShortLived,
                         testing::Values(config::TlsVersion::kTls12, config::TlsVersion::kTls13),
                         version_name);
INSTANTIATE_TEST_SUITE_P(Versions, Resumption,
                         testing::Values(config::TlsVersion::kTls12, config::TlsVersion::kTls13),
                         version_name);

}  // namespace
}  // namespace pillion::tls
