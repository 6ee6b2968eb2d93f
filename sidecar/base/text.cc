#include "sidecar/base/text.h"

#include <cstring>

namespace pillion {

void lower_into(char* to, std::string_view text) {
  constexpr uint64_t kEach = 0x0101010101010101;
  std::size_t i = 0;
  // Eight bytes at a time: a byte's top bit of `from_a` says that it is at least 'A', of `past_z`
  // that it is beyond 'Z'; bit 5 is what tells the cases apart.
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    uint64_t low = word & (0x7f * kEach);
    uint64_t from_a = low + (0x80 - 'A') * kEach;
    uint64_t past_z = low + (0x7f - 'Z') * kEach;
    word |= ((from_a & ~past_z & ~word) & (0x80 * kEach)) >> 2;
    std::memcpy(to + i, &word, 8);
  }
  for (; i < text.size(); ++i) to[i] = lower(text[i]);
}

bool equals_ignore_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

bool starts_with_ignore_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equals_ignore_case(text.substr(0, prefix.size()), prefix);
}

std::string lower_copy(std::string_view text) {
  std::string out(text.size(), '\0');
  lower_into(out.data(), text);
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view take_member(std::string_view& list) {
  std::size_t comma = list.find(',');
  std::string_view member = trim(list.substr(0, comma));
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  return member;
}

bool list_has_token(std::string_view list, std::string_view token) {
  while (!list.empty())
    if (equals_ignore_case(take_member(list), token)) return true;
  return false;
}

void append_json_escaped(std::string& to, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (char c : text) {
    switch (c) {
      case '"':
        to += "\\\"";
        break;
      case '\\':
        to += "\\\\";
        break;
      case '\n':
        to += "\\n";
        break;
      case '\r':
        to += "\\r";
        break;
      case '\t':
        to += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          to += "\\u00";
          to += kHex[(c >> 4) & 0xf];
          to += kHex[c & 0xf];
        } else {
          to += c;
        }
    }
  }
}

}  // namespace pillion
