#pragma once
// One direction of a tunnel that carries bulk between plain sockets: the system moves the bytes
// (net/splice.h). Made when reads have been full for a while, left when they are small again, since
// small messages cost less when copied. Owned by a TcpTunnel; worker thread.

#include <cstddef>
#include <cstdint>

#include "sidecar/net/connection.h"
#include "sidecar/net/splice.h"

namespace pillion::proxy {

class SpliceWay {
 public:
  // A read of that many bytes is one of bulk; as many in a row are enough.
  static constexpr std::size_t kBulkRead = 32 * 1024;
  static constexpr unsigned kBulkReads = 8;

  SpliceWay(net::Connection& from, net::Connection& to) : from_(from), to_(to) {}
  ~SpliceWay() = default;
  SpliceWay(const SpliceWay&) = delete;
  SpliceWay& operator=(const SpliceWay&) = delete;

  // False when the system has no pipe for it. All output of `to` has left.
  bool start();
  [[nodiscard]] bool active() const { return pipe_.is_open(); }
  // `from` can be read, or `to` takes bytes again. May end either side, so nothing of this may be
  // touched afterwards.
  void move();
  // Waits until `to` takes more of what is in the pipe.
  [[nodiscard]] bool blocked() const { return blocked_; }
  // What is in the pipe goes on to `to`; false when that takes no more, or is at its end.
  bool drain();

 private:
  void stop();

  net::Connection& from_;
  net::Connection& to_;
  net::SplicePipe pipe_;
  unsigned small_ = 0;  // moves of few bytes in a row
  bool blocked_ = false;
};

}  // namespace pillion::proxy
