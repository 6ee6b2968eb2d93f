#include "sidecar/http/http2_limits.h"

#include <algorithm>

namespace pillion::http {

std::optional<Http2Count> Http2Limits::on_payload_frame(bool empty) {
  consecutive_empty_ = empty ? consecutive_empty_ + 1 : 0;
  if (consecutive_empty_ > config_.max_consecutive_empty_frames)
    return Http2Count::kEmptyFramesFlood;
  return std::nullopt;
}

std::optional<Http2Count> Http2Limits::on_priority() {
  if (++priorities_ > uint64_t{config_.max_priority_frames_per_stream} * (1 + streams_))
    return Http2Count::kPriorityFlood;
  return std::nullopt;
}

std::optional<Http2Count> Http2Limits::on_window_update() {
  // Envoy's formula: a few for the connection, two a stream, and the configured number for each
  // DATA frame, doubled since a frame is owed to the stream and to the connection.
  uint64_t allowed =
      5 + 2 * (streams_ + uint64_t{config_.max_window_updates_per_data_frame} * data_frames_);
  if (++window_updates_ > allowed) return Http2Count::kWindowUpdateFlood;
  return std::nullopt;
}

std::optional<Http2Count> Http2Limits::on_reset(Time now) {
  if (!server_) return std::nullopt;  // an endpoint resets what was asked of it
  double elapsed = std::chrono::duration<double>(now - resets_at_).count();
  if (resets_at_ != Time{})
    resets_left_ = std::min(kResetBurst, resets_left_ + elapsed * kResetsPerSecond);
  resets_at_ = now;
  if (resets_left_ < 1) return Http2Count::kResetFlood;
  resets_left_ -= 1;
  return std::nullopt;
}

void Http2Limits::on_frame_written(bool control, bool data) {
  ++frames_;
  if (data) ++data_frames_;
  if (!control) return;
  ++control_;
  if (queued_control_ > 0) --queued_control_;
}

std::optional<Http2Count> Http2Limits::on_batch(uint64_t written, uint64_t unsent) {
  if (frames_ > 0) {
    batches_.push_back({written, frames_, control_});
    unsent_frames_ += frames_;
    unsent_control_ += control_;
    frames_ = control_ = 0;
  }
  auto waiting = batches_.begin();
  for (; waiting != batches_.end() && waiting->end <= written - unsent; ++waiting) {
    unsent_frames_ -= waiting->frames;
    unsent_control_ -= waiting->control;
  }
  batches_.erase(batches_.begin(), waiting);
  if (unsent_frames_ > config_.max_outbound_frames) return Http2Count::kOutboundFlood;
  return check_control();
}

std::optional<Http2Count> Http2Limits::check_queued(std::size_t queued) const {
  if (queued > config_.max_outbound_frames) return Http2Count::kOutboundFlood;
  return check_control();
}

std::optional<Http2Count> Http2Limits::check_control() const {
  if (unsent_control_ + queued_control_ > config_.max_outbound_control_frames)
    return Http2Count::kOutboundControlFlood;
  return std::nullopt;
}

}  // namespace pillion::http
