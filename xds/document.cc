#include "xds/document.h"

#include <algorithm>
#include <cstring>

namespace pillion::xds {
namespace {

constexpr std::size_t kBlockSize = 256 * 1024;

// The length of the UTF-8 sequence that begins at `at`, or 0 (RFC 3629: no overlong forms, no
// surrogates).
std::size_t sequence_length(const unsigned char* at, std::size_t left) {
  const unsigned char first = at[0];
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || left < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at[i] & 0xc0) != 0x80) return 0;
  if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f)) return 0;
  if ((first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f)) return 0;
  return length;
}

}  // namespace

Node Node::scalar(Kind kind, std::string_view text) {
  Node node;
  node.kind_ = kind;
  node.text_ = text.data();
  node.size_ = static_cast<uint32_t>(text.size());
  return node;
}

Node Node::array(std::span<const Node> items) {
  Node node;
  node.kind_ = Kind::kArray;
  node.items_ = items.data();
  node.size_ = static_cast<uint32_t>(items.size());
  return node;
}

Node Node::object(std::span<const Member> members) {
  Node node;
  node.kind_ = Kind::kObject;
  node.members_ = members.data();
  node.size_ = static_cast<uint32_t>(members.size());
  return node;
}

std::span<const Node> Node::items() const {
  return kind_ == Kind::kArray ? std::span(items_, size_) : std::span<const Node>();
}

std::span<const Member> Node::members() const {
  return kind_ == Kind::kObject ? std::span(members_, size_) : std::span<const Member>();
}

const Node* Node::find(std::string_view name) const {
  for (const Member& member : members())
    if (member.name == name) return &member.value;
  return nullptr;
}

std::string Node::described() const {
  switch (kind_) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "the boolean " + std::string(text());
    case Kind::kNumber:
      return "the number " + std::string(text());
    case Kind::kString:
      return "the string \"" + std::string(text().substr(0, 60)) + "\"";
    case Kind::kArray:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "nothing";
}

const std::string& Document::keep(std::string text) {
  text_ = std::make_unique<std::string>(std::move(text));
  return *text_;
}

void* Document::allocate(std::size_t size, std::size_t align) {
  const std::size_t padding = (align - reinterpret_cast<std::uintptr_t>(cursor_) % align) % align;
  if (padding + size > left_) {
    const std::size_t block = std::max(size + align, kBlockSize);
    // Default-initialised on purpose: zeroing would touch every page twice.
    blocks_.emplace_back(new std::byte[block]);
    cursor_ = blocks_.back().get();
    left_ = block;
    return allocate(size, align);
  }
  void* result = cursor_ + padding;
  cursor_ += padding + size;
  left_ -= padding + size;
  return result;
}

std::string_view Document::copy(std::string_view text) {
  if (text.empty()) return "";
  auto* to = static_cast<char*>(allocate(text.size(), 1));
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

std::span<const Node> Document::copy(std::span<const Node> nodes) {
  auto* to = static_cast<Node*>(allocate(nodes.size_bytes(), alignof(Node)));
  std::uninitialized_copy(nodes.begin(), nodes.end(), to);
  return {to, nodes.size()};
}

std::span<const Member> Document::copy(std::span<const Member> members) {
  auto* to = static_cast<Member*>(allocate(members.size_bytes(), alignof(Member)));
  std::uninitialized_copy(members.begin(), members.end(), to);
  return {to, members.size()};
}

std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return std::to_string(line) + ":" + std::to_string(offset - start + 1);
}

std::size_t find_invalid_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t at = 0;
  while (at < text.size()) {
    // Configurations are ASCII nearly throughout: eight bytes at a time.
    uint64_t word = 0;
    while (at + sizeof word <= text.size()) {
      std::memcpy(&word, bytes + at, sizeof word);
      if ((word & 0x8080808080808080u) != 0) break;
      at += sizeof word;
    }
    if (at == text.size()) break;
    const std::size_t length = sequence_length(bytes + at, text.size() - at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

}  // namespace pillion::xds
