#include <optional>

#include "sidecar/base/text.h"
#include "sidecar/format/formatter.h"

namespace pillion::format {

namespace {

std::optional<uint32_t> status_in(const http::Headers& headers) {
  const http::Header* field = headers.find(http::HeaderId::kGrpcStatus);
  if (field == nullptr || field->value().empty()) return std::nullopt;
  return parse_number<uint32_t>(field->value()).value_or(kInvalidGrpcStatus);
}

// What a gRPC client makes of a response without grpc-status (gRPC's
// doc/http-grpc-status-mapping.md).
uint32_t status_of_http(int status) {
  switch (status) {
    case 400:
      return 13;  // INTERNAL
    case 401:
      return 16;  // UNAUTHENTICATED
    case 403:
      return 7;  // PERMISSION_DENIED
    case 404:
      return 12;  // UNIMPLEMENTED
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;  // UNAVAILABLE
    default:
      return 2;  // UNKNOWN
  }
}

}  // namespace

std::optional<uint32_t> grpc_status_of_response(const Context& context) {
  if (context.response_trailers != nullptr)
    if (auto status = status_in(*context.response_trailers)) return status;
  if (context.response != nullptr)
    if (auto status = status_in(context.response->headers)) return status;
  if (context.info->response_code == 0) return std::nullopt;
  return status_of_http(context.info->response_code);
}

std::optional<uint32_t> grpc_status_of(const Context& context) {
  if (context.request == nullptr || !context.request->is_grpc()) return std::nullopt;
  return grpc_status_of_response(context);
}

}  // namespace pillion::format
