// The response's way through a stream: retries, replies of our own, filters, and the way
// downstream.

#include <algorithm>
#include <utility>

#include "sidecar/base/text.h"
#include "sidecar/http/grpc.h"
#include "sidecar/http/websocket.h"
#include "sidecar/proxy/request_headers.h"
#include "sidecar/proxy/stream.h"

namespace pillion::proxy {

using http::HeaderId;

namespace {

// Envoy's words for how an attempt ended, in bodies and (with underscores) in details.
std::string_view reset_reason(AttemptEnd end) {
  switch (end) {
    case AttemptEnd::kOverflow:
      return "overflow";
    case AttemptEnd::kConnectFailed:
      return "remote connection failure";
    case AttemptEnd::kConnectTimeout:
      return "connection timeout";
    case AttemptEnd::kProtocol:
      return "protocol error";
    case AttemptEnd::kRemoteReset:
      return "remote reset";
    case AttemptEnd::kRefused:
      return "remote refused stream reset";
    case AttemptEnd::kReset:
    case AttemptEnd::kPerTryTimeout:
      break;
  }
  return "connection termination";
}

ResponseFlag flag_of(AttemptEnd end) {
  switch (end) {
    case AttemptEnd::kOverflow:
      return ResponseFlag::kUpstreamOverflow;
    case AttemptEnd::kConnectFailed:
    case AttemptEnd::kConnectTimeout:
      return ResponseFlag::kUpstreamConnectionFailure;
    case AttemptEnd::kProtocol:
      return ResponseFlag::kUpstreamProtocolError;
    case AttemptEnd::kReset:
      return ResponseFlag::kUpstreamConnectionTermination;
    case AttemptEnd::kRemoteReset:
    case AttemptEnd::kRefused:
      return ResponseFlag::kUpstreamRemoteReset;
    case AttemptEnd::kPerTryTimeout:
      break;
  }
  return ResponseFlag::kUpstreamRequestTimeout;
}

// Stale idle connections that one request may meet before it counts as failed.
constexpr uint32_t kMaxStaleConnections = 16;

}  // namespace

void Stream::on_attempt_head(http::ResponseHead& head, bool end) {
  touch();
  bool tunnel =
      !upgrade_.empty() &&
      (head.status == 101 || (upgrade_ == "connect" && head.status >= 200 && head.status < 300));
  if (head.status < 200 && !tunnel) {
    if (head.status == 101) {
      // Nobody asked to switch protocols; what follows is no HTTP.
      attempt_.cancel();
      reply_for(AttemptEnd::kProtocol, {});
      return;
    }
    on_interim(head);
    return;
  }
  per_try_timer_.cancel();
  head.headers.join_repeated(false);
  info_.times.response_first = worker_.loop.now();
  RetryDecision decision = RetryDecision::kNo;
  if (!tunnel) decision = retry_.on_response(head, *cluster_, action_->priority);
  if (decision == RetryDecision::kYes) {
    if (request_passed_ && replayable_) {
      charge_upstream(head.status, true);
      count_named([](metrics::VirtualClusterStats& s) { s.upstream_rq_retry.add(); });
      if (!end) attempt_.cancel();
      retry_pending_ = true;
      if (!end) per_try_timer_.arm(retry_.backoff(worker_.random));
      return;
    }
  }
  note_retry_refused(decision);
  if (retry_.on_final_response(*cluster_))
    count_named([](metrics::VirtualClusterStats& s) { s.upstream_rq_retry_success.add(); });
  response_kind_.canary =
      attempt_.endpoint().canary || head.headers.value(HeaderId::kEnvoyCanary) == "true";
  count_outcome(head, end);
  charge_upstream(head.status, false);
  if (tunnel) {
    is_tunnel_ = true;
    attempt_.start_tunnel();
    // What came as HTTP/2 knows nothing of the HTTP/1.1 handshake.
    if (!http2() && !request_->protocol.empty() &&
        attempt_.connection().version() == http::Version::kHttp2)
      http::complete_upgrade_response(*request_, head);
  } else {
    // An upgrade that the origin declines ends both connections: neither request has an end.
    upgrade_ = {};
  }
  info_.response_code_details = "via_upstream";
  body_.clear();
  replayable_ = false;
  info_.response_code = head.status;
  edit_upstream_response(head);
  response_head_end_ = end;
  begin_response(head, end);
}

void Stream::count_outcome(const http::ResponseHead& head, bool end) {
  auto& counts = attempt_.endpoint().counts;
  if (head.status < 500 && request_->is_grpc()) {
    if (end)
      count_grpc_outcome(&head.headers);
    else
      grpc_outcome_due_ = true;
    return;
  }
  (head.status < 500 ? counts.rq_success : counts.rq_error).fetch_add(1, std::memory_order_relaxed);
}

void Stream::count_grpc_outcome(const http::Headers* trailers) {
  std::optional<unsigned> status;
  if (trailers != nullptr) status = http::grpc_status_in(*trailers);
  bool good = status && http::http_status_of_grpc(*status) < 500;
  auto& counts = attempt_.endpoint().counts;
  (good ? counts.rq_success : counts.rq_error).fetch_add(1, std::memory_order_relaxed);
}

void Stream::edit_upstream_response(http::ResponseHead& head) {
  http::Headers& headers = head.headers;
  response_ = &head;
  // As in Envoy, from the end of the request; an answer that comes earlier has taken no time.
  if (!http_.config().suppress_envoy_headers && request_complete()) {
    auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
                       worker_.loop.now() - info_.times.request_received)
                       .count();
    char text[24];
    char* end = std::to_chars(text, text + sizeof(text), elapsed).ptr;
    headers.set_view(HeaderId::kEnvoyServiceTime,
                     arena_.copy({text, static_cast<std::size_t>(end - text)}));
  }
  if (match_.virtual_host->config().include_attempt_count_in_response)
    headers.set_view(HeaderId::kEnvoyAttemptCount, arena_.copy(std::to_string(info_.attempts)));
  match_.route->edit_response(head, context(), match_.weighted);
}

