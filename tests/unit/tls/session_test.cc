// Records: large ones, in pieces, damaged ones, the end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/tls/pair.h"

namespace pillion::tls {
namespace {

TEST(TlsSession, PlainTextToATlsPortFails) {
  Plain plain;
  auto server = server_context(plain.downstream);
  auto session = server->make_session();
  Buffer out;
  EXPECT_EQ(feed_all(*session, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", out), "");
  EXPECT_EQ(session->failure(), Failure::kConnection);
  EXPECT_THAT(std::string(session->failure_text()), testing::HasSubstr("HTTP_REQUEST"));
}

TEST(TlsSession, GarbageFailsAndIsAnsweredWithAnAlert) {
  Plain plain;
  auto server = server_context(plain.downstream);
  auto session = server->make_session();
  Buffer out;
  feed_all(*session, std::string(100, '\x42'), out);
  EXPECT_TRUE(session->failed());
  EXPECT_EQ(out.front().substr(0, 1), "\x15");
  EXPECT_EQ(feed_all(*session, "more", out), "");
}

TEST(TlsSession, ADamagedRecordFailsAndGivesNothing) {
  Plain plain;
  Pair pair = plain.shake();
  ASSERT_TRUE(pair.established());
  ASSERT_TRUE(pair.client->write("secret", pair.to_server));
  std::string record = pair.to_server.to_string();
  record.back() = static_cast<char>(record.back() ^ 1);
  pair.to_server.clear();
  EXPECT_EQ(feed_all(*pair.server, record, pair.to_client), "");
  EXPECT_THAT(std::string(pair.server->failure_text()),
              testing::HasSubstr("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"));
}

TEST(TlsSession, AnythingBeforeTheHandshakeIsNotWritten) {
  Plain plain;
  auto client = client_context(plain.upstream);
  auto session = client->make_session();
  Buffer out;
  EXPECT_FALSE(session->write("early", out));
  session->close_notify(out);
  EXPECT_TRUE(out.empty());
}

TEST(TlsSession, BytesPassBothWaysHoweverTheyArrive) {
  for (std::size_t piece : {1u, 7u, 1000u, 65536u}) {
    Plain plain;
    auto server = server_context(plain.downstream);
    auto client = client_context(plain.upstream);
    Pair pair = pair_of(*client, *server);
    pair.piece = piece;
    ASSERT_TRUE(pair.shake().established());
    std::string large(piece == 1 ? 20'000 : 300'000, 'x');
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
    ASSERT_TRUE(pair.client->write(large, pair.to_server));
    ASSERT_TRUE(pair.server->write("small", pair.to_client));
    pair.pump();
    EXPECT_EQ(pair.at_server, large);
    EXPECT_EQ(pair.at_client, "small");
  }
}

TEST(TlsSession, AFirstWriteMayFollowTheHandshakeInOneFlight) {
  Plain plain;
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  Pair pair = pair_of(*client, *server);
  pair.client->start(pair.to_server);
  std::string hello = pair.to_server.to_string();
  pair.to_server.clear();
  feed_all(*pair.server, hello, pair.to_client);
  std::string flight = pair.to_client.to_string();
  pair.to_client.clear();
  feed_all(*pair.client, flight, pair.to_server);
  ASSERT_TRUE(pair.client->established());
  ASSERT_FALSE(pair.server->established());
  ASSERT_TRUE(pair.client->write("request", pair.to_server));
  pair.pump();
  EXPECT_TRUE(pair.server->established());
  EXPECT_EQ(pair.at_server, "request");
}

TEST(TlsSession, CloseNotifyEndsOneDirectionOnly) {
  Plain plain;
  Pair pair = plain.shake();
  ASSERT_TRUE(pair.client->write("last", pair.to_server));
  pair.client->close_notify(pair.to_server);
  EXPECT_FALSE(pair.client->write("after", pair.to_server));
  pair.pump();
  EXPECT_EQ(pair.at_server, "last");
  EXPECT_TRUE(pair.server->ended());
  EXPECT_FALSE(pair.client->ended());
  ASSERT_TRUE(pair.server->write("answer", pair.to_client));
  pair.server->close_notify(pair.to_client);
  pair.pump();
  EXPECT_EQ(pair.at_client, "answer");
  EXPECT_TRUE(pair.client->ended());
  EXPECT_FALSE(pair.client->failed());
}

TEST(TlsSession, WhatFollowsCloseNotifyIsLeftAlone) {
  Plain plain;
  Pair pair = plain.shake();
  pair.client->close_notify(pair.to_server);
  pair.to_server.append("junk after the end");
  pair.pump();
  EXPECT_TRUE(pair.server->ended());
  EXPECT_FALSE(pair.server->failed());
}

TEST(TlsSession, ManyEmptyRecordsAreRefused) {
  Plain plain;
  plain.upstream.parameters.max = config::TlsVersion::kTls12;
  Pair pair = plain.shake();
  ASSERT_TRUE(pair.established());
  // Warning alerts without end are the cheapest flood there is.
  std::string flood;
  for (int i = 0; i < 2000; ++i) flood += std::string("\x15\x03\x03\x00\x02\x01\x5a", 7);
  feed_all(*pair.server, flood, pair.to_client);
  EXPECT_TRUE(pair.server->failed());
}

}  // namespace
}  // namespace pillion::tls
