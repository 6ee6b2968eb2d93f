// Load-balancing settings of a cluster: lb_policy and its *_lb_config, common_lb_config, and the
// extension messages of load_balancing_policy (translate.h).

#include <envoy/config/cluster/v3/cluster.pb.h>
#include <envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided.pb.h>
#include <envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h>
#include <envoy/extensions/load_balancing_policies/random/v3/random.pb.h>
#include <envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h>
#include <google/protobuf/any.pb.h>

#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::cluster::v3;
namespace policies = envoy::extensions::load_balancing_policies;
using policies::cluster_provided::v3::ClusterProvided;
using policies::least_request::v3::LeastRequest;
using policies::random::v3::Random;
using policies::round_robin::v3::RoundRobin;

constexpr std::string_view kRemedy = "use ROUND_ROBIN, LEAST_REQUEST or RANDOM";

// The message is written twice in Envoy's API, with the same fields.
template <class SlowStartConfig>
void take_slow_start(const SlowStartConfig& message, const FieldPath& at, config::Cluster& to) {
  auto slow_start = std::make_unique<config::SlowStart>();
  slow_start->window = millis(message.slow_start_window(), at.field("slow_start_window"));
  if (message.has_aggression())
    slow_start->aggression = runtime_real(message.aggression(), at.field("aggression"));
  if (slow_start->aggression <= 0) at.field("aggression").problem("must be more than 0");
  if (message.has_min_weight_percent())
    slow_start->min_weight_percent = message.min_weight_percent().value();
  if (slow_start->window.count() > 0) to.slow_start = std::move(slow_start);
}

void take_bias(const envoy::config::core::v3::RuntimeDouble& message, const FieldPath& at,
               config::Cluster& to) {
  to.active_request_bias = runtime_real(message, at);
  if (to.active_request_bias < 0) at.problem("must not be negative");
}

void take_lb_config(const v3::Cluster& message, const FieldPath& at, config::Cluster& to) {
  switch (message.lb_config_case()) {
    case v3::Cluster::kLeastRequestLbConfig: {
      const auto& config = message.least_request_lb_config();
      const FieldPath place = at.field("least_request_lb_config");
      if (config.has_choice_count()) to.choice_count = config.choice_count().value();
      if (config.has_active_request_bias())
        take_bias(config.active_request_bias(), place.field("active_request_bias"), to);
      if (config.has_slow_start_config())
        take_slow_start(config.slow_start_config(), place.field("slow_start_config"), to);
      break;
    }
    case v3::Cluster::kRoundRobinLbConfig:
      if (message.round_robin_lb_config().has_slow_start_config())
        take_slow_start(message.round_robin_lb_config().slow_start_config(),
                        at.field("round_robin_lb_config.slow_start_config"), to);
      break;
    default:  // The others belong to policies that are refused.
      break;
  }
}

void take_lb_policy(const v3::Cluster& message, const FieldPath& at, config::Cluster& to) {
  switch (message.lb_policy()) {
    case v3::Cluster::ROUND_ROBIN:
      to.lb = config::Cluster::Lb::kRoundRobin;
      break;
    case v3::Cluster::LEAST_REQUEST:
      to.lb = config::Cluster::Lb::kLeastRequest;
      break;
    case v3::Cluster::RANDOM:
      to.lb = config::Cluster::Lb::kRandom;
      break;
    case v3::Cluster::CLUSTER_PROVIDED:
      if (to.type == config::Cluster::Type::kOriginalDst) return;
      at.field("lb_policy")
          .problem("CLUSTER_PROVIDED is for clusters of type ORIGINAL_DST; " +
                   std::string(kRemedy));
      return;
    case v3::Cluster::LOAD_BALANCING_POLICY_CONFIG:
      at.field("load_balancing_policy").missing("is required with LOAD_BALANCING_POLICY_CONFIG");
      return;
    default:
      at.field("lb_policy")
          .problem(v3::Cluster::LbPolicy_Name(message.lb_policy()) +
                   " is not supported by this version; " + std::string(kRemedy));
      return;
  }
  take_lb_config(message, at, to);
}

