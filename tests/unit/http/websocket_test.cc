#include "sidecar/http/websocket.h"

#include <gtest/gtest.h>

#include "sidecar/base/arena.h"

namespace pillion::http {
namespace {

class WebSocketTest : public ::testing::Test {
 protected:
  WebSocketTest() { request.protocol = "WebSocket"; }
  BlockPool blocks_;
  Arena arena{blocks_};
  RequestHead request{arena};
  ResponseHead response{arena};
  Random random{7};
};

TEST_F(WebSocketTest, AnswersTheKeyOfTheRfc) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_F(WebSocketTest, LongKeysTakeSeveralBlocks) {
  EXPECT_EQ(websocket_accept(std::string(100, 'k')).size(), 28u);
  EXPECT_NE(websocket_accept(std::string(100, 'k')), websocket_accept(std::string(101, 'k')));
}

TEST_F(WebSocketTest, AKeyIsMadeWhereThereIsNone) {
  complete_upgrade_request(request, random);
  std::string_view key = request.headers.find("sec-websocket-key")->value();
  EXPECT_EQ(key.size(), 24u);  // 16 bytes
  EXPECT_TRUE(key.ends_with("=="));
  complete_upgrade_request(request, random);
  EXPECT_EQ(request.headers.find("sec-websocket-key")->value(), key);
}

TEST_F(WebSocketTest, OtherProtocolsGetNoKey) {
  request.protocol = "spdy/3";
  complete_upgrade_request(request, random);
  ASSERT_EQ(request.headers.size(), 2u);
  EXPECT_EQ(request.headers.value(HeaderId::kConnection), "upgrade");
  EXPECT_EQ(request.headers.value(HeaderId::kUpgrade), "spdy/3");
}

TEST_F(WebSocketTest, FieldsThatAskAlreadyStayAsTheyAre) {
  request.headers.add("connection", "Upgrade, x");
  request.headers.add("upgrade", "WEBSOCKET");
  complete_upgrade_request(request, random);
  EXPECT_EQ(request.headers.value(HeaderId::kConnection), "Upgrade, x");
  EXPECT_EQ(request.headers.value(HeaderId::kUpgrade), "WEBSOCKET");
}

TEST_F(WebSocketTest, TheResponseAnswersTheKeyOnce) {
  request.headers.add("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
  complete_upgrade_response(request, response);
  complete_upgrade_response(request, response);
  ASSERT_EQ(response.headers.size(), 3u);
  EXPECT_EQ(response.headers.value(HeaderId::kUpgrade), "WebSocket");
  EXPECT_EQ(response.headers.find("sec-websocket-accept")->value(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

}  // namespace
}  // namespace pillion::http
