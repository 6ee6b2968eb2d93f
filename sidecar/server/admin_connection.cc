#include "sidecar/server/admin_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sidecar/http/http1_writer.h"

namespace pillion::server {

namespace {
constexpr std::size_t kPiece = 64 * 1024;
}  // namespace

AdminConnection::AdminConnection(AdminServer& server, net::Fd fd, const Address& peer)
    : server_(server),
      connection_(server.loop_, *this, std::move(fd)),
      parser_(http::Role::kServer, *this, {.max_header_bytes = server.limits_.header_bytes}),
      timer_(io::Timer::of<&AdminConnection::on_timeout>(server.loop_.timers(), *this)),
      arena_(server.blocks_),
      peer_(peer),
      local_(net::local_address(connection_.fd())) {
  connection_.set_watermark(server.limits_.output);
  enter(Phase::kIdle);
  metrics::HttpStats& stats = server_.http_stats_.here();
  stats.downstream_cx_total.add();
  stats.downstream_cx_active.add();
  stats.downstream_cx_http1_total.add();
  stats.downstream_cx_http1_active.add();
  server_.listener_stats_.here().downstream_cx_total.add();
  server_.listener_stats_.here().downstream_cx_active.add();
}

AdminConnection::~AdminConnection() {
  metrics::HttpStats& stats = server_.http_stats_.here();
  stats.downstream_cx_active.sub();
  stats.downstream_cx_http1_active.sub();
  stats.downstream_cx_destroy.add();
  stats.downstream_cx_rx_bytes_total.add(connection_.bytes_read());
  stats.downstream_cx_tx_bytes_total.add(connection_.bytes_written());
  server_.listener_stats_.here().downstream_cx_active.sub();
  server_.listener_stats_.here().downstream_cx_destroy.add();
}

void AdminConnection::enter(Phase phase) {
  phase_ = phase;
  const AdminLimits& limits = server_.limits_;
  timer_.arm(phase == Phase::kIdle      ? limits.idle_time
             : phase == Phase::kReading ? limits.request_time
                                        : limits.stalled_write_time);
}

void AdminConnection::on_data(std::string_view bytes) {
  unread_.append(bytes);
  process();
}

void AdminConnection::process() {
  while (connection_.open() && phase_ <= Phase::kReading && !unread_.empty()) {
    auto taken = parser_.feed(unread_.front());
    if (!taken) {
      server_.http_stats_.here().downstream_cx_protocol_error.add();
      refuse(parser_.error().status, parser_.error().details);
      return;
    }
    unread_.drain(*taken);
    if (phase_ == Phase::kReady) run_command();
  }
  if (!connection_.open()) return;
  // A request cut short, or no further one: nothing is left to do.
  if (read_ended_ && phase_ <= Phase::kReading) close();
}

Arena& AdminConnection::on_message_begin(http::StreamId /*id*/) {
  request_ = nullptr;
  response_ = nullptr;
  arena_.reset();
  body_read_ = 0;
  info_ = StreamInfo{};
  info_.start_wall = server_.loop_.wall_now();
  info_.times.start = server_.loop_.now();
  info_.downstream_remote = &peer_;
  info_.downstream_direct_remote = &peer_;
  info_.downstream_local = &local_;
  enter(Phase::kReading);
  return arena_;
}

void AdminConnection::on_request(http::StreamId /*id*/, http::RequestHead& head, bool /*end*/) {
  request_ = &head;
  info_.protocol = head.version;
  metrics::HttpStats& stats = server_.http_stats_.here();
  stats.downstream_rq_total.add();
  stats.downstream_rq_http1_total.add();
  stats.downstream_rq_active.add();
}

void AdminConnection::on_body(http::StreamId /*id*/, std::string_view data) {
  body_read_ += data.size();
  info_.request_body_bytes = body_read_;
}

void AdminConnection::on_message_end(http::StreamId /*id*/, http::Headers* /*trailers*/) {
  phase_ = Phase::kReady;
}

void AdminConnection::run_command() {
  info_.times.request_received = server_.loop_.now();
  close_after_ = !parser_.keep_alive();
  if (body_read_ > server_.limits_.request_body)
    answer_ = text_response("The request's body is too large.\n", 413);
  else
    answer_ = server_.admin_.handle(AdminRequest::parse(request_->method_text, request_->path));
  send_head();
}

// The bytes that came are no request that can be answered by a command.
void AdminConnection::refuse(int status, std::string_view text) {
  answer_ = text_response(std::string(text) + "\n", status);
  close_after_ = true;
  unread_.clear();
  send_head();
}

void AdminConnection::send_head() {
  enter(Phase::kWriting);
  connection_.pause_reads();
  response_ = arena_.make<http::ResponseHead>(arena_);
  response_->status = answer_.status;
  http::Headers& headers = response_->headers;
  headers.add_view(http::HeaderId::kContentType, answer_.content_type);
  headers.add("cache-control", "no-cache, max-age=0");
  headers.add("x-content-type-options", "nosniff");
  headers.add(http::HeaderId::kDate, server_.dates_.text(server_.loop_.wall_now()));
  headers.add_view(http::HeaderId::kServer, "envoy");
  bool http10 = request_ != nullptr && request_->version == http::Version::kHttp10;
  chunked_ = answer_.more && !http10;
  if (!answer_.more)
    headers.add(http::HeaderId::kContentLength, std::to_string(answer_.body.size()));
  else if (http10)
    close_after_ = true;  // the end of the connection is the end of the body
  http::Http1Tail tail;
  tail.close = close_after_;
  tail.chunked = chunked_;
  write_head(connection_.output(), *response_, tail);
  info_.response_code = answer_.status;
  info_.times.downstream_first = server_.loop_.now();
  if (request_ != nullptr && request_->method == http::Method::kHead) {
    answer_.body.clear();
    answer_.more = nullptr;
    chunked_ = false;
  }
  sent_ = 0;
  body_written_ = 0;
  send_more();
}

void AdminConnection::send_more() {
  while (connection_.open() && (sent_ < answer_.body.size() || next_piece())) {
    if (connection_.clogged()) return;  // on_drained() goes on
    std::string_view piece = std::string_view(answer_.body).substr(sent_, kPiece);
    if (chunked_)
      http::write_chunk(connection_.output(), piece);
    else
      connection_.write(piece);
    sent_ += piece.size();
  }
  if (!connection_.open()) return;
  if (std::exchange(chunked_, false)) http::write_last_chunk(connection_.output(), nullptr);
  connection_.notify_flushed();
}

bool AdminConnection::next_piece() {
  if (!answer_.more) return false;
  body_written_ += sent_;
  sent_ = 0;
  answer_.body.clear();
  if (answer_.more(answer_.body)) return true;
  answer_.more = nullptr;
  return false;
}

void AdminConnection::on_drained() {
  enter(Phase::kWriting);
  send_more();
}

void AdminConnection::on_flushed() {
  if (phase_ == Phase::kWriting && sent_ == answer_.body.size() && !answer_.more) finish_response();
}

void AdminConnection::finish_response() {
  metrics::HttpStats& stats = server_.http_stats_.here();
  stats.downstream_rq.add(answer_.status);
  if (request_ != nullptr) {
    stats.downstream_rq_active.sub();
    info_.times.end = server_.loop_.now();
    info_.response_body_bytes = body_written_ + answer_.body.size();
    if (server_.log_) server_.log_(info_, *request_, *response_);
  }
  request_ = nullptr;
  answer_ = AdminResponse{};
  sent_ = 0;
  if (close_after_) {
    close();
    return;
  }
  arena_.reset();
  enter(Phase::kIdle);
  connection_.resume_reads();
  parser_.resume();
  process();
}

void AdminConnection::on_end() {
  read_ended_ = true;
  if (phase_ <= Phase::kReading) close();
}

void AdminConnection::on_failed(Error /*error*/) {
  close();
}

void AdminConnection::on_timeout() {
  close();
}

void AdminConnection::close() {
  if (request_ != nullptr) server_.http_stats_.here().downstream_rq_active.sub();
  request_ = nullptr;
  timer_.cancel();
  connection_.close();
  server_.forget(*this);
}

}  // namespace pillion::server
