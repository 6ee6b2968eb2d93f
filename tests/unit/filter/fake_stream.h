#pragma once
// A stream at the edge of the filters: drives a real Chain over literal heads, with a clock and
// random numbers that the test sets, and records what came out at either end. Used by the tests of
// the chain and of every filter.

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/filter/chain.h"

namespace pillion::filter {

using Fields = std::vector<std::pair<std::string, std::string>>;

class FakeStream final : public ChainOwner {
 public:
  FakeStream() : arena_(pool_), request_(arena_), trailers_(arena_) {
    now_ = Time(std::chrono::hours(1));
    request_.method = http::Method::kGet;
    request_.method_text = "GET";
    request_.path = "/";
    request_.authority = "example.com";
    request_.scheme = "http";
  }
  ~FakeStream() { chain.finish(); }

  // The request; pseudo-header fields by their names (":path").
  FakeStream& with_request(const Fields& fields) {
    for (const auto& [name, value] : fields) {
      std::string_view text = arena_.copy(value);
      if (name == ":path") {
        request_.path = text;
      } else if (name == ":authority") {
        request_.authority = text;
      } else if (name == ":method") {
        request_.method_text = text;
        request_.method = http::method_of(text);
      } else {
        request_.headers.add(name, value);
      }
    }
    return *this;
  }
  // Puts a filter at the end of the chain; the first one's instance name is "filter0".
  FakeStream& with_filter(std::shared_ptr<const Factory> factory, bool disabled = false) {
    config::HttpFilter filter;
    filter.name = "filter" + std::to_string(filters_.size());
    filter.factory = std::move(factory);
    filter.disabled = disabled;
    filters_.push_back(std::move(filter));
    return *this;
  }
  // Per-route settings of one filter, from least to most specific with each call.
  FakeStream& with_override(const std::string& filter, std::shared_ptr<const RouteConfig> settings,
                            std::optional<bool> disabled = {}) {
    levels_.emplace_back()[filter] = {disabled, std::move(settings)};
    return *this;
  }
  // A response head by the upstream, set before response_head().
  FakeStream& with_response(int status, const Fields& fields = {}) {
    response_ = arena_.make<http::ResponseHead>(arena_);
    response_->status = status;
    for (const auto& [name, value] : fields) response_->headers.add(name, value);
    return *this;
  }
  void construct() { chain.construct(*this, filters_, overrides(), limits); }
  // Builds the chain and passes a request without a body.
  FakeStream& run() {
    construct();
    chain.request_head(true);
    return *this;
  }
  // Passes an upstream's response without a body.
  FakeStream& respond(int status, const Fields& fields = {}) {
    with_response(status, fields);
    chain.response_head(true);
    return *this;
  }
  // Moves the clock; fires the chain's timer as often as it falls due.
  void advance(Duration by) {
    Time until = now_ + by;
    while (timer_ && *timer_ <= until) {
      now_ = std::max(now_, *timer_);
      timer_.reset();
      chain.on_timer();
    }
    now_ = until;
  }
  [[nodiscard]] std::optional<Duration> timer() const {
    return timer_ ? std::optional<Duration>(*timer_ - now_) : std::nullopt;
  }
  // Header lookups for expectations; "(none)" when absent.
  [[nodiscard]] std::string request_field(std::string_view name) const {
    return std::string(request_.field(name).value_or("(none)"));
  }
  [[nodiscard]] std::string response_field(std::string_view name) const {
    return response_ == nullptr ? "(no response)"
                                : std::string(response_->field(name).value_or("(none)"));
  }

