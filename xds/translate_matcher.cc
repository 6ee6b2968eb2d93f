// String, header and query matchers (translate_common.h).

#include <envoy/config/route/v3/route_components.pb.h>
#include <envoy/type/matcher/v3/regex.pb.h>
#include <envoy/type/matcher/v3/string.pb.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include "sidecar/base/text.h"
#include "sidecar/config/route.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

using envoy::config::route::v3::HeaderMatcher;
using envoy::config::route::v3::QueryParameterMatcher;
using envoy::type::matcher::v3::StringMatcher;
using Kind = config::StringMatcher::Kind;

// The pattern, or null with a problem that quotes RE2.
std::unique_ptr<re2::RE2> compile(const std::string& pattern, const FieldPath& at) {
  auto compiled = std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
  if (compiled->ok()) return compiled;
  at.problem(fmt::format("\"{}\" is no RE2 regular expression: {}; correct the pattern", pattern,
                         compiled->error()));
  return nullptr;
}

config::StringMatcher text_matcher(Kind kind, const std::string& text) {
  config::StringMatcher matcher;
  matcher.kind = kind;
  matcher.text = text;
  return matcher;
}

void set_string(config::HeaderMatcher& to, config::StringMatcher matcher) {
  to.kind = config::HeaderMatcher::Kind::kString;
  to.string = std::move(matcher);
}

}  // namespace

std::string regex(const envoy::type::matcher::v3::RegexMatcher& message, const FieldPath& at) {
  // google_re2 chose the engine when there was a choice, and its program size was a soft limit.
  check_fields(message, at, {"regex"}, {"google_re2"});
  compile(message.regex(), at.field("regex"));
  return message.regex();
}

config::RegexRewrite regex_rewrite(const envoy::type::matcher::v3::RegexMatchAndSubstitute& message,
                                   const FieldPath& at) {
  check_fields(message, at, {"pattern", "substitution"});
  check_fields(message.pattern(), at.field("pattern"), {"regex"}, {"google_re2"});
  config::RegexRewrite rewrite{message.pattern().regex(), message.substitution()};
  auto compiled = compile(rewrite.pattern, at.field("pattern.regex"));
  std::string error;
  if (compiled != nullptr && !compiled->CheckRewriteString(rewrite.substitution, &error))
    at.field("substitution").problem(error + " Use \\1 to \\9 for groups that the pattern has");
  return rewrite;
}

config::StringMatcher string_matcher(const StringMatcher& message, const FieldPath& at) {
  config::StringMatcher matcher;
  switch (message.match_pattern_case()) {
    case StringMatcher::kExact:
      matcher = text_matcher(Kind::kExact, message.exact());
      break;
    case StringMatcher::kPrefix:
      matcher = text_matcher(Kind::kPrefix, message.prefix());
      break;
    case StringMatcher::kSuffix:
      matcher = text_matcher(Kind::kSuffix, message.suffix());
      break;
    case StringMatcher::kContains:
      matcher = text_matcher(Kind::kContains, message.contains());
      break;
    case StringMatcher::kSafeRegex:
      matcher = text_matcher(Kind::kRegex, regex(message.safe_regex(), at.field("safe_regex")));
      break;
    case StringMatcher::kCustom:
      not_supported(at.field("custom"), "use exact, prefix, suffix, contains or safe_regex");
      break;
    default:
      at.missing("needs one of exact, prefix, suffix, contains and safe_regex");
  }
  // Envoy documents that ignore_case has no effect on a regular expression.
  matcher.ignore_case = message.ignore_case() && matcher.kind != Kind::kRegex;
  return matcher;
}

config::HeaderMatcher header_matcher(const HeaderMatcher& message, const FieldPath& at) {
  config::HeaderMatcher matcher;
  matcher.name = lower_copy(message.name());
  matcher.invert = message.invert_match();
  matcher.treat_missing_as_empty = message.treat_missing_header_as_empty();
  switch (message.header_match_specifier_case()) {
    case HeaderMatcher::kExactMatch:
      // Envoy takes an empty text of this deprecated field for "any value".
      set_string(matcher, text_matcher(message.exact_match().empty() ? Kind::kPrefix : Kind::kExact,
                                       message.exact_match()));
      break;
    case HeaderMatcher::kPrefixMatch:
      set_string(matcher, text_matcher(Kind::kPrefix, message.prefix_match()));
      break;
    case HeaderMatcher::kSuffixMatch:
      set_string(matcher, text_matcher(Kind::kSuffix, message.suffix_match()));
      break;
    case HeaderMatcher::kContainsMatch:
      set_string(matcher, text_matcher(Kind::kContains, message.contains_match()));
      break;
    case HeaderMatcher::kSafeRegexMatch:
      set_string(matcher, text_matcher(Kind::kRegex, regex(message.safe_regex_match(),
                                                           at.field("safe_regex_match"))));
      break;
    case HeaderMatcher::kStringMatch:
      set_string(matcher, string_matcher(message.string_match(), at.field("string_match")));
      break;
    case HeaderMatcher::kRangeMatch:
      matcher.kind = config::HeaderMatcher::Kind::kRange;
      matcher.range_start = message.range_match().start();
      matcher.range_end = message.range_match().end();
      break;
    case HeaderMatcher::kPresentMatch:
      matcher.present = message.present_match();
      break;
    default:  // Without a specifier the header has to be there.
      break;
  }
  return matcher;
}

std::vector<config::HeaderMatcher> header_matchers(
    const google::protobuf::RepeatedPtrField<HeaderMatcher>& messages, const FieldPath& at) {
  std::vector<config::HeaderMatcher> matchers;
  matchers.reserve(static_cast<std::size_t>(messages.size()));
  for (const HeaderMatcher& message : messages)
    matchers.push_back(header_matcher(message, at.index(matchers.size())));
  return matchers;
}

config::QueryMatcher query_matcher(const QueryParameterMatcher& message, const FieldPath& at) {
  config::QueryMatcher matcher;
  matcher.name = message.name();
  if (message.has_string_match())
    matcher.value = string_matcher(message.string_match(), at.field("string_match"));
  else if (message.has_present_match())
    matcher.present = message.present_match();
  return matcher;
}

}  // namespace pillion::xds
