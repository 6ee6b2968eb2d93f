#include "sidecar/upstream/tls_match.h"

#include <memory>

#include "sidecar/http/matcher.h"

namespace pillion::upstream {

Result<tls::StringMatch, Problem> compile_tls_match(const config::StringMatcher& matcher) {
  TRY(http::StringMatcher compiled, http::StringMatcher::compile(matcher));
  auto shared = std::make_shared<const http::StringMatcher>(std::move(compiled));
  return tls::StringMatch([shared](std::string_view text) { return shared->matches(text); });
}

}  // namespace pillion::upstream
