#include "xds/yaml_scalar.h"

#include <limits>
#include <optional>
#include <string>

#include "sidecar/base/text.h"

namespace pillion::xds {
namespace {

bool is_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::optional<bool> boolean_of(std::string_view text) {
  // YAML 1.1 words, which Envoy (through yaml-cpp) takes: all lower case, capitalised, all upper
  // case.
  static constexpr std::string_view kTrue[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                               "True", "TRUE", "on",  "On",  "ON"};
  static constexpr std::string_view kFalse[] = {"n",     "N",     "no",  "No",  "NO", "false",
                                                "False", "FALSE", "off", "Off", "OFF"};
  constexpr std::size_t kLongestWord = 5;
  if (text.size() > kLongestWord) return {};
  for (std::string_view word : kTrue)
    if (text == word) return true;
  for (std::string_view word : kFalse)
    if (text == word) return false;
  return {};
}

// Decimal, 0x hexadecimal, and octal with a leading 0, with an optional sign.
std::optional<int64_t> integer_of(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && lower(text[1]) == 'x') {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  if (text.empty() || text[0] == '-' || text[0] == '+') return {};
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return negative ? -value : value;
}

}  // namespace

Node plain_scalar(std::string_view text, Document& document) {
  if (is_null(text)) return {};
  if (auto truth = boolean_of(text))
    return Node::scalar(Node::Kind::kBool, *truth ? "true" : "false");
  auto integer = integer_of(text);
  if (!integer) return Node::scalar(Node::Kind::kString, text);
  // As in Envoy, integers beyond 32 bits go on as text: a Struct's double could not hold them all,
  // and integer fields take text too.
  const bool small = *integer >= std::numeric_limits<int32_t>::min() &&
                     *integer <= std::numeric_limits<int32_t>::max();
  return Node::scalar(small ? Node::Kind::kNumber : Node::Kind::kString,
                      document.copy(std::to_string(*integer)));
}

}  // namespace pillion::xds
