#pragma once
// JSON text (RFC 8259) to a config::Value: what stands in the brackets of %COALESCE(...)%. Strict,
// bounded in depth. Control thread, when formats are parsed.

#include <string_view>

#include "sidecar/base/error.h"
#include "sidecar/config/value.h"

namespace pillion::format {

// The problem names the byte at which the text is wrong.
Result<config::Value, Problem> parse_json(std::string_view text);

}  // namespace pillion::format
