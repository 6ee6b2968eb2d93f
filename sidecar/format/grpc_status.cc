#include <optional>

#include "sidecar/base/text.h"
#include "sidecar/format/formatter.h"
#include "sidecar/http/grpc.h"

namespace pillion::format {

namespace {

std::optional<uint32_t> status_in(const http::Headers& headers) {
  const http::Header* field = headers.find(http::HeaderId::kGrpcStatus);
  if (field == nullptr || field->value().empty()) return std::nullopt;
  return parse_number<uint32_t>(field->value()).value_or(kInvalidGrpcStatus);
}

}  // namespace

std::optional<uint32_t> grpc_status_of_response(const Context& context) {
  if (context.response_trailers != nullptr)
    if (auto status = status_in(*context.response_trailers)) return status;
  if (context.response != nullptr)
    if (auto status = status_in(context.response->headers)) return status;
  if (context.info->response_code == 0) return std::nullopt;
  return http::grpc_status_of_http(context.info->response_code);
}

std::optional<uint32_t> grpc_status_of(const Context& context) {
  if (context.request == nullptr || !context.request->is_grpc()) return std::nullopt;
  return grpc_status_of_response(context);
}

}  // namespace pillion::format
