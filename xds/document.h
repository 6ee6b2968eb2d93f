#pragma once
// A parsed YAML or JSON text as a tree of nodes, before it is known which message it describes.
// Nodes are views into the text or into the document's own blocks: building and dropping a 5 MB
// file costs some 20 allocations. Control thread only.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::xds {

struct Member;

// Sixteen bytes, copied freely, valid as long as its Document.
class Node {
 public:
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
  Node() : text_("") {}
  static Node scalar(Kind kind, std::string_view text);
  static Node array(std::span<const Node> items);
  static Node object(std::span<const Member> members);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is(Kind kind) const { return kind_ == kind; }
  // Of a scalar: "true", the digits, the unescaped string.
  [[nodiscard]] std::string_view text() const { return {text_, size_}; }
  [[nodiscard]] std::span<const Node> items() const;
  [[nodiscard]] std::span<const Member> members() const;
  // The value of the first member of that name; null if there is none.
  [[nodiscard]] const Node* find(std::string_view name) const;
  // For messages: `a string`, `the number 5`, `an object`.
  [[nodiscard]] std::string described() const;

 private:
  union {
    const char* text_;
    const Node* items_;
    const Member* members_;
  };
  uint32_t size_ = 0;
  Kind kind_ = Kind::kNull;
};
static_assert(sizeof(Node) == 16);

struct Member {
  std::string_view name;
  Node value;
};

// Owns the text and all nodes made from it.
class Document {
 public:
  // Deeper nesting is refused: the parsers and readers recurse.
  static constexpr unsigned kMaxDepth = 100;
  static constexpr std::size_t kMaxBytes = 128u << 20;

  Node root;

  // The text to parse; stays in place for views into it.
  const std::string& keep(std::string text);
  std::string_view copy(std::string_view text);
  std::span<const Node> copy(std::span<const Node> nodes);
  std::span<const Member> copy(std::span<const Member> members);

 private:
  void* allocate(std::size_t size, std::size_t align);
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* cursor_ = nullptr;
  std::size_t left_ = 0;
  std::unique_ptr<std::string> text_;
};

// A 1-based position in a text, for messages of parsers.
std::string line_and_column(std::string_view text, std::size_t offset);
// The offset of the first byte that is no UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace pillion::xds
