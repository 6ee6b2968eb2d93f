#include "sidecar/upstream/http2_stats.h"

namespace pillion::upstream {

namespace {

metrics::Counter& counter_of(metrics::Http2Stats& stats, http::Http2Count what) {
  using enum http::Http2Count;
  switch (what) {
    case kRxReset:
      return stats.rx_reset;
    case kTxReset:
      return stats.tx_reset;
    case kTrailers:
      return stats.trailers;
    case kHeaderOverflow:
      return stats.header_overflow;
    case kHeaderListTooLarge:
      return stats.header_list_size_too_large;
    case kMessagingError:
      return stats.rx_messaging_error;
    case kStreamRefused:
      return stats.stream_refused_errors;
    case kGoawaySent:
      return stats.goaway_sent;
    case kEmptyFramesFlood:
      return stats.inbound_empty_frames_flood;
    case kPriorityFlood:
      return stats.inbound_priority_frames_flood;
    case kWindowUpdateFlood:
      return stats.inbound_window_update_frames_flood;
    case kResetFlood:
      return stats.inbound_reset_flood;
    case kContinuationFlood:
      return stats.inbound_continuation_flood;
    case kOutboundFlood:
      return stats.outbound_flood;
    case kOutboundControlFlood:
      break;
  }
  return stats.outbound_control_flood;
}

}  // namespace

void count_http2(metrics::Http2Stats& stats, http::Http2Count what) {
  counter_of(stats, what).add();
}

Duration ping_wait(const config::Http2Protocol& config, Random& random) {
  Duration interval = config.ping_interval;
  auto most = static_cast<uint64_t>(static_cast<double>(interval.count()) *
                                    config.ping_jitter_percent / 100.0);
  return most == 0 ? interval : interval + Duration(static_cast<int64_t>(random.below(most)));
}

}  // namespace pillion::upstream
