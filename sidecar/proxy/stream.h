#pragma once
// One request and its response, from the first byte of the head to the access log. The hub of the
// data path: what it calls knows nothing of it. Phases, and the only edges between them:
//
//   kIdle -> kFilterRequest -> kRoute -> kAttempt (retries loop here) -> kFilterResponse -> kBody
//   -> kDone
//
// kFilterRequest and kRoute may skip to kFilterResponse (a reply of our own); every phase may go to
// kDone (reset). Owned by its Downstream until done, then deleted by the loop; worker thread.

#include <cstdint>
#include <new>
#include <optional>
#include <string_view>

#include "sidecar/base/arena.h"
#include "sidecar/base/buffer.h"
#include "sidecar/filter/chain.h"
#include "sidecar/format/stream_info.h"
#include "sidecar/io/loop.h"
#include "sidecar/proxy/attempt.h"
#include "sidecar/proxy/inbound.h"
#include "sidecar/proxy/request_headers.h"
#include "sidecar/proxy/retry.h"
#include "sidecar/proxy/snapshot.h"
#include "sidecar/proxy/worker_context.h"

namespace pillion::proxy {

// What a stream asks of the connection it came in on.
class StreamOwner {
 public:
  // `tunnel`: bytes follow untouched. Adds "connection: close" to the head when it says so.
  virtual void send_head(http::ResponseHead& head, bool end, bool tunnel) = 0;
  virtual void send_interim(int status, const http::ResponseHead* head) = 0;
  virtual void send_body(std::string_view data) = 0;
  virtual void send_end(const http::Headers* trailers) = 0;
  // Both ways pass bytes untouched from now on.
  virtual void start_tunnel() = 0;
  [[nodiscard]] virtual bool clogged() = 0;
  // How much of the response may be on its way here besides a first piece; reserved until the
  // stream asks again or is done.
  virtual std::size_t response_window() = 0;
  virtual void pause_request() = 0;
  virtual void resume_request() = 0;
  // The connection ends after this response.
  virtual void close_after_response() = 0;
  // The stream is over. `intact`: request and response are both complete, so the connection may
  // carry on. `reset`: cut the connection off, since the response cannot be completed.
  virtual void on_stream_done(bool intact, bool reset) = 0;
  virtual filter::ConnectionSlots& connection_slots() = 0;
  // Bytes on the wire since the stream began.
  virtual void wire_bytes(uint64_t& received, uint64_t& sent) = 0;

 protected:
  ~StreamOwner() = default;
};

// The connection's facts that streams report.
struct ConnectionFacts {
  uint64_t id = 0;
  Address remote;
  Address local;
  std::string_view listener_name;
  uint32_t buffer_limit = 1024 * 1024;
  std::string_view filter_chain_name;
  int socket = -1;
  Time opened{};
  http::Version version = http::Version::kHttp11;  // kHttp2, or some HTTP/1
  tls::Session* session = nullptr;                 // null in plain text
  std::unique_ptr<Inspection> inspection{};        // null where no listener filter looked
};

class Stream final : public io::Disposable, private filter::ChainOwner {
 public:
  enum class Phase : uint8_t {
    kIdle,
    kFilterRequest,
    kRoute,
    kAttempt,
    kFilterResponse,
    kBody,
    kDone
  };

  // One block of the worker's pool holds the stream and the beginning of its arena: nothing is
  // allocated for most requests, and what one touches lies together.
  static Stream* make(StreamOwner& owner, WorkerContext& worker, const HttpRuntime& http,
                      const ConnectionFacts& connection);
  static void operator delete(Stream* stream, std::destroying_delete_t);
  ~Stream() override;

  // From the codec, by way of the Downstream.
  void on_request(http::RequestHead& head, bool end);
  void on_request_body(std::string_view data);
  void on_request_end(http::Headers* trailers);
  // The request is malformed from here on: answers `error` if nothing was answered yet, else
  // resets.
  void on_request_malformed(const http::ProtocolError& error);
  // The client has closed or reset its connection.
  void on_downstream_gone();
  // HTTP/2: the client has reset this stream, or has broken the rules in it.
  void on_downstream_reset(std::string_view details, bool by_client);
  // Too much waits for the client: the response's source may have to pause.
  void on_downstream_congested();
  void on_downstream_drained();
  // The connection is being closed by the proxy (drain deadline).
  void abort(std::string_view details);

