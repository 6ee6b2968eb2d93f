#pragma once
// Compiled string, header and query matchers (config::StringMatcher and its kin). Regular expressions are
// RE2, compiled once. Immutable; shared by all workers.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

class HeaderMatcher {
 public:
  static Result<HeaderMatcher, Problem> compile(const config::HeaderMatcher& matcher);
  [[nodiscard]] bool matches(const RequestHead& head) const;
  [[nodiscard]] bool matches(const ResponseHead& head) const;

 private:
  explicit HeaderMatcher(const config::HeaderMatcher& config);
  [[nodiscard]] bool matches_value(std::optional<std::string_view> value) const;
  config::HeaderMatcher config_;
  std::vector<StringMatcher> string_;  // one, for kString
};

class QueryMatcher {
 public:
  static Result<QueryMatcher, Problem> compile(const config::QueryMatcher& matcher);
  // `query` is the text after '?', undecoded, as Envoy's matcher sees it.
  [[nodiscard]] bool matches(std::string_view query) const;

 private:
  QueryMatcher();
  std::string name_;
  std::vector<StringMatcher> value_;  // none or one
};

}  // namespace pillion::http
