#pragma once
// What a plain (unquoted) scalar of YAML stands for, as Envoy understands it. Shared by the two
// readers of YAML. Control thread only.

#include <string_view>

#include "xds/document.h"

namespace pillion::xds {

// Null, a boolean (also yes/no/on/off), an integer (also hexadecimal and octal) or else a string.
// `text` is kept as a view, so it has to live as long as the document.
Node plain_scalar(std::string_view text, Document& document);

}  // namespace pillion::xds