void Stream::on_interim(const http::ResponseHead& head) {
  if (!std::exchange(interim_counted_, true)) charge_upstream(head.status, false);
  if (!http_.config().proxy_100_continue || head_sent_) return;
  owner_.send_interim(head.status, &head);
  http_.stats().downstream_rq.add(head.status);
  http_.listener_stats().downstream_rq.add(head.status);
}

void Stream::on_attempt_body(std::string_view data) {
  if (done() || retry_pending_ || local_reply_) return;
  touch();
  if (info_.times.response_body_first == Time{})
    info_.times.response_body_first = worker_.loop.now();
  if (is_tunnel_ || chain_.empty())
    pass_response_body(data, false);
  else
    chain_.response_body(data, false);
  if (!done()) check_response_flow();
}

void Stream::on_attempt_end(http::Headers* trailers) {
  if (done() || local_reply_) return;
  if (retry_pending_) {  // a response without a body, to be tried again: its connection is free now
    per_try_timer_.arm(retry_.backoff(worker_.random));
    return;
  }
  info_.times.response_last = worker_.loop.now();
  if (std::exchange(grpc_outcome_due_, false)) count_grpc_outcome(trailers);
  if (is_tunnel_) {
    // In HTTP/1.1 only the connection's end says that a tunnel is over; in HTTP/2 it has one of its
    // own.
    if (info_.upstream_protocol != http::Version::kHttp2) {
      info_.response_code_details = "upstream_reset_after_response_started{connection_termination}";
      info_.set_flag(ResponseFlag::kUpstreamConnectionTermination);
      http_.stats().downstream_rq_tx_reset.add();
    }
    finish_response(nullptr);
    return;
  }
  if (request_complete_) {
    double ms =
        std::chrono::duration<double, std::milli>(worker_.loop.now() - info_.times.request_received)
            .count();
    cluster_->stats().upstream_rq_time.record(ms);
    cluster_->response_stats().record_time(ms, response_kind_);
    count_named([ms](metrics::VirtualClusterStats& s) { s.upstream_rq_time.record(ms); });
  }
  upstream_done_ = true;
  if (response_head_end_) {
    if (head_sent_) finish_response(nullptr);
  } else if (chain_.empty()) {
    finish_response(trailers);
  } else if (trailers != nullptr)
    chain_.response_trailers(*trailers);
  else
    chain_.response_body({}, true);
}

