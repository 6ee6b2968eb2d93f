#pragma once
// Which virtual host serves a host name: exact names, then the longest suffix wildcard, then the
// longest prefix wildcard. Flat hash tables over views into the configuration, which must outlive
// them. Immutable once filled; shared by all workers.

#include <cstdint>
#include <string_view>
#include <vector>

namespace pillion::route {

// From whole names, or from their ends or beginnings, to a number. Wildcards are looked up in one
// pass over the name: the hash goes from the anchored side, so that each step has the hash of one
// more character.
class DomainTable {
 public:
  enum class Anchor : uint8_t { kWhole, kEnd, kBeginning };
  static constexpr uint32_t kNone = UINT32_MAX;

  explicit DomainTable(Anchor anchor) : anchor_(anchor) {}
  void reserve(std::size_t count);
  // False if the text is there already.
  bool add(std::string_view text, uint32_t value);
  // For kWhole the value of `name`; else that of the longest text that ends or begins `name` and is
  // shorter than it. kNone if there is none.
  [[nodiscard]] uint32_t find(std::string_view name) const;
  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    const char* data;
    uint32_t size;
    uint32_t value;
    [[nodiscard]] std::string_view text() const { return {data, size}; }
  };
  [[nodiscard]] uint64_t hash_of(std::string_view text) const;
  [[nodiscard]] uint32_t find_hashed(std::string_view text, uint64_t hash) const;
  void rebuild(std::size_t slots);
  void place(uint32_t index);

  Anchor anchor_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;   // index into entries_ plus one; 0 is free
  std::vector<bool> has_length_;  // wildcards only: lengths worth probing
};

}  // namespace pillion::route
