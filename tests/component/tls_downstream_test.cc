// TLS with clients: those that are refused, those that stop or leave in every phase, and those that
// are served.

#include "tests/component/tls_world.h"

namespace pillion::component {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

class TlsDownstream : public TlsWorld {
 protected:
  // A client that shows `certificate` is refused, and told why.
  void expect_refused(const tls::Issued* certificate, const std::string& counter,
                      const std::string& told, const std::string& more = "") {
    for (uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      if (port() == 0) start({.chain = mutual_server(more)});
      Peer& client = connect_tls({.own = certificate, .max_version = version});
      client.send(kGet);
      until_ended(client);
      EXPECT_EQ(client.tls()->failure(), told) << "version " << version;
      EXPECT_EQ(client.received(), "");
    }
    EXPECT_EQ(ssl(counter), 2);
    EXPECT_EQ(ssl("handshake"), 0);
    EXPECT_EQ(origin_.requests().size(), 0u);
    EXPECT_EQ(stat("http.ingress.downstream_cx_ssl_total"), 2);
  }
};

TEST_F(TlsDownstream, AClientWithoutTheRequiredCertificateIsRefused) {
  start({.chain = mutual_server()});
  Peer& old = connect_tls({.max_version = TLS1_2_VERSION});
  until_ended(old);
  EXPECT_EQ(old.tls()->failure(), "SSLV3_ALERT_HANDSHAKE_FAILURE");
  Peer& client = connect_tls();
  until_ended(client);
  EXPECT_EQ(client.tls()->failure(), "TLSV1_ALERT_CERTIFICATE_REQUIRED");
  EXPECT_EQ(ssl("fail_verify_no_cert"), 2);
  EXPECT_EQ(ssl("connection_error"), 0);
  EXPECT_EQ(ssl("handshake"), 0);
}

TEST_F(TlsDownstream, AnExpiredCertificateIsRefused) {
  expect_refused(&expired_, "fail_verify_error", "SSLV3_ALERT_CERTIFICATE_EXPIRED");
}

TEST_F(TlsDownstream, ACertificateThatIsNotYetValidIsRefused) {
  // BoringSSL has one alert for both ends of a certificate's life.
  expect_refused(&early_, "fail_verify_error", "SSLV3_ALERT_CERTIFICATE_EXPIRED");
}

TEST_F(TlsDownstream, ACertificateOfAnUnknownAuthorityIsRefused) {
  expect_refused(&unknown_, "fail_verify_error", "TLSV1_ALERT_UNKNOWN_CA");
}

TEST_F(TlsDownstream, ACertificateThatItsIssuerDidNotSignIsRefused) {
  expect_refused(&forged_, "fail_verify_error", "TLSV1_ALERT_DECRYPT_ERROR");
}

TEST_F(TlsDownstream, ARevokedCertificateIsRefused) {
  expect_refused(&revoked_, "fail_verify_error", "SSLV3_ALERT_CERTIFICATE_REVOKED",
                 "crl: " + given(authority_.crl({&revoked_})) + ", ");
}

TEST_F(TlsDownstream, ACertificateOfAnotherNameIsRefused) {
  expect_refused(&client_, "fail_verify_san", "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
                 uri_is("spiffe://mesh.test/other"));
}

TEST_F(TlsDownstream, ACertificateThatIsNotPinnedIsRefused) {
  expect_refused(&client_, "fail_verify_cert_hash", "TLSV1_ALERT_BAD_CERTIFICATE_HASH_VALUE",
                 "verify_certificate_hash: ['" + std::string(64, 'a') + "'], ");
}

TEST_F(TlsDownstream, PlainTextToATlsPortIsRefused) {
  start({.chain = plain_server()});
  Peer& client = connect_raw();
  client.send(kGet);
  until_ended(client);
  EXPECT_EQ(ssl("connection_error"), 1);
  EXPECT_EQ(stat("http.ingress.downstream_rq_total"), 0);
  EXPECT_EQ(client.received(), "");
}

TEST_F(TlsDownstream, GarbageInsideTheHandshakeIsRefused) {
  start({.chain = plain_server()});
  Peer& client = connect_tls();
  client.send_raw(std::string("\x16\x03\x03\xff\xff", 5));
  until_ended(client);
  EXPECT_EQ(ssl("connection_error"), 1);
}

TEST_F(TlsDownstream, GarbageAfterTheHandshakeEndsTheRequest) {
  start({.chain = plain_server()});
  origin_.then_hang();
  Peer& client = connect_tls();
  client.send(kGet);
  until([&] { return origin_.requests().size() == 1; }, "the request");
  client.send_raw(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  until_ended(client);
  EXPECT_EQ(client.tls()->failure(), "SSLV3_ALERT_BAD_RECORD_MAC");
  EXPECT_EQ(ssl("connection_error"), 1);
  EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_remote_active_rq"), 1);
}

TEST_F(TlsDownstream, AHandshakeThatStallsIsGivenUp) {
  start({.chain = plain_server() + ", transport_socket_connect_timeout: 2s"});
  Peer& silent = connect_raw();
  Peer& slow = connect_raw();
  slow.send(std::string("\x16\x03\x01", 3));
  advance(milliseconds(1900));
  EXPECT_FALSE(silent.ended());
  EXPECT_FALSE(slow.ended());
  advance(milliseconds(200));
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(slow.ended());
  EXPECT_EQ(stat("listener.127.0.0.1_0.downstream_cx_transport_socket_connect_timeout"), 2);
  EXPECT_EQ(ssl("connection_error"), 0);
}

TEST_F(TlsDownstream, TheTimeForAHandshakeDoesNotEndARequest) {
  start({.chain = plain_server() + ", transport_socket_connect_timeout: 2s"});
  origin_.then_hang();
  Peer& client = connect_tls();
  client.send(kGet);
  until([&] { return origin_.requests().size() == 1; }, "the request");
  advance(seconds(5));
  EXPECT_FALSE(client.ended());
}

TEST_F(TlsDownstream, AClientThatLeavesInTheHandshakeLeavesNothing) {
  start({.chain = mutual_server()});
  Peer& resets = connect_raw();
  settle();
  resets.reset();
  Peer& half = connect_raw();
  auto hello = TlsEnd::client({});
  half.send(hello->take_wire());
  until([&] { return !half.received().empty(); }, "the server's flight");
  half.reset();
  Peer& ends = connect_raw();
  ends.send("\x16");
  ends.finish();
  until_ended(ends);
  settle();
  EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_remote"), 3);
  EXPECT_EQ(stat("http.ingress.downstream_cx_ssl_active"), 0);
  EXPECT_EQ(ssl("connection_error"), 0);
  EXPECT_EQ(ssl("handshake"), 0);
}

TEST_F(TlsDownstream, AClientThatResetsAfterTheHandshakeLeavesNothing) {
  start({.chain = mutual_server()});
  Peer& client = connect_mutual();
  EXPECT_EQ(get(client).substr(9, 3), "200");
  client.reset();
  settle();
  EXPECT_EQ(stat("http.ingress.downstream_cx_active"), 0);
  EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_remote_active_rq"), 0);
}

TEST_F(TlsDownstream, AResetInsideARequestBodyCancelsIt) {
  start({.chain = plain_server()});
  Peer& client = connect_tls();
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
  until([&] { return origin_.connections() == 1 && !origin_.unparsed(0).empty(); }, "a half");
  client.reset();
  until([&] { return origin_.connection(0).ended(); }, "the origin is told");
  EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_remote_active_rq"), 1);
}

TEST_F(TlsDownstream, AResetInsideAResponseCancelsIt) {
  start({.chain = plain_server()});
  origin_.then([](Peer& peer) { peer.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"); });
  Peer& client = connect_tls();
  client.send(kGet);
  until([&] { return client.received().ends_with("half"); }, "half of the response");
  client.reset();
  until([&] { return origin_.connection(0).ended(); }, "the origin is told");
  EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_remote_active_rq"), 1);
}

TEST_F(TlsDownstream, AGoodbyeInsideARequestCancelsIt) {
  start({.chain = plain_server()});
  origin_.then_hang();
  Peer& client = connect_tls();
  client.send(kGet);
  until([&] { return origin_.requests().size() == 1; }, "the request");
  // The socket stays open: the alert alone says that no more comes, as FIN does in plain text.
  client.close_notify();
  until_ended(client);
  EXPECT_TRUE(origin_.connection(0).ended());
  EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_remote_active_rq"), 1);
  EXPECT_EQ(ssl("connection_error"), 0);
}

TEST_F(TlsDownstream, AnEndWithoutGoodbyeInsideARequestCancelsIt) {
  start({.chain = plain_server()});
  Peer& client = connect_tls();
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
  until([&] { return origin_.connections() == 1 && !origin_.unparsed(0).empty(); }, "a half");
  client.finish();
  until_ended(client);
  until([&] { return origin_.connection(0).ended(); }, "the origin is told");
  EXPECT_EQ(origin_.requests().size(), 0u);
}

TEST_F(TlsDownstream, AnOrderlyEndIsAnsweredWithAGoodbye) {
  start({.chain = plain_server()});
  Peer& client = connect_tls();
  exchange(client, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "ok");
  until_ended(client);
  EXPECT_TRUE(client.tls()->ended());
  EXPECT_EQ(client.tls()->failure(), "");
}

TEST_F(TlsDownstream, ServesHttp1AndSaysWhoTheClientIs) {
  start({.chain = mutual_server(uri_is("spiffe://mesh.test/client")),
         .hcm = "forward_client_cert_details: SANITIZE_SET, set_current_client_cert_details: "
                "{uri: true}"});
  for (uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Peer& client = connect_tls({.own = &client_,
                                .trusts = authority_.pem(),
                                .sni = "server.test",
                                .max_version = version});
    EXPECT_THAT(get(client), EndsWith("\r\n\r\nok"));
    EXPECT_EQ(SSL_version(client.tls()->ssl()), version);
  }
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("URI=spiffe://mesh.test/client"));
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("x-forwarded-proto: https"));
  EXPECT_EQ(ssl("handshake"), 2);
  EXPECT_EQ(ssl("versions.TLSv1.2"), 1);
  EXPECT_EQ(ssl("versions.TLSv1.3"), 1);
  EXPECT_EQ(ssl("no_certificate"), 0);
}

TEST_F(TlsDownstream, ServesHttp2WhereBothWantIt) {
  start({.chain =
             transport("Downstream",
                       own(server_) + ", alpn_protocols: [h2, http/1.1], " + validation(authority_),
                       "require_client_certificate: true, ")});
  Peer& client = connect_tls({.own = &client_, .alpn = {"http/1.1", "h2"}});
  Http2Side& side = speak_h2(client);
  http::RecordedStream& stream = side.h2.open("/");
  until([&] { return stream.gone; }, "the answer");
  EXPECT_EQ(client.tls()->alpn(), "h2");
  EXPECT_EQ(stream.body, "ok");
  EXPECT_EQ(stat("http.ingress.downstream_cx_http2_total"), 1);
  Peer& old = connect_tls({.own = &client_, .alpn = {"http/1.1"}});
  EXPECT_THAT(get(old), EndsWith("ok"));
  EXPECT_EQ(old.tls()->alpn(), "http/1.1");
  EXPECT_EQ(stat("http.ingress.downstream_cx_http1_total"), 1);
}

TEST_F(TlsDownstream, LargeBodiesPassBothWays) {
  start({.chain = plain_server()});
  const std::string body(3'000'000, 'x');
  origin_.then_reply("HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + body);
  Peer& client = connect_tls();
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\n" + body);
  until([&] { return client.received().size() > 3'000'000; }, "the whole body");
  EXPECT_EQ(origin_.requests()[0].body, body);
  EXPECT_THAT(client.received(), EndsWith(body));
}

TEST_F(TlsDownstream, ResumesSessionsInEitherVersion) {
  start({.chain = mutual_server()});
  for (uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPlan plan{.own = &client_, .trusts = authority_.pem(), .max_version = version};
    Peer& first = connect_tls(plan);
    get(first);
    ASSERT_NE(first.tls()->session(), nullptr);
    Peer& second = connect_tls(plan, first.tls()->session());
    EXPECT_THAT(get(second), EndsWith("ok"));
    EXPECT_TRUE(second.tls()->resumed());
  }
  EXPECT_EQ(ssl("session_reused"), 2);
}

}  // namespace
}  // namespace pillion::component
