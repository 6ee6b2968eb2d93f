#pragma once
// JSON text (RFC 8259) to a Document. Strict: no comments, no trailing commas, no second value.
// Bounded in size and depth. Control thread only.

#include <string>

#include "sidecar/base/error.h"
#include "xds/document.h"

namespace pillion::xds {

// The problem names line and column: "12:5: expected ',' or '}'".
Result<Unit, Problem> parse_json(std::string text, Document& document);

}  // namespace pillion::xds
