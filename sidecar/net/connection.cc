#include "sidecar/net/connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace pillion::net {

namespace {

// One read buffer per thread, lent to whichever connection is being read; what is left over is
// copied by its owner.
constexpr std::size_t kReadSize = 64 * 1024;
char* read_buffer() {
  thread_local std::unique_ptr<char[]> buffer(new char[kReadSize]);
  return buffer.get();
}

// A piece this large is worth a system call of its own rather than a copy.
constexpr std::size_t kDirectWrite = 16 * 1024;
constexpr std::size_t kMaxPieces = 64;

}  // namespace

Connection::Connection(io::EventLoop& loop, ConnectionEvents& events, Fd fd)
    : loop_(loop), events_(events), fd_(std::move(fd)) {
  poll_.emplace(loop_, fd_.number(), *this);
  update_interest();
}

Connection::Connection(io::EventLoop& loop, ConnectionEvents& events, Fd fd, Connecting)
    : loop_(loop), events_(events), fd_(std::move(fd)), connecting_(true) {
  poll_.emplace(loop_, fd_.number(), *this);
  update_interest();
}

void Connection::update_interest() {
  if (!poll_) return;
  unsigned interest = 0;
  if (connecting_) {
    interest = io::kWritable;
  } else {
    if (reading()) interest |= io::kReadable;
    if (!reading() && watch_hangup_ && !read_ended_) interest |= io::kHangup;
    if (blocked_) interest |= io::kWritable;
  }
  poll_->watch(interest);
}

void Connection::on_ready(unsigned ready) {
  if (connecting_) {
    finish_connect();
    return;
  }
  if ((ready & io::kWritable) != 0 && blocked_) {
    blocked_ = false;
    if (!flush()) return;
  }
  if ((ready & io::kReadable) != 0 && reading()) {
    read_some();
    if (!open()) return;
  } else if ((ready & io::kHangup) != 0 && !read_ended_) {
    read_ended_ = true;
    events_.on_end();
    if (!open()) return;
  } else if ((ready & (io::kReadable | io::kWritable)) == (io::kReadable | io::kWritable)) {
    // An error was reported while nobody reads.
    if (int error = take_socket_error(fd_.number()); error != 0) {
      fail(error);
      return;
    }
  }
  update_interest();
}

void Connection::finish_connect() {
  int error = take_socket_error(fd_.number());
  if (error != 0) {
    fail(error);
    return;
  }
  connecting_ = false;
  if (tls_ != nullptr) {
    start_handshake();
    return;
  }
  update_interest();
  // What was asked for meanwhile: output, the flushed event, FIN.
  loop_.at_end(*this);
  events_.on_connected();
}

void Connection::await_writable() {
  blocked_ = true;
  notify_flushed_ = true;
  update_interest();
}

void Connection::end_raw(int error) {
  if (error != 0) {
    fail(error);
    return;
  }
  read_ended_ = true;
  update_interest();
  events_.on_end();
}

void Connection::read_some() {
  if (raw_) {
    events_.on_readable();
    return;
  }
  char* buffer = read_buffer();
  ssize_t n = ::recv(fd_.number(), buffer, kReadSize, 0);
  if (n > 0) {
    bytes_read_ += static_cast<uint64_t>(n);
    deliver({buffer, static_cast<std::size_t>(n)});
    return;
  }
  if (n == 0) {
    if (connecting()) {
      fail_unfinished();
      return;
    }
    read_ended_ = true;
    events_.on_end();
    return;
  }
  if (errno != EAGAIN && errno != EINTR) fail(errno);
}

void Connection::receive(std::string_view bytes) {
  bytes_read_ += bytes.size();
  deliver(bytes);
}

void Connection::deliver(std::string_view bytes) {
  if (tls_ != nullptr)
    open_sealed(bytes);
  else
    events_.on_data(bytes);
}

void Connection::read_now() {
  if (!open() || connecting_ || read_pauses_ != 0 || read_ended_) return;
  read_some();
  if (open()) update_interest();
}

