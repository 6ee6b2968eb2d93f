#pragma once
// Finds the DATA frames in what a client sends. nghttp2 passes over those of streams that it has
// forgotten without a callback, and a client that goes on with a stream that it has ended must be
// told so (RFC 9113 section 5.1). Reads nothing but frame heads; a member of a session.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pillion::http {

class Http2FrameHeads {
 public:
  static constexpr std::size_t kSize = 9;  // RFC 9113 section 4.1
  static constexpr std::size_t kPreface = 24;

  // Moves on to the end of the next DATA frame's head, or of `bytes`; returns by how much. `stream`
  // is the frame's, when there is one.
  std::size_t advance(std::string_view bytes, int32_t& stream) {
    std::size_t at = 0;
    while (at < bytes.size()) {
      if (payload_ > 0) {
        std::size_t skipped = std::min(payload_, bytes.size() - at);
        payload_ -= skipped;
        at += skipped;
        continue;
      }
      std::size_t size = std::min(kSize - have_, bytes.size() - at);
      std::memcpy(head_.data() + have_, bytes.data() + at, size);
      have_ += size;
      at += size;
      if (have_ < kSize) break;
      have_ = 0;
      payload_ = number(0, 3);
      constexpr uint8_t kData = 0;
      if (head_[3] != kData) continue;
      stream = static_cast<int32_t>(number(5, 4) & 0x7fffffff);
      return at;
    }
    return bytes.size();
  }

 private:
  [[nodiscard]] std::size_t number(std::size_t from, std::size_t size) const {
    std::size_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | head_[from + i];
    return value;
  }

  std::array<uint8_t, kSize> head_{};
  std::size_t have_ = 0;
  std::size_t payload_ = kPreface;  // bytes to pass over
};

}  // namespace pillion::http
