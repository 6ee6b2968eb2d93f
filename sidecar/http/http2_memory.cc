// Memory for nghttp2: it asks for many small blocks per request (streams, frames, fields), most of
// which are given back within the same request. Blocks of a few sizes are recycled per thread.

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "sidecar/http/http2_native.h"

namespace pillion::http {

namespace {

#if !defined(__SANITIZE_ADDRESS__)
// In front of each block: its size class, or kLarge. Keeps the alignment of malloc.
struct alignas(std::max_align_t) Head {
  std::size_t size;  // that the owner may use
};
static_assert(sizeof(Head) == 16);

constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 16;  // up to 1 KiB
constexpr unsigned kMaxFree = 128;    // of each class

struct FreeBlocks {
  struct Free {
    Free* next;
  };
  std::array<Free*, kClasses> lists{};
  std::array<unsigned, kClasses> counts{};
  bool gone = false;
  ~FreeBlocks() {
    gone = true;
    for (Free* list : lists) {
      while (list != nullptr) {
        Free* next = list->next;
        std::free(reinterpret_cast<Head*>(list) - 1);
        list = next;
      }
    }
  }
};
thread_local FreeBlocks free_blocks;

std::size_t class_of(std::size_t size) {
  return (size + kStep - 1) / kStep - 1;
}

void* take(std::size_t size, void*) {
  if (size == 0) size = 1;
  std::size_t index = class_of(size);
  if (index < kClasses) {
    size = (index + 1) * kStep;
    FreeBlocks::Free*& list = free_blocks.lists[index];
    if (list != nullptr) {
      FreeBlocks::Free* block = list;
      list = block->next;
      --free_blocks.counts[index];
      return block;
    }
  }
  auto* head = static_cast<Head*>(std::malloc(sizeof(Head) + size));
  if (head == nullptr) return nullptr;
  head->size = size;
  return head + 1;
}

void give(void* block, void*) {
  if (block == nullptr) return;
  Head* head = static_cast<Head*>(block) - 1;
  std::size_t index = class_of(head->size);
  if (index >= kClasses || free_blocks.counts[index] >= kMaxFree || free_blocks.gone) {
    std::free(head);
    return;
  }
  auto* free = static_cast<FreeBlocks::Free*>(block);
  free->next = free_blocks.lists[index];
  free_blocks.lists[index] = free;
  ++free_blocks.counts[index];
}

void* take_zeroed(std::size_t count, std::size_t size, void* data) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* block = take(count * size, data);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* resize(void* block, std::size_t size, void* data) {
  if (block == nullptr) return take(size, data);
  Head* head = static_cast<Head*>(block) - 1;
  if (size <= head->size) return block;
  void* larger = take(size, data);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, head->size);
  give(block, data);
  return larger;
}
#endif

}  // namespace

nghttp2_mem* http2_memory() {
#if defined(__SANITIZE_ADDRESS__)
  return nullptr;  // recycling would hide uses after free
#else
  static nghttp2_mem memory{nullptr, take, give, take_zeroed, resize};
  return &memory;
#endif
}

}  // namespace pillion::http