// Writes `from` and then `extra`, as far as the socket takes them. False on error (kept in
// pending_error_).
bool Connection::write_out(Buffer& from, std::string_view extra, std::size_t& extra_written) {
  iovec pieces[kMaxPieces + 1];
  extra_written = 0;
  while (!from.empty() || extra_written < extra.size()) {
    std::size_t count = from.peek(pieces, kMaxPieces);
    std::size_t gathered = 0;
    for (std::size_t i = 0; i < count; ++i) gathered += pieces[i].iov_len;
    bool with_extra = gathered == from.size() && extra_written < extra.size();
    if (with_extra)
      pieces[count++] = {const_cast<char*>(extra.data()) + extra_written,
                         extra.size() - extra_written};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    ssize_t n = count == 1
                    ? ::send(fd_.number(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                    : ::sendmsg(fd_.number(), &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        blocked_ = true;
        return true;
      }
      pending_error_ = errno;
      return false;
    }
    auto written = static_cast<std::size_t>(n);
    bytes_written_ += written;
    std::size_t from_buffer = std::min(written, from.size());
    bool partial = written < gathered + (with_extra ? extra.size() - extra_written : 0);
    if (from_buffer != 0) from.drain(from_buffer);
    extra_written += written - from_buffer;
    if (partial) {
      blocked_ = true;
      return true;
    }
  }
  return true;
}

void Connection::write(std::string_view bytes) {
  if (!open()) return;
  if (tls_ != nullptr) {
    write_large_sealed(bytes);
    return;
  }
  if (bytes.size() >= kDirectWrite && !blocked_ && !connecting_ && pending_error_ == 0) {
    std::size_t written = 0;
    write_out(output_, bytes, written);
    bytes.remove_prefix(written);
    if (bytes.empty() && output_.empty()) return;
  }
  output().append(bytes);
}

void Connection::at_iteration_end() {
  if (open()) flush();
}

bool Connection::flush() {
  if (connecting_ || blocked_) {
    update_interest();
    return true;
  }
  std::size_t none = 0;
  if (pending_error_ != 0 || !(tls_ == nullptr ? write_out(output_, {}, none) : write_sealed())) {
    // A peer that refuses our bytes may have sent an answer before: let the reader meet it first.
    output_.clear();
    fail(pending_error_);
    return false;
  }
  if (over_ && unsent() <= watermark_ / 2) {
    over_ = false;
    events_.on_drained();
    if (!open()) return false;
  }
  if (unsent() == 0 && !(tls_ != nullptr && connecting())) {
    if (shutdown_ && !shutdown_done_) {
      shutdown_done_ = true;
      ::shutdown(fd_.number(), SHUT_WR);
    }
    if (notify_flushed_) {
      notify_flushed_ = false;
      events_.on_flushed();
      if (!open()) return false;
    }
  }
  update_interest();
  return true;
}

void Connection::pause_reads() {
  if (read_pauses_++ == 0) update_interest();
}

void Connection::resume_reads() {
  if (--read_pauses_ == 0) update_interest();
}

void Connection::notify_flushed() {
  notify_flushed_ = true;
  loop_.at_end(*this);
}

void Connection::shutdown_write() {
  shutdown_ = true;
  loop_.at_end(*this);
}

void Connection::close() {
  if (tls_ != nullptr && open()) say_goodbye();
  poll_.reset();
  fd_.reset();
  output_.clear();
  io::IterationEnd::unlink();
}

void Connection::abort() {
  if (!open()) return;
  linger on{1, 0};
  ::setsockopt(fd_.number(), SOL_SOCKET, SO_LINGER, &on, sizeof(on));
  blocked_ = true;  // a reset says goodbye to nobody
  close();
}

void Connection::fail(int error) {
  // A peer's reset may follow a complete answer that has not been read yet.
  if (!connecting_ && read_pauses_ == 0 && !read_ended_ &&
      (error == EPIPE || error == ECONNRESET)) {
    for (int i = 0; i < 16 && open(); ++i) {
      char* buffer = read_buffer();
      ssize_t n = ::recv(fd_.number(), buffer, kReadSize, 0);
      if (n == 0 && error == EPIPE && !connecting()) {
        // Linux says EPIPE rather than ECONNRESET when FIN came before the reset: this is the end
        // that some answers wait for.
        read_ended_ = true;
        events_.on_end();
        break;
      }
      if (n <= 0) break;
      bytes_read_ += static_cast<uint64_t>(n);
      deliver({buffer, static_cast<std::size_t>(n)});
    }
    if (!open()) return;
  }
  Error why{connecting_ ? Code::kRefused : Code::kReset, Origin::kUpstream, connecting(),
            error == ECONNREFUSED                   ? "Connection refused"
            : error == ETIMEDOUT                    ? "Connection timed out"
            : error == EPIPE || error == ECONNRESET ? "connection reset by peer"
                                                    : "connection failed"};
  if (error == EMFILE || error == ENFILE) why.code = Code::kOverload;
  acknowledged_ = acknowledged_bytes(fd_.number());
  close();
  events_.on_failed(why);
}

int64_t Connection::acknowledged() const {
  return open() ? acknowledged_bytes(fd_.number()) : acknowledged_;
}

}  // namespace pillion::net
