// envoy.filters.http.local_ratelimit: token buckets of this process (or of each connection) decide
// whether a request may go on. Enabled and enforced for 0 % of requests unless configured.

#include <envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb.h>

#include <set>

#include "filters/common.h"
#include "filters/rate_limit_actions.h"
#include "filters/rate_limiter.h"
#include "sidecar/format/header_edits.h"
#include "sidecar/metrics/stats.h"
#include "xds/any.h"
#include "xds/check_fields.h"

namespace pillion::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::local_ratelimit::v3;
using filter::Flow;
using filter::StreamContext;

#define PILLION_LOCAL_RATE_LIMIT_STATS(CELL, NAMED)                         \
  CELL(Counter, enabled, "Requests that asked the rate limiter.")           \
  CELL(Counter, enforced, "Requests that were answered with the limit.")    \
  CELL(Counter, rate_limited, "Requests above the limit, enforced or not.") \
  CELL(Counter, ok, "Requests within the limit.")
PILLION_STATS(LocalRateLimitStats, PILLION_LOCAL_RATE_LIMIT_STATS)

constexpr Duration kShortestFill = std::chrono::milliseconds(50);

// One LocalRateLimit message, of the chain or of a route, with its own buckets and stats.
class LocalRateLimit final : public filter::RouteConfig {
 public:
  LocalRateLimit(const v3::LocalRateLimit& message, const filter::ParseContext& context);

  config::Fraction enabled{0, 100};
  config::Fraction enforced{0, 100};
  int status = 429;
  int grpc_status = -1;
  bool per_connection = false;
  bool x_ratelimit_headers = false;
  RateLimitActions actions;
  LimiterSettings limits;
  format::HeaderEdits response_headers;
  format::HeaderEdits request_headers;  // when not enforced
  metrics::PerWorker<LocalRateLimitStats> stats;

  // The limiter of the process, or of this stream's connection.
  RateLimiter& limiter(StreamContext& context) const;

 private:
  void read_limits(const v3::LocalRateLimit& message, const xds::FieldPath& at);
  mutable std::optional<RateLimiter> shared_;
  const uint64_t id_ = filter::ConnectionSlots::new_key();
};

// A connection may outlive the configuration that its buckets were made for, so they hold a copy.
struct ConnectionLimiter final : filter::ConnectionState {
  explicit ConnectionLimiter(const LimiterSettings& from) : settings(from), limiter(settings) {}
  const LimiterSettings settings;
  RateLimiter limiter;
};

RateLimiter& LocalRateLimit::limiter(StreamContext& context) const {
  if (!per_connection) return *shared_;
  auto& slot = context.connection_slots().of(id_);
  if (slot == nullptr) slot = std::make_unique<ConnectionLimiter>(limits);
  return static_cast<ConnectionLimiter&>(*slot).limiter;
}

class LocalRateLimitFilter final : public filter::Filter {
 public:
  explicit LocalRateLimitFilter(const LocalRateLimit& settings) : settings_(&settings) {}

  Flow on_request(StreamContext& context, http::RequestHead& head, bool) override {
    if (const auto* route = route_settings<LocalRateLimit>(context)) settings_ = route;
    if (!chance(settings_->enabled, context)) return Flow::kContinue;
    LocalRateLimitStats& stats = settings_->stats.here();
    stats.enabled.add();
    std::vector<Descriptor> descriptors;
    if (!settings_->limits.limits.empty())
      descriptors = settings_->actions.descriptors(context, head);
    result_ = settings_->limiter(context).check(descriptors, context.now());
    if (result_.allowed) {
      stats.ok.add();
      return Flow::kContinue;
    }
    stats.rate_limited.add();
    if (!chance(settings_->enforced, context)) {
      settings_->request_headers.apply(
          head, {.info = &context.info(), .request = &head, .local_reply_body = {}});
      return Flow::kContinue;
    }
    stats.enforced.add();
    refuse(context);
    return Flow::kReplied;
  }

  // https://datatracker.ietf.org/doc/draft-polli-ratelimit-headers, version 03.
  Flow on_response(StreamContext&, http::ResponseHead& head, bool) override {
    if (!result_.has_bucket || !settings_->x_ratelimit_headers) return Flow::kContinue;
    head.headers.add("x-ratelimit-limit", std::to_string(result_.limit));
    head.headers.add("x-ratelimit-remaining", std::to_string(result_.remaining));
    head.headers.add("x-ratelimit-reset", std::to_string(result_.reset_seconds));
    return Flow::kContinue;
  }

 private:
  struct Refusal {
    const LocalRateLimit& settings;
    StreamContext& context;
  };

  void refuse(StreamContext& context) {
    const Refusal refusal{*settings_, context};
    context.reply({.status = settings_->status,
                   .body = "local_rate_limited",
                   .details = "local_rate_limited",
                   .flag = ResponseFlag::kRateLimited,
                   .grpc_status = settings_->grpc_status,
                   .edit =
                       [](http::ResponseHead& head, const void* it) {
                         const auto& self = *static_cast<const Refusal*>(it);
                         self.settings.response_headers.apply(head,
                                                              {.info = &self.context.info(),
                                                               .request = &self.context.request(),
                                                               .response = &head,
                                                               .local_reply_body = {}});
                       },
                   .edit_context = &refusal});
  }

  const LocalRateLimit* settings_;
  RateLimiter::Result result_;
};

class LocalRateLimitFactory final : public filter::Factory {
 public:
  LocalRateLimitFactory(const v3::LocalRateLimit& message, const filter::ParseContext& context)
      : settings_(message, context) {}
  filter::Filter* create(Arena& arena) const override {
    return arena.make<LocalRateLimitFilter>(settings_);
  }
  filter::Hooks hooks() const override { return {.response = true}; }

