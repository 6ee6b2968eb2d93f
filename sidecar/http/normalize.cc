#include "sidecar/http/normalize.h"

#include <string>
#include <vector>

#include "sidecar/base/text.h"

namespace pillion::http {

namespace {

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_unreserved(char c) {
  char l = lower(c);
  return is_digit(c) || (l >= 'a' && l <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

// What the WHATWG URL algorithm escapes in a path, of what an HTTP/1 target may hold.
bool is_escaped_in_paths(char c) {
  return std::string_view("\"<>^`{|}").find(c) != std::string_view::npos;
}

// The value of the escape at `at`, or -1 if there is none.
int escape_at(std::string_view path, std::size_t at) {
  if (path[at] != '%' || at + 2 >= path.size()) return -1;
  int high = hex_value(path[at + 1]);
  int low = hex_value(path[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string unescape_slashes(std::string_view path, bool* unescaped) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    int value = escape_at(path, i);
    if (value == '/' || value == '\\') {
      out += static_cast<char>(value);
      *unescaped = true;
      i += 2;
    } else {
      out += path[i];
    }
  }
  return out;
}

bool has_escaped_slash(std::string_view path) {
  for (std::size_t i = path.find('%'); i != std::string_view::npos; i = path.find('%', i + 1))
    if (int value = escape_at(path, i); value == '/' || value == '\\') return true;
  return false;
}

// Escapes of unreserved characters become the characters, backslashes become slashes, and what may
// not stand in a path is escaped. Malformed escapes stay as they are, as in Envoy. False for an
// escaped NUL.
bool canonicalize(std::string_view path, std::string& out) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    int value = escape_at(path, i);
    if (value == 0) return false;
    if (value > 0) {
      if (is_unreserved(static_cast<char>(value)))
        out += static_cast<char>(value);
      else
        out.append(path.substr(i, 3));
      i += 2;
    } else if (is_escaped_in_paths(c)) {
      static constexpr char kHex[] = "0123456789ABCDEF";
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 0xf];
    } else {
      out += c == '\\' ? '/' : c;
    }
  }
  return true;
}

// 1 for ".", 2 for "..", else 0. Servers that know path parameters take "..;x" for "..", so a route
// must not see it as an ordinary segment.
int dots_of(std::string_view segment) {
  segment = segment.substr(0, segment.find(';'));
  return segment == "." ? 1 : segment == ".." ? 2 : 0;
}

// RFC 3986 section 5.2.4.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  std::vector<std::string_view> segments = split(path.substr(1), '/');
  for (std::size_t i = 0; i < segments.size(); ++i) {
    int dots = dots_of(segments[i]);
    if (dots == 0) {
      kept.push_back(segments[i]);
      continue;
    }
    if (dots == 2 && !kept.empty()) kept.pop_back();
    if (i + 1 == segments.size()) kept.emplace_back();
  }
  std::string out;
  for (std::string_view segment : kept) {
    out += '/';
    out += segment;
  }
  return out.empty() ? "/" : out;
}

std::string merge_slashes(std::string_view path) {
  std::string out;
  for (char c : path)
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  return out;
}

// Nearly every path: nothing in it that any of the options would change.
bool is_plain(std::string_view path) {
  char before = 0;
  for (char c : path) {
    if (c == '%' || c == '\\' || (before == '/' && (c == '/' || c == '.')) ||
        is_escaped_in_paths(c))
      return false;
    before = c;
  }
  return true;
}

}  // namespace

std::optional<std::string_view> normalize_path(std::string_view path, const PathOptions& options,
                                               Arena& arena, bool* unescaped) {
  std::size_t end = path.find('?');
  std::string_view rest = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  std::string_view only = path.substr(0, end);
  if (only.empty() || only.front() != '/') return std::nullopt;
  if (is_plain(only)) return path;
  if (options.reject_escaped_slashes && has_escaped_slash(only)) return std::nullopt;
  std::string out =
      options.unescape_slashes ? unescape_slashes(only, unescaped) : std::string(only);
  if (options.normalize) {
    std::string canonical;
    canonical.reserve(out.size());
    if (!canonicalize(out, canonical)) return std::nullopt;
    out = remove_dot_segments(canonical);
  }
  if (options.merge_slashes) out = merge_slashes(out);
  if (out == only) return path;
  return arena.concat(out, rest);
}

}  // namespace pillion::http