  // From the attempt.
  void on_attempt_ready();
  void on_attempt_head(http::ResponseHead& head, bool end);
  void on_attempt_body(std::string_view data);
  void on_attempt_end(http::Headers* trailers);
  void on_attempt_failed(AttemptEnd end, const upstream::AttemptFailure& failure);
  void on_attempt_drained();
  [[nodiscard]] std::size_t response_window() { return done() ? 0 : owner_.response_window(); }

  Arena& arena() override { return arena_; }
  StreamInfo& info() override { return info_; }
  [[nodiscard]] bool done() const { return phase_ == Phase::kDone; }
  // A request for a tunnel never is: as HTTP sees it, all that follows belongs to it.
  [[nodiscard]] bool request_complete() const { return request_complete_ && !tunnel_wanted_; }
  [[nodiscard]] bool head_sent() const { return head_sent_; }
  [[nodiscard]] Phase phase() const { return phase_; }

 private:
  Stream(StreamOwner& owner, WorkerContext& worker, const HttpRuntime& http,
         const ConnectionFacts& connection);
  // filter::ChainOwner
  http::RequestHead& request() override { return *request_; }
  http::ResponseHead* response() override { return response_; }
  [[nodiscard]] filter::Overrides overrides() const override;
  [[nodiscard]] bool has_route() const override { return match_.route != nullptr; }
  [[nodiscard]] std::string_view route_cluster() const override { return match_.cluster; }
  void clear_route_cache() override;
  [[nodiscard]] Time now() const override { return worker_.loop.now(); }
  uint64_t random() override { return worker_.random.next(); }
  [[nodiscard]] std::optional<filter::ClusterHealth> cluster_health(
      std::string_view cluster) const override;
  [[nodiscard]] bool server_draining() const override;
  filter::ConnectionSlots& connection_slots() override { return owner_.connection_slots(); }
  void arm_filter_timer(Duration delay) override { filter_timer_.arm(delay); }
  void cancel_filter_timer() override { filter_timer_.cancel(); }
  void prepare_reply(const filter::LocalReply& reply) override;
  void send_reply() override;
  void reset_stream(std::string_view details) override;
  void on_request_too_large() override;
  void on_response_too_large() override;
  void on_request_head_done(bool end) override;
  void on_request_body_done(std::string_view data, bool end) override;
  void on_request_trailers_done(http::Headers& trailers) override;
  void on_response_head_done(bool end) override;
  void on_response_body_done(std::string_view data, bool end) override;
  void on_response_trailers_done(http::Headers& trailers) override;

  void enter(Phase next);
  // Request path (stream_request.cc).
  bool admit_request();
  bool admit_upgrade();
  void choose_route();
  void choose_trace(const config::Tracing& configured);
  void run_request_filters(bool end);
  void route_request();
  void forward(const config::ForwardAction& action);
  void redirect_to(const config::RedirectAction& action);
  void read_timeouts(const config::ForwardAction& action);
  void read_grpc_timeout(const config::ForwardAction& action);
  // How long the stream may last, by route or by grpc-timeout.
  void limit_duration(const config::ForwardAction& action);
  // The CONNECT request ends here: its tunnel goes to the cluster as plain TCP.
  [[nodiscard]] bool ends_connect() const {
    return action_->connect != nullptr && upgrade_ == "connect";
  }
  void start_attempt();
  void note_attempted_host();
  void send_request_head();
  void pass_request_body(std::string_view data, bool end);
  void finish_request(const http::Headers* trailers);
  void arm_request_timers();
  void check_request_flow();
  [[nodiscard]] format::Context context() const;

  // Response path (stream_response.cc).
  void begin_response(http::ResponseHead& head, bool end);
  void pass_response_body(std::string_view data, bool end);
  void finish_response(http::Headers* trailers);
  void check_response_flow();
  void note_retry_refused(RetryDecision decision);
  void count_outcome(const http::ResponseHead& head, bool end);
  void count_grpc_outcome(const http::Headers* trailers);
  void on_interim(const http::ResponseHead& head);
  void edit_upstream_response(http::ResponseHead& head);
  // A reply of our own. Details and body live as long as the stream or are static.
  void reply(int status, std::string_view body, std::string_view details,
             std::optional<ResponseFlag> flag = std::nullopt);
  void reply(filter::LocalReply wanted);
  void reply_for(AttemptEnd end, const upstream::AttemptFailure& failure);
  void edit_own_response(http::ResponseHead& head);
  static bool pool_counts_as_error(AttemptEnd end);
  // The stream ends before request and response do; once, whatever follows from it.
  void count_rx_reset();
  void fail_after_head(std::string_view details);

