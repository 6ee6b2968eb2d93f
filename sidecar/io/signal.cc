#include "sidecar/io/signal.h"

#include <uv.h>

#include <csignal>
#include <utility>

#include "sidecar/base/check.h"
#include "sidecar/io/loop.h"

namespace pillion::io {

struct SignalWatcher::Handle {
  uv_signal_t signal;
  Function<void()> on_signal;
  bool closed = false;
};

SignalWatcher::SignalWatcher(EventLoop& loop, int signal, Function<void()> on_signal)
    : handle_(new Handle{{}, std::move(on_signal)}) {
  CHECK(uv_signal_init(loop.raw(), &handle_->signal) == 0);
  handle_->signal.data = handle_;
  CHECK(uv_signal_start(
            &handle_->signal,
            [](uv_signal_t* s, int) {
              auto* handle = static_cast<Handle*>(s->data);
              if (!handle->closed) handle->on_signal();
            },
            signal) == 0);
}

SignalWatcher::~SignalWatcher() {
  handle_->closed = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->signal),
           [](uv_handle_t* h) { delete static_cast<Handle*>(h->data); });
}

void ignore_signal(int signal) {
  std::signal(signal, SIG_IGN);
}

}  // namespace pillion::io
