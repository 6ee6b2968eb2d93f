// Operators for durations and points in time.

#include <array>
#include <atomic>
#include <chrono>
#include <utility>

#include "sidecar/base/text.h"
#include "sidecar/format/operator.h"
#include "sidecar/format/time_format.h"

namespace pillion::format {

namespace {

using Point = Time StreamTimes::*;

bool is_set(Time time) {
  return time.time_since_epoch().count() != 0;
}

template <class Unit>
void append_difference(std::string& out, Time from, Time to) {
  auto count = std::chrono::duration_cast<Unit>(to - from).count();
  if (count < 0) out += '-';
  append_number(out, static_cast<uint64_t>(count < 0 ? -count : count));
}

// Milliseconds from one point to another; none while either has not been reached.
template <Point kFrom, Point kTo>
bool append_millis(std::string& out, const Piece&, const Context& context) {
  const StreamTimes& times = context.info->times;
  if (!is_set(times.*kFrom) || !is_set(times.*kTo)) return false;
  append_difference<std::chrono::milliseconds>(out, times.*kFrom, times.*kTo);
  return true;
}

bool append_duration(std::string& out, const Piece&, const Context& context) {
  const StreamTimes& times = context.info->times;
  // A header may ask for it before the stream has ended.
  Time end = is_set(times.end) ? times.end : std::chrono::steady_clock::now();
  append_difference<std::chrono::milliseconds>(out, is_set(times.start) ? times.start : end, end);
  return true;
}

bool append_never(std::string&, const Piece&, const Context&) {
  return false;
}

std::atomic<bool> route_times{false};

Result<Unit, Problem> want_route_times(Piece&, std::string_view) {
  route_times.store(true, std::memory_order_relaxed);
  return Unit{};
}

bool append_route_time(std::string& out, const Piece&, const Context& context) {
  if (context.info->route_resolutions == 0) return false;
  append_difference<std::chrono::microseconds>(out, Time{},
                                               Time(context.info->route_resolution_time));
  return true;
}

// %COMMON_DURATION%: Envoy's names for the points. A name that is not here, or that
// needs TLS, is a point that nothing sets.
struct NamedPoint {
  std::string_view name;
  Point point;
};
constexpr NamedPoint kPoints[] = {
    {"DS_CX_BEG", &StreamTimes::connection_start},
    {"DS_CX_END", &StreamTimes::connection_end},
    {"DS_RX_BEG", &StreamTimes::start},
    {"DS_RX_END", &StreamTimes::request_received},
    {"US_CX_BEG", &StreamTimes::upstream_connect_start},
    {"US_CX_END", &StreamTimes::upstream_connected},
    {"US_TX_BEG", &StreamTimes::request_sent_first},
    {"US_TX_END", &StreamTimes::request_sent_last},
    {"US_RX_BEG", &StreamTimes::response_first},
    {"US_RX_BODY_BEG", &StreamTimes::response_body_first},
    {"US_RX_END", &StreamTimes::response_last},
    {"DS_TX_BEG", &StreamTimes::downstream_first},
    {"DS_TX_END", &StreamTimes::downstream_last},
};
constexpr uint8_t kNoPoint = 0xff;

uint8_t point_index(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kPoints); ++i)
    if (kPoints[i].name == name) return static_cast<uint8_t>(i);
  return kNoPoint;
}

// The indexes of the points go to the options.
Result<Unit, Problem> parse_common_duration(Piece& piece, std::string_view argument) {
  auto parts = split(argument, ':');
  if (parts.size() < 2 || parts.size() > 3)
    return problem("'" + std::string(argument) + "' is not START:END or START:END:PRECISION");
  piece.option = point_index(parts[0]);
  piece.option2 = point_index(parts[1]);
  std::string_view precision = parts.size() == 3 ? parts[2] : std::string_view("ms");
  if (precision != "ms" && precision != "us" && precision != "ns")
    return problem("precision '" + std::string(precision) + "' is none of ms, us and ns");
  piece.text = precision;
  return Unit{};
}

bool append_common_duration(std::string& out, const Piece& piece, const Context& context) {
  if (piece.option == kNoPoint || piece.option2 == kNoPoint) return false;
  Time from = context.info->times.*kPoints[piece.option].point;
  Time to = context.info->times.*kPoints[piece.option2].point;
  // As in Envoy, a point that comes before the other has no distance to it: a connection that an
  // earlier request opened, say.
  if (!is_set(from) || !is_set(to) || to < from) return false;
  if (piece.text == "us") {
    append_difference<std::chrono::microseconds>(out, from, to);
  } else if (piece.text == "ns") {
    append_difference<std::chrono::nanoseconds>(out, from, to);
  } else {
    append_difference<std::chrono::milliseconds>(out, from, to);
  }
  return true;
}

Result<Unit, Problem> parse_time_format(Piece& piece, std::string_view argument) {
  piece.text = argument;
  return check_time_format(argument);
}

void append_point(std::string& out, const Piece& piece, WallTime time, bool local) {
  if (!piece.text.empty()) {
    append_time(out, time, piece.text, local);
  } else if (local) {
    append_time(out, time, "%Y-%m-%dT%H:%M:%E3S%z", true);
  } else {
    append_iso_time(out, time);
  }
}

template <bool kLocal>
bool append_start_time(std::string& out, const Piece& piece, const Context& context) {
  append_point(out, piece, context.info->start_wall, kLocal);
  return true;
}

template <bool kLocal>
bool append_emit_time(std::string& out, const Piece& piece, const Context&) {
  append_point(out, piece, std::chrono::system_clock::now(), kLocal);
  return true;
}

using T = StreamTimes;
constexpr Operator kOperators[] = {
    {"DURATION", append_duration, kCommandOnly, true},
    {"REQUEST_DURATION", append_millis<&T::start, &T::request_received>, kCommandOnly, true},
    {"REQUEST_TX_DURATION", append_millis<&T::start, &T::request_sent_last>, kCommandOnly, true},
    {"RESPONSE_DURATION", append_millis<&T::start, &T::response_first>, kCommandOnly, true},
    {"RESPONSE_TX_DURATION", append_millis<&T::response_first, &T::downstream_last>, kCommandOnly,
     true},
    {"ROUTE_RESOLUTION_TIME_US", append_route_time, kCommandOnly, true, want_route_times},
    {"UPSTREAM_CONNECTION_POOL_READY_DURATION", append_millis<&T::pool_requested, &T::pool_ready>,
     kCommandOnly, true},
    // Of QUIC; no other handshake is timed.
    {"DOWNSTREAM_HANDSHAKE_DURATION", append_never, kCommandOnly, true},
    {"ROUNDTRIP_DURATION", append_never, kCommandOnly, true},
    {"COMMON_DURATION", append_common_duration, kParamsRequired, true, parse_common_duration},
    {"START_TIME", append_start_time<false>, kParamsOptional, false, parse_time_format},
    {"START_TIME_LOCAL", append_start_time<true>, kParamsOptional, false, parse_time_format},
    {"EMIT_TIME", append_emit_time<false>, kParamsOptional, false, parse_time_format},
    {"EMIT_TIME_LOCAL", append_emit_time<true>, kParamsOptional, false, parse_time_format},
};

}  // namespace

bool route_times_wanted() {
  return route_times.load(std::memory_order_relaxed);
}

std::span<const Operator> time_operators() {
  return kOperators;
}

}  // namespace pillion::format
