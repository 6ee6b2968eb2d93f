#include "xds/message_reader.h"

#include <envoy/config/bootstrap/v3/bootstrap.pb.h>
#include <envoy/config/cluster/v3/cluster.pb.h>
#include <envoy/config/core/v3/base.pb.h>
#include <envoy/config/metrics/v3/stats.pb.h>
#include <envoy/config/route/v3/route_components.pb.h>
#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>

#include "xds/json.h"
#include "xds/yaml.h"

namespace pillion::xds {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::DataSource;
using envoy::config::core::v3::Node;
using envoy::config::route::v3::HeaderMatcher;
using envoy::config::route::v3::RouteAction;

// Reads YAML into the message and returns the problems, one a line.
std::string read(const std::string& yaml, google::protobuf::Message& message) {
  Document document;
  LoadContext context("f");
  EXPECT_TRUE(parse_yaml(yaml, document));
  read_message(document.root, message, FieldPath(context));
  std::string lines;
  for (const std::string& line : context.problems.lines()) lines += line.substr(3) + "\n";
  return lines;
}

template <class Message>
std::string problem_of(const std::string& yaml) {
  Message message;
  return read(yaml, message);
}

TEST(MessageReader, ReadsScalarsWrappersEnumsAndDurations) {
  Cluster cluster;
  EXPECT_EQ(read("name: a\ntype: STRICT_DNS\nconnect_timeout: 0.25s\n"
                 "per_connection_buffer_limit_bytes: 65536\nrespect_dns_ttl: yes\nlb_policy: 3\n",
                 cluster),
            "");
  EXPECT_EQ(cluster.name(), "a");
  EXPECT_EQ(cluster.type(), Cluster::STRICT_DNS);
  EXPECT_EQ(cluster.connect_timeout().nanos(), 250'000'000);
  EXPECT_EQ(cluster.per_connection_buffer_limit_bytes().value(), 65536u);
  EXPECT_TRUE(cluster.respect_dns_ttl());
  EXPECT_EQ(cluster.lb_policy(), Cluster::RANDOM);
}

TEST(MessageReader, TakesCamelCaseNamesAndIgnoresNull) {
  Cluster cluster;
  EXPECT_EQ(read("{connectTimeout: 1s, altStatName: x, lbPolicy: null, metadata: ~}", cluster), "");
  EXPECT_EQ(cluster.connect_timeout().seconds(), 1);
  EXPECT_EQ(cluster.alt_stat_name(), "x");
  EXPECT_FALSE(cluster.has_metadata());
}

TEST(MessageReader, TakesNumbersAsTextAndWithFractionOfZero) {
  RouteAction::MaxStreamDuration ignored;
  envoy::config::core::v3::SocketAddress address;
  EXPECT_EQ(read("port_value: '80'", address), "");
  EXPECT_EQ(address.port_value(), 80u);
  Document document;
  LoadContext context("f");
  ASSERT_TRUE(parse_json(R"({"port_value": 8.1e2})", document));
  read_message(document.root, address, FieldPath(context));
  EXPECT_EQ(address.port_value(), 810u);
}

TEST(MessageReader, ReadsDoublesWrittenPlainInYaml) {
  envoy::config::metrics::v3::HistogramBucketSettings settings;
  EXPECT_EQ(read("buckets: [0.5, 1, 1e3]", settings), "");
  ASSERT_EQ(settings.buckets_size(), 3);
  EXPECT_EQ(settings.buckets(0), 0.5);
  EXPECT_EQ(settings.buckets(2), 1000.0);
}

TEST(MessageReader, TakesTheLooserFormsThatEnvoyTakes) {
  Cluster cluster;
  EXPECT_EQ(read("{type: strict_dns, connect_timeout: {seconds: 5}, respect_dns_ttl: 'true', "
                 "per_connection_buffer_limit_bytes: {value: 7}, "
                 "dns_resolvers: {pipe: {path: /x}}}",
                 cluster),
            "");
  EXPECT_EQ(cluster.type(), Cluster::STRICT_DNS);
  EXPECT_EQ(cluster.connect_timeout().seconds(), 5);
  EXPECT_TRUE(cluster.respect_dns_ttl());
  EXPECT_EQ(cluster.per_connection_buffer_limit_bytes().value(), 7u);
  EXPECT_EQ(cluster.dns_resolvers(0).pipe().path(), "/x");
  envoy::config::route::v3::VirtualHost host;
  EXPECT_EQ(read("domains: '*'", host), "");
  EXPECT_EQ(host.domains(0), "*");
}

// Regression: of the words that Envoy reads in a string, only "true" and "false" were known.
TEST(MessageReader, ReadsTruthFromEveryWordThatEnvoyKnows) {
  for (const char* word : {"true", "tRUE", "t", "T", "yes", "Yes", "y", "1"}) {
    Cluster cluster;
    EXPECT_EQ(read("respect_dns_ttl: '" + std::string(word) + "'", cluster), "") << word;
    EXPECT_TRUE(cluster.respect_dns_ttl()) << word;
  }
  for (const char* word : {"false", "False", "f", "no", "NO", "n", "0"}) {
    Cluster cluster;
    cluster.set_respect_dns_ttl(true);
    EXPECT_EQ(read("respect_dns_ttl: '" + std::string(word) + "'", cluster), "") << word;
    EXPECT_FALSE(cluster.respect_dns_ttl()) << word;
  }
  for (const char* word : {"on", "off", "", "2", "yess", "oN"}) {
    Cluster cluster;
    EXPECT_NE(read("respect_dns_ttl: '" + std::string(word) + "'", cluster), "") << word;
  }
}

TEST(MessageReader, ReadsMapsStructsAndAny) {
  Cluster cluster;
  EXPECT_EQ(read("metadata: {filter_metadata: {ns: {s: text, n: 5, d: 1.5, b: true, z: null, "
                 "l: [1, {x: z}]}}}\n"
                 "typed_extension_protocol_options: {http: {'@type': type.googleapis.com/"
                 "google.protobuf.Duration, value: 3s}}\n",
                 cluster),
            "");
  const auto& fields = cluster.metadata().filter_metadata().at("ns").fields();
  EXPECT_EQ(fields.at("s").string_value(), "text");
  EXPECT_EQ(fields.at("n").number_value(), 5);
  // As in Envoy: a plain fraction of a Struct stays text in YAML.
  EXPECT_EQ(fields.at("d").string_value(), "1.5");
  EXPECT_TRUE(fields.at("b").bool_value());
  EXPECT_TRUE(fields.at("z").has_null_value());
  EXPECT_EQ(fields.at("l").list_value().values(1).struct_value().fields().at("x").string_value(),
            "z");
  google::protobuf::Duration duration;
  EXPECT_TRUE(cluster.typed_extension_protocol_options().at("http").UnpackTo(&duration));
  EXPECT_EQ(duration.seconds(), 3);
}

TEST(MessageReader, TakesTypedStructApart) {
  for (const char* url : {"type.googleapis.com/xds.type.v3.TypedStruct",
                          "type.googleapis.com/udpa.type.v1.TypedStruct"}) {
    envoy::config::core::v3::TypedExtensionConfig config;
    EXPECT_EQ(read(std::string("typed_config: {'@type': ") + url +
                       ", type_url: type.googleapis.com/envoy.config.core.v3.Locality, "
                       "value: {region: eu, zon: a}}",
                   config),
              "typed_config.value.zon: unknown field of envoy.config.core.v3.Locality; did you "
              "mean \"zone\"?\n");
    envoy::config::core::v3::Locality locality;
    ASSERT_TRUE(config.typed_config().UnpackTo(&locality));
    EXPECT_EQ(locality.region(), "eu");
  }
}

TEST(MessageReader, ReadsBytesInBase64) {
  DataSource source;
  EXPECT_EQ(read("inline_bytes: aGVsbG8=", source), "");
  EXPECT_EQ(source.inline_bytes(), "hello");
  EXPECT_EQ(problem_of<DataSource>("inline_bytes: '*'"),
            "inline_bytes: expected bytes in base64, found the string \"*\"\n");
  EXPECT_EQ(problem_of<DataSource>("inline_bytes: aGVsb"),
            "inline_bytes: expected bytes in base64, found the string \"aGVsb\"\n");
}

TEST(MessageReader, NamesUnknownFieldsAndWhatWasMeant) {
  EXPECT_EQ(problem_of<Cluster>("connect_timout: 1s"),
            "connect_timout: unknown field of envoy.config.cluster.v3.Cluster; did you mean "
            "\"connect_timeout\"?\n");
  EXPECT_EQ(problem_of<Cluster>("zzzzzzzz: 1"),
            "zzzzzzzz: unknown field of envoy.config.cluster.v3.Cluster; remove it or correct its "
            "name\n");
  EXPECT_EQ(problem_of<Cluster>("hosts: []"),
            "hosts: was removed from envoy.config.cluster.v3.Cluster; use what has replaced it in "
            "Envoy's v3 API\n");
}

TEST(MessageReader, ReportsEveryWrongTypeWithItsPath) {
  EXPECT_EQ(
      problem_of<Cluster>("name: 5\n"
                          "type: STATICS\n"
                          "connect_timeout: 5\n"
                          "per_connection_buffer_limit_bytes: -1\n"
                          "respect_dns_ttl: 1\n"
                          "load_assignment: [x]\n"
                          "health_checks: 5\n"
                          "dns_resolvers: [~]\n"
                          "metadata: {filter_metadata: {a: 1}}\n"),
      "name: expected a string (put it in quotes), found the number 5\n"
      "type: expected one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST, found the "
      "string \"STATICS\"\n"
      "connect_timeout: expected a duration in seconds such as \"0.25s\", found the number "
      "5\n"
      "per_connection_buffer_limit_bytes: expected a whole number from 0 to 4294967295, "
      "found the number -1\n"
      "respect_dns_ttl: expected true or false, found the number 1\n"
      "load_assignment: expected an object "
      "(envoy.config.endpoint.v3.ClusterLoadAssignment), found a list\n"
      "health_checks: expected an object (envoy.config.core.v3.HealthCheck), found the number "
      "5\n"
      "dns_resolvers[0]: a list cannot hold null; remove it\n"
      "metadata.filter_metadata[\"a\"]: expected an object, found the number 1\n");
}

TEST(MessageReader, RefusesDurationsInOtherForms) {
  for (const char* bad :
       {"5ms", "1.s", "'-'", "1.0000000001s", "'s'", "1e3s", "400000000000s", "{sec: 1}"})
    EXPECT_NE(problem_of<Cluster>(std::string("connect_timeout: ") + bad), "") << bad;
  Cluster cluster;
  EXPECT_EQ(read("connect_timeout: -0.5s", cluster), "");
  EXPECT_EQ(cluster.connect_timeout().nanos(), -500'000'000);
}

TEST(MessageReader, RefusesAFieldGivenTwice) {
  EXPECT_EQ(problem_of<Cluster>("name: a\nname: b\n"),
            "name: is given twice; keep one of the two\n");
  EXPECT_EQ(problem_of<Cluster>("connect_timeout: 1s\nconnectTimeout: 2s\n"),
            "connectTimeout: is given twice; keep one of the two\n");
  EXPECT_EQ(problem_of<Cluster>("metadata: {filter_metadata: {a: {}, a: {}}}"),
            "metadata.filter_metadata[\"a\"]: this key is given twice; keep one of the two\n");
}

TEST(MessageReader, RefusesTwoMembersOfAOneof) {
  EXPECT_EQ(problem_of<HeaderMatcher>("exact_match: a\nprefix_match: b\n"),
            "prefix_match: cannot be set beside exact_match; keep one of the two\n");
}

TEST(MessageReader, RefusesAnAnyWithoutType) {
  using envoy::config::core::v3::TypedExtensionConfig;
  EXPECT_EQ(problem_of<TypedExtensionConfig>("typed_config: {region: x}"),
            "typed_config: needs \"@type\" with the name of its message, such as "
            "\"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\"\n");
  EXPECT_EQ(problem_of<TypedExtensionConfig>("typed_config: x"),
            "typed_config: expected an object with \"@type\", found the string \"x\"\n");
}

TEST(MessageReader, WarnsOfUnknownFieldsWhenTheyAreAllowed) {
  Document document;
  LoadContext context("f");
  context.unknown_fields_warn = true;
  ASSERT_TRUE(parse_yaml("nam: a", document));
  Cluster cluster;
  read_message(document.root, cluster, FieldPath(context));
  EXPECT_TRUE(context.problems.empty());
  EXPECT_EQ(context.problems.warnings(),
            std::vector<std::string>{"f: nam: unknown field of envoy.config.cluster.v3.Cluster; "
                                     "did you mean \"name\"?"});
}

}  // namespace
}  // namespace pillion::xds
