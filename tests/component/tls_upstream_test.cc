// TLS with endpoints: those that are not who they should be, those that stop or leave in every
// phase, and those that serve.

#include "tests/component/tls_world.h"

namespace pillion::component {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
constexpr std::string_view kVerify =
    "TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_"
    "failed:_";

class TlsUpstream : public TlsWorld {
 protected:
  // Local replies say what access logs would.
  static constexpr const char* kTell =
      "local_reply_config: {body_format: {text_format_source: {inline_string: "
      "'%LOCAL_REPLY_BODY% [%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON% "
      "%RESPONSE_CODE_DETAILS%]'}}}";

  void start_to(const TlsPlan& origin, const std::string& more = "", Scene scene = {}) {
    origin_.set_tls([origin] { return TlsEnd::server(origin); });
    scene.hcm = kTell;
    scene.cluster = mutual_client(more) + (scene.cluster.empty() ? "" : ", " + scene.cluster);
    start(std::move(scene));
  }
  // A request that meets a handshake which fails for `reason`.
  void expect_unreachable(const std::string& reason, const std::string& counter) {
    Peer& client = connect_raw();
    client.send(kGet);
    until([&] { return client.received().ends_with("]"); }, "a local reply");
    EXPECT_THAT(client.received(), HasStatus(503));
    EXPECT_THAT(
        client.received(),
        EndsWith("upstream connect error or disconnect/reset before headers. reset reason: "
                 "remote connection failure [UF " +
                 reason + " upstream_reset_before_response_started{remote_connection_failure|" +
                 reason + "}]"));
    EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_fail"), 1);
    EXPECT_EQ(stat("cluster.origin.upstream_cx_total"), 1);
    EXPECT_EQ(cluster_ssl(counter), 1);
    EXPECT_EQ(cluster_ssl("handshake"), 0);
    EXPECT_EQ(origin_.requests().size(), 0u);
  }
  static std::string chain_error(const std::string& why) {
    return std::string(kVerify) + "X509_verify_cert:_certificate_verification_error_at_depth_" +
           why + ":TLS_error_end";
  }
  // A request that an endpoint answers, as far as it does.
  Peer& half_way(std::string answer) {
    origin_.then_reply(std::move(answer));
    Peer& client = connect_raw();
    client.send(kGet);
    until([&] { return client.received().find("half") != std::string::npos; }, "half of it");
    return client;
  }
};

TEST_F(TlsUpstream, AnExpiredCertificateIsRefused) {
  start_to({.own = &expired_});
  expect_unreachable(chain_error("0:_certificate_has_expired"), "fail_verify_error");
  until([&] { return !origin_.connection(0).tls()->failure().empty(); }, "the alert");
  EXPECT_EQ(origin_.connection(0).tls()->failure(), "SSLV3_ALERT_CERTIFICATE_EXPIRED");
}

TEST_F(TlsUpstream, ACertificateThatIsNotYetValidIsRefused) {
  start_to({.own = &early_});
  expect_unreachable(chain_error("0:_certificate_is_not_yet_valid"), "fail_verify_error");
}

TEST_F(TlsUpstream, ACertificateOfAnUnknownAuthorityIsRefused) {
  start_to({.own = &unknown_});
  expect_unreachable(chain_error("0:_unable_to_get_local_issuer_certificate"), "fail_verify_error");
}

TEST_F(TlsUpstream, ACertificateThatItsIssuerDidNotSignIsRefused) {
  start_to({.own = &forged_});
  expect_unreachable(chain_error("0:_certificate_signature_failure"), "fail_verify_error");
}

TEST_F(TlsUpstream, ARevokedCertificateIsRefused) {
  start_to({.own = &revoked_}, "crl: " + given(authority_.crl({&revoked_})) + ", ");
  expect_unreachable(chain_error("0:_certificate_revoked"), "fail_verify_error");
}

TEST_F(TlsUpstream, ACertificateOfAnotherNameIsRefused) {
  start_to({.own = &server_}, uri_is("spiffe://mesh.test/other"));
  expect_unreachable(
      std::string(kVerify) +
          "SAN_matcher,_certificate_SANs_are_[server.test,_spiffe://mesh.test/server]:TLS_error_"
          "end",
      "fail_verify_san");
}

TEST_F(TlsUpstream, AnEndpointThatDoesNotTakeOurCertificateIsUnreachable) {
  start_to({.own = &server_, .trusts = stranger_.pem()});
  expect_unreachable(
      "TLS_error:|268436504:SSL_routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA:TLS_error_end",
      "connection_error");
}

TEST_F(TlsUpstream, AnEndpointWithoutTlsIsUnreachable) {
  origin_.set_default("not TLS at all");
  raw_origin_.set_greeting("HTTP/1.1 400 Bad Request\r\n\r\n");
  start({.hcm = kTell, .cluster = mutual_client(), .endpoints = {raw_origin_.port()}});
  expect_unreachable(
      "TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end",
      "connection_error");
}

TEST_F(TlsUpstream, AHandshakeThatStallsIsAConnectTimeout) {
  start({.hcm = kTell,
         .cluster = mutual_client() + ", connect_timeout: 0.5s",
         .endpoints = {raw_origin_.port()}});
  Peer& client = connect_raw();
  client.send(kGet);
  until([&] { return raw_origin_.connections() == 1 && !raw_origin_.peer().received().empty(); },
        "the ClientHello");
  advance(milliseconds(400));
  EXPECT_EQ(client.received(), "");
  advance(milliseconds(200));
  EXPECT_THAT(client.received(), HasStatus(503));
  EXPECT_THAT(client.received(),
              HasSubstr("upstream connect error or disconnect/reset before headers. reset reason: "
                        "connection timeout [UF "));
  EXPECT_TRUE(raw_origin_.peer().ended());
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_timeout"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_fail"), 1);
}

