#pragma once
// Path normalization (RFC 3986 section 6) as the connection manager's options ask for it, with
// Envoy's results: escaped slashes first, then the WHATWG path algorithm, then merging. Pure; any
// thread.

#include <optional>
#include <string_view>

#include "sidecar/base/arena.h"

namespace pillion::http {

struct PathOptions {
  bool normalize = false;         // dot segments, backslashes, escapes of unreserved characters
  bool merge_slashes = false;     // "//" to "/"
  bool unescape_slashes = false;  // %2F to a slash, %5C to a backslash
  bool reject_escaped_slashes = false;
};

// The normalized path with its query (which is left alone), in the arena or a part of `path`. None
// when the path must be refused. `unescaped` is set when an escaped slash was replaced.
std::optional<std::string_view> normalize_path(std::string_view path, const PathOptions& options,
                                               Arena& arena, bool* unescaped);

}  // namespace pillion::http
