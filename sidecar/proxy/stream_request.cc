// The request's way through a stream: admission, route, filters, the attempt and the body.

#include <algorithm>

#include "sidecar/base/text.h"
#include "sidecar/http/grpc.h"
#include "sidecar/http/websocket.h"
#include "sidecar/proxy/original_pick.h"
#include "sidecar/proxy/request_headers.h"
#include "sidecar/proxy/stream.h"
#include "sidecar/proxy/tcp_connector.h"
#include "sidecar/proxy/tls_facts.h"
#include "sidecar/proxy/trace_reason.h"
#include "sidecar/proxy/upstream_names.h"

namespace pillion::proxy {

using http::HeaderId;

void Stream::arm_request_timers() {
  const config::HttpConnectionManager& config = http_.config();
  Duration limit = config.request_timeout;
  if (request_ == nullptr && config.request_headers_timeout.count() > 0 &&
      (limit == Duration::zero() || config.request_headers_timeout < limit))
    limit = config.request_headers_timeout;
  if (limit > Duration::zero())
    timeout_timer_.arm(info_.times.start + limit - worker_.loop.now());
  else
    timeout_timer_.cancel();
  if (request_ == nullptr && config.max_stream_duration.count() > 0) {
    duration_timer_ = io::Timer::make<&Stream::on_max_duration>(worker_.loop.timers(), *this);
    duration_timer_->arm(config.max_stream_duration);
  }
}

void Stream::on_request(http::RequestHead& head, bool end) {
  request_ = &head;
  request_complete_ = head_was_all_ = end;
  info_.protocol = head.version;
  // As Envoy counts: three bytes beside each field, and the host is one of them.
  if (head.authority.data() != nullptr) info_.request_header_bytes += head.authority.size() + 7;
  head.headers.join_repeated(true);
  touch();
  if (end) {
    info_.times.request_received = worker_.loop.now();
    timeout_timer_.cancel();
  } else if (timeout_timer_.armed() || http_.config().request_timeout.count() > 0) {
    arm_request_timers();
  }
  enter(Phase::kFilterRequest);
  if (!admit_request()) return;
  choose_route();
  if (http_.config().tracing) choose_trace(*http_.config().tracing);
  if (!admit_upgrade()) return;
  run_request_filters(end);
}

bool Stream::admit_request() {
  const config::HttpConnectionManager& config = http_.config();
  http::RequestHead& head = *request_;
  if (head.version == http::Version::kHttp10 && !config.accept_http_10) {
    owner_.close_after_response();
    reply(426, "Upgrade Required", "low_version", ResponseFlag::kDownstreamProtocolError);
    return false;
  }
  if (head.authority.empty() && head.version == http::Version::kHttp10 &&
      !config.default_host_for_http_10.empty())
    head.authority = config.default_host_for_http_10;
  if (!config.allow_absolute_url && !head.scheme.empty() && !http2()) {
    http_.stats().downstream_rq_non_relative_path.add();
    reply(404, {}, "absolute_path_rejected");
    return false;
  }
  // The head was well formed as HTTP/1, so that where the next request begins is known.
  bool goes_on = config.stream_error_on_invalid_message;
  if (head.authority.data() == nullptr) {
    if (!goes_on) owner_.close_after_response();
    reply(400, {}, "missing_host_header");
    return false;
  }
  if (std::optional<Refusal> refusal = check_request(head, config, underscore_counts())) {
    if (refusal->location.empty()) {
      if (refusal->details == "path_normalization_failed")
        http_.stats().downstream_rq_failed_path_normalization.add();
      if (!goes_on) owner_.close_after_response();
      bool protocol =
          refusal->details.starts_with("http1.") || refusal->details.starts_with("http2.");
      reply(refusal->status, protocol ? "Bad Request" : "", refusal->details,
            protocol ? std::optional(ResponseFlag::kDownstreamProtocolError) : std::nullopt);
    } else {
      http_.stats().downstream_rq_redirected_with_normalized_path.add();
      auto* response = arena_.make<http::ResponseHead>(arena_);
      response->status = refusal->status;
      response->headers.add_view(HeaderId::kLocation, refusal->location);
      info_.response_code_details = refusal->details;
      local_reply_ = true;
      begin_response(*response, true);
    }
    return false;
  }
  if (head.protocol.data() != nullptr && equals_ignore_case(head.protocol, "h2c")) {
    // RFC 9113 section 3.1 has dropped this upgrade; the request is served as the HTTP/1.1 one it
    // also is.
    head.protocol = {};
    head.headers.remove("http2-settings");
  }
  upgrade_ = head.method == http::Method::kConnect ? std::string_view("connect")
                                                   : std::string_view(head.protocol);
  tunnel_wanted_ = !upgrade_.empty();
  RequestFacts facts{connection_.remote, remote_, connection_.local.port()};
  facts.session = connection_.session;
  prepare_request(head, config, facts, worker_);
  internal_ = facts.internal;
  info_.request_id = head.headers.value(HeaderId::kRequestId);
  if (const http::Header* expect = head.headers.find(HeaderId::kExpect);
      expect != nullptr && equals_ignore_case(expect->value(), "100-continue") &&
      !config.proxy_100_continue) {
    head.headers.remove(HeaderId::kExpect);
    if (!request_complete_) {
      owner_.send_interim(100, nullptr);
      http_.stats().downstream_rq.add(100);
      http_.listener_stats().downstream_rq.add(100);
    }
  }
  return true;
}

bool Stream::admit_upgrade() {
  if (upgrade_.empty()) return true;
  std::string type = lower_copy(upgrade_);
  const config::UpgradeConfig* configured = http_.upgrade(type);
  bool allowed = configured != nullptr && configured->enabled;
  if (match_.route != nullptr && match_.route->forward() != nullptr) {
    const auto& overrides = match_.route->forward()->upgrades;
    if (auto it = overrides.find(type); it != overrides.end()) allowed = it->second;
  }
  if (allowed) {
    tunnel_admitted_ = true;
    http_.stats().downstream_cx_upgrades_total.add();
    http_.stats().downstream_cx_upgrades_active.add();
    return true;
  }
  http_.stats().downstream_rq_ws_on_non_ws_route.add();
  upgrade_ = {};
  owner_.close_after_response();
  reply(403, {}, "upgrade_failed");
  return false;
}

void Stream::choose_route() {
  ++info_.route_resolutions;
  bool timed = format::route_times_wanted();
  Time began = timed ? std::chrono::steady_clock::now() : Time{};
  match_ = http_.router().match(*request_, worker_.random.next());
  if (timed) info_.route_resolution_time += std::chrono::steady_clock::now() - began;
  if (match_.virtual_host != nullptr) {
    info_.virtual_host_name = match_.virtual_host->config().name;
    info_.virtual_host_metadata = match_.virtual_host->config().metadata.get();
  }
  if (match_.route == nullptr) return;
  info_.route_name = match_.route->config().name;
  info_.route_metadata = match_.route->config().metadata.get();
  const config::ForwardAction* action = match_.route->forward();
  if (action != nullptr && action->idle_timeout) {
    idle_limit_ = *action->idle_timeout;
    if (idle_limit_ > Duration::zero())
      touch();
    else
      idle_timer_.cancel();
  }
  if (action != nullptr) limit_duration(*action);
}

void Stream::limit_duration(const config::ForwardAction& action) {
  std::optional<Duration> most;
  if (action.max_stream_duration) most = *action.max_stream_duration;
  if (action.grpc != nullptr && action.grpc->header_max && request_->is_grpc()) {
    if (auto asked = http::parse_grpc_timeout(request_->headers.value(HeaderId::kGrpcTimeout))) {
      Duration cap = *action.grpc->header_max;
      most = cap > Duration::zero() ? std::min(*asked, cap) : *asked;
      grpc_deadline_ = info_.times.start + *most;
      Duration offset = action.grpc->header_offset;
      // What asks for no time at all gets no timer of zero, which means none.
      most = std::max(*most > offset ? *most - offset : *most, Duration(1));
    }
  }
  if (!most) return;
  duration_timer_.reset();
  if (*most <= Duration::zero()) return;
  duration_timer_ = io::Timer::make<&Stream::on_max_duration>(worker_.loop.timers(), *this);
  duration_timer_->arm(info_.times.start + *most - worker_.loop.now());
}

void Stream::choose_trace(const config::Tracing& configured) {
  const config::Tracing* own =
      match_.route == nullptr ? nullptr : match_.route->config().tracing.get();
  info_.trace_reason = decide_trace(*request_, own != nullptr ? *own : configured,
                                    http_.config().pack_trace_reason, worker_.random);
  info_.request_id = request_->headers.value(HeaderId::kRequestId);
  metrics::TracingStats& stats = http_.tracing_stats();
  switch (info_.trace_reason) {
    case TraceReason::kNone:
      stats.not_traceable.add();
      break;
    case TraceReason::kSampled:
      stats.random_sampling.add();
      break;
    case TraceReason::kForced:
      stats.service_forced.add();
      break;
    case TraceReason::kClient:
      stats.client_enabled.add();
      break;
  }
}

void Stream::clear_route_cache() {
  choose_route();
}

void Stream::run_request_filters(bool end) {
  const std::vector<config::HttpFilter>* filters = &http_.config().filters;
  if (!upgrade_.empty())
    if (const config::UpgradeConfig* u = http_.upgrade(lower_copy(upgrade_));
        u != nullptr && u->filters)
      filters = &*u->filters;
  if (filters->size() > 1) {
    chain_.construct(*this, *filters, overrides(), {body_limit_, body_limit_});
  }
  // A tunnel's bytes follow, so that for filters the message has not ended.
  bool ends = end && upgrade_.empty();
  if (chain_.empty())
    on_request_head_done(ends);
  else
    chain_.request_head(ends);
}

void Stream::on_request_head_done(bool end) {
  if (phase_ != Phase::kFilterRequest) return;
  request_passed_ = end;
  route_request();
}

void Stream::route_request() {
  enter(Phase::kRoute);
  metrics::HttpStats& stats = http_.stats();
  stats.rq_total.add();
  if (match_.redirect_to_https) {
    stats.rq_direct_response.add();
    auto* response = arena_.make<http::ResponseHead>(arena_);
    response->status = 301;
    response->headers.add_view(HeaderId::kLocation,
                               arena_.concat("https://", request_->authority, request_->path));
    info_.response_code_details = "direct_response";
    local_reply_ = true;
    begin_response(*response, true);
    return;
  }
  if (match_.route == nullptr) {
    stats.no_route.add();
    reply(404, {}, "route_not_found", ResponseFlag::kNoRouteFound);
    return;
  }
  if (const config::ForwardAction* action = match_.route->forward()) {
    forward(*action);
  } else if (const config::RedirectAction* redirect = match_.route->redirect()) {
    redirect_to(*redirect);
  } else if (const config::DirectResponse* direct = match_.route->direct_response()) {
    stats.rq_direct_response.add();
    reply(direct->status, direct->body, "direct_response");
  } else {
    stats.no_route.add();
    reply(404, {}, "route_not_found", ResponseFlag::kNoRouteFound);
  }
}

void Stream::redirect_to(const config::RedirectAction& action) {
  http_.stats().rq_direct_response.add();  // Envoy counts redirects so
  auto* response = arena_.make<http::ResponseHead>(arena_);
  response->status = action.status;
  response->headers.add_view(HeaderId::kLocation, match_.route->redirect_location(*request_));
  response_ = response;
  match_.route->edit_response(*response, context(), nullptr);
  info_.response_code_details = "direct_response";
  local_reply_ = true;
  begin_response(*response, true);
}

void Stream::forward(const config::ForwardAction& action) {
  action_ = &action;
  cluster_ = match_.cluster.empty() ? nullptr : worker_.clusters.find(match_.cluster);
  if (cluster_ == nullptr) {
    http_.stats().no_cluster.add();
    reply(action.cluster_not_found_status, {}, "cluster_not_found", ResponseFlag::kNoClusterFound);
    return;
  }
  cluster_->hold();
  const config::Cluster& cluster = cluster_->config();
  info_.upstream_cluster = cluster.stat_name();
  info_.upstream_cluster_raw = cluster.name;
  info_.cluster_metadata = cluster.metadata.get();
  find_named_stats();
  response_kind_.internal = internal_;
  response_kind_.from_zone = worker_.process.zone;
  if (request_->headers.has(HeaderId::kEnvoyAltStatName)) {
    response_kind_.alt_name =
        *request_->headers.joined(http::header_name(HeaderId::kEnvoyAltStatName));
    request_->headers.remove(HeaderId::kEnvoyAltStatName);
  }
  read_timeouts(action);
  bool suppress = http_.config().suppress_envoy_headers;
  match_.route->edit_request(*request_, context(), match_.weighted);
  match_.route->rewrite(*request_, match_.weighted, suppress);
  if (cluster.tls != nullptr && cluster.http != nullptr) {
    upstream::TlsNames names = upstream_names(*cluster.http, *request_);
    if (!names.sni.empty()) sni_ = arena_.copy(names.sni);
    if (!names.san.empty()) expected_san_ = arena_.copy(names.san);
  }
  retry_.configure(action.retry.get(), match_.route->retry_matchers(), *request_);
  keep_body_ = retry_.enabled();
  enter(Phase::kAttempt);
  if (request_complete_ && timeout_ > Duration::zero()) timeout_timer_.arm(timeout_);
  start_attempt();
}

void Stream::read_timeouts(const config::ForwardAction& action) {
  http::Headers& headers = request_->headers;
  timeout_ = action.timeout;
  per_try_timeout_ = action.retry ? Duration(action.retry->per_try_timeout) : Duration::zero();
  auto milliseconds = [&headers](HeaderId id) -> std::optional<Duration> {
    const http::Header* h = headers.find(id);
    if (h == nullptr) return std::nullopt;
    auto value = parse_number<uint32_t>(h->value());
    headers.remove(id);
    if (!value) return std::nullopt;
    return std::chrono::milliseconds(*value);
  };
  if (action.grpc != nullptr && action.grpc->max) read_grpc_timeout(action);
  if (auto t = milliseconds(HeaderId::kEnvoyTimeoutMs)) timeout_ = *t;
  if (auto t = milliseconds(HeaderId::kEnvoyPerTryTimeoutMs)) per_try_timeout_ = *t;
  timeout_alt_response_ = headers.remove(HeaderId::kEnvoyTimeoutAltResponse) > 0;
  if (timeout_ > Duration::zero() && per_try_timeout_ >= timeout_)
    per_try_timeout_ = Duration::zero();
  Duration expected = per_try_timeout_ > Duration::zero() ? per_try_timeout_ : timeout_;
  if (expected > Duration::zero() && !http_.config().suppress_envoy_headers) {
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(expected).count();
    char text[24];
    char* end = std::to_chars(text, text + sizeof(text), ms).ptr;
    headers.set_view(HeaderId::kEnvoyExpectedTimeoutMs,
                     arena_.copy({text, static_cast<std::size_t>(end - text)}));
  }
}

void Stream::read_grpc_timeout(const config::ForwardAction& action) {
  if (!request_->is_grpc()) return;
  // Without a deadline of its own a request has as much time as the route gives.
  timeout_ = http::parse_grpc_timeout(request_->headers.value(HeaderId::kGrpcTimeout))
                 .value_or(Duration::zero());
  Duration offset = action.grpc->offset;
  if (timeout_ > offset) timeout_ -= offset;
  Duration cap = *action.grpc->max;
  if (cap > Duration::zero() && (timeout_ == Duration::zero() || timeout_ > cap)) timeout_ = cap;
  if (timeout_ > Duration::zero()) grpc_deadline_ = worker_.loop.now() + timeout_;
}

void Stream::start_attempt() {
  retry_pending_ = false;
  request_sent_ = false;
  ++info_.attempts;
  if (match_.virtual_host->config().include_request_attempt_count) {
    request_->headers.set_view(HeaderId::kEnvoyAttemptCount,
                               arena_.copy(std::to_string(info_.attempts)));
  }
  // Each try is told how much is left.
  if (grpc_deadline_ != Time{})
    request_->headers.set(HeaderId::kGrpcTimeout,
                          http::format_grpc_timeout(grpc_deadline_ - worker_.loop.now()));
  upstream::PickHint hint;
  const upstream::Endpoint* tried[1] = {nullptr};
  hint.now = worker_.loop.now();
  if (action_->retry && action_->retry->avoid_previous_hosts && info_.attempts > 1 &&
      attempt_.pool() != nullptr) {
    tried[0] = &attempt_.endpoint();
    hint.avoid = tried;
    hint.attempts = action_->retry->host_selection_attempts;
  }
  const Inspection* inspection = connection_.inspection.get();
  std::optional<Address> original;
  if (cluster_->config().original_dst != nullptr) {
    bool restored = inspection != nullptr && inspection->restored;
    original = original_of(cluster_->config(), {restored ? &connection_.local : nullptr, request_,
                                                info_.dynamic_metadata});
    if (original) hint.original = &*original;
  }
  upstream::Pool* pool = ends_connect()
                             ? cluster_->choose_raw(hint, action_->priority, tls_names())
                             : cluster_->choose(hint, action_->priority, http2(), tls_names());
  if (pool == nullptr) {
    cluster_->stats().upstream_cx_none_healthy.add();
    charge_upstream(503, false);
    reply(503, "no healthy upstream", "no_healthy_upstream", ResponseFlag::kNoHealthyUpstream);
    return;
  }
  info_.upstream_host = info_.upstream_remote = &pool->endpoint()->address;
  info_.upstream_host_name = pool->endpoint()->hostname.empty()
                                 ? std::string_view(pool->endpoint()->address_text)
                                 : pool->endpoint()->hostname;
  info_.upstream_metadata = pool->endpoint()->metadata.get();
  if (pool->endpoint()->locality) response_kind_.to_zone = pool->endpoint()->locality->zone;
  info_.upstream_close_type = "Normal";
  note_attempted_host();
  if (info_.times.pool_requested == Time{}) info_.times.pool_requested = worker_.loop.now();
  attempt_.start(*cluster_, *pool);
}

void Stream::note_attempted_host() {
  AttemptedHost** end = &info_.attempted;
  while (*end != nullptr) end = &(*end)->next;
  *end = arena_.make<AttemptedHost>();
  (*end)->address = info_.upstream_host;
  (*end)->name = info_.upstream_host_name;
}

void Stream::on_attempt_ready() {
  count_named([](metrics::VirtualClusterStats& s) { s.upstream_rq_total.add(); });
  const upstream::ClientConnection& connection = attempt_.connection();
  StreamTimes& times = info_.times;
  times.upstream_connect_start = connection.connect_started();
  times.upstream_connected = connection.connected();
  times.request_sent_first = worker_.loop.now();
  info_.upstream_local = &connection.local();
  info_.upstream_tls = tls_facts(connection.session(), true, arena_);
  info_.upstream_connection_id = connection.id();
  if (times.pool_ready == Time{}) times.pool_ready = worker_.loop.now();
  for (AttemptedHost* host = info_.attempted; host != nullptr; host = host->next)
    if (host->next == nullptr) host->connection_id = connection.id();
  if (!ends_connect()) info_.upstream_protocol = connection.version();
  send_request_head();
  // What has arrived while there was no connection.
  bool whole = request_passed_ || request_trailers_ != nullptr;
  if (!body_.empty()) {
    iovec pieces[64];
    std::size_t count = body_.peek(pieces, 64);
    std::size_t sent = 0;
    for (std::size_t i = 0; i < count; ++i) {
      attempt_.send_body({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len});
      sent += pieces[i].iov_len;
      if (!attempt_.ready()) return;
    }
    if (sent < body_.size()) attempt_.send_body(body_.to_string().substr(sent));
    if (!keep_body_ && body_.size() > 64 * 1024) {
      body_.clear();
      replayable_ = false;
    }
  }
  if (whole) {
    attempt_.send_end(request_trailers_);
    times.request_sent_last = worker_.loop.now();
    if (per_try_timeout_ > Duration::zero()) per_try_timer_.arm(per_try_timeout_);
  }
  check_request_flow();
  // While the client does not read what it has, nothing further is read for it.
  if (attempt_.ready() && owner_.clogged()) attempt_.pause_response();
}

void Stream::send_request_head() {
  if (action_->auto_host_rewrite && !attempt_.endpoint().hostname.empty() &&
      request_->authority != attempt_.endpoint().hostname)
    route::rewrite_authority(*request_, attempt_.endpoint().hostname,
                             action_->append_x_forwarded_host,
                             !http_.config().suppress_envoy_headers);
  bool end = request_passed_ && body_.empty() && request_trailers_ == nullptr;
  // An end that came by itself goes on by itself the first time: some HTTP/2 servers make a
  // difference (grpc-go waits for it in a stream that the head has ended).
  if (!head_was_all_ && info_.attempts <= 1 &&
      attempt_.connection().version() == http::Version::kHttp2)
    end = false;
  const bool tunnel = !upgrade_.empty();
  if (tunnel && http2() && !request_->protocol.empty() &&
      attempt_.connection().version() == http::Version::kHttp11)
    http::complete_upgrade_request(*request_, worker_.random);
  attempt_.send_head(*request_, end, tunnel);
  request_sent_ = true;
  if (!ends_connect() || action_->connect->proxy_protocol == nullptr) return;
  const Inspection* inspection = connection_.inspection.get();
  attempt_.send_body(proxy_header(
      *action_->connect->proxy_protocol,
      {connection_.remote, connection_.local, inspection ? &inspection->tlvs : nullptr}));
}

void Stream::on_request_body(std::string_view data) {
  if (done() || local_reply_) return;
  info_.request_body_bytes += data.size();
  touch();
  if (is_tunnel_) {
    if (attempt_.ready()) {
      attempt_.send_body(data);
      check_request_flow();
    }
    return;
  }
  if (chain_.empty())
    on_request_body_done(data, false);
  else
    chain_.request_body(data, false);
  if (!done()) check_request_flow();
}

void Stream::on_request_end(http::Headers* trailers) {
  if (done()) return;
  bool known = request_complete_;
  request_complete_ = true;
  if (known || local_reply_) return;
  touch();
  if (is_tunnel_) {
    if (attempt_.ready()) attempt_.send_end(nullptr);
    return;
  }
  info_.times.request_received = worker_.loop.now();
  timeout_timer_.cancel();
  if (phase_ == Phase::kAttempt && timeout_ > Duration::zero()) timeout_timer_.arm(timeout_);
  if (trailers != nullptr && !http2() && !http_.config().enable_trailers) trailers = nullptr;
  if (trailers != nullptr) {
    if (chain_.empty())
      on_request_trailers_done(*trailers);
    else
      chain_.request_trailers(*trailers);
  } else if (chain_.empty()) {
    on_request_body_done({}, true);
  } else {
    chain_.request_body({}, true);
  }
}

void Stream::on_request_body_done(std::string_view data, bool end) {
  pass_request_body(data, end);
}

void Stream::on_request_trailers_done(http::Headers& trailers) {
  request_trailers_ = &trailers;
  finish_request(&trailers);
}

void Stream::pass_request_body(std::string_view data, bool end) {
  if (done() || local_reply_) return;
  if (!data.empty()) {
    bool ready = attempt_.ready() && !retry_pending_;
    bool small = body_.size() + data.size() <= 64 * 1024;
    if (replayable_ &&
        (!ready || small || (keep_body_ && body_.size() + data.size() <= body_limit_))) {
      body_.append(data);
    } else if (replayable_) {
      // Too much to keep for a retry.
      replayable_ = false;
      body_.clear();
      if (keep_body_ && cluster_ != nullptr) cluster_->stats().retry_or_shadow_abandoned.add();
    }
    if (ready) attempt_.send_body(data);
  }
  if (end) finish_request(nullptr);
}

void Stream::finish_request(const http::Headers* trailers) {
  request_passed_ = true;
  if (!attempt_.ready() || retry_pending_ || is_tunnel_) return;
  attempt_.send_end(trailers);
  info_.times.request_sent_last = worker_.loop.now();
  if (per_try_timeout_ > Duration::zero()) per_try_timer_.arm(per_try_timeout_);
}

void Stream::check_request_flow() {
  bool waiting = !attempt_.ready() && body_.size() > body_limit_;
  bool full = waiting || attempt_.clogged() || chain_.request_full();
  if (request_complete_ && !is_tunnel_) full = false;
  if (full == request_flow_paused_) return;
  request_flow_paused_ = full;
  metrics::HttpStats& stats = http_.stats();
  if (full) {
    stats.downstream_flow_control_paused_reading_total.add();
    owner_.pause_request();
  } else {
    stats.downstream_flow_control_resumed_reading_total.add();
    owner_.resume_request();
  }
}

void Stream::on_attempt_drained() {
  touch();
  check_request_flow();
}

}  // namespace pillion::proxy
