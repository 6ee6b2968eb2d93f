#pragma once
// YAML text to a Document, with scalars typed as Envoy types them: quoted ones are strings; plain
// ones are null, booleans (also yes/no/on/off), integers (also hexadecimal and octal) or else
// strings, which fields of type double take too. The only place that knows yaml-cpp, which throws.
// Control thread only.

#include <string>

#include "sidecar/base/error.h"
#include "xds/document.h"

namespace pillion::xds {

// The problem names line and column: "12:5: ...". Aliases are followed, but what they expand to is
// bounded, so that a small file cannot describe a huge one.
Result<Unit, Problem> parse_yaml(std::string text, Document& document);

}  // namespace pillion::xds
