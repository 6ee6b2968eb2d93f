#pragma once
// Unix signals as calls on a loop's thread, outside of signal context. The process's disposition of
// the signal is restored when the watcher is destroyed. Owned by the server, on the control thread.

#include "sidecar/base/function.h"

namespace pillion::io {

class EventLoop;

class SignalWatcher {
 public:
  SignalWatcher(EventLoop& loop, int signal, Function<void()> on_signal);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  struct Handle;
  Handle* handle_;  // outlives this until libuv's close callback
};

// For signals whose default would end the process, such as SIGPIPE on a write to a closed socket.
void ignore_signal(int signal);

}  // namespace pillion::io
