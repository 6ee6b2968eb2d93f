#pragma once
// JSON as text, appended to a line: strings, numbers and config::Value trees, written as Envoy
// writes them. Stateless; any thread.

#include <string>
#include <string_view>

#include "sidecar/config/value.h"

namespace pillion::format {

// With the quotes. Text that is not UTF-8 keeps its bytes as \u00XX, one each.
void append_json_string(std::string& out, std::string_view text);
// The shortest text that reads back as the same number; whole numbers without a fraction.
void append_json_number(std::string& out, double number);
void append_json_value(std::string& out, const config::Value& value);

}  // namespace pillion::format
