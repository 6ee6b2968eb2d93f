#pragma once
// Moves bytes from one socket to another within the system, by way of a pipe, without copying them
// to this process and back. Owned by a tunnel while it carries bulk; loop's thread only.

#include <cstddef>
#include <cstdint>

#include "sidecar/net/socket.h"

namespace pillion::net {

class SplicePipe {
 public:
  // What a pipe is asked to hold; the system may give less.
  static constexpr std::size_t kWanted = 1024 * 1024;

  // False when the system has no pipe for us; then the caller goes on copying.
  bool open();
  [[nodiscard]] bool is_open() const { return read_end_.open(); }
  void close();
  // From the socket into the pipe: bytes moved, 0 at the peer's end, -1 with errno.
  ssize_t fill(int from);
  // From the pipe to the socket: bytes moved, or -1 with errno.
  ssize_t drain(int to);
  // Bytes that are in the pipe.
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  Fd read_end_;
  Fd write_end_;
  std::size_t size_ = 0;
  std::size_t held_ = 0;
};

}  // namespace pillion::net
