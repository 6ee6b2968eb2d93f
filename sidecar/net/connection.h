#pragma once
// One stream socket on a worker's loop: reads into a buffer lent by the thread, gathers output and
// writes it once per loop iteration, tells its owner when unsent output rises above or falls below
// the watermark. An idle connection holds no buffer. Owned by a Downstream or a ClientConnection;
// loop's thread only.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "sidecar/base/address.h"
#include "sidecar/base/buffer.h"
#include "sidecar/base/error.h"
#include "sidecar/io/loop.h"
#include "sidecar/io/poll.h"
#include "sidecar/net/socket.h"
#include "sidecar/tls/session.h"

namespace pillion::net {

class Connection;

// What a connection tells its owner, never from inside a call of the owner's. The owner may close
// the connection in any of these, but destroys it with EventLoop::delete_later only.
class ConnectionEvents {
 public:
  // Bytes that have arrived; the view is valid during the call.
  virtual void on_data(std::string_view bytes) = 0;
  // The peer has finished sending (FIN).
  virtual void on_end() = 0;
  // The connection failed; it is closed already. Not called for close() by the owner.
  virtual void on_failed(Error error) = 0;
  // A connection of ours is made, or the handshake of one with TLS (ours or accepted) is complete.
  virtual void on_connected() {}
  // Unsent output has fallen to half of the watermark after having been above it.
  virtual void on_drained() {}
  // All output has left, once after each call of notify_flushed().
  virtual void on_flushed() {}
  // There is something to read, while the owner reads the socket itself (read_raw).
  virtual void on_readable() {}

 protected:
  ~ConnectionEvents() = default;
};

class Connection final : public io::PollEvents, public io::IterationEnd {
 public:
  // An accepted socket.
  Connection(io::EventLoop& loop, ConnectionEvents& events, Fd fd);
  // A socket from start_connect(): on_connected or on_failed follows.
  struct Connecting {};
  Connection(io::EventLoop& loop, ConnectionEvents& events, Fd fd, Connecting);
  ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Speaks TLS from the first byte on; right after construction. Output waits for the handshake,
  // whose end on_connected() tells, whose failure on_failed().
  void secure(std::unique_ptr<tls::Session> session);
  // Null without TLS. Stays after the connection has closed.
  [[nodiscard]] tls::Session* session() const { return tls_ ? tls_->session.get() : nullptr; }
  // Why TLS failed, for people; empty if it did not.
  [[nodiscard]] std::string_view transport_failure() const;

  // The peer's end came as FIN alone, without the goodbye of TLS: somebody in between may have cut
  // off what should have followed (RFC 9112 section 9.8).
  [[nodiscard]] bool cut_short() const {
    return tls_ != nullptr && read_ended_ && !tls_->session->ended();
  }

  // Output appended here leaves at the end of the iteration.
  Buffer& output() {
    loop_.at_end(*this);
    return output_;
  }
  // As output().append(), but large pieces are written to the socket at once, without a copy where
  // it takes them.
  void write(std::string_view bytes);
  [[nodiscard]] std::size_t unsent() const {
    return output_.size() + (tls_ ? tls_->cipher.size() : 0);
  }
  void set_watermark(std::size_t bytes) { watermark_ = bytes; }
  // Unsent output is above the watermark; on_drained will follow.
  [[nodiscard]] bool clogged() {
    if (unsent() > watermark_) over_ = true;
    return over_;
  }
  // Nested: reading goes on when every pause was undone.
  void pause_reads();
  void resume_reads();
  // Reads what has arrived without waiting for the loop; events come from inside this call.
  void read_now();
  // Bytes that were read from the socket before it was this connection's, as though they came now:
  // events come from inside this call, also while reads are paused.
  void receive(std::string_view bytes);
  // The owner moves bytes past this: on_readable() instead of on_data(), and count_raw() for what
  // it has read and written. Never with TLS.
  void read_raw(bool on) { raw_ = on; }
  void count_raw(uint64_t read, uint64_t written) {
    bytes_read_ += read;
    bytes_written_ += written;
  }
  // The socket has taken less than it was given: on_flushed() when it takes more.
  void await_writable();
  // Reads have met the end, or an error: what reading here would have done.
  void end_raw(int error);
  // While reads are paused, report the peer's FIN anyway.
  void watch_hangup(bool on) { watch_hangup_ = on; }
  // on_flushed when the output is empty (at the end of this iteration at the earliest).
  void notify_flushed();
  // FIN after all output has left.
  void shutdown_write();
  // Closes now; unsent output is lost. No event follows.
  void close();
  // Closes with RST.
  void abort();
  [[nodiscard]] bool open() const { return fd_.open(); }
  // Not usable yet: there is no connection, or its handshake is under way.
  [[nodiscard]] bool connecting() const {
    return connecting_ || (tls_ != nullptr && !tls_->session->established());
  }
  [[nodiscard]] uint64_t bytes_read() const { return bytes_read_; }
  // Handed to the system so far.
  [[nodiscard]] uint64_t bytes_written() const { return bytes_written_; }
  // Of bytes_written(), what the peer's system has acknowledged; -1 where that is not known.
  [[nodiscard]] int64_t acknowledged() const;
  [[nodiscard]] int fd() const { return fd_.number(); }
  io::EventLoop& loop() { return loop_; }

 private:
  void on_ready(unsigned ready) override;
  void at_iteration_end() override;
  void finish_connect();
  void read_some();
  bool flush();
  bool write_out(Buffer& from, std::string_view extra, std::size_t& extra_written);
  void deliver(std::string_view bytes);
  [[nodiscard]] bool reading() const {
    return !read_ended_ && (read_pauses_ == 0 || (tls_ && !tls_->session->established()));
  }
  void fail(int error);
  void update_interest();
  // --- connection_tls.cc; only with tls_ ---
  void start_handshake();
  void open_sealed(std::string_view ciphertext);
  void fail_session();
  void fail_unfinished();
  // Moves output to ciphertext, a bounded amount at a time.
  void seal();
  // False on error (kept in pending_error_).
  bool write_sealed();
  void write_large_sealed(std::string_view bytes);
  void send_cipher_once();
  void say_goodbye();

  struct Secure {
    std::unique_ptr<tls::Session> session;
    Buffer cipher;  // for the socket
  };

  io::EventLoop& loop_;
  ConnectionEvents& events_;
  Fd fd_;
  std::optional<io::Poll> poll_;
  Buffer output_;
  std::unique_ptr<Secure> tls_;  // null: plain text
  std::size_t watermark_ = 1024 * 1024;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_written_ = 0;
  int64_t acknowledged_ = -1;
  int pending_error_ = 0;
  uint16_t read_pauses_ = 0;
  bool connecting_ = false;
  bool blocked_ = false;  // the socket takes no more; wait until it is writable
  bool over_ = false;
  bool shutdown_ = false;
  bool shutdown_done_ = false;
  bool notify_flushed_ = false;
  bool watch_hangup_ = false;
  bool read_ended_ = false;
  bool raw_ = false;
};

}  // namespace pillion::net
