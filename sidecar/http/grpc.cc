#include "sidecar/http/grpc.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sidecar/base/text.h"

namespace pillion::http {

namespace {

using std::chrono::nanoseconds;

// Finest first.
constexpr std::array<std::pair<char, nanoseconds>, 6> kUnits = {
    {{'n', nanoseconds(1)},
     {'u', std::chrono::microseconds(1)},
     {'m', std::chrono::milliseconds(1)},
     {'S', std::chrono::seconds(1)},
     {'M', std::chrono::minutes(1)},
     {'H', std::chrono::hours(1)}}};
constexpr std::size_t kMaxDigits = 8;
constexpr int64_t kMaxNumber = 99'999'999;

}  // namespace

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxDigits + 1) return std::nullopt;
  auto number = parse_number<uint32_t>(text.substr(0, text.size() - 1));
  if (!number) return std::nullopt;
  for (const auto& [name, unit] : kUnits) {
    if (name != text.back()) continue;
    // 99999999 hours are more than nanoseconds can count.
    if (unit > std::chrono::minutes(1) && *number > 2'000'000) return std::chrono::hours(2'000'000);
    return std::chrono::duration_cast<Duration>(unit * int64_t{*number});
  }
  return std::nullopt;
}

std::string format_grpc_timeout(Duration timeout) {
  auto left = std::max(std::chrono::duration_cast<nanoseconds>(timeout), nanoseconds(1));
  for (const auto& [name, unit] : kUnits) {
    int64_t number = (left.count() + unit.count() - 1) / unit.count();
    if (number <= kMaxNumber) return std::to_string(number) + name;
  }
  return std::to_string(kMaxNumber) + 'H';
}

std::optional<unsigned> grpc_status_in(const Headers& headers) {
  const Header* field = headers.find(HeaderId::kGrpcStatus);
  return field == nullptr ? std::nullopt : parse_number<unsigned>(field->value());
}

int http_status_of_grpc(unsigned status) {
  static constexpr std::array<int, 17> kStatus = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                                  400, 409, 400, 501, 500, 503, 500, 401};
  return status < kStatus.size() ? kStatus[status] : 500;
}

unsigned grpc_status_of_http(int status) {
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

}  // namespace pillion::http