TEST_F(TlsUpstream, AResetInsideTheHandshakeIsUnreachable) {
  start({.hcm = kTell, .cluster = mutual_client(), .endpoints = {raw_origin_.port()}});
  Peer& client = connect_raw();
  client.send(kGet);
  until([&] { return raw_origin_.connections() == 1 && !raw_origin_.peer().received().empty(); },
        "the ClientHello");
  raw_origin_.peer().reset();
  until([&] { return client.received().ends_with("]"); }, "a local reply");
  EXPECT_THAT(client.received(), HasSubstr("reset reason: remote connection failure [UF "));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_fail"), 1);
  EXPECT_EQ(cluster_ssl("connection_error"), 0);
}

TEST_F(TlsUpstream, AnEndInsideTheHandshakeIsUnreachable) {
  start({.hcm = kTell, .cluster = mutual_client(), .endpoints = {raw_origin_.port()}});
  Peer& client = connect_raw();
  client.send(kGet);
  until([&] { return raw_origin_.connections() == 1 && !raw_origin_.peer().received().empty(); },
        "the ClientHello");
  raw_origin_.peer().finish();
  until([&] { return client.received().ends_with("]"); }, "a local reply");
  EXPECT_THAT(client.received(), HasSubstr("reset reason: remote connection failure [UF "));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_fail"), 1);
}

TEST_F(TlsUpstream, AResetBeforeTheResponseIsSaid) {
  start_to({.own = &server_});
  origin_.then_reset();
  Peer& client = connect_raw();
  client.send(kGet);
  until([&] { return client.received().ends_with("]"); }, "a local reply");
  EXPECT_THAT(client.received(), HasStatus(503));
  EXPECT_THAT(client.received(), HasSubstr("reset reason: connection termination [UC "));
  EXPECT_EQ(cluster_ssl("handshake"), 1);
  EXPECT_EQ(cluster_ssl("connection_error"), 0);
}

