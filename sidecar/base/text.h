#pragma once
// ASCII text: comparison without case, trimming, splitting, numbers. No locale, no allocation
// unless a string is returned.

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pillion {

constexpr char lower(char c) {
  return (c >= 'A' && c <= 'Z') ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Writes `text` in lower case to `to`, which has room for it.
void lower_into(char* to, std::string_view text);
bool equals_ignore_case(std::string_view a, std::string_view b);
bool starts_with_ignore_case(std::string_view text, std::string_view prefix);
std::string lower_copy(std::string_view text);
// Removes spaces and horizontal tabs at both ends (RFC 9110 OWS).
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
// Takes the first member off a comma-separated list that is not empty, and returns it trimmed.
std::string_view take_member(std::string_view& list);
// True when the comma-separated list holds the token, compared without case.
bool list_has_token(std::string_view list, std::string_view token);

// The whole of `text` as a number in base 10, or nothing (signs, spaces and overflow are refused
// for unsigned types).
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

// JSON string escaping, without the quotes.
void append_json_escaped(std::string& to, std::string_view text);

}  // namespace pillion
