#include "xds/json.h"

#include <fmt/format.h>

#include <vector>

#include "sidecar/base/text.h"

namespace pillion::xds {
namespace {

constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

void append_utf8(std::string& out, uint32_t code) {
  auto byte = [&](uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

// Recursive descent over the text; every method returns false once `what_` is set.
class JsonParser {
 public:
  JsonParser(const std::string& text, Document& document)
      : document_(document), begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  Result<Unit, Problem> run() {
    if (value(document_.root, 0)) {
      skip_space();
      if (at_ != end_) fail("there is text after the end of the value");
    }
    if (what_ == nullptr) return Unit{};
    const std::string_view text(begin_, static_cast<std::size_t>(end_ - begin_));
    return problem(line_and_column(text, static_cast<std::size_t>(at_ - begin_)) + ": " + what_);
  }

 private:
  bool fail(const char* what) {
    if (what_ == nullptr) what_ = what;
    return false;
  }
  void skip_space() {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool value(Node& node, unsigned depth) {
    skip_space();
    if (at_ == end_) return fail("the text ends where a value should be");
    switch (*at_) {
      case '{':
        return object(node, depth + 1);
      case '[':
        return array(node, depth + 1);
      case '"': {
        std::string_view text;
        if (!string(text)) return false;
        node = Node::scalar(Node::Kind::kString, text);
        return true;
      }
      case 't':
        return word("true", Node::Kind::kBool, node);
      case 'f':
        return word("false", Node::Kind::kBool, node);
      case 'n':
        return word("null", Node::Kind::kNull, node);
      default:
        return number(node);
    }
  }

  bool word(std::string_view text, Node::Kind kind, Node& node) {
    if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, text.size()) != text)
      return fail("expected a value; strings need double quotes");
    node = Node::scalar(kind, {at_, text.size()});
    at_ += text.size();
    return true;
  }

  bool digits() {
    const char* start = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != start;
  }

  bool number(Node& node) {
    const char* start = at_;
    if (*at_ == '-') ++at_;
    const char* first = at_;
    if (!digits()) return fail("expected a value; strings need double quotes");
    if (*first == '0' && at_ - first > 1) return fail("a number cannot begin with 0");
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!digits()) return fail("expected a digit after the decimal point");
    }
    if (at_ != end_ && lower(*at_) == 'e') {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return fail("expected a digit in the exponent");
    }
    node = Node::scalar(Node::Kind::kNumber, {start, static_cast<std::size_t>(at_ - start)});
    return true;
  }

  bool string(std::string_view& text) {
    const char* start = ++at_;
    while (at_ != end_ && *at_ != '"' && *at_ != '\\') {
      if (static_cast<unsigned char>(*at_) < 0x20)
        return fail("a string cannot hold a line break or control character; escape it");
      ++at_;
    }
    if (at_ == end_) return fail("the string has no closing quote");
    if (*at_ == '"') {
      text = {start, static_cast<std::size_t>(at_ - start)};
      ++at_;
      return true;
    }
    std::string unescaped(start, at_);
    if (!escaped_rest(unescaped)) return false;
    text = document_.copy(unescaped);
    return true;
  }

  bool escaped_rest(std::string& out) {
    while (at_ != end_ && *at_ != '"') {
      if (static_cast<unsigned char>(*at_) < 0x20)
        return fail("a string cannot hold a line break or control character; escape it");
      if (*at_ != '\\') {
        out += *at_++;
        continue;
      }
      ++at_;
      if (at_ == end_ || !escape(out)) return fail("the string holds an unknown escape");
    }
    if (at_ == end_) return fail("the string has no closing quote");
    ++at_;
    return true;
  }

  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = *at_++;
    if (const auto i = kNames.find(name); i != std::string_view::npos) {
      out += kMeanings[i];
      return true;
    }
    uint32_t code = 0;
    if (name != 'u' || !hex4(code)) return false;
    if (code >= 0xd800 && code < 0xdc00) {
      uint32_t low = 0;
      if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u') return false;
      at_ += 2;
      if (!hex4(low) || low < 0xdc00 || low > 0xdfff) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      return false;
    }
    append_utf8(out, code);
    return true;
  }

  bool hex4(uint32_t& code) {
    if (end_ - at_ < 4) return false;
    code = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_value(*at_++);
      if (digit < 0) return false;
      code = code << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  bool array(Node& node, unsigned depth) {
    if (depth > Document::kMaxDepth) return fail("the nesting is too deep");
    ++at_;
    const std::size_t base = nodes_.size();
    if (!take(']')) {
      do {
        Node item;
        if (!value(item, depth)) return false;
        nodes_.push_back(item);
      } while (take(','));
      if (!take(']')) return fail("expected ',' or ']'");
    }
    node = Node::array(document_.copy(std::span<const Node>(nodes_).subspan(base)));
    nodes_.resize(base);
    return true;
  }

  bool object(Node& node, unsigned depth) {
    if (depth > Document::kMaxDepth) return fail("the nesting is too deep");
    ++at_;
    const std::size_t base = members_.size();
    if (!take('}')) {
      do {
        Member member;
        skip_space();
        if (at_ == end_ || *at_ != '"') return fail("expected a name in double quotes");
        if (!string(member.name)) return false;
        if (!take(':')) return fail("expected ':'");
        if (!value(member.value, depth)) return false;
        members_.push_back(member);
      } while (take(','));
      if (!take('}')) return fail("expected ',' or '}'");
    }
    node = Node::object(document_.copy(std::span<const Member>(members_).subspan(base)));
    members_.resize(base);
    return true;
  }

  Document& document_;
  const char* begin_;
  const char* at_;
  const char* end_;
  const char* what_ = nullptr;
  // The children of all open lists and objects, the innermost last.
  std::vector<Node> nodes_;
  std::vector<Member> members_;
};

}  // namespace

Result<Unit, Problem> parse_json(std::string text, Document& document) {
  if (text.size() > Document::kMaxBytes)
    return problem(fmt::format("has more than {} bytes, which is the limit", Document::kMaxBytes));
  if (const std::size_t at = find_invalid_utf8(text); at != std::string::npos)
    return problem(line_and_column(text, at) + ": this byte is not valid UTF-8");
  return JsonParser(document.keep(std::move(text)), document).run();
}

}  // namespace pillion::xds
