#include "sidecar/format/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace pillion::format {

namespace {

void append_unicode_escape(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[c >> 4];
  out += kHex[c & 15];
}

bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

// The length of the well-formed UTF-8 sequence at the start of `text` (Unicode table 3-7), 0 if
// there is none.
std::size_t utf8_length(std::string_view text) {
  auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = at(0);
  std::size_t length = first < 0x80   ? 1
                       : first < 0xc2 ? 0
                       : first < 0xe0 ? 2
                       : first < 0xf0 ? 3
                                      : 4;
  if (length == 0 || first > 0xf4 || text.size() < length) return 0;
  unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (std::size_t i = 1; i < length; ++i) {
    if (at(i) < low || at(i) > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (c < 0x20 || c == 0x7f) {
        append_unicode_escape(out, c);
      } else {
        out += static_cast<char>(c);
      }
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;
  while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
  out += text.substr(0, plain);
  text.remove_prefix(plain);
  bool utf8 = is_utf8(text);
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (utf8) {
      append_escaped(out, byte);
    } else if (is_plain(byte)) {
      out += c;
    } else {
      append_unicode_escape(out, byte);
    }
  }
  out += '"';
}

void append_json_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  // Beyond 2^63 a double no longer fits the integer that it is printed as.
  constexpr double kWholeLimit = 9223372036854775808.0;
  std::array<char, 32> text;
  char* end = nullptr;
  if (number == std::floor(number) && std::abs(number) < kWholeLimit) {
    end = std::to_chars(text.data(), text.data() + text.size(), static_cast<int64_t>(number)).ptr;
  } else {
    end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  }
  out.append(text.data(), static_cast<std::size_t>(end - text.data()));
}

namespace {

struct ValueWriter {
  std::string& out;
  void operator()(std::monostate) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(double value) const { append_json_number(out, value); }
  void operator()(const std::string& value) const { append_json_string(out, value); }
  void operator()(const config::Value::Array& values) const {
    out += '[';
    bool first = true;
    for (const config::Value& value : values) {
      if (!first) out += ',';
      first = false;
      append_json_value(out, value);
    }
    out += ']';
  }
  void operator()(const config::Value::Object& object) const {
    out += '{';
    bool first = true;
    for (const auto& [key, value] : object) {
      if (!first) out += ',';
      first = false;
      append_json_string(out, key);
      out += ':';
      append_json_value(out, value);
    }
    out += '}';
  }
};

}  // namespace

void append_json_value(std::string& out, const config::Value& value) {
  std::visit(ValueWriter{out}, value.data);
}

}  // namespace pillion::format
