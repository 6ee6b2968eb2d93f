#include "sidecar/proxy/splice_way.h"

#include <cerrno>

namespace pillion::proxy {

namespace {

// Fills of the pipe before other connections have their turn.
constexpr int kTurns = 8;
constexpr std::size_t kSmall = 8 * 1024;
constexpr unsigned kSmallMoves = 32;

}  // namespace

bool SpliceWay::start() {
  if (!pipe_.open()) return false;
  small_ = 0;
  from_.read_raw(true);
  return true;
}

void SpliceWay::stop() {
  if (!active()) return;
  pipe_.close();
  from_.read_raw(false);
}

bool SpliceWay::drain() {
  while (pipe_.held() > 0) {
    ssize_t n = pipe_.drain(to_.fd());
    if (n > 0) {
      to_.count_raw(0, static_cast<uint64_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) {
      if (to_.open()) to_.end_raw(errno);
      return false;
    }
    if (!blocked_) {
      blocked_ = true;
      if (from_.open()) from_.pause_reads();
    }
    to_.await_writable();
    return false;
  }
  return true;
}

void SpliceWay::move() {
  if (!drain()) return;
  if (blocked_) {
    blocked_ = false;
    from_.resume_reads();
  }
  for (int turn = 0; turn < kTurns; ++turn) {
    ssize_t n = pipe_.fill(from_.fd());
    if (n == 0) {
      stop();
      from_.end_raw(0);
      return;
    }
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      int error = errno;
      stop();
      from_.end_raw(error);
      return;
    }
    from_.count_raw(static_cast<uint64_t>(n), 0);
    small_ = static_cast<std::size_t>(n) < kSmall ? small_ + 1 : 0;
    if (!drain()) return;
    if (small_ >= kSmallMoves) {
      stop();
      return;
    }
  }
}

}  // namespace pillion::proxy
