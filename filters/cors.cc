// envoy.filters.http.cors: answers CORS preflights and marks responses to allowed origins (WHATWG
// Fetch, section "CORS protocol"). The policy is per-route only; levels merge field by field, the
// most specific level that sets a field wins.

#include <envoy/extensions/filters/http/cors/v3/cors.pb.h>
#include <envoy/type/matcher/v3/string.pb.h>

#include <array>
#include <optional>

#include "filters/common.h"
#include "sidecar/metrics/stats.h"
#include "xds/any.h"
#include "xds/check_fields.h"

namespace pillion::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::cors::v3;
using filter::Flow;
using filter::StreamContext;

#define PILLION_CORS_STATS(CELL, NAMED)                                   \
  CELL(Counter, origin_valid, "Requests whose origin the policy allows.") \
  CELL(Counter, origin_invalid, "Requests whose origin the policy does not allow.")
PILLION_STATS(CorsStats, PILLION_CORS_STATS)

struct CorsPolicy final : filter::RouteConfig {
  std::vector<http::StringMatcher> origins;
  std::string methods;
  std::string headers;
  std::string expose;
  std::string max_age;
  std::optional<bool> credentials;
  std::optional<bool> private_network;
  std::optional<bool> forward_not_matching;
  config::Fraction enabled{100, 100};
  config::Fraction shadow{0, 100};
};

// The policies of a stream's levels, most specific first.
class Policies {
 public:
  explicit Policies(const StreamContext& context) {
    const filter::RouteConfig* levels[4];
    for (std::size_t i = context.route_configs(levels); i-- > 0;)
      if (const auto* policy = dynamic_cast<const CorsPolicy*>(levels[i]))
        items_[count_++] = policy;
  }
  [[nodiscard]] const CorsPolicy* most_specific() const { return items_[0]; }
  // The first policy's value that is there (a text or list that is not empty, an optional that is
  // set); else an empty one.
  template <class Value>
  [[nodiscard]] const Value& first(Value CorsPolicy::*member) const {
    static const Value none{};
    for (std::size_t i = 0; i < count_; ++i)
      if (is_there(items_[i]->*member)) return items_[i]->*member;
    return none;
  }
  [[nodiscard]] bool allows(std::string_view origin) const {
    for (const http::StringMatcher& matcher : first(&CorsPolicy::origins))
      if (matcher.matches("*") || matcher.matches(origin)) return true;
    return false;
  }

 private:
  template <class T>
  static bool is_there(const std::optional<T>& value) {
    return value.has_value();
  }
  template <class T>
  static bool is_there(const T& value) {
    return !value.empty();
  }
  std::array<const CorsPolicy*, 4> items_{};
  std::size_t count_ = 0;
};

void set_unless_empty(http::ResponseHead& head, std::string_view name, std::string_view value) {
  if (!value.empty()) head.headers.set(name, value);
}

struct Preflight {
  const Policies& policies;
  const http::RequestHead& request;
  std::string_view allowed_origin;  // empty: none

  // A policy of "*" repeats what the client asked for.
  [[nodiscard]] std::string_view asked(std::string_view policy, std::string_view header) const {
    if (policy != "*") return policy;
    const http::Header* found = request.headers.find(header);
    return found == nullptr ? std::string_view{} : found->value();
  }

  void answer(http::ResponseHead& head) const {
    set_unless_empty(head, "access-control-allow-origin", allowed_origin);
    if (policies.first(&CorsPolicy::credentials).value_or(false))
      head.headers.set("access-control-allow-credentials", "true");
    set_unless_empty(head, "access-control-allow-methods",
                     asked(policies.first(&CorsPolicy::methods), "access-control-request-method"));
    set_unless_empty(head, "access-control-allow-headers",
                     asked(policies.first(&CorsPolicy::headers), "access-control-request-headers"));
    set_unless_empty(head, "access-control-max-age", policies.first(&CorsPolicy::max_age));
    const http::Header* network = request.headers.find("access-control-request-private-network");
    if (network != nullptr && network->value() == "true" &&
        policies.first(&CorsPolicy::private_network).value_or(false))
      head.headers.set("access-control-allow-private-network", "true");
  }
};

class CorsFilter final : public filter::Filter {
 public:
  explicit CorsFilter(const metrics::PerWorker<CorsStats>& stats) : stats_(stats) {}

