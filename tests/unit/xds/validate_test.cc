#include "xds/validate.h"

#include <envoy/config/bootstrap/v3/bootstrap.pb.h>
#include <envoy/config/route/v3/route.pb.h>
#include <gtest/gtest.h>

#include "xds/message_reader.h"
#include "xds/yaml.h"

namespace pillion::xds {
namespace {

template <class Message>
std::string check(const std::string& yaml) {
  Document document;
  LoadContext context("f");
  EXPECT_TRUE(parse_yaml(yaml, document));
  Message message;
  const FieldPath root(context);
  read_message(document.root, message, root);
  EXPECT_TRUE(context.problems.empty());
  validate(message, root);
  std::string lines;
  for (const std::string& line : context.problems.lines()) lines += line.substr(3) + "\n";
  return lines;
}

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::VirtualHost;

TEST(Validate, AcceptsWhatIsRight) {
  EXPECT_EQ(check<VirtualHost>("{name: v, domains: ['*'], routes: [{match: {prefix: /}, "
                               "redirect: {host_redirect: x}}]}"),
            "");
}

TEST(Validate, FindsWhatIsMissing) {
  EXPECT_EQ(check<VirtualHost>("routes: [{}, {match: {}, route: {cluster: ''}}]"),
            "name: must not be empty\n"
            "domains: must not be empty\n"
            "routes[0].match: is required\n"
            "routes[0]: needs one of route, redirect, direct_response, filter_action, "
            "non_forwarding_action\n"
            "routes[1].match: needs one of prefix, path, safe_regex, connect_matcher, "
            "path_separated_prefix, path_match_policy\n"
            "routes[1].route.cluster: must not be empty\n");
}

TEST(Validate, ChecksNumbersAndWrappers) {
  EXPECT_EQ(check<envoy::config::core::v3::SocketAddress>("{address: x, port_value: 70000}"),
            "port_value: must be at most 65535, is 70000\n");
  EXPECT_EQ(check<Cluster>("{name: a, least_request_lb_config: {choice_count: 1}}"),
            "least_request_lb_config.choice_count: must be at least 2, is 1\n");
  EXPECT_EQ(check<envoy::type::v3::Percent>("value: 100.5"),
            "value: must be at most 100, is 100.5\n");
}

TEST(Validate, ChecksDurations) {
  EXPECT_EQ(check<Cluster>("{name: a, connect_timeout: 0s, dns_refresh_rate: 0.001s}"),
            "connect_timeout: must be more than 0s\n"
            "dns_refresh_rate: must be more than 0.001s\n");
  EXPECT_EQ(check<Bootstrap>("stats_flush_interval: 300s"),
            "stats_flush_interval: must be less than 300s\n");
}

TEST(Validate, ChecksTextsAndPatterns) {
  EXPECT_EQ(check<envoy::config::route::v3::RouteMatch>("path_separated_prefix: /a/"),
            "path_separated_prefix: must match ^[^?#]+[^?#/]$; is \"/a/\"\n");
  EXPECT_EQ(check<envoy::config::core::v3::HeaderValue>("{key: \"a\\nb\"}"),
            "key: must be a valid HTTP header name; byte 2 is not allowed\n");
  EXPECT_EQ(check<VirtualHost>("{name: v, domains: [a], request_headers_to_remove: ['']}"),
            "request_headers_to_remove[0]: must not be empty\n");
}

TEST(Validate, ChecksListsAndMaps) {
  EXPECT_EQ(check<envoy::config::metrics::v3::HistogramBucketSettings>(
                "{match: {prefix: a}, buckets: [1, 0, 1]}"),
            "buckets[1]: must be more than 0, is 0\n"
            "buckets[2]: is given twice; remove one of the two\n");
  EXPECT_EQ(check<envoy::config::core::v3::Metadata>("filter_metadata: {'': {}}"),
            "filter_metadata: a key of this map must not be empty\n");
}

TEST(Validate, RefusesWhatEnvoyHasDeprecatedForGood) {
  EXPECT_EQ(check<envoy::config::route::v3::RateLimit::Action>(
                "dynamic_metadata: {descriptor_key: a, metadata_key: {key: k, path: [{key: p}]}}"),
            "dynamic_metadata: is deprecated and refused by Envoy; use what its documentation "
            "names\n");
}

}  // namespace
}  // namespace pillion::xds