void take_common(const v3::Cluster::CommonLbConfig& message, const FieldPath& at,
                 config::Cluster& to) {
  // Merging updates and waiting for health checks concern endpoints that change; the rest concerns
  // hashing and sticky sessions, which are refused elsewhere.
  check_fields(message, at,
               {"healthy_panic_threshold", "zone_aware_lb_config", "locality_weighted_lb_config"},
               {"update_merge_window", "ignore_new_hosts_until_first_hc",
                "consistent_hashing_lb_config", "override_host_status"});
  if (message.has_healthy_panic_threshold())
    to.panic_threshold_percent = message.healthy_panic_threshold().value();
  to.locality_weighted = message.has_locality_weighted_lb_config();
  // Zones are preferred only when cluster_manager.local_cluster_name is set, which is refused.
  to.fail_traffic_on_panic = message.zone_aware_lb_config().fail_traffic_on_panic();
}

void take_locality(const policies::common::v3::LocalityLbConfig& message, config::Cluster& to) {
  if (message.has_locality_weighted_lb_config()) to.locality_weighted = true;
  if (message.has_zone_aware_lb_config())
    to.fail_traffic_on_panic = message.zone_aware_lb_config().fail_traffic_on_panic();
}

void take_least_request(const LeastRequest& message, const FieldPath& at, config::Cluster& to) {
  check_fields(message, at,
               {"choice_count", "active_request_bias", "slow_start_config", "locality_lb_config"});
  to.lb = config::Cluster::Lb::kLeastRequest;
  if (message.has_choice_count()) to.choice_count = message.choice_count().value();
  if (message.has_active_request_bias())
    take_bias(message.active_request_bias(), at.field("active_request_bias"), to);
  if (message.has_slow_start_config())
    take_slow_start(message.slow_start_config(), at.field("slow_start_config"), to);
  take_locality(message.locality_lb_config(), to);
}

void take_policy(const google::protobuf::Any& any, const FieldPath& at, config::Cluster& to) {
  const auto message = unpack(any, at);
  if (message == nullptr) return;
  const auto* type = message->GetDescriptor();
  if (type == LeastRequest::descriptor()) {
    take_least_request(as<LeastRequest>(*message), at, to);
  } else if (type == Random::descriptor()) {
    to.lb = config::Cluster::Lb::kRandom;
    take_locality(as<Random>(*message).locality_lb_config(), to);
  } else if (type == RoundRobin::descriptor()) {
    const auto& policy = as<RoundRobin>(*message);
    to.lb = config::Cluster::Lb::kRoundRobin;
    if (policy.has_slow_start_config())
      take_slow_start(policy.slow_start_config(), at.field("slow_start_config"), to);
    take_locality(policy.locality_lb_config(), to);
  } else if (type == ClusterProvided::descriptor()) {
    if (to.type != config::Cluster::Type::kOriginalDst)
      at.problem("ClusterProvided is for clusters of type ORIGINAL_DST; " + std::string(kRemedy));
  } else {
    at.problem(type->full_name() +
               " is not supported by this version; use the RoundRobin, LeastRequest or Random "
               "message of envoy.extensions.load_balancing_policies");
  }
}

// The first policy of a known type is used, as in Envoy.
void take_policies(const v3::LoadBalancingPolicy& message, const FieldPath& at,
                   config::Cluster& to) {
  const FieldPath list = at.field("policies");
  for (int i = 0; i < message.policies_size(); ++i) {
    const auto& config = message.policies(i).typed_extension_config().typed_config();
    if (i + 1 < message.policies_size() && !known_type(type_name(config))) continue;
    const FieldPath policy = list.index(static_cast<std::size_t>(i));
    take_policy(config, policy.field("typed_extension_config.typed_config"), to);
    return;
  }
  list.missing("must not be empty");
}

}  // namespace

void translate_load_balancing(const v3::Cluster& message, const FieldPath& at,
                              config::Cluster& to) {
  if (message.has_common_lb_config())
    take_common(message.common_lb_config(), at.field("common_lb_config"), to);
  if (to.type == config::Cluster::Type::kOriginalDst && !message.has_load_balancing_policy() &&
      message.lb_policy() != v3::Cluster::CLUSTER_PROVIDED)
    at.field("lb_policy").problem("must be CLUSTER_PROVIDED in an ORIGINAL_DST cluster");
  // The extension's settings replace lb_policy and its configuration.
  if (message.has_load_balancing_policy())
    take_policies(message.load_balancing_policy(), at.field("load_balancing_policy"), to);
  else
    take_lb_policy(message, at, to);
}

}  // namespace pillion::xds
