#include "sidecar/proxy/trace_reason.h"

#include <charconv>
#include <optional>

namespace pillion::proxy {

namespace {

using http::HeaderId;

constexpr std::size_t kUuidSize = 36;
// Where a version 4 UUID has its version, "4".
constexpr std::size_t kReasonAt = 14;

char letter_of(TraceReason reason) {
  switch (reason) {
    case TraceReason::kSampled:
      return '9';
    case TraceReason::kForced:
      return 'a';
    case TraceReason::kClient:
      return 'b';
    case TraceReason::kNone:
      break;
  }
  return '4';
}

// The first eight hex digits.
std::optional<uint64_t> number_of(std::string_view request_id) {
  constexpr std::size_t kDigits = 8;
  if (request_id.size() < kDigits) return std::nullopt;
  uint64_t number = 0;
  const char* end = request_id.data() + kDigits;
  if (std::from_chars(request_id.data(), end, number, 16).ptr != end) return std::nullopt;
  return number;
}

bool chosen(const config::Fraction& fraction, uint64_t number) {
  return number % fraction.denominator < fraction.numerator;
}

}  // namespace

TraceReason trace_reason(std::string_view request_id) {
  if (request_id.size() != kUuidSize) return TraceReason::kNone;
  for (TraceReason reason : {TraceReason::kSampled, TraceReason::kForced, TraceReason::kClient})
    if (request_id[kReasonAt] == letter_of(reason)) return reason;
  return TraceReason::kNone;
}

void set_trace_reason(http::RequestHead& head, TraceReason reason) {
  std::string_view id = head.headers.value(HeaderId::kRequestId);
  if (id.size() != kUuidSize || id[kReasonAt] == letter_of(reason)) return;
  char letter = letter_of(reason);
  head.headers.set(HeaderId::kRequestId, head.headers.arena().concat(id.substr(0, kReasonAt),
                                                                     std::string_view(&letter, 1),
                                                                     id.substr(kReasonAt + 1)));
}

TraceReason decide_trace(http::RequestHead& head, const config::Tracing& tracing, bool pack,
                         Random& random) {
  std::string_view id = head.headers.value(HeaderId::kRequestId);
  std::optional<uint64_t> number = number_of(id);
  if (!number) return TraceReason::kNone;
  // As in Envoy, one of ten thousand, whatever the fractions are of.
  *number %= 10'000;
  TraceReason reason = pack ? trace_reason(id) : TraceReason::kNone;
  if (reason == TraceReason::kNone) {
    if (head.headers.find("x-client-trace-id") != nullptr && chosen(tracing.client, random.next()))
      reason = TraceReason::kClient;
    else if (head.headers.has(HeaderId::kEnvoyForceTrace))
      reason = TraceReason::kForced;
    else if (chosen(tracing.random, *number))
      reason = TraceReason::kSampled;
    if (pack && reason != TraceReason::kNone) set_trace_reason(head, reason);
  }
  if (reason != TraceReason::kNone && !chosen(tracing.overall, *number)) {
    reason = TraceReason::kNone;
    if (pack) set_trace_reason(head, reason);
  }
  return reason;
}

}  // namespace pillion::proxy
