#pragma once
// Non-cryptographic hashing and per-thread randomness. Nothing here guards a secret.

#include <cstdint>
#include <cstring>
#include <string_view>

namespace pillion {

// A well-mixed 64-bit hash (FNV-1a over 8-byte words, finished with the splitmix64 mixer).
inline uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

inline uint64_t hash_bytes(std::string_view bytes, uint64_t seed = 0) {
  uint64_t h = 0xcbf29ce484222325ULL ^ mix(seed + bytes.size());
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    h = (h ^ word) * 0x100000001b3ULL;
    h ^= h >> 29;
    bytes.remove_prefix(8);
  }
  uint64_t tail = 0;
  if (!bytes.empty()) std::memcpy(&tail, bytes.data(), bytes.size());
  return mix((h ^ tail) * 0x100000001b3ULL);
}

// For unordered containers that are looked up with string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return hash_bytes(text); }
};

// xorshift128+: fast, seedable, good enough for picks and jitter.
class Random {
 public:
  explicit Random(uint64_t seed) : a_(mix(seed + 1)), b_(mix(seed + 0x9e3779b97f4a7c15ULL) | 1) {}
  // Seeded from the system's entropy.
  static Random from_system();
  uint64_t next() {
    uint64_t x = a_;
    uint64_t y = b_;
    a_ = y;
    x ^= x << 23;
    b_ = x ^ y ^ (x >> 17) ^ (y >> 26);
    return b_ + y;
  }
  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }

 private:
  uint64_t a_;
  uint64_t b_;
};

}  // namespace pillion