  Flow on_request(StreamContext& context, http::RequestHead& head, bool) override {
    if (context.route_cluster().empty()) return Flow::kContinue;
    const Policies policies(context);
    const CorsPolicy* decisive = policies.most_specific();
    if (decisive == nullptr) return Flow::kContinue;
    const bool enabled = chance(decisive->enabled, context);
    if (!enabled && !chance(decisive->shadow, context)) return Flow::kContinue;
    const std::string_view origin = head.headers.value(http::HeaderId::kOrigin);
    if (origin.empty()) return Flow::kContinue;
    const bool allowed = policies.allows(origin);
    CorsStats& stats = stats_.here();
    (allowed ? stats.origin_valid : stats.origin_invalid).add();
    if (!enabled) return Flow::kContinue;
    if (allowed) allowed_origin_ = origin;
    return is_preflight(head) ? preflight(context, policies, head) : Flow::kContinue;
  }

  Flow on_response(StreamContext& context, http::ResponseHead& head, bool) override {
    if (allowed_origin_.empty()) return Flow::kContinue;
    const Policies policies(context);
    head.headers.set("access-control-allow-origin", allowed_origin_);
    if (policies.first(&CorsPolicy::credentials).value_or(false))
      head.headers.set("access-control-allow-credentials", "true");
    set_unless_empty(head, "access-control-expose-headers", policies.first(&CorsPolicy::expose));
    return Flow::kContinue;
  }

 private:
  static bool is_preflight(const http::RequestHead& head) {
    if (head.method != http::Method::kOptions) return false;
    const http::Header* method = head.headers.find("access-control-request-method");
    return method != nullptr && !method->value().empty();
  }

  Flow preflight(StreamContext& context, const Policies& policies, const http::RequestHead& head) {
    if (allowed_origin_.empty() && policies.first(&CorsPolicy::forward_not_matching).value_or(true))
      return Flow::kContinue;
    const Preflight answer{policies, head, allowed_origin_};
    context.reply(
        {.status = 200,
         .details = "cors_response",
         .edit = [](http::ResponseHead& response,
                    const void* it) { static_cast<const Preflight*>(it)->answer(response); },
         .edit_context = &answer});
    return Flow::kReplied;
  }

  const metrics::PerWorker<CorsStats>& stats_;
  std::string_view allowed_origin_;  // in the stream's arena
};

class CorsFactory final : public filter::Factory {
 public:
  explicit CorsFactory(const filter::ParseContext& context)
      : stats_(context.metrics, http_scope(context, "cors")) {}
  filter::Filter* create(Arena& arena) const override { return arena.make<CorsFilter>(stats_); }
  filter::Hooks hooks() const override { return {.response = true}; }

 private:
  metrics::PerWorker<CorsStats> stats_;
};

std::shared_ptr<const filter::Factory> parse(const google::protobuf::Message&,
                                             const filter::ParseContext& context) {
  return std::make_shared<CorsFactory>(context);
}

template <class BoolValue>
std::optional<bool> flag(bool has, const BoolValue& value) {
  return has ? std::optional<bool>(value.value()) : std::nullopt;
}

std::shared_ptr<const filter::RouteConfig> parse_route(const google::protobuf::Message& message,
                                                       const filter::ParseContext& context) {
  const auto& from = xds::as<v3::CorsPolicy>(message);
  xds::check_fields(
      from, context.at,
      {"allow_origin_string_match", "allow_methods", "allow_headers", "expose_headers", "max_age",
       "allow_credentials", "filter_enabled", "shadow_enabled", "allow_private_network_access",
       "forward_not_matching_preflights"});
  auto policy = std::make_shared<CorsPolicy>();
  const xds::FieldPath origins = context.at.field("allow_origin_string_match");
  for (int i = 0; i < from.allow_origin_string_match_size(); ++i) {
    auto matcher = http::StringMatcher::compile(xds::string_matcher(
        from.allow_origin_string_match(i), origins.index(static_cast<std::size_t>(i))));
    if (matcher) policy->origins.push_back(std::move(*matcher));
  }
  policy->methods = from.allow_methods();
  policy->headers = from.allow_headers();
  policy->expose = from.expose_headers();
  policy->max_age = from.max_age();
  policy->credentials = flag(from.has_allow_credentials(), from.allow_credentials());
  policy->private_network =
      flag(from.has_allow_private_network_access(), from.allow_private_network_access());
  policy->forward_not_matching =
      flag(from.has_forward_not_matching_preflights(), from.forward_not_matching_preflights());
  if (from.has_filter_enabled())
    policy->enabled = xds::fraction(from.filter_enabled(), context.at.field("filter_enabled"));
  if (from.has_shadow_enabled())
    policy->shadow = xds::fraction(from.shadow_enabled(), context.at.field("shadow_enabled"));
  return policy;
}

}  // namespace

filter::FilterType cors_filter() {
  return {"envoy.filters.http.cors", "envoy.extensions.filters.http.cors.v3.Cors",
          "envoy.extensions.filters.http.cors.v3.CorsPolicy", parse, parse_route};
}

}  // namespace pillion::filters
