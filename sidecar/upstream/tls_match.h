#pragma once
// The string matchers of sidecar/http for sidecar/tls, which may not know them. Any thread.

#include "sidecar/tls/compile_match.h"

namespace pillion::upstream {

Result<tls::StringMatch, Problem> compile_tls_match(const config::StringMatcher& matcher);

}  // namespace pillion::upstream