  // Ends (stream_finish.cc).
  // Stands in for the head of a request that is answered before it is here.
  void begin_without_head();
  void on_route_timeout();
  void on_per_try_timeout();
  void on_idle_timeout();
  void on_filter_timer() { chain_.on_timer(); }
  void on_max_duration();
  void touch() {
    if (idle_limit_ > Duration::zero()) idle_timer_.arm(idle_limit_);
  }
  [[nodiscard]] upstream::TlsNames tls_names() const {
    return {std::string(sni_), std::string(expected_san_)};
  }
  [[nodiscard]] UnderscoreCounts underscore_counts() const;
  [[nodiscard]] bool http2() const { return connection_.version == http::Version::kHttp2; }
  // The single end of every stream.
  void finish(bool reset);
  void find_named_stats();
  template <class F>
  void count_named(F&& count) {
    for (metrics::VirtualClusterStats* stats : named_stats_)
      if (stats != nullptr) count(*stats);
  }
  void charge_upstream(int status, bool retried);
  void log();

  StreamOwner& owner_;
  WorkerContext& worker_;
  const HttpRuntime& http_;
  const ConnectionFacts& connection_;
  Arena arena_;
  StreamInfo info_;
  Address remote_;  // the client's, which x-forwarded-for may change
  http::RequestHead* request_ = nullptr;
  http::ResponseHead* response_ = nullptr;
  http::Headers* request_trailers_ = nullptr;
  http::Headers* response_trailers_ = nullptr;
  route::Match match_;
  filter::Chain chain_;
  Attempt attempt_;
  RetryState retry_;
  upstream::Cluster* cluster_ = nullptr;
  const config::ForwardAction* action_ = nullptr;
  upstream::ResponseKind response_kind_;
  // Of the virtual cluster and of the route's stat_prefix, where there are such.
  metrics::VirtualClusterStats* named_stats_[2] = {nullptr, nullptr};

  // Request body that may still be needed: until the attempt has a connection, and for a retry
  // after that.
  Buffer body_;
  std::size_t body_limit_;
  std::string_view sni_;  // what TLS to the endpoint asks for, if the request says it
  std::string_view expected_san_;
  std::string_view upgrade_;      // the type, when this is a tunnel in the making
  bool tunnel_wanted_ = false;    // CONNECT, or an upgrade
  bool tunnel_admitted_ = false;  // ... that the configuration allows
  Phase phase_ = Phase::kIdle;
  bool request_complete_ = false;   // the codec has seen the end of the request
  bool head_was_all_ = false;       // the request's head was marked as its end
  bool request_passed_ = false;     // ... and the filters have let it through
  bool replayable_ = true;          // body_ holds all of the body so far
  bool keep_body_ = false;          // for a retry by policy
  bool head_sent_ = false;          // a final response head has gone downstream
  bool response_end_ = false;       // the whole response has been handed to the connection
  bool response_head_end_ = false;  // the upstream's head was all of its response
  bool upstream_done_ = false;      // the upstream's response is complete
  bool local_reply_ = false;
  bool is_tunnel_ = false;
  bool interim_counted_ = false;
  bool timeout_alt_response_ = false;  // x-envoy-upstream-rq-timeout-alt-response: 204 for 504
  bool internal_ = false;              // the request came from an internal address
  bool grpc_outcome_due_ = false;      // gRPC: the trailers say whether the endpoint did well
  bool request_flow_paused_ = false;
  bool retry_pending_ = false;
  bool request_sent_ = false;  // a head was written upstream in the attempt at hand
  bool rx_reset_counted_ = false;
  std::string_view reply_body_;
  http::ResponseHead* prepared_ = nullptr;
  Duration timeout_{};
  Duration per_try_timeout_{};
  Duration idle_limit_{};
  Time grpc_deadline_{};  // from grpc-timeout, where the route follows it
  io::Timer timeout_timer_;
  io::Timer per_try_timer_;  // also the back-off before a retry
  io::Timer idle_timer_;
  io::Timer filter_timer_;
  std::unique_ptr<io::Timer> duration_timer_;
};

}  // namespace pillion::proxy