void Stream::on_attempt_failed(AttemptEnd end, const upstream::AttemptFailure& failure) {
  if (done()) return;
  if (failure.was_reset) info_.upstream_close_type = "RemoteReset";
  if (attempt_.response_started()) {
    info_.set_flag(flag_of(end));
    // As in Envoy, which counts it where a status in trailers was still to come.
    if (head_sent_ && request_->is_grpc())
      http_.stats().rq_reset_after_downstream_response_started.add();
    fail_after_head(arena_.concat("upstream_reset_after_response_started{",
                                  end == AttemptEnd::kProtocol      ? "protocol_error"
                                  : end == AttemptEnd::kRemoteReset ? "remote_reset"
                                                                    : "connection_termination",
                                  "}"));
    return;
  }
  per_try_timer_.cancel();
  bool untouched = failure.evidence != upstream::Evidence::kUnknown;
  bool stale = failure.reused_connection || failure.by_goaway;
  if (end == AttemptEnd::kReset && untouched && stale && replayable_ &&
      info_.attempts <= kMaxStaleConnections + retry_.retries() && !is_tunnel_) {
    // The connection was closed while it was idle and nobody has seen the request: send it again at
    // once.
    --info_.attempts;
    start_attempt();
    return;
  }
  if (pool_counts_as_error(end))
    attempt_.endpoint().counts.rq_error.fetch_add(1, std::memory_order_relaxed);
  RetryDecision decision = retry_.on_failure(end, request_sent_, *cluster_, action_->priority);
  if (decision == RetryDecision::kYes) {
    if (replayable_ && request_passed_) {
      count_named([](metrics::VirtualClusterStats& s) { s.upstream_rq_retry.add(); });
      retry_pending_ = true;
      per_try_timer_.arm(retry_.backoff(worker_.random));
      return;
    }
  }
  note_retry_refused(decision);
  reply_for(end, failure);
}

bool Stream::pool_counts_as_error(AttemptEnd end) {
  return end != AttemptEnd::kOverflow;
}

void Stream::note_retry_refused(RetryDecision decision) {
  count_named([decision](metrics::VirtualClusterStats& s) {
    if (decision == RetryDecision::kLimitExceeded) s.upstream_rq_retry_limit_exceeded.add();
    if (decision == RetryDecision::kOverflow) s.upstream_rq_retry_overflow.add();
  });
  if (decision == RetryDecision::kLimitExceeded)
    info_.set_flag(ResponseFlag::kUpstreamRetryLimitExceeded);
  if (decision == RetryDecision::kOverflow) info_.set_flag(ResponseFlag::kUpstreamOverflow);
}

void Stream::reply_for(AttemptEnd end, const upstream::AttemptFailure& failure) {
  int status = end == AttemptEnd::kPerTryTimeout ? 504 : end == AttemptEnd::kProtocol ? 502 : 503;
  charge_upstream(status, false);
  if (end == AttemptEnd::kPerTryTimeout) {
    reply(status, "upstream request timeout", "upstream_per_try_timeout",
          ResponseFlag::kUpstreamRequestTimeout);
    return;
  }
  std::string_view reason = reset_reason(end);
  std::string_view again = retry_.retries() > 0 ? "retried and the latest " : "";
  std::string_view transport;
  if (end == AttemptEnd::kConnectFailed) {
    std::string words = failure.error.what;
    if (failure.error.code != Code::kTls) words.insert(0, "delayed_connect_error:_");
    std::replace(words.begin(), words.end(), ' ', '_');
    transport = arena_.copy(words);
    info_.upstream_transport_failure = transport;
  }
  std::string_view body =
      arena_.concat("upstream connect error or disconnect/reset before headers. ", again,
                    "reset reason: ", reason);
  std::string details(arena_.concat("upstream_reset_before_response_started{", reason,
                                    transport.empty() ? "" : "|", transport, "}"));
  std::replace(details.begin(), details.end(), ' ', '_');
  reply(status, body, arena_.copy(details), flag_of(end));
}

void Stream::prepare_reply(const filter::LocalReply& wanted) {
  auto* response = arena_.make<http::ResponseHead>(arena_);
  Reply reply{wanted.status, arena_.copy(wanted.body), arena_.copy(wanted.content_type),
              wanted.grpc_status};
  info_.response_code_details = arena_.copy(wanted.details);
  // Logs name the cluster that a route leads to even when a filter answers before it is asked.
  if (info_.upstream_cluster.empty() && !match_.cluster.empty()) {
    if (const upstream::Cluster* leads_to = worker_.clusters.find(match_.cluster)) {
      info_.upstream_cluster = arena_.copy(leads_to->config().stat_name());
      info_.upstream_cluster_raw = arena_.copy(leads_to->config().name);
    }
  }
  if (wanted.flag != ResponseFlag::kCount) info_.set_flag(wanted.flag);
  response->status = reply.status;
  if (wanted.edit != nullptr) wanted.edit(*response, wanted.edit_context);
  reply_body_ = reply.body;
  info_.response_code = reply.status;
  http_.local_replies().rewrite(reply, *response, info_, context(), arena_);
  reply_body_ = form_reply(reply, *request_, *response);
  prepared_ = response;
}

void Stream::send_reply() {
  http::ResponseHead* head = std::exchange(prepared_, nullptr);
  attempt_.cancel();
  timeout_timer_.cancel();
  per_try_timer_.cancel();
  chain_.stop_request();
  if (head_sent_) {
    fail_after_head(info_.response_code_details);
    return;
  }
  local_reply_ = true;
  std::string_view body = reply_body_;
  begin_response(*head, body.empty());
  if (!body.empty() && !done()) {
    if (chain_.empty())
      on_response_body_done(body, true);
    else
      chain_.response_body(body, true);
  }
}

