#include "sidecar/net/splice.h"

#include <fcntl.h>
#include <unistd.h>

namespace pillion::net {

namespace {

constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
constexpr std::size_t kDefaultSize = 64 * 1024;

}  // namespace

bool SplicePipe::open() {
  if (is_open()) return true;
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return false;
  read_end_ = Fd(ends[0]);
  write_end_ = Fd(ends[1]);
  int size = ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kWanted));
  size_ = size > 0 ? static_cast<std::size_t>(size) : kDefaultSize;
  held_ = 0;
  return true;
}

void SplicePipe::close() {
  read_end_.reset();
  write_end_.reset();
  held_ = 0;
}

ssize_t SplicePipe::fill(int from) {
  ssize_t n = ::splice(from, nullptr, write_end_.number(), nullptr, size_, kFlags);
  if (n > 0) held_ += static_cast<std::size_t>(n);
  return n;
}

ssize_t SplicePipe::drain(int to) {
  ssize_t n = ::splice(read_end_.number(), nullptr, to, nullptr, held_, kFlags);
  if (n > 0) held_ -= static_cast<std::size_t>(n);
  return n;
}

}  // namespace pillion::net
