#pragma once
// What the filters of this folder share: typed per-route settings, random decisions, names of stats
// and the usual shape of parsers. Header only.

#include <memory>
#include <string>
#include <string_view>

#include "sidecar/config/matcher.h"
#include "sidecar/filter/filter.h"
#include "sidecar/filter/registry.h"
#include "sidecar/http/matcher.h"
#include "sidecar/metrics/metrics.h"
#include "xds/translate_common.h"

namespace pillion::filters {

// The most specific per-route settings of this filter's own type, or null. An override that was
// written under this filter's name but holds another filter's message does not count, as in Envoy.
template <class Settings>
const Settings* route_settings(const filter::StreamContext& context) {
  return dynamic_cast<const Settings*>(context.route_config());
}

// True for that share of calls.
inline bool chance(const config::Fraction& fraction, filter::StreamContext& context) {
  if (fraction.numerator == 0) return false;
  if (fraction.numerator >= fraction.denominator) return true;
  return context.random() % fraction.denominator < fraction.numerator;
}

// "http.<stat_prefix>.<filter>."
inline metrics::Scope http_scope(const filter::ParseContext& context, std::string filter) {
  return {{"http"},
          {metrics::sanitized(context.stat_prefix), metrics::kHttpPrefixTag},
          {std::move(filter)}};
}

// Compiles what the translators have already checked; a matcher that they refused is left out, and
// the load fails with the problem that they reported.
inline std::vector<http::HeaderMatcher> compile(
    const std::vector<config::HeaderMatcher>& matchers) {
  std::vector<http::HeaderMatcher> compiled;
  for (const config::HeaderMatcher& matcher : matchers) {
    auto one = http::HeaderMatcher::compile(matcher);
    if (one) compiled.push_back(std::move(*one));
  }
  return compiled;
}

inline bool all_match(const std::vector<http::HeaderMatcher>& matchers,
                      const http::RequestHead& head) {
  for (const http::HeaderMatcher& matcher : matchers)
    if (!matcher.matches(head)) return false;
  return true;
}

}  // namespace pillion::filters
