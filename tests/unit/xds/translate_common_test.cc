#include "xds/translate_common.h"

#include <envoy/config/core/v3/address.pb.h>
#include <envoy/config/core/v3/base.pb.h>
#include <envoy/config/core/v3/substitution_format_string.pb.h>
#include <envoy/config/route/v3/route_components.pb.h>
#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <functional>

#include "sidecar/config/route.h"
#include "tests/unit/xds/load.h"
#include "xds/message_reader.h"
#include "xds/yaml.h"

namespace pillion::xds {
namespace {

namespace core = envoy::config::core::v3;
namespace route = envoy::config::route::v3;
using Kind = config::StringMatcher::Kind;

// Reads a message and translates it; `problems` gets one line each.
template <class Message>
class Translated {
 public:
  explicit Translated(const std::string& yaml) {
    Document document;
    EXPECT_TRUE(parse_yaml(yaml, document));
    read_message(document.root, message, at);
  }
  [[nodiscard]] std::string problems() const {
    std::string lines;
    for (const std::string& line : context.problems.lines()) lines += line.substr(3) + "\n";
    return lines;
  }
  LoadContext context{"f"};
  FieldPath at{context};
  Message message;
};

TEST(StringMatcher, TakesEveryKind) {
  const std::pair<const char*, Kind> cases[] = {{"exact: x", Kind::kExact},
                                                {"prefix: x", Kind::kPrefix},
                                                {"suffix: x", Kind::kSuffix},
                                                {"contains: x", Kind::kContains},
                                                {"safe_regex: {regex: x}", Kind::kRegex}};
  for (const auto& [yaml, kind] : cases) {
    Translated<envoy::type::matcher::v3::StringMatcher> t{yaml};
    const auto matcher = string_matcher(t.message, t.at);
    EXPECT_EQ(matcher.kind, kind) << yaml;
    EXPECT_EQ(matcher.text, "x") << yaml;
    EXPECT_EQ(t.problems(), "") << yaml;
  }
}

TEST(StringMatcher, IgnoresCaseExceptInPatterns) {
  Translated<envoy::type::matcher::v3::StringMatcher> text("{exact: x, ignore_case: true}");
  EXPECT_TRUE(string_matcher(text.message, text.at).ignore_case);
  Translated<envoy::type::matcher::v3::StringMatcher> regex(
      "{safe_regex: {regex: x}, ignore_case: true}");
  EXPECT_FALSE(string_matcher(regex.message, regex.at).ignore_case);
}

TEST(StringMatcher, QuotesWhatRe2Says) {
  Translated<envoy::type::matcher::v3::StringMatcher> t("safe_regex: {regex: '(a'}");
  string_matcher(t.message, t.at);
  EXPECT_EQ(t.problems(),
            "safe_regex.regex: \"(a\" is no RE2 regular expression: missing ): (a; correct the "
            "pattern\n");
}

TEST(StringMatcher, NeedsAPattern) {
  Translated<envoy::type::matcher::v3::StringMatcher> t("{}");
  string_matcher(t.message, t.at);
  EXPECT_EQ(t.problems().substr(0, 13), "needs one of ");
}

TEST(HeaderMatcher, TakesEveryKindAlsoTheDeprecatedOnes) {
  const std::pair<const char*, Kind> cases[] = {{"exact_match: x", Kind::kExact},
                                                {"prefix_match: x", Kind::kPrefix},
                                                {"suffix_match: x", Kind::kSuffix},
                                                {"contains_match: x", Kind::kContains},
                                                {"safe_regex_match: {regex: x}", Kind::kRegex},
                                                {"string_match: {suffix: x}", Kind::kSuffix}};
  for (const auto& [yaml, kind] : cases) {
    Translated<route::HeaderMatcher> t(std::string("name: X-Y\n") + yaml);
    const auto matcher = header_matcher(t.message, t.at);
    EXPECT_EQ(matcher.kind, config::HeaderMatcher::Kind::kString) << yaml;
    EXPECT_EQ(matcher.string.kind, kind) << yaml;
    EXPECT_EQ(matcher.name, "x-y");
  }
}

// Regression: as in Envoy, the deprecated field takes an empty text for "any value".
TEST(HeaderMatcher, TakesAnEmptyExactMatchForAnyValue) {
  Translated<route::HeaderMatcher> old("{name: a, exact_match: ''}");
  EXPECT_EQ(header_matcher(old.message, old.at).string.kind, Kind::kPrefix);
  Translated<route::HeaderMatcher> current("{name: a, string_match: {exact: ''}}");
  EXPECT_EQ(header_matcher(current.message, current.at).string.kind, Kind::kExact);
}

TEST(HeaderMatcher, TakesRangesPresenceAndFlags) {
  Translated<route::HeaderMatcher> range("{name: a, range_match: {start: -5, end: 10}}");
  const auto matcher = header_matcher(range.message, range.at);
  EXPECT_EQ(matcher.kind, config::HeaderMatcher::Kind::kRange);
  EXPECT_EQ(matcher.range_start, -5);
  EXPECT_EQ(matcher.range_end, 10);
  Translated<route::HeaderMatcher> absent(
      "{name: a, present_match: false, invert_match: true, treat_missing_header_as_empty: true}");
  const auto other = header_matcher(absent.message, absent.at);
  EXPECT_EQ(other.kind, config::HeaderMatcher::Kind::kPresent);
  EXPECT_FALSE(other.present);
  EXPECT_TRUE(other.invert);
  EXPECT_TRUE(other.treat_missing_as_empty);
  Translated<route::HeaderMatcher> plain("name: a");
  EXPECT_TRUE(header_matcher(plain.message, plain.at).present);
}

TEST(QueryMatcher, TakesValuesAndPresence) {
  Translated<route::QueryParameterMatcher> value("{name: q, string_match: {exact: v}}");
  EXPECT_EQ(query_matcher(value.message, value.at).value->text, "v");
  Translated<route::QueryParameterMatcher> absent("{name: q, present_match: false}");
  EXPECT_FALSE(query_matcher(absent.message, absent.at).present);
  Translated<route::QueryParameterMatcher> plain("{name: q}");
  EXPECT_TRUE(query_matcher(plain.message, plain.at).present);
}

TEST(RegexRewrite, ChecksTheGroupsOfTheSubstitution) {
  Translated<envoy::type::matcher::v3::RegexMatchAndSubstitute> good(
      "{pattern: {regex: '^/(a)/(b)'}, substitution: '/\\2/\\1'}");
  EXPECT_EQ(regex_rewrite(good.message, good.at).substitution, "/\\2/\\1");
  EXPECT_EQ(good.problems(), "");
  Translated<envoy::type::matcher::v3::RegexMatchAndSubstitute> bad(
      "{pattern: {regex: '(a)'}, substitution: '\\2'}");
  regex_rewrite(bad.message, bad.at);
  EXPECT_NE(bad.problems().find("substitution: "), std::string::npos) << bad.problems();
}

TEST(Fraction, TakesDenominatorsAndTheRuntime) {
  Translated<core::RuntimeFractionalPercent> t(
      "{default_value: {numerator: 7, denominator: MILLION}, runtime_key: k.percent}");
  EXPECT_EQ(fraction(t.message, t.at).denominator, 1'000'000u);
  Translated<google::protobuf::Struct> layer("{k: {percent: 30}}");
  t.context.runtime.add_layer(layer.message);
  EXPECT_EQ(fraction(t.message, t.at).numerator, 30u);
  EXPECT_EQ(fraction(t.message, t.at).denominator, 100u);
}

TEST(Runtime, KeepsKeysWithDotsLaterLayersFirst) {
  Translated<google::protobuf::Struct> first(
      "{a: {b: 1, c: yes}, f: {numerator: 5, denominator: TEN_THOUSAND}, x.y: text, bad: [1]}");
  Translated<google::protobuf::Struct> second("{a: {b: 2.5}}");
  Runtime runtime;
  EXPECT_EQ(runtime.add_layer(first.message), std::vector<std::string>{"bad"});
  EXPECT_EQ(runtime.add_layer(second.message), std::vector<std::string>());
  EXPECT_EQ(runtime.real("a.b"), 2.5);
  EXPECT_FALSE(runtime.number("a.b"));
  EXPECT_EQ(runtime.flag("a.c"), true);
  EXPECT_EQ(runtime.fraction("f")->denominator, 10'000u);
  EXPECT_EQ(runtime.text("x.y"), "text");
  EXPECT_FALSE(runtime.number("x.y"));
  EXPECT_FALSE(runtime.text("nowhere"));
}

TEST(RuntimeValues, OverrideDefaults) {
  Translated<core::RuntimeUInt32> number("{default_value: 3, runtime_key: num}");
  Translated<core::RuntimeDouble> real("{default_value: 0.5, runtime_key: num}");
  Translated<core::RuntimeFeatureFlag> flag("{default_value: true, runtime_key: f}");
  EXPECT_EQ(runtime_number(number.message, number.at), 3u);
  EXPECT_EQ(runtime_real(real.message, real.at), 0.5);
  EXPECT_TRUE(feature_flag(flag.message, flag.at));
  Translated<google::protobuf::Struct> layer("{num: 9, f: false}");
  for (LoadContext* context : {&number.context, &real.context, &flag.context})
    context->runtime.add_layer(layer.message);
  EXPECT_EQ(runtime_number(number.message, number.at), 9u);
  EXPECT_EQ(runtime_real(real.message, real.at), 9.0);
  EXPECT_FALSE(feature_flag(flag.message, flag.at));
}

TEST(Millis, TruncatesAndRefusesNegatives) {
  google::protobuf::Duration duration;
  duration.set_seconds(2);
  duration.set_nanos(1'999'999);
  LoadContext context("f");
  const FieldPath at(context);
  EXPECT_EQ(millis(duration, at).count(), 2001);
  duration.set_seconds(-1);
  EXPECT_EQ(millis(duration, at).count(), 0);
  EXPECT_EQ(context.problems.lines().front(),
            "f: is negative; give a duration of zero or more, such as \"1.5s\"");
}

TEST(HeaderAppend, TakesActionsAndTheDeprecatedFlag) {
  using Action = config::HeaderAppend::Action;
  const std::pair<const char*, Action> cases[] = {
      {"{header: {key: A, value: v}}", Action::kAppendIfExistsOrAdd},
      {"{header: {key: A}, append: true}", Action::kAppendIfExistsOrAdd},
      {"{header: {key: A}, append: false}", Action::kOverwriteIfExistsOrAdd},
      {"{header: {key: A}, append_action: ADD_IF_ABSENT}", Action::kAddIfAbsent},
      {"{header: {key: A}, append_action: OVERWRITE_IF_EXISTS}", Action::kOverwriteIfExists}};
  for (const auto& [yaml, action] : cases) {
    Translated<core::HeaderValueOption> t((std::string(yaml)));
    const auto append = header_append(t.message, t.at);
    EXPECT_EQ(append.action, action) << yaml;
    EXPECT_EQ(append.name, "a");
    EXPECT_EQ(t.problems(), "");
  }
}

TEST(HeaderAppend, RefusesWhatCannotBeSet) {
  Translated<core::HeaderValueOption> both(
      "{header: {key: a}, append: true, append_action: ADD_IF_ABSENT}");
  header_append(both.message, both.at);
  EXPECT_EQ(both.problems(), "append: cannot be set beside append_action; keep append_action\n");
  Translated<core::HeaderValueOption> host("{header: {key: Host, value: x}}");
  header_append(host.message, host.at);
  EXPECT_EQ(host.problems().substr(0, 39), "header.key: \"Host\" cannot be set this w");
  Translated<core::HeaderValueOption> operators("{header: {key: a, value: '%NOPE%'}}");
  header_append(operators.message, operators.at);
  EXPECT_EQ(operators.problems().substr(0, 14), "header.value: ");
}

TEST(HeaderRemovals, RefusePseudoHeaders) {
  Translated<route::VirtualHost> t("request_headers_to_remove: [X-A, ':path', host]");
  EXPECT_EQ(header_removals(t.message.request_headers_to_remove(), t.at)[0], "x-a");
  EXPECT_EQ(t.problems(), "[1]: \":path\" cannot be removed\n[2]: \"host\" cannot be removed\n");
}

TEST(DataSource, ReadsFilesEnvironmentAndInlineText) {
  const std::string file = test::temporary_file("body.txt", "from file");
  ASSERT_EQ(::setenv("PILLION_TEST_VALUE", "from environment", 1), 0);
  Translated<core::DataSource> from_file("filename: " + file);
  EXPECT_EQ(data_source(from_file.message, from_file.at), "from file");
  Translated<core::DataSource> environment("environment_variable: PILLION_TEST_VALUE");
  EXPECT_EQ(data_source(environment.message, environment.at), "from environment");
  Translated<core::DataSource> text("inline_string: text");
  EXPECT_EQ(data_source(text.message, text.at), "text");
  Translated<core::DataSource> bytes("inline_bytes: dGV4dA==");
  EXPECT_EQ(data_source(bytes.message, bytes.at), "text");
}

TEST(DataSource, SaysWhatCannotBeRead) {
  Translated<core::DataSource> file("filename: /nowhere/at/all");
  EXPECT_FALSE(data_source(file.message, file.at));
  EXPECT_EQ(file.problems(),
            "filename: cannot read \"/nowhere/at/all\": No such file or directory; check the path "
            "and its permissions\n");
  Translated<core::DataSource> variable("environment_variable: PILLION_TEST_UNSET");
  EXPECT_FALSE(data_source(variable.message, variable.at));
  EXPECT_EQ(variable.problems(),
            "environment_variable: the environment variable PILLION_TEST_UNSET is not set\n");
  Translated<core::DataSource> large("inline_string: abcdef");
  EXPECT_FALSE(data_source(large.message, large.at, 5));
  EXPECT_EQ(large.problems(), "has 6 bytes, the limit is 5\n");
  Translated<core::DataSource> folder("filename: /");
  EXPECT_FALSE(data_source(folder.message, folder.at));
  EXPECT_NE(folder.problems(), "");
}

TEST(Address, TakesIpAndUnixAddresses) {
  Translated<core::Address> ip("socket_address: {address: '::1', port_value: 80}");
  EXPECT_EQ(address(ip.message, ip.at).to_string(), "[::1]:80");
  Translated<core::Address> pipe("pipe: {path: /tmp/x.sock}");
  EXPECT_EQ(address(pipe.message, pipe.at).to_string(), "/tmp/x.sock");
}

TEST(Address, RefusesNamesUdpAndNamedPorts) {
  Translated<core::Address> name("socket_address: {address: localhost, port_value: 80}");
  EXPECT_FALSE(address(name.message, name.at).valid());
  EXPECT_EQ(name.problems().substr(0, 59),
            "socket_address.address: \"localhost\" is no IPv4 or IPv6 addr");
  Translated<core::Address> udp(
      "socket_address: {address: 1.1.1.1, port_value: 80, protocol: UDP}");
  address(udp.message, udp.at);
  EXPECT_EQ(udp.problems(), "socket_address.protocol: is not supported by this version; use TCP\n");
  Translated<core::Address> port("socket_address: {address: 1.1.1.1, named_port: http}");
  address(port.message, port.at);
  EXPECT_EQ(port.problems(),
            "socket_address.named_port: is not supported by this version; remove it\n");
  Translated<core::Address> internal("envoy_internal_address: {server_listener_name: x}");
  address(internal.message, internal.at);
  EXPECT_EQ(internal.problems(),
            "envoy_internal_address: is not supported by this version; use socket_address or "
            "pipe\n");
}

TEST(CidrRanges, AreParsed) {
  Translated<core::CidrRange> t("{address_prefix: 10.1.0.0, prefix_len: 16}");
  EXPECT_EQ(cidr_range(t.message, t.at)->to_string(), "10.1.0.0/16");
  Translated<core::CidrRange> bad("{address_prefix: 10.1.0.0, prefix_len: 33}");
  EXPECT_FALSE(cidr_range(bad.message, bad.at));
  EXPECT_NE(bad.problems(), "");
}

TEST(SubstitutionFormat, TakesTextAndJson) {
  Translated<core::SubstitutionFormatString> text(
      "{text_format_source: {inline_string: '%PROTOCOL%'}, omit_empty_values: true}");
  const auto log = substitution_format(text.message, text.at);
  EXPECT_EQ(log.text, "%PROTOCOL%");
  EXPECT_TRUE(log.omit_empty_values);
  Translated<core::SubstitutionFormatString> json(
      "{json_format: {a: '%PROTOCOL%', b: {c: 1}}, json_format_options: {sort_properties: true}}");
  const auto other = substitution_format(json.message, json.at);
  ASSERT_NE(other.json, nullptr);
  EXPECT_TRUE(other.sort_properties);
  EXPECT_EQ(text.problems() + json.problems(), "");
}

TEST(SubstitutionFormat, RefusesUnknownOperatorsAndFormatters) {
  Translated<core::SubstitutionFormatString> t(
      "{text_format: '%WHAT%', formatters: [{name: cel, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.formatter.cel.v3.Cel}}]}");
  substitution_format(t.message, t.at);
  EXPECT_EQ(t.problems().substr(0, 14), "formatters[0]:");
  EXPECT_NE(t.problems().find("\ntext_format: "), std::string::npos);
}

TEST(CheckFields, ReportsWhatIsSetAndNotListed) {
  Translated<route::RouteAction> t(
      "{cluster: a, append_x_forwarded_host: true, priority: DEFAULT, include_vh_rate_limits: "
      "false}");
  EXPECT_FALSE(check_fields(t.message, t.at, {"cluster"}));
  EXPECT_EQ(t.problems(), "append_x_forwarded_host: is not supported by this version; remove it\n");
}

}  // namespace
}  // namespace pillion::xds
