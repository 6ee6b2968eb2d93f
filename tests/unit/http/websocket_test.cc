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
  complete_websocket_request(request, random);
  std::string_view key = request.headers.find("sec-websocket-key")->value();
  EXPECT_EQ(key.size(), 24u);  // 16 bytes
  EXPECT_TRUE(key.ends_with("=="));
  complete_websocket_request(request, random);
  EXPECT_EQ(request.headers.find("sec-websocket-key")->value(), key);
}

TEST_F(WebSocketTest, OtherProtocolsAreLeftAlone) {
  request.protocol = "h2c";
  complete_websocket_request(request, random);
  EXPECT_TRUE(request.headers.empty());
}

TEST_F(WebSocketTest, TheResponseAnswersTheKeyOnce) {
  request.headers.add("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
  complete_websocket_response(request, response);
  complete_websocket_response(request, response);
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers.begin()->value(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

}  // namespace
}  // namespace pillion::http
