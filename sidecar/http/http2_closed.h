#pragma once
// Which of a client's streams are closed, as far as it matters to frames that still come for them
// (RFC 9113 section 5.1): nghttp2 forgets closed streams, and with them who has erred. Bounded; a
// member of a session, single thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pillion::http {

class Http2ClosedStreams {
 public:
  enum class Verdict : uint8_t {
    kExpected,    // this side has ended the stream; what comes was on its way
    kClosed,      // the peer has ended it itself: STREAM_CLOSED
    kNeverOpened  // passed over by a later one: PROTOCOL_ERROR
  };

  // `peer_ended`: END_STREAM or RST_STREAM has come.
  void add(int32_t id, bool peer_ended) {
    if (peer_ended) {
      recent_[next_recent_++ % recent_.size()] = id;
    } else if (ended_here_.size() < kMaxEndedHere) {
      ended_here_.push_back(id);
    } else {
      ended_here_[next_ended_++ % kMaxEndedHere] = id;
    }
  }
  // Of a stream that is neither open nor idle.
  [[nodiscard]] Verdict of(int32_t id) const {
    for (int32_t known : ended_here_)
      if (known == id) return Verdict::kExpected;
    for (int32_t known : recent_)
      if (known == id) return Verdict::kClosed;
    // Without a trace of it nothing can be said about an old stream.
    return next_recent_ <= recent_.size() && ended_here_.size() < kMaxEndedHere
               ? Verdict::kNeverOpened
               : Verdict::kExpected;
  }

 private:
  static constexpr std::size_t kMaxEndedHere = 256;
  std::array<int32_t, 16> recent_{};
  std::size_t next_recent_ = 0;
  std::vector<int32_t> ended_here_;
  std::size_t next_ended_ = 0;
};

}  // namespace pillion::http
