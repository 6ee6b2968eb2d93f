#include "sidecar/proxy/local_reply.h"

#include <charconv>
#include <utility>

#include "sidecar/base/text.h"
#include "sidecar/http/grpc.h"

namespace pillion::proxy {

using http::HeaderId;

struct LocalReplyRewriter::BodyFormat {
  std::optional<format::Formatter> text;
  std::optional<format::JsonFormatter> json;
  std::string content_type;

  static Result<std::unique_ptr<BodyFormat>, Problem> compile(const config::AccessLog& layout,
                                                              const std::string& content_type) {
    auto out = std::make_unique<BodyFormat>();
    if (layout.json != nullptr) {
      TRY(format::JsonFormatter json,
          format::JsonFormatter::parse(*layout.json, layout.omit_empty_values,
                                       layout.sort_properties));
      out->json.emplace(std::move(json));
    } else {
      TRY(format::Formatter text, format::Formatter::parse(layout.text, layout.omit_empty_values));
      out->text.emplace(std::move(text));
    }
    out->content_type = !content_type.empty() ? content_type
                        : layout.json         ? "application/json"
                                              : "text/plain";
    return out;
  }
};

struct LocalReplyRewriter::Mapper {
  LogCondition condition;
  const config::LocalReplyMapper* config;
  format::HeaderEdits headers;
  std::unique_ptr<BodyFormat> body_format;
};

LocalReplyRewriter::LocalReplyRewriter() = default;
LocalReplyRewriter::~LocalReplyRewriter() = default;
LocalReplyRewriter::LocalReplyRewriter(LocalReplyRewriter&&) noexcept = default;
LocalReplyRewriter& LocalReplyRewriter::operator=(LocalReplyRewriter&&) noexcept = default;

Result<LocalReplyRewriter, Problem> LocalReplyRewriter::compile(
    const config::LocalReplyConfig& config) {
  LocalReplyRewriter out;
  for (const config::LocalReplyMapper& mapper : config.mappers) {
    TRY(LogCondition condition, LogCondition::compile(mapper.filter));
    TRY(format::HeaderEdits headers, format::HeaderEdits::compile(mapper.headers));
    Mapper compiled{std::move(condition), &mapper, std::move(headers), nullptr};
    if (mapper.body_format) {
      TRY(compiled.body_format,
          BodyFormat::compile(*mapper.body_format, mapper.body_format_content_type));
    }
    out.mappers_.push_back(std::move(compiled));
  }
  if (config.body_format) {
    TRY(out.body_format_,
        BodyFormat::compile(*config.body_format, config.body_format_content_type));
  }
  return out;
}

void LocalReplyRewriter::rewrite(Reply& reply, http::ResponseHead& head, StreamInfo& info,
                                 const format::Context& context, Arena& arena) const {
  const BodyFormat* body_format = body_format_.get();
  format::Context facts = context;
  facts.response = &head;
  for (const Mapper& mapper : mappers_) {
    if (!mapper.condition.matches(facts, 0)) continue;
    if (mapper.config->status)
      head.status = reply.status = info.response_code = *mapper.config->status;
    if (mapper.config->body) reply.body = arena.copy(*mapper.config->body);
    mapper.headers.apply(head, facts);
    if (mapper.body_format) body_format = mapper.body_format.get();
    break;
  }
  if (body_format == nullptr) return;
  facts.local_reply_body = reply.body;
  std::string text;
  if (body_format->json)
    body_format->json->append_to(text, facts);
  else
    body_format->text->append_to(text, facts);
  reply.body = arena.copy(text);
  reply.content_type = arena.copy(body_format->content_type);
}

// gRPC over HTTP/2: grpc-message is percent-encoded but for printable ASCII other than '%'.
static std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
    } else {
      out += '%';
      out += kHex[(static_cast<unsigned char>(c) >> 4) & 0xf];
      out += kHex[static_cast<unsigned char>(c) & 0xf];
    }
  }
  return out;
}

std::string_view form_reply(const Reply& reply, const http::RequestHead& request,
                            http::ResponseHead& head) {
  http::Headers& headers = head.headers;
  Arena& arena = headers.arena();
  if (request.is_grpc()) {
    // A trailers-only response: gRPC clients look at grpc-status, not at the HTTP status.
    head.status = 200;
    headers.set(HeaderId::kContentType, "application/grpc");
    int status = reply.grpc_status >= 0 ? reply.grpc_status
                                        : static_cast<int>(http::grpc_status_of_http(reply.status));
    headers.set(HeaderId::kGrpcStatus, arena.copy(std::to_string(status)));
    if (!reply.body.empty())
      headers.set(HeaderId::kGrpcMessage, arena.copy(percent_encode(reply.body)));
    return {};
  }
  if (!reply.body.empty()) {
    headers.set(HeaderId::kContentLength, arena.copy(std::to_string(reply.body.size())));
    if (!headers.has(HeaderId::kContentType))
      headers.set(HeaderId::kContentType, reply.content_type);
  }
  return request.method == http::Method::kHead ? std::string_view{} : reply.body;
}

}  // namespace pillion::proxy