TEST_F(TlsUpstream, AResetInsideABodyCutsTheResponse) {
  start_to({.own = &server_});
  Peer& client = half_way("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
  origin_.connection(0).reset();
  until_ended(client);
  EXPECT_THAT(client.received(), EndsWith("\r\n\r\nhalf"));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_destroy_remote_with_active_rq"), 1);
}

TEST_F(TlsUpstream, AGoodbyeEndsABodyThatLastsToTheEnd) {
  start_to({.own = &server_});
  Peer& client = half_way("HTTP/1.1 200 OK\r\n\r\nhalf");
  origin_.connection(0).close_notify();
  until([&] { return client.received().ends_with("\r\n0\r\n\r\n"); }, "the end of the response");
  EXPECT_EQ(stat("cluster.origin.upstream_cx_protocol_error"), 0);
}

TEST_F(TlsUpstream, AnEndWithoutGoodbyeCutsABodyThatLastsToTheEnd) {
  // RFC 9112 section 9.8: whoever can cut the connection must not be able to shorten a response.
  start_to({.own = &server_});
  Peer& client = half_way("HTTP/1.1 200 OK\r\n\r\nhalf");
  origin_.connection(0).finish();
  until_ended(client);
  EXPECT_THAT(client.received(), Not(HasSubstr("\r\n0\r\n")));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_protocol_error"), 1);
}

TEST_F(TlsUpstream, AnEndWithoutGoodbyeAfterAWholeResponseIsNoError) {
  start_to({.own = &server_});
  Peer& client = connect_raw();
  get(client);
  origin_.connection(0).finish();
  until([&] { return stat("cluster.origin.upstream_cx_active") == 0; }, "the pool lets go of it");
  EXPECT_THAT(get(client), EndsWith("ok"));
  EXPECT_EQ(origin_.connections(), 2u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_protocol_error"), 0);
}

TEST_F(TlsUpstream, AGoodbyeOnAnIdleConnectionLetsGoOfIt) {
  start_to({.own = &server_});
  Peer& client = connect_raw();
  get(client);
  origin_.connection(0).close_notify();
  until([&] { return origin_.connection(0).ended(); }, "the proxy closes");
  EXPECT_TRUE(origin_.connection(0).tls()->ended());
  EXPECT_THAT(get(client), EndsWith("ok"));
}

TEST_F(TlsUpstream, DamagedBytesInsideABodyCutTheResponse) {
  start_to({.own = &server_});
  Peer& client = half_way("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
  origin_.connection(0).send_raw(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  until_ended(client);
  EXPECT_EQ(cluster_ssl("connection_error"), 1);
}

TEST_F(TlsUpstream, AFailedHandshakeIsTriedAgainWhereTheRouteSaysSo) {
  int made = 0;
  start_to({.own = &server_}, "",
           {.route = "retry_policy: {retry_on: connect-failure, num_retries: 1}"});
  origin_.set_tls([&] { return TlsEnd::server({.own = made++ == 0 ? &unknown_ : &server_}); });
  Peer& client = connect_raw();
  client.send(kGet);
  settle();
  advance(milliseconds(100));  // the time between two attempts
  EXPECT_THAT(client.received(), EndsWith("ok"));
  EXPECT_EQ(cluster_ssl("fail_verify_error"), 1);
  EXPECT_EQ(cluster_ssl("handshake"), 1);
}

TEST_F(TlsUpstream, BothSidesProveWhoTheyAre) {
  start_to({.own = &server_, .trusts = authority_.pem()}, uri_is("spiffe://mesh.test/server"));
  Peer& client = connect_raw();
  EXPECT_THAT(get(client), EndsWith("ok"));
  bssl::UniquePtr<X509> shown(SSL_get_peer_certificate(origin_.connection(0).tls()->ssl()));
  ASSERT_NE(shown, nullptr);
  EXPECT_EQ(X509_cmp(shown.get(), proxy_.certificate.get()), 0);
  EXPECT_STREQ(SSL_get_servername(origin_.connection(0).tls()->ssl(), TLSEXT_NAMETYPE_host_name),
               "server.test");
  EXPECT_EQ(cluster_ssl("handshake"), 1);
}

TEST_F(TlsUpstream, SpeaksHttp2WhereTheEndpointWantsIt) {
  const std::string automatic = "auto_config: {}";
  h2_origin_.set_tls([this] {
    return TlsEnd::server({.own = &server_, .trusts = authority_.pem(), .alpn = {"h2"}});
  });
  start({.cluster = mutual_client(), .cluster_http = automatic, .endpoints = {h2_origin_.port()}});
  Peer& client = connect_raw();
  exchange(client, kGet, "2\r\nok\r\n0\r\n\r\n");
  EXPECT_EQ(h2_origin_.requests(), 1u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_http2_total"), 1);
}

TEST_F(TlsUpstream, SpeaksHttp1WhereTheEndpointDoesNotSay) {
  start_to({.own = &server_}, "", {.cluster_http = "auto_config: {}"});
  Peer& client = connect_raw();
  EXPECT_THAT(get(client), EndsWith("ok"));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_http1_total"), 1);
}

}  // namespace
}  // namespace pillion::component
