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

// Decodes %XX of unreserved characters, and of slashes when asked to. False for a malformed escape
// or a NUL.
bool decode(std::string_view path, const PathOptions& options, std::string& out, bool* unescaped) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '\\' && options.normalize) c = '/';
    if (c != '%') {
      out += c;
      continue;
    }
    int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
    int low = i + 2 < path.size() ? hex_value(path[i + 2]) : -1;
    if (high < 0 || low < 0) {
      if (options.normalize) return false;
      out += c;
      continue;
    }
    char decoded = static_cast<char>(high * 16 + low);
    bool slash = decoded == '/' || decoded == '\\';
    if (decoded == '\0' && options.normalize) return false;
    if (slash && options.reject_escaped_slashes) return false;
    if (slash && options.unescape_slashes) {
      *unescaped = true;
      out += '/';
    } else if (options.normalize && is_unreserved(decoded)) {
      out += decoded;
    } else {
      out.append(path.substr(i, 3));
    }
    i += 2;
  }
  return true;
}

// RFC 3986 section 5.2.4.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  std::vector<std::string_view> segments = split(path.substr(1), '/');
  for (std::size_t i = 0; i < segments.size(); ++i) {
    bool last = i + 1 == segments.size();
    if (segments[i] == ".." || segments[i] == ".") {
      if (segments[i] == ".." && !kept.empty()) kept.pop_back();
      if (last) kept.push_back("");
    } else {
      kept.push_back(segments[i]);
    }
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

}  // namespace

std::optional<std::string_view> normalize_path(std::string_view path, const PathOptions& options,
                                               Arena& arena, bool* unescaped) {
  std::size_t end = path.find_first_of("?#");
  std::string_view rest = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  std::string_view only = path.substr(0, end);
  if (only.empty() || only.front() != '/') return std::nullopt;
  std::string out;
  out.reserve(only.size());
  if (!decode(only, options, out, unescaped)) return std::nullopt;
  if (options.normalize) out = remove_dot_segments(out);
  if (options.merge_slashes) out = merge_slashes(out);
  if (out == only) return path;
  return arena.concat(out, rest);
}

}  // namespace pillion::http
