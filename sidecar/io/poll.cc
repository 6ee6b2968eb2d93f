#include "sidecar/io/poll.h"

#include <uv.h>

#include "sidecar/base/check.h"
#include "sidecar/io/loop.h"

namespace pillion::io {

struct Poll::Handle {
  uv_poll_t poll;
  Poll* owner;
};

Poll::Poll(EventLoop& loop, int fd, PollEvents& events)
    : handle_(new Handle{{}, this}), events_(events) {
  CHECK(uv_poll_init(loop.raw(), &handle_->poll, fd) == 0);
  handle_->poll.data = handle_;
}

Poll::~Poll() {
  handle_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           [](uv_handle_t* h) { delete static_cast<Handle*>(h->data); });
}

void Poll::watch(unsigned interest) {
  if (interest == interest_) return;
  interest_ = interest;
  if (interest == 0) {
    uv_poll_stop(&handle_->poll);
    return;
  }
  int events = 0;
  if ((interest & kReadable) != 0) events |= UV_READABLE;
  if ((interest & kWritable) != 0) events |= UV_WRITABLE;
  if ((interest & kHangup) != 0) events |= UV_DISCONNECT;
  uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int status, int ready) {
    auto* handle = static_cast<Handle*>(poll->data);
    if (handle->owner == nullptr) return;
    unsigned bits = 0;
    if (status < 0) {
      // libuv has stopped watching; forget our interest so that a later watch() starts afresh.
      handle->owner->interest_ = 0;
      bits = kReadable | kWritable;
    }
    if ((ready & UV_READABLE) != 0) bits |= kReadable;
    if ((ready & UV_WRITABLE) != 0) bits |= kWritable;
    if ((ready & UV_DISCONNECT) != 0) bits |= kHangup;
    handle->owner->events_.on_ready(bits);
  });
}

}  // namespace pillion::io