  // ChainOwner.
  Arena& arena() override { return arena_; }
  StreamInfo& info() override { return info_; }
  http::RequestHead& request() override { return request_; }
  http::ResponseHead* response() override { return response_; }
  Overrides overrides() const override {
    Overrides all;
    for (const auto& level : levels_) all.add(&level);
    return all;
  }
  bool has_route() const override { return has_route_value; }
  std::string_view route_cluster() const override { return cluster; }
  void clear_route_cache() override { log.emplace_back("clear route"); }
  Time now() const override { return now_; }
  uint64_t random() override {
    if (randoms.empty()) return 0;
    uint64_t next = randoms.front();
    randoms.pop_front();
    return next;
  }
  std::optional<ClusterHealth> cluster_health(std::string_view name) const override {
    auto found = health.find(name);
    return found == health.end() ? std::nullopt : std::optional(found->second);
  }
  bool server_draining() const override { return draining; }
  ConnectionSlots& connection_slots() override { return *slots; }
  void arm_filter_timer(Duration delay) override { timer_ = now_ + delay; }
  void cancel_filter_timer() override { timer_.reset(); }
  void prepare_reply(const LocalReply& reply) override {
    reply_body = reply.body;
    reply_details = reply.details;
    reply_grpc_status = reply.grpc_status;
    if (reply.flag != ResponseFlag::kCount) info_.set_flag(reply.flag);
    response_ = arena_.make<http::ResponseHead>(arena_);
    response_->status = reply.status;
    if (reply.edit != nullptr) reply.edit(*response_, reply.edit_context);
  }
  void send_reply() override {
    log.push_back("reply " + std::to_string(response_->status));
    if (head_sent_) {
      log.emplace_back("reset after head");
      return;
    }
    chain.response_head(reply_body.empty());
    if (!reply_body.empty()) chain.response_body(reply_body, true);
  }
  void reset_stream(std::string_view details) override {
    log.push_back("reset " + std::string(details));
  }
  void on_request_too_large() override {
    prepare_reply({.status = 413, .details = "request_payload_too_large"});
    send_reply();
  }
  void on_response_too_large() override {
    prepare_reply({.status = 500, .details = "response_payload_too_large"});
    send_reply();
  }
  void on_request_head_done(bool end) override {
    log.emplace_back(end ? "> head end" : "> head");
    if (at_request_head) at_request_head();
  }
  void on_request_body_done(std::string_view data, bool end) override {
    log.push_back("> " + std::string(data) + (end ? " end" : ""));
  }
  void on_request_trailers_done(http::Headers&) override { log.emplace_back("> trailers"); }
  void on_response_head_done(bool end) override {
    head_sent_ = true;
    log.push_back("< " + std::to_string(response_->status) + (end ? " end" : ""));
  }
  void on_response_body_done(std::string_view data, bool end) override {
    log.push_back("< " + std::string(data) + (end ? " end" : ""));
    if (at_response_body) at_response_body();
  }
  void on_response_trailers_done(http::Headers&) override { log.emplace_back("< trailers"); }

  http::Headers& trailers() { return trailers_; }

  // What a test sets.
  Chain::Limits limits;
  bool has_route_value = true;
  std::string cluster = "backend";
  std::deque<uint64_t> randoms;  // taken in order, then 0
  std::map<std::string, ClusterHealth, std::less<>> health;
  bool draining = false;
  ConnectionSlots own_slots;
  ConnectionSlots* slots = &own_slots;
  std::function<void()> at_request_head;
  std::function<void()> at_response_body;

  // What came out, in order: "> " towards the upstream, "< " towards the client.
  std::vector<std::string> log;
  std::string reply_body;
  std::string reply_details;
  int reply_grpc_status = -1;

 private:
  BlockPool pool_;
  Arena arena_;
  StreamInfo info_;
  http::RequestHead request_;
  http::ResponseHead* response_ = nullptr;
  http::Headers trailers_;
  std::vector<config::HttpFilter> filters_;
  std::deque<config::FilterOverrides> levels_;
  std::optional<Time> timer_;
  Time now_;
  bool head_sent_ = false;

 public:
  // Last, so that its filters end before what they refer to.
  Chain chain;
};

}  // namespace pillion::filter
