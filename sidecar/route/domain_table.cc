#include "sidecar/route/domain_table.h"

#include <bit>

#include "sidecar/base/hash.h"

namespace pillion::route {

namespace {

constexpr uint64_t kSeed = 0xcbf29ce484222325ULL;

constexpr uint64_t step(uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}

}  // namespace

uint64_t DomainTable::hash_of(std::string_view text) const {
  if (anchor_ == Anchor::kWhole) return hash_bytes(text);
  uint64_t hash = kSeed;
  if (anchor_ == Anchor::kBeginning) {
    for (char c : text) hash = step(hash, c);
  } else {
    for (std::size_t i = text.size(); i-- > 0;) hash = step(hash, text[i]);
  }
  return mix(hash);
}

void DomainTable::reserve(std::size_t count) {
  entries_.reserve(count);
  std::size_t slots = std::bit_ceil(count * 2 + 2);
  if (slots > slots_.size()) rebuild(slots);
}

void DomainTable::place(uint32_t index) {
  std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash_of(entries_[index].text()) & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  slots_[slot] = index + 1;
}

void DomainTable::rebuild(std::size_t slots) {
  slots_.assign(slots, 0);
  for (uint32_t i = 0; i < entries_.size(); ++i) place(i);
}

bool DomainTable::add(std::string_view text, uint32_t value) {
  if (slots_.empty() || entries_.size() * 2 >= slots_.size())
    rebuild(slots_.empty() ? 8 : slots_.size() * 2);
  if (find_hashed(text, hash_of(text)) != kNone) return false;
  entries_.push_back(Entry{text.data(), static_cast<uint32_t>(text.size()), value});
  place(static_cast<uint32_t>(entries_.size() - 1));
  if (anchor_ != Anchor::kWhole) {
    if (has_length_.size() <= text.size()) has_length_.resize(text.size() + 1);
    has_length_[text.size()] = true;
  }
  return true;
}

uint32_t DomainTable::find_hashed(std::string_view text, uint64_t hash) const {
  std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.text() == text) return entry.value;
  }
  return kNone;
}

uint32_t DomainTable::find(std::string_view name) const {
  if (entries_.empty()) return kNone;
  if (anchor_ == Anchor::kWhole) return find_hashed(name, hash_bytes(name));
  uint32_t best = kNone;
  uint64_t hash = kSeed;
  for (std::size_t length = 0; length < name.size() && length < has_length_.size(); ++length) {
    if (has_length_[length]) {
      std::string_view part = anchor_ == Anchor::kBeginning ? name.substr(0, length)
                                                            : name.substr(name.size() - length);
      uint32_t found = find_hashed(part, mix(hash));
      if (found != kNone) best = found;
    }
    hash =
        step(hash, anchor_ == Anchor::kBeginning ? name[length] : name[name.size() - 1 - length]);
  }
  return best;
}

}  // namespace pillion::route
