#include "sidecar/format/json_reader.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "sidecar/base/text.h"

namespace pillion::format {

namespace {

using config::Value;

// Deeper than any configuration goes, and far from the end of the stack.
constexpr unsigned kMaxDepth = 32;

void append_utf8(std::string& out, uint32_t code) {
  auto add = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
    return;
  }
  if (code < 0x800) {
    add(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xe0 | code >> 12);
    } else {
      add(0xf0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3f));
    }
    add(0x80 | (code >> 6 & 0x3f));
  }
  add(0x80 | (code & 0x3f));
}

// Recursive descent. Every method returns false at the first byte that is wrong, and leaves `rest_`
// there.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool value(Value& to, unsigned depth) {
    skip_space();
    if (rest_.empty() || depth > kMaxDepth) return false;
    switch (rest_.front()) {
      case '{':
        return object(to.data.emplace<Value::Object>(), depth);
      case '[':
        return array(to.data.emplace<Value::Array>(), depth);
      case '"':
        return string(to.data.emplace<std::string>());
      case 't':
        to.data = true;
        return word("true");
      case 'f':
        to.data = false;
        return word("false");
      case 'n':
        to.data = std::monostate{};
        return word("null");
      default:
        return number(to.data.emplace<double>());
    }
  }

  bool at_end() {
    skip_space();
    return rest_.empty();
  }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  void skip_space() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != rest_.npos)
      rest_.remove_prefix(1);
  }

  bool word(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  bool take(char c) {
    skip_space();
    return word({&c, 1});
  }

  bool number(double& to) {
    // from_chars knows more numbers than JSON does: "inf", ".5".
    if (rest_.front() != '-' && !is_digit(rest_.front())) return false;
    auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), to);
    if (error != std::errc{}) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }

  bool array(Value::Array& to, unsigned depth) {
    take('[');
    if (take(']')) return true;
    do {
      if (!value(to.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']');
  }

  bool object(Value::Object& to, unsigned depth) {
    take('{');
    if (take('}')) return true;
    do {
      std::string name;
      skip_space();
      if (!string(name) || !take(':') || !value(to[name], depth + 1)) return false;
    } while (take(','));
    return take('}');
  }

  bool string(std::string& to) {
    if (!word("\"")) return false;
    while (!rest_.empty() && rest_.front() != '"') {
      char c = rest_.front();
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\') {
        if (!escape(to)) return false;
        continue;
      }
      to += c;
      rest_.remove_prefix(1);
    }
    return word("\"");
  }

  bool escape(std::string& to) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (rest_.size() < 2) return false;
    if (std::size_t i = kNames.find(rest_[1]); i != std::string_view::npos) {
      to += kMeanings[i];
      rest_.remove_prefix(2);
      return true;
    }
    uint32_t code = 0;
    if (!unit(code)) return false;
    if (code >= 0xd800 && code < 0xe000) {  // half of a pair, the first one first
      uint32_t low = 0;
      if (code >= 0xdc00 || !unit(low) || low < 0xdc00 || low >= 0xe000) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(to, code);
    return true;
  }

  // \uXXXX
  bool unit(uint32_t& to) {
    if (!rest_.starts_with("\\u") || rest_.size() < 6) return false;
    const char* end = rest_.data() + 6;
    if (std::from_chars(rest_.data() + 2, end, to, 16).ptr != end) return false;
    rest_.remove_prefix(6);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

Result<Value, Problem> parse_json(std::string_view text) {
  Reader reader(text);
  Value value;
  if (!reader.value(value, 0) || !reader.at_end())
    return problem("is no JSON from byte " + std::to_string(text.size() - reader.left()) + " on");
  return value;
}

}  // namespace pillion::format
