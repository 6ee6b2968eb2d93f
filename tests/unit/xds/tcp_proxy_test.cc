// The TCP proxy.

#include <gtest/gtest.h>

#include "tests/unit/xds/load.h"

namespace pillion::xds::test {
namespace {

const std::string kAt = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";

std::string with_tcp(const std::string& fields) {
  return with_listener(
      "filter_chains: [{filters: [{name: t, typed_config: {'@type': type.googleapis.com/envoy."
      "extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: s, " +
      fields + "}}]}]");
}

const config::TcpProxy& proxy_of(const Outcome& outcome) {
  return *outcome.bootstrap.listeners.at(0)->chains.at(0).tcp;
}

TEST(TcpProxy, HasEnvoysDefaults) {
  const Outcome outcome = load(with_tcp("cluster: a"));
  ASSERT_EQ(outcome.problem(), "");
  const config::TcpProxy& result = proxy_of(outcome);
  EXPECT_EQ(result.stat_prefix, "s");
  EXPECT_EQ(result.targets.at(0).cluster, "a");
  EXPECT_EQ(result.idle_timeout, std::chrono::hours(1));
  EXPECT_EQ(result.max_duration.count(), 0);
  EXPECT_EQ(result.max_connect_attempts, 1u);
  EXPECT_EQ(result.backoff_base.count(), 0);
  EXPECT_EQ(result.log_interval.count(), 0);
  EXPECT_FALSE(result.log_on_connected);
  EXPECT_EQ(outcome.bootstrap.listeners.at(0)->chains.at(0).http, nullptr);
}

TEST(TcpProxy, TakesAllFields) {
  const Outcome outcome = load(with_tcp(
      "weighted_clusters: {clusters: [{name: a, weight: 3}, {name: b, weight: 1}]}, idle_timeout: "
      "0s, max_downstream_connection_duration: 9s, max_connect_attempts: 3, backoff_options: "
      "{base_interval: 0.02s}, access_log_options: {access_log_flush_interval: 2s, "
      "flush_access_log_on_connected: true}, access_log: [{name: x, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}}]"));
  ASSERT_EQ(outcome.problem(), "");
  const config::TcpProxy& result = proxy_of(outcome);
  EXPECT_EQ(result.targets.size(), 2u);
  EXPECT_EQ(result.targets[0].weight, 3u);
  EXPECT_EQ(result.total_weight, 4u);
  EXPECT_EQ(result.idle_timeout.count(), 0);
  EXPECT_EQ(result.max_duration.count(), 9000);
  EXPECT_EQ(result.max_connect_attempts, 3u);
  EXPECT_EQ(result.backoff_base.count(), 20);
  EXPECT_EQ(result.backoff_max.count(), 200);
  EXPECT_EQ(result.log_interval.count(), 2000);
  EXPECT_TRUE(result.log_on_connected);
  EXPECT_EQ(result.access_logs.size(), 1u);
}

TEST(TcpProxy, NamesWhatItDoesNotSupport) {
  EXPECT_EQ(load(with_tcp("cluster: a, hash_policy: [{source_ip: {}}]")).problem(),
            kAt +
                ".hash_policy: is not supported by this version; no load balancer of this version "
                "hashes; remove it");
  EXPECT_EQ(load(with_tcp("cluster: a, tunneling_config: {hostname: h}")).problem(),
            kAt +
                ".tunneling_config: is not supported by this version; remove it: connections go "
                "on as plain TCP");
  EXPECT_EQ(load(with_tcp("cluster: a, on_demand: {}")).problem(),
            kAt +
                ".on_demand: is not supported by this version; remove it and name the cluster in "
                "the configuration");
}

TEST(TcpProxy, IsChecked) {
  EXPECT_EQ(load(with_tcp("cluster: a, backoff_options: {base_interval: 2s, max_interval: 1s}"))
                .problem(),
            kAt + ".backoff_options.max_interval: must not be less than base_interval");
  const Outcome unknown = load(with_tcp("cluster: nowhere"));
  EXPECT_EQ(unknown.problem(), "");
  EXPECT_EQ(unknown.warnings.size(), 1u);
}

}  // namespace
}  // namespace pillion::xds::test