 private:
  LocalRateLimit settings_;
};

BucketSize read_bucket(const envoy::type::v3::TokenBucket& message, const xds::FieldPath& at) {
  xds::check_fields(message, at, {"max_tokens", "tokens_per_fill", "fill_interval"});
  Duration interval = xds::millis(message.fill_interval(), at.field("fill_interval"));
  if (interval < kShortestFill) {
    at.field("fill_interval").problem("has to be at least 0.05s");
    interval = kShortestFill;
  }
  const double per_fill =
      message.has_tokens_per_fill() ? static_cast<double>(message.tokens_per_fill().value()) : 1;
  return {static_cast<double>(message.max_tokens()),
          per_fill / std::chrono::duration<double>(interval).count()};
}

format::HeaderEdits read_headers(
    const google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>& messages,
    const xds::FieldPath& at) {
  config::HeaderEdits edits;
  edits.append = xds::header_appends(messages, at);
  auto compiled = format::HeaderEdits::compile(edits);
  if (compiled) return std::move(*compiled);
  at.missing(compiled.error().message);  // unless the translator has said so already
  return {};
}

LocalRateLimit::LocalRateLimit(const v3::LocalRateLimit& message,
                               const filter::ParseContext& context)
    : stats(context.metrics,
            {{metrics::sanitized(message.stat_prefix()), metrics::kHttpLocalRateLimitTag},
             {"http_local_rate_limit"}}) {
  const xds::FieldPath& at = context.at;
  // stage and vh_rate_limits choose among the rate_limits of routes and virtual hosts, which the
  // translator of routes refuses.
  xds::check_fields(
      message, at,
      {"stat_prefix", "status", "token_bucket", "filter_enabled", "filter_enforced",
       "request_headers_to_add_when_not_enforced", "response_headers_to_add", "descriptors",
       "local_rate_limit_per_downstream_connection", "enable_x_ratelimit_headers",
       "always_consume_default_token_bucket", "rate_limited_as_resource_exhausted", "rate_limits",
       "max_dynamic_descriptors"},
      {"stage", "vh_rate_limits"});
  if (message.has_filter_enabled())
    enabled = xds::fraction(message.filter_enabled(), at.field("filter_enabled"));
  if (message.has_filter_enforced())
    enforced = xds::fraction(message.filter_enforced(), at.field("filter_enforced"));
  // Envoy takes a status that is no error for a mistake.
  if (message.status().code() >= 400) status = static_cast<int>(message.status().code());
  constexpr int kResourceExhausted = 8;
  if (message.rate_limited_as_resource_exhausted()) grpc_status = kResourceExhausted;
  per_connection = message.local_rate_limit_per_downstream_connection();
  x_ratelimit_headers = message.enable_x_ratelimit_headers() ==
                        envoy::extensions::common::ratelimit::v3::DRAFT_VERSION_03;
  response_headers =
      read_headers(message.response_headers_to_add(), at.field("response_headers_to_add"));
  request_headers = read_headers(message.request_headers_to_add_when_not_enforced(),
                                 at.field("request_headers_to_add_when_not_enforced"));
  actions =
      RateLimitActions(message.rate_limits(), context.service_cluster, at.field("rate_limits"));
  read_limits(message, at);
  shared_.emplace(limits);
}

void LocalRateLimit::read_limits(const v3::LocalRateLimit& message, const xds::FieldPath& at) {
  if (message.has_token_bucket())
    limits.size = read_bucket(message.token_bucket(), at.field("token_bucket"));
  limits.always_take_default = !message.has_always_consume_default_token_bucket() ||
                               message.always_consume_default_token_bucket().value();
  if (message.has_max_dynamic_descriptors())
    limits.max_dynamic = message.max_dynamic_descriptors().value();
  const xds::FieldPath list = at.field("descriptors");
  if (message.descriptors_size() > 0 && actions.empty())
    list.warning("have no effect without rate_limits, which say what a request is");
  std::set<std::vector<std::pair<std::string, std::string>>> seen;
  for (int i = 0; i < message.descriptors_size(); ++i) {
    const xds::FieldPath here = list.index(static_cast<std::size_t>(i));
    xds::check_fields(message.descriptors(i), here, {"entries", "token_bucket"});
    LimiterSettings::Limit limit;
    for (const auto& entry : message.descriptors(i).entries())
      limit.entries.emplace_back(entry.key(), entry.value());
    limit.size = read_bucket(message.descriptors(i).token_bucket(), here.field("token_bucket"));
    if (!seen.insert(limit.entries).second)
      here.field("entries").problem("are those of an earlier descriptor; remove one of the two");
    limits.limits.push_back(std::move(limit));
  }
}

std::shared_ptr<const filter::Factory> parse(const google::protobuf::Message& message,
                                             const filter::ParseContext& context) {
  return std::make_shared<LocalRateLimitFactory>(xds::as<v3::LocalRateLimit>(message), context);
}

std::shared_ptr<const filter::RouteConfig> parse_route(const google::protobuf::Message& message,
                                                       const filter::ParseContext& context) {
  const auto& from = xds::as<v3::LocalRateLimit>(message);
  if (!from.has_token_bucket())
    context.at.field("token_bucket").missing("is required in the settings of a route");
  return std::make_shared<LocalRateLimit>(from, context);
}

}  // namespace

filter::FilterType local_ratelimit_filter() {
  return {"envoy.filters.http.local_ratelimit",
          "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
          "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit", parse, parse_route};
}

}  // namespace pillion::filters
