#pragma once
// Watches one descriptor for readiness. Level-triggered; interest may be changed at any time. The
// descriptor is not owned. Loop's thread only.

#include <cstdint>

struct uv_poll_s;

namespace pillion::io {

class EventLoop;

enum Ready : unsigned { kReadable = 1, kWritable = 2, kHangup = 4 };

class PollEvents {
 public:
  // `ready` is a set of Ready bits. An error on the descriptor is reported as readable and
  // writable, so that the next read or write meets it. The callee may destroy the Poll.
  virtual void on_ready(unsigned ready) = 0;

 protected:
  ~PollEvents() = default;
};

class Poll {
 public:
  Poll(EventLoop& loop, int fd, PollEvents& events);
  ~Poll();
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;
  // Ready bits wanted; 0 stops watching.
  void watch(unsigned interest);
  [[nodiscard]] unsigned interest() const { return interest_; }

 private:
  struct Handle;
  Handle* handle_;  // outlives this until libuv's close callback
  PollEvents& events_;
  unsigned interest_ = 0;
};

}  // namespace pillion::io