void Stream::reply(int status, std::string_view body, std::string_view details,
                   std::optional<ResponseFlag> flag) {
  filter::LocalReply wanted;
  wanted.status = status;
  wanted.body = body;
  wanted.details = details;
  if (flag) wanted.flag = *flag;
  reply(wanted);
}

void Stream::reply(filter::LocalReply wanted) {
  struct Edits {
    Stream& stream;
  } edits{*this};
  wanted.edit_context = &edits;
  wanted.edit = [](http::ResponseHead& head, const void* context) {
    Stream& self = static_cast<const Edits*>(context)->stream;
    self.edit_own_response(head);
  };
  prepare_reply(wanted);
  send_reply();
}

void Stream::edit_own_response(http::ResponseHead& head) {
  bool direct =
      match_.route != nullptr && match_.route->direct_response() != nullptr && action_ == nullptr;
  if (direct && phase_ == Phase::kRoute) match_.route->edit_response(head, context(), nullptr);
  if (info_.has_flag(ResponseFlag::kUpstreamOverflow) && !http_.config().suppress_envoy_headers)
    head.headers.add_view(HeaderId::kEnvoyOverloaded, "true");
  if (action_ != nullptr && match_.virtual_host->config().include_attempt_count_in_response)
    head.headers.set_view(HeaderId::kEnvoyAttemptCount,
                          arena_.copy(std::to_string(info_.attempts)));
}

void Stream::reset_stream(std::string_view details) {
  info_.response_code_details = details;
  finish(true);
}

void Stream::on_request_too_large() {
  http_.stats().downstream_rq_too_large.add();
  reply(413, "Payload Too Large", "request_payload_too_large");
}

void Stream::on_response_too_large() {
  http_.stats().rs_too_large.add();
  reply(500, "Internal Server Error", "response_payload_too_large");
}

void Stream::begin_response(http::ResponseHead& head, bool end) {
  response_ = &head;
  info_.response_code = head.status;  // filters may log it or put it into headers
  enter(Phase::kFilterResponse);
  if (chain_.empty())
    on_response_head_done(end);
  else
    chain_.response_head(end);
}

void Stream::on_response_head_done(bool end) {
  if (phase_ != Phase::kFilterResponse) return;
  http::ResponseHead& head = *response_;
  prepare_response(head, http_.config(), worker_);
  // A caller that has asked for a trace is told where to look for it.
  bool tell_id = http_.config().always_set_request_id_in_response ||
                 request_->headers.has(HeaderId::kEnvoyForceTrace);
  if (tell_id && !info_.request_id.empty())
    head.headers.set(HeaderId::kRequestId, info_.request_id);
  info_.response_code = head.status;
  info_.times.downstream_first = worker_.loop.now();
  head_sent_ = true;
  enter(Phase::kBody);
  if (is_tunnel_) {
    timeout_timer_.cancel();
    owner_.send_head(head, false, true);
    owner_.start_tunnel();
    return;
  }
  owner_.send_head(head, end, false);
  // An upstream's bodiless response ends with on_attempt_end, which gives the connection back
  // first.
  if (end && (local_reply_ || upstream_done_)) finish_response(nullptr);
}

void Stream::on_response_body_done(std::string_view data, bool end) {
  pass_response_body(data, end);
}

void Stream::on_response_trailers_done(http::Headers& trailers) {
  finish_response(&trailers);
}

void Stream::pass_response_body(std::string_view data, bool end) {
  if (done()) return;
  if (!data.empty()) {
    info_.response_body_bytes += data.size();
    owner_.send_body(data);
  }
  if (end) finish_response(nullptr);
}

void Stream::finish_response(http::Headers* trailers) {
  if (done()) return;
  response_trailers_ = trailers;
  response_end_ = true;
  if (!is_tunnel_) {
    owner_.send_end(trailers);
    info_.times.downstream_last = worker_.loop.now();
  }
  finish(false);
}

void Stream::check_response_flow() {
  if (owner_.clogged() || chain_.response_full())
    attempt_.pause_response();
  else
    attempt_.resume_response();
}

void Stream::on_downstream_drained() {
  touch();
  if (!done() && !chain_.response_full()) attempt_.resume_response();
}

void Stream::fail_after_head(std::string_view details) {
  if (!head_sent_) {
    reply(502, {}, details);
    return;
  }
  info_.response_code_details = details;
  count_rx_reset();
  finish(true);
}

}  // namespace pillion::proxy
