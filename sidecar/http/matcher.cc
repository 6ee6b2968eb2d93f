#include "sidecar/http/matcher.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "sidecar/base/text.h"

namespace pillion::http {

namespace {

Result<std::unique_ptr<re2::RE2>, Problem> compile_regex(const std::string& pattern) {
  auto regex = std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
  if (!regex->ok()) return problem("regex '" + pattern + "': " + regex->error());
  return regex;
}

bool contains_ignore_case(std::string_view text, std::string_view part) {
  auto same = [](char a, char b) { return lower(a) == lower(b); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

bool ends_with_ignore_case(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         equals_ignore_case(text.substr(text.size() - suffix.size()), suffix);
}

}  // namespace

StringMatcher::StringMatcher() : kind_(config::StringMatcher::Kind::kExact), ignore_case_(false) {}
StringMatcher::StringMatcher(StringMatcher&&) noexcept = default;
StringMatcher& StringMatcher::operator=(StringMatcher&&) noexcept = default;
StringMatcher::~StringMatcher() = default;

Result<StringMatcher, Problem> StringMatcher::compile(const config::StringMatcher& matcher) {
  StringMatcher out;
  out.kind_ = matcher.kind;
  out.ignore_case_ = matcher.ignore_case;
  if (matcher.kind == config::StringMatcher::Kind::kRegex) {
    TRY(out.regex_, compile_regex(matcher.text));
  } else {
    out.text_ = matcher.text;
  }
  return out;
}

bool StringMatcher::matches(std::string_view text) const {
  using Kind = config::StringMatcher::Kind;
  switch (kind_) {
    case Kind::kExact:
      return ignore_case_ ? equals_ignore_case(text, text_) : text == text_;
    case Kind::kPrefix:
      return ignore_case_ ? starts_with_ignore_case(text, text_) : text.starts_with(text_);
    case Kind::kSuffix:
      return ignore_case_ ? ends_with_ignore_case(text, text_) : text.ends_with(text_);
    case Kind::kContains:
      return ignore_case_ ? contains_ignore_case(text, text_)
                          : text.find(text_) != std::string_view::npos;
    case Kind::kRegex:
      return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *regex_);
  }
  return false;
}

HeaderMatcher::HeaderMatcher(const config::HeaderMatcher& config)
    : name_(config.name),
      kind_(config.kind),
      present_(config.present),
      invert_(config.invert),
      treat_missing_as_empty_(config.treat_missing_as_empty),
      range_start_(config.range_start),
      range_end_(config.range_end) {}

Result<HeaderMatcher, Problem> HeaderMatcher::compile(const config::HeaderMatcher& matcher) {
  if (matcher.name.empty()) return problem("a header matcher needs the name of a header");
  HeaderMatcher out(matcher);
  if (matcher.kind == config::HeaderMatcher::Kind::kString) {
    auto compiled = StringMatcher::compile(matcher.string);
    if (!compiled)
      return problem("header '" + matcher.name + "': " + std::move(compiled.error().message));
    out.string_.emplace(*std::move(compiled));
  }
  return out;
}

bool HeaderMatcher::matches(const RequestHead& head) const {
  return matches_head(head);
}

bool HeaderMatcher::matches(const ResponseHead& head) const {
  return matches_head(head);
}

template <class Head>
bool HeaderMatcher::matches_head(const Head& head) const {
  auto first = head.first(name_);
  if (kind_ == config::HeaderMatcher::Kind::kPresent) {
    bool has = first.has_value() || treat_missing_as_empty_;
    return (has == present_) != invert_;
  }
  // Inverting does not turn a missing field into a match
  // (HeaderMatcher.treat_missing_header_as_empty).
  if (!first && !treat_missing_as_empty_) return false;
  bool matched = matches_value(first.value_or(std::string_view{})) ||
                 (name_[0] != ':' && head.headers.any_value(name_, [this](std::string_view value) {
                   return matches_value(value);
                 }));
  return matched != invert_;
}

bool HeaderMatcher::matches_value(std::string_view value) const {
  if (kind_ == config::HeaderMatcher::Kind::kString) return string_->matches(value);
  // parse_number takes a minus sign only; the API wants "an optional plus or minus".
  if (value.size() > 1 && value[0] == '+' && is_digit(value[1])) value.remove_prefix(1);
  auto number = parse_number<int64_t>(value);
  return number && *number >= range_start_ && *number < range_end_;
}

QueryMatcher::QueryMatcher() = default;

Result<QueryMatcher, Problem> QueryMatcher::compile(const config::QueryMatcher& matcher) {
  QueryMatcher out;
  out.name_ = matcher.name;
  out.present_ = matcher.present;
  if (matcher.value) {
    auto compiled = StringMatcher::compile(*matcher.value);
    if (!compiled) {
      return problem("query parameter '" + matcher.name +
                     "': " + std::move(compiled.error().message));
    }
    out.value_.emplace(*std::move(compiled));
  }
  return out;
}

bool QueryMatcher::matches(std::string_view query) const {
  // Only the first value of a name counts, as in Envoy.
  auto value = query_parameter(query, name_);
  if (!value_) return value.has_value() == present_;
  return value && value_->matches(*value);
}

std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    std::size_t end = query.find('&');
    std::string_view pair = query.substr(0, end);
    std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name)
      return equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace pillion::http
