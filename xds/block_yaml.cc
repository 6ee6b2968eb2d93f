#include "xds/block_yaml.h"

#include <algorithm>
#include <vector>

#include "sidecar/base/text.h"
#include "xds/yaml_scalar.h"

namespace pillion::xds {
namespace {

bool is_key_char(char c) {
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '/';
}

// What a plain scalar cannot begin with. '-' is one when a space follows.
bool is_indicator(char c) {
  constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`";
  return kIndicators.find(c) != std::string_view::npos;
}

// One pass over the lines; each method returns false to give up.
class BlockParser {
 public:
  BlockParser(const std::string& text, Document& document)
      : document_(document), next_(text.data()), end_(text.data() + text.size()) {}

  bool run() {
    next_line();
    if (rest() == "---") next_line();
    return indent_ >= 0 && block(document_.root, 0) && indent_ < 0;
  }

 private:
  // --- lines ---

  // Goes to the next line with content; indent_ is -1 at the end of the text.
  void next_line() {
    while (next_ != end_) {
      const char* start = next_;
      line_end_ = std::find(start, end_, '\n');
      next_ = line_end_ == end_ ? end_ : line_end_ + 1;
      at_ = start;
      while (at_ != line_end_ && *at_ == ' ') ++at_;
      if (at_ == line_end_ || *at_ == '#') continue;
      indent_ = at_ - start;
      line_start_ = start;
      return;
    }
    at_ = line_end_ = end_;
    indent_ = -1;
  }
  [[nodiscard]] std::string_view rest() const {
    return {at_, static_cast<std::size_t>(line_end_ - at_)};
  }
  // Nothing more on the line but spaces and a comment; '#' begins one only after a space.
  [[nodiscard]] bool at_end_of_line() const {
    const char* p = at_;
    while (p != line_end_ && *p == ' ') ++p;
    return p == line_end_ || (*p == '#' && p != at_);
  }
  void skip_spaces() {
    while (at_ != line_end_ && *at_ == ' ') ++at_;
  }
  [[nodiscard]] bool at_item() const {
    return at_ != line_end_ && *at_ == '-' && (at_ + 1 == line_end_ || at_[1] == ' ');
  }

  // --- collections ---

  bool block(Node& node, unsigned depth) {
    if (depth >= Document::kMaxDepth) return false;
    return at_item() ? sequence(node, depth) : mapping(node, depth);
  }

  bool sequence(Node& node, unsigned depth) {
    const std::ptrdiff_t indent = indent_;
    const std::size_t base = nodes_.size();
    while (indent_ == indent && at_item()) {
      Node item;
      ++at_;
      if (!item_value(item, indent, depth)) return false;
      nodes_.push_back(item);
    }
    node = Node::array(document_.copy(std::span<const Node>(nodes_).subspan(base)));
    nodes_.resize(base);
    return true;
  }

  // What follows the dash: nothing, a block that begins on the same line, or a scalar.
  bool item_value(Node& item, std::ptrdiff_t indent, unsigned depth) {
    if (at_end_of_line()) {
      next_line();
      return indent_ <= indent || block(item, depth + 1);
    }
    skip_spaces();
    if (at_item() || at_key()) {
      indent_ = at_ - line_start_;
      return block(item, depth + 1) && indent_ <= indent;
    }
    return scalar(item) && end_value(indent);
  }

  bool mapping(Node& node, unsigned depth) {
    const std::ptrdiff_t indent = indent_;
    const std::size_t base = members_.size();
    while (indent_ == indent) {
      Member member;
      if (!key(member.name) || !member_value(member.value, indent, depth)) return false;
      members_.push_back(member);
    }
    if (indent_ > indent) return false;
    node = Node::object(document_.copy(std::span<const Member>(members_).subspan(base)));
    members_.resize(base);
    return true;
  }

  bool member_value(Node& value, std::ptrdiff_t indent, unsigned depth) {
    if (!at_end_of_line()) {
      skip_spaces();
      return scalar(value) && end_value(indent);
    }
    next_line();
    // A sequence may stand at the indentation of its key.
    if (indent_ > indent || (indent_ == indent && at_item())) return block(value, depth + 1);
    return true;
  }

  // After a scalar: a deeper line would continue it.
  bool end_value(std::ptrdiff_t indent) {
    if (!at_end_of_line()) return false;
    next_line();
    return indent_ <= indent;
  }

  // --- keys and scalars ---

  // Whether the line goes on with a key and its colon.
  [[nodiscard]] bool at_key() const {
    const char* p = at_;
    if (*p == '\'' || *p == '"') {
      p = std::find(p + 1, line_end_, *at_);
      if (p == line_end_) return false;
      ++p;
    } else {
      while (p != line_end_ && is_key_char(*p)) ++p;
    }
    return p != at_ && p != line_end_ && *p == ':' && (p + 1 == line_end_ || p[1] == ' ');
  }

  bool key(std::string_view& name) {
    if (at_ == line_end_ || at_item() || !at_key()) return false;
    if (*at_ == '\'' || *at_ == '"') {
      if (!quoted(name)) return false;
    } else {
      const char* start = at_;
      while (is_key_char(*at_)) ++at_;
      name = {start, static_cast<std::size_t>(at_ - start)};
    }
    ++at_;  // the colon, which at_key() has seen
    return true;
  }

  bool scalar(Node& node) {
    std::string_view text;
    if (*at_ == '\'' || *at_ == '"') {
      if (!quoted(text)) return false;
      node = Node::scalar(Node::Kind::kString, text);
      return true;
    }
    if (rest().substr(0, 2) == "{}" || rest().substr(0, 2) == "[]") {
      node = *at_ == '{' ? Node::object({}) : Node::array({});
      at_ += 2;
      return true;
    }
    if (is_indicator(*at_) && !(*at_ == '-' && at_ + 1 != line_end_ && at_[1] != ' ')) return false;
    return plain(node);
  }

  bool plain(Node& node) {
    std::string_view text = rest();
    if (const auto comment = text.find(" #"); comment != std::string_view::npos)
      text = text.substr(0, comment);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    if (text.back() == ':' || text.find(": ") != std::string_view::npos) return false;
    node = plain_scalar(text, document_);
    at_ += text.size();
    return true;
  }

  // On one line and without escapes.
  bool quoted(std::string_view& text) {
    const char quote = *at_;
    const char* close = std::find(at_ + 1, line_end_, quote);
    if (close == line_end_) return false;
    text = {at_ + 1, static_cast<std::size_t>(close - at_ - 1)};
    if (quote == '"' && text.find('\\') != std::string_view::npos) return false;
    at_ = close + 1;
    // '' is an escaped quote.
    return at_ == line_end_ || *at_ != quote;
  }

  Document& document_;
  const char* next_;  // the line after this one
  const char* end_;
  const char* line_start_ = nullptr;
  const char* at_ = nullptr;
  const char* line_end_ = nullptr;
  std::ptrdiff_t indent_ = -1;
  // The children of all open collections, the innermost last.
  std::vector<Node> nodes_;
  std::vector<Member> members_;
};

}  // namespace

bool parse_block_yaml(const std::string& text, Document& document) {
  // Tabs and carriage returns are white space in some places only, other controls have meanings of
  // their own.
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n';
  });
  if (control) return false;
  if (find_invalid_utf8(text) != std::string::npos) return false;
  if (BlockParser(document.keep(text), document).run()) return true;
  document = Document();
  return false;
}

}  // namespace pillion::xds
