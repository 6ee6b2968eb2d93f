// One request as a stream of an HTTP/2 connection.

#include <utility>

#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/http2_client.h"
#include "sidecar/upstream/pool.h"

namespace pillion::upstream {

const ClientConnection& Http2ClientStream::connection() const {
  return client_->connection_;
}

Arena& Http2ClientStream::arena() {
  return events_->response_arena();
}

void Http2ClientStream::send_head(ResponseEvents& events, const http::RequestHead& head, bool end,
                                  bool tunnel) {
  events_ = &events;
  ClientConnection& connection = client_->connection_;
  written_before_ = connection.connection_.bytes_written() + connection.connection_.unsent();
  reused_ = connection.requests_ > 0;
  sent_ = head.headers.byte_size() + head.path.size() + head.authority.size();
  request_header_bytes_ = head.headers.byte_size();
  upgrading_ = tunnel && head.method != http::Method::kConnect;
  if (upgrading_) {
    waiting_ = &head;
    if (client_->settled() || !client_->config_.http2.allow_connect)
      open_tunnel();
    else
      client_->awaiting_settings_.push_back(this);
    return;
  }
  if (!client_->session_.open(*this, head, end && !tunnel, tunnel)) doom();
}

void Http2ClientStream::doom() {
  unsendable_ = true;
  client_->doom(*this);
}

void Http2ClientStream::open_tunnel() {
  const http::RequestHead& head = *std::exchange(waiting_, nullptr);
  // An endpoint that has not announced extended CONNECT would take it for a malformed request (RFC
  // 8441 section 3).
  bool allowed = client_->config_.http2.allow_connect && client_->session_.peer_allows_connect();
  if (!allowed || !client_->session_.open(*this, head, false, true)) {
    doom();
    return;
  }
  bool clogged_before = !early_.empty();
  while (!early_.empty()) {
    client_->session_.send_body(*this, early_.front());
    early_.drain(early_.front().size());
  }
  if (early_end_) client_->session_.send_end(*this, nullptr);
  if (clogged_before) notify_drained();
}

void Http2ClientStream::send_body(std::string_view data) {
  if (waiting_ != nullptr) {
    sent_ += data.size();
    early_.append(data);
  }
  if (!attached()) return;
  sent_ += data.size();
  // A large piece goes out without being kept, where windows and the socket take it.
  constexpr std::size_t kDirect = 4096;
  net::Connection& connection = client_->connection_.connection_;
  if (data.size() >= kDirect && !connection.clogged())
    client_->session_.send_body(*this, data, connection.output(),
                                client_->pool().cluster().config().buffer_limit);
  else
    client_->session_.send_body(*this, data);
}

void Http2ClientStream::send_end(const http::Headers* trailers) {
  if (waiting_ != nullptr) early_end_ = true;
  if (attached()) client_->session_.send_end(*this, trailers);
}

void Http2ClientStream::release_unused() {
  dispose();
}

void Http2ClientStream::abandon() {
  events_ = nullptr;
  if (attached()) {
    client_->pool().cluster().stats().upstream_rq_tx_reset.add();
    client_->session_.reset(*this, http::Http2Error::kCancel);
  }
  dispose();
}

bool Http2ClientStream::clogged() {
  if (waiting_ != nullptr) return !early_.empty();
  return attached() &&
         (client_->session_.clogged(*this) || client_->connection_.connection_.clogged());
}

void Http2ClientStream::pause_response() {
  if (attached()) client_->session_.pause(*this);
}

void Http2ClientStream::resume_response() {
  if (attached()) client_->session_.resume(*this);
}

void Http2ClientStream::notify_drained() {
  if (events_ != nullptr && !clogged()) events_->on_request_drained();
}

void Http2ClientStream::on_response(http::ResponseHead& head, bool end) {
  if (events_ == nullptr) return;
  head_seen_ = true;
  received_ += head.headers.byte_size();
  response_header_bytes_ += head.headers.byte_size();
  // What HTTP/1.1 calls switching protocols; the answer to the same question.
  if (upgrading_ && head.status >= 200 && head.status < 300 && !end) head.status = 101;
  events_->on_response_head(head, end);
}

void Http2ClientStream::on_body(std::string_view data) {
  received_ += data.size();
  if (events_ != nullptr) events_->on_response_body(data);
}

void Http2ClientStream::on_message_end(http::Headers* trailers) {
  ResponseEvents* events = std::exchange(events_, nullptr);
  if (events == nullptr) return;
  // What is left of the request interests nobody any more. One whose end has been written is
  // complete; the session says so next.
  events->on_connection_leaving();
  if (!end_written() && attached()) {
    client_->pool().cluster().stats().upstream_rq_tx_reset.add();
    client_->session_.reset(*this, http::Http2Error::kCancel);
  }
  if (!attached()) dispose();
  leave();
  events->on_response_end(trailers);
}

void Http2ClientStream::on_closed(const http::Http2End& end) {
  dispose();
  if (events_ == nullptr) return;
  metrics::ClusterStats& stats = client_->pool().cluster().stats();
  AttemptFailure failure;
  failure.reused_connection = reused_;
  failure.refused = end.code == http::Http2Error::kRefusedStream;
  failure.reset = end.remote;
  if (end.unprocessed && !head_seen_) failure.evidence = Evidence::kUnprocessed;
  // GOAWAY has told of many streams what RST_STREAM tells of one.
  failure.by_goaway = failure.refused && client_->connection_.retired();
  if (end.remote) {
    if (!failure.refused) stats.upstream_rq_rx_reset.add();
    failure.error = {Code::kReset, Origin::kUpstream, end.unprocessed, "stream reset by upstream"};
  } else {
    stats.upstream_rq_tx_reset.add();
    failure.error = {Code::kProtocol, Origin::kUpstream, false, "malformed HTTP/2 response"};
  }
  give_up(failure);
}

void Http2ClientStream::note_evidence() {
  net::Connection& connection = client_->connection_.connection_;
  int64_t acknowledged = connection.acknowledged();
  if (head_seen_ || events_ == nullptr) return;
  if (unsendable_ || waiting_ != nullptr || connection.bytes_written() <= written_before_)
    evidence_ = Evidence::kNothingSent;
  else if (acknowledged >= 0 && static_cast<uint64_t>(acknowledged) <= written_before_)
    evidence_ = Evidence::kUnprocessed;
}

void Http2ClientStream::on_connection_failed(Error error) {
  if (disposed_) return;
  dispose();
  if (events_ == nullptr) return;
  metrics::ClusterStats& stats = client_->pool().cluster().stats();
  if (error.code == Code::kReset) stats.upstream_rq_pending_failure_eject.add();
  if (error.code == Code::kProtocol) stats.upstream_rq_tx_reset.add();
  AttemptFailure failure;
  failure.error = error;
  failure.evidence = evidence_;
  failure.reused_connection = reused_;
  give_up(failure);
}

void Http2ClientStream::give_up(const AttemptFailure& failure) {
  ResponseEvents* events = std::exchange(events_, nullptr);
  events->on_response_failed(failure);
}

void Http2ClientStream::leave() {
  if (!std::exchange(left_, true)) client_->on_stream_over();
}

void Http2ClientStream::dispose() {
  leave();
  if (std::exchange(disposed_, true)) return;
  if (waiting_ != nullptr) std::erase(client_->awaiting_settings_, this);
  client_->pool().cluster().loop().delete_later(std::unique_ptr<io::Disposable>(this));
}

}  // namespace pillion::upstream
