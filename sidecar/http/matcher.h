#pragma once
// Compiled string, header and query matchers (config::StringMatcher and its kin). Regular
// expressions are RE2, compiled once. Immutable; shared by all workers.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/base/error.h"
#include "sidecar/config/matcher.h"
#include "sidecar/http/message.h"

namespace re2 {
class RE2;
}

namespace pillion::http {

class StringMatcher {
 public:
  // Problem carries RE2's message for a bad pattern.
  static Result<StringMatcher, Problem> compile(const config::StringMatcher& matcher);
  [[nodiscard]] bool matches(std::string_view text) const;

  StringMatcher(StringMatcher&&) noexcept;
  StringMatcher& operator=(StringMatcher&&) noexcept;
  ~StringMatcher();

 private:
  StringMatcher();
  config::StringMatcher::Kind kind_;
  bool ignore_case_;
  std::string text_;
  std::unique_ptr<re2::RE2> regex_;
};

// Compares one field; pseudo-header fields by their names (":path"). Of several of one name, one
// that matches is enough, and when inverted none may match (Envoy since 1.39).
class HeaderMatcher {
 public:
  static Result<HeaderMatcher, Problem> compile(const config::HeaderMatcher& matcher);
  [[nodiscard]] bool matches(const RequestHead& head) const;
  [[nodiscard]] bool matches(const ResponseHead& head) const;

 private:
  explicit HeaderMatcher(const config::HeaderMatcher& config);
  template <class Head>
  [[nodiscard]] bool matches_head(const Head& head) const;
  [[nodiscard]] bool matches_value(std::string_view value) const;
  std::string name_;
  config::HeaderMatcher::Kind kind_;
  bool present_;
  bool invert_;
  bool treat_missing_as_empty_;
  int64_t range_start_;
  int64_t range_end_;
  std::optional<StringMatcher> string_;  // for kString
};

class QueryMatcher {
 public:
  static Result<QueryMatcher, Problem> compile(const config::QueryMatcher& matcher);
  // `query` is the text after '?', undecoded, as Envoy's matcher sees it.
  [[nodiscard]] bool matches(std::string_view query) const;

 private:
  QueryMatcher();
  std::string name_;
  bool present_ = true;
  std::optional<StringMatcher> value_;  // none: only presence counts
};

// The first value of a parameter in the text after '?', undecoded; empty if it has no '='.
std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name);

}  // namespace pillion::http
