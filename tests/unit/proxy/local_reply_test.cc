// Replies of our own: their form for HTTP and gRPC clients, and what local_reply_config makes of
// them.

#include "sidecar/proxy/local_reply.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace pillion::proxy {
namespace {

using http::HeaderId;
using Filter = config::LogFilter;

class LocalReplyTest : public testing::Test {
 protected:
  LocalReplyTest() { request_.method_text = "GET"; }
  std::string form(const Reply& reply) {
    head_.status = reply.status;
    return std::string(form_reply(reply, request_, head_));
  }
  std::string value(std::string_view name) {
    const http::Header* h = head_.headers.find(name);
    return h == nullptr ? "(none)" : std::string(h->value());
  }
  // A mapper for one status code.
  config::LocalReplyMapper& map(uint32_t status) {
    config::LocalReplyMapper& mapper = config_.mappers.emplace_back();
    mapper.filter.kind = Filter::Kind::kStatusCode;
    mapper.filter.number = status;
    return mapper;
  }
  Reply rewrite(Reply reply) {
    Result<LocalReplyRewriter, Problem> rewriter = LocalReplyRewriter::compile(config_);
    EXPECT_TRUE(rewriter.has_value());
    if (!rewriter) return reply;
    info_.response_code = reply.status;
    head_.status = reply.status;
    rewriter_ = *std::move(rewriter);
    rewriter_.rewrite(reply, head_, info_, {&info_, &request_, nullptr, nullptr, {}}, arena_);
    return reply;
  }
  BlockPool blocks_;
  Arena arena_{blocks_};
  http::RequestHead request_{arena_};
  http::ResponseHead head_{arena_};
  StreamInfo info_;
  config::LocalReplyConfig config_;
  LocalReplyRewriter rewriter_;  // replies refer to its content types
};

TEST_F(LocalReplyTest, HasTypeAndLengthWithABody) {
  EXPECT_EQ(form({503, "no healthy upstream"}), "no healthy upstream");
  EXPECT_EQ(value("content-length"), "19");
  EXPECT_EQ(value("content-type"), "text/plain");
}

TEST_F(LocalReplyTest, HasNeitherWithoutABody) {
  EXPECT_EQ(form({404, ""}), "");
  EXPECT_TRUE(head_.headers.empty());
}

TEST_F(LocalReplyTest, KeepsAContentTypeThatIsThere) {
  head_.headers.add("content-type", "application/problem+json");
  form({503, "{}"});
  EXPECT_EQ(value("content-type"), "application/problem+json");
}

TEST_F(LocalReplyTest, SendsNoBodyToHead) {
  request_.method = http::Method::kHead;
  EXPECT_EQ(form({503, "text"}), "");
  EXPECT_EQ(value("content-length"), "4");
}

TEST_F(LocalReplyTest, AnswersGrpcInItsOwnForm) {
  for (std::string_view type : {"application/grpc", "application/grpc+proto"}) {
    request_.headers.set("content-type", type);
    head_.headers.remove_if([](const http::Header&) { return true; });
    EXPECT_EQ(form({503, "100% gone\n"}), "") << type;
    EXPECT_EQ(head_.status, 200);
    EXPECT_EQ(value("grpc-status"), "14");
    EXPECT_EQ(value("grpc-message"), "100%25 gone%0A");
    EXPECT_EQ(value("content-type"), "application/grpc");
    EXPECT_EQ(value("content-length"), "(none)");
  }
}

TEST_F(LocalReplyTest, TakesGrpcWebForHttp) {
  for (std::string_view type :
       {"application/grpc-web", "application/grpcx", "application/grpc;charset=x", "text/plain"}) {
    request_.headers.set("content-type", type);
    EXPECT_EQ(form({503, "text"}), "text") << type;
  }
}

TEST_F(LocalReplyTest, AnExplicitGrpcStatusWins) {
  request_.headers.add("content-type", "application/grpc");
  Reply reply{503, ""};
  reply.grpc_status = 8;
  form(reply);
  EXPECT_EQ(value("grpc-status"), "8");
  EXPECT_EQ(value("grpc-message"), "(none)");
}

TEST_F(LocalReplyTest, LeavesAReplyAloneThatNoMapperMatches) {
  map(404).status = 400;
  Reply reply = rewrite({503, "text"});
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "text");
}

TEST_F(LocalReplyTest, TheFirstMatchingMapperCounts) {
  map(503).status = 500;
  map(503).status = 400;
  Reply reply = rewrite({503, "text"});
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(head_.status, 500);
}

TEST_F(LocalReplyTest, ReplacesTheBody) {
  map(503).body = "sorry";
  EXPECT_EQ(rewrite({503, "text"}).body, "sorry");
}

TEST_F(LocalReplyTest, FormatsTheBody) {
  config_.body_format.emplace();
  config_.body_format->text = "<%RESPONSE_CODE% %LOCAL_REPLY_BODY%>";
  config_.body_format_content_type = "text/html";
  Reply reply = rewrite({503, "text"});
  EXPECT_EQ(reply.body, "<503 text>");
  EXPECT_EQ(reply.content_type, "text/html");
}

TEST_F(LocalReplyTest, AMappersFormatBeatsTheGeneralOne) {
  config_.body_format.emplace();
  config_.body_format->text = "general";
  config::LocalReplyMapper& mapper = map(503);
  mapper.body = "new";
  mapper.body_format.emplace();
  mapper.body_format->text = "own %LOCAL_REPLY_BODY%";
  Reply reply = rewrite({503, "text"});
  EXPECT_EQ(reply.body, "own new");
  EXPECT_EQ(reply.content_type, "text/plain");
  EXPECT_EQ(rewrite({404, "text"}).body, "general");
}

TEST_F(LocalReplyTest, RefusesAFormatThatIsNone) {
  config_.body_format.emplace();
  config_.body_format->text = "%NO_SUCH_OPERATOR%";
  Result<LocalReplyRewriter, Problem> rewriter = LocalReplyRewriter::compile(config_);
  ASSERT_FALSE(rewriter.has_value());
  EXPECT_NE(rewriter.error().message.find("NO_SUCH_OPERATOR"), std::string::npos);
}

}  // namespace
}  // namespace pillion::proxy
