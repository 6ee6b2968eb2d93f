#pragma once
// A bump allocator for one stream: everything a request needs until it ends, freed at once. Blocks
// come from a per-worker BlockPool, so that a busy worker allocates nothing per request. Single
// thread. Destructors are not run: only trivially destructible things, or things destroyed by hand,
// live here.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pillion {

// Recycles fixed-size blocks; keeps at most `max_free` of them when idle.
class BlockPool {
 public:
  static constexpr std::size_t kBlockSize = 4096;
  explicit BlockPool(std::size_t max_free = 256) : max_free_(max_free) {}
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();
  void* take();
  void give(void* block);

 private:
  struct Free {
    Free* next;
  };
  Free* free_ = nullptr;
  std::size_t free_count_ = 0;
  std::size_t max_free_;
};

class Arena {
 public:
  explicit Arena(BlockPool& pool) : pool_(pool) {}
  // Begins with memory that the owner keeps: [first, first + size).
  Arena(BlockPool& pool, void* first, std::size_t size)
      : pool_(pool), cursor_(reinterpret_cast<std::uintptr_t>(first)), end_(cursor_ + size) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { reset(); }

  void* allocate(std::size_t size, std::size_t align = alignof(std::max_align_t)) {
    std::uintptr_t at = (cursor_ + align - 1) & ~(std::uintptr_t{align} - 1);
    if (at + size > end_) [[unlikely]]
      return allocate_slow(size, align);
    cursor_ = at + size;
    return reinterpret_cast<void*>(at);
  }
  template <class T, class... Args>
  T* make(Args&&... args) {
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }
  template <class T>
  T* array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
  }
  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    auto* to = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }
  // Joins pieces into one string.
  template <class... Views>
  std::string_view concat(const Views&... pieces) {
    std::size_t size = (std::size_t{0} + ... + std::string_view(pieces).size());
    auto* to = static_cast<char*>(allocate(size == 0 ? 1 : size, 1));
    char* at = to;
    auto append = [&at](std::string_view piece) {
      if (piece.empty()) return;
      std::memcpy(at, piece.data(), piece.size());
      at += piece.size();
    };
    (append(std::string_view(pieces)), ...);
    return {to, size};
  }
  // Gives every block back; all that was allocated is gone.
  void reset();

 private:
  struct Block {
    Block* next;
    std::size_t large;  // 0 for a pooled block, else its size
  };
  void* allocate_slow(std::size_t size, std::size_t align);

  BlockPool& pool_;
  Block* blocks_ = nullptr;
  std::uintptr_t cursor_ = 0;
  std::uintptr_t end_ = 0;
};

}  // namespace pillion
