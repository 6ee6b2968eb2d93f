// envoy.filters.http.buffer: holds a request back until all of its body has arrived, so that slow
// senders do not occupy an upstream connection; 413 when the body is larger than max_request_bytes.

#include <envoy/extensions/filters/http/buffer/v3/buffer.pb.h>

#include <charconv>

#include "filters/common.h"
#include "xds/any.h"
#include "xds/check_fields.h"

namespace pillion::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::buffer::v3;
using filter::Flow;
using filter::StreamContext;

struct BufferSettings final : filter::RouteConfig {
  bool disabled = false;
  uint32_t max_bytes = 0;
};

class BufferFilter final : public filter::Filter {
 public:
  explicit BufferFilter(const BufferSettings& settings) : settings_(&settings) {}

  Flow on_request(StreamContext& context, http::RequestHead& head, bool end) override {
    if (end) return Flow::kContinue;
    if (const auto* route = route_settings<BufferSettings>(context)) settings_ = route;
    if (settings_->disabled) return Flow::kContinue;
    context.set_buffer_limit(settings_->max_bytes);
    head_ = &head;
    return Flow::kBuffer;
  }

  Flow on_request_body(StreamContext&, filter::BodyPiece& piece) override {
    if (head_ == nullptr) return Flow::kContinue;
    received_ += piece.data.size();
    // What is too large has to reach the chain's limit, even as the last piece.
    if (!piece.end || received_ > settings_->max_bytes) return Flow::kBuffer;
    set_length();
    return Flow::kContinue;
  }

  Flow on_request_trailers(StreamContext&, http::Headers&) override {
    if (head_ != nullptr) set_length();
    return Flow::kContinue;
  }

 private:
  // The whole body is here, so the upstream can be told its length instead of being sent chunks.
  void set_length() {
    if (head_->headers.has(http::HeaderId::kContentLength)) return;
    char text[20];
    auto [end, error] = std::to_chars(text, text + sizeof text, received_);
    head_->headers.remove(http::HeaderId::kTransferEncoding);
    head_->headers.add(http::HeaderId::kContentLength,
                       std::string_view(text, static_cast<std::size_t>(end - text)));
  }

  const BufferSettings* settings_;
  http::RequestHead* head_ = nullptr;  // set while this filter acts
  uint64_t received_ = 0;
};

class BufferFactory final : public filter::Factory {
 public:
  explicit BufferFactory(BufferSettings settings) : settings_(settings) {}
  filter::Filter* create(Arena& arena) const override {
    return arena.make<BufferFilter>(settings_);
  }
  filter::Hooks hooks() const override { return {.request_body = true, .request_trailers = true}; }

 private:
  BufferSettings settings_;
};

BufferSettings read(const v3::Buffer& message, const xds::FieldPath& at) {
  xds::check_fields(message, at, {"max_request_bytes"});
  BufferSettings settings;
  settings.max_bytes = message.max_request_bytes().value();
  return settings;
}

std::shared_ptr<const filter::Factory> parse(const google::protobuf::Message& message,
                                             const filter::ParseContext& context) {
  return std::make_shared<BufferFactory>(read(xds::as<v3::Buffer>(message), context.at));
}

std::shared_ptr<const filter::RouteConfig> parse_route(const google::protobuf::Message& message,
                                                       const filter::ParseContext& context) {
  const auto& route = xds::as<v3::BufferPerRoute>(message);
  xds::check_fields(route, context.at, {"disabled", "buffer"});
  auto settings = std::make_shared<BufferSettings>();
  if (route.has_buffer()) *settings = read(route.buffer(), context.at.field("buffer"));
  settings->disabled = route.disabled();
  return settings;
}

}  // namespace

filter::FilterType buffer_filter() {
  return {"envoy.filters.http.buffer", "envoy.extensions.filters.http.buffer.v3.Buffer",
          "envoy.extensions.filters.http.buffer.v3.BufferPerRoute", parse, parse_route};
}

}  // namespace pillion::filters
