#include "sidecar/format/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>

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

// First bytes of UTF-8 sequences, with the bounds of the byte that follows (Unicode table 3-7);
// those after it are 80..bf.
struct Utf8Lead {
  unsigned char first;
  unsigned char last;
  unsigned char length;
  unsigned char low;
  unsigned char high;
};
constexpr Utf8Lead kLeads[] = {
    {0x00, 0x7f, 1, 0x80, 0xbf}, {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

bool between(char c, unsigned char low, unsigned char high) {
  auto byte = static_cast<unsigned char>(c);
  return byte >= low && byte <= high;
}

// The length of the well-formed sequence at the start of `text`; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto* lead = std::find_if(std::begin(kLeads), std::end(kLeads), [text](const Utf8Lead& l) {
    return between(text[0], l.first, l.last);
  });
  if (lead == std::end(kLeads) || text.size() < lead->length) return 0;
  if (lead->length > 1 && !between(text[1], lead->low, lead->high)) return 0;
  for (std::size_t i = 2; i < lead->length; ++i)
    if (!between(text[i], 0x80, 0xbf)) return 0;
  return lead->length;
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
