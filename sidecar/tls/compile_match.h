#pragma once
// How this room gets string matchers: it may not include sidecar/http, where they are compiled, so
// whoever builds a context passes the compiler in.

#include <functional>
#include <string_view>

#include "sidecar/base/error.h"
#include "sidecar/config/matcher.h"

namespace pillion::tls {

// Called by all workers at once.
using StringMatch = std::function<bool(std::string_view)>;
using CompileMatch = std::function<Result<StringMatch, Problem>(const config::StringMatcher&)>;

}  // namespace pillion::tls
