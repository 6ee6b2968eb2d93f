#pragma once
// What an HTTP/2 peer may do to a connection before it counts as abuse: counts of frames by kind
// against Envoy's limits. Pure arithmetic; a member of a session, single thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "sidecar/base/time.h"
#include "sidecar/config/http2.h"

namespace pillion::http {

// Things that happen on an HTTP/2 connection and that its owner counts (Envoy: "http2." stats).
enum class Http2Count : uint8_t {
  kRxReset,
  kTxReset,
  kTrailers,
  kHeaderOverflow,  // too many fields
  kHeaderListTooLarge,
  kMessagingError,
  kStreamRefused,
  kGoawaySent,
  kEmptyFramesFlood,
  kPriorityFlood,
  kWindowUpdateFlood,
  kResetFlood,
  kContinuationFlood,
  kOutboundFlood,
  kOutboundControlFlood
};

class Http2Limits {
 public:
  Http2Limits(const config::Http2Protocol& config, bool server)
      : config_(config), server_(server) {}

  // Inbound; each returns the flood that this frame completes, if it does. `empty`: no payload and
  // no END_STREAM, in a DATA, HEADERS or CONTINUATION frame.
  std::optional<Http2Count> on_payload_frame(bool empty);
  std::optional<Http2Count> on_priority();
  std::optional<Http2Count> on_window_update();
  // A stream that the peer has reset: a bucket of 1000, refilled with 33 a second.
  std::optional<Http2Count> on_reset(Time now);
  void on_stream() { ++streams_; }

  // Outbound. Control frames are PING, SETTINGS and RST_STREAM: what a peer can make this side say
  // without asking for anything.
  void on_control_queued() { ++queued_control_; }
  // Some of what was asked for is never written, as the reset of a stream that has just ended.
  void on_queue_empty() { queued_control_ = 0; }
  void on_frame_written(bool control, bool data);
  // At the end of a batch of frames: so many bytes were written in all, and so many have not left.
  std::optional<Http2Count> on_batch(uint64_t written, uint64_t unsent);
  // `queued`: frames of any kind that are asked for and not yet written.
  [[nodiscard]] std::optional<Http2Count> check_queued(std::size_t queued) const;

 private:
  [[nodiscard]] std::optional<Http2Count> check_control() const;
  // Frames that end at one place of the output.
  struct Batch {
    uint64_t end;
    uint32_t frames;
    uint32_t control;
  };
  static constexpr double kResetBurst = 1000;
  static constexpr double kResetsPerSecond = 33;

  const config::Http2Protocol& config_;
  bool server_;
  uint32_t consecutive_empty_ = 0;
  uint64_t streams_ = 0;
  uint64_t priorities_ = 0;
  uint64_t window_updates_ = 0;
  uint64_t data_frames_ = 0;
  double resets_left_ = kResetBurst;
  Time resets_at_{};
  uint32_t queued_control_ = 0;  // asked for, and not yet written
  uint32_t frames_ = 0;          // in the batch at hand
  uint32_t control_ = 0;
  uint64_t unsent_frames_ = 0;
  uint64_t unsent_control_ = 0;
  std::vector<Batch> batches_;
};

}  // namespace pillion::http
