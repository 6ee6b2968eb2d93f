#include "sidecar/base/arena.h"

namespace pillion {

BlockPool::~BlockPool() {
  while (free_ != nullptr) {
    Free* next = free_->next;
    ::operator delete(free_);
    free_ = next;
  }
}

void* BlockPool::take() {
  if (free_ == nullptr) return ::operator new(kBlockSize);
  Free* block = free_;
  free_ = block->next;
  --free_count_;
  return block;
}

void BlockPool::give(void* block) {
  if (free_count_ >= max_free_) {
    ::operator delete(block);
    return;
  }
  free_ = new (block) Free{free_};
  ++free_count_;
}

void Arena::reset() {
  while (blocks_ != nullptr) {
    Block* next = blocks_->next;
    if (blocks_->large != 0)
      ::operator delete(blocks_);
    else
      pool_.give(blocks_);
    blocks_ = next;
  }
  cursor_ = end_ = 0;
}

void* Arena::allocate_slow(std::size_t size, std::size_t align) {
  constexpr std::size_t kRoom = BlockPool::kBlockSize - sizeof(Block);
  if (size + align > kRoom) {
    // Too large for a pooled block: its own allocation, behind the current block, which stays open.
    std::size_t total = sizeof(Block) + size + align;
    auto* block = new (::operator new(total)) Block{nullptr, total};
    if (blocks_ == nullptr) {
      blocks_ = block;
    } else {
      block->next = blocks_->next;
      blocks_->next = block;
    }
    auto at = reinterpret_cast<std::uintptr_t>(block + 1);
    return reinterpret_cast<void*>((at + align - 1) & ~(std::uintptr_t{align} - 1));
  }
  auto* block = new (pool_.take()) Block{blocks_, 0};
  blocks_ = block;
  cursor_ = reinterpret_cast<std::uintptr_t>(block + 1);
  end_ = reinterpret_cast<std::uintptr_t>(block) + BlockPool::kBlockSize;
  return allocate(size, align);
}

}  // namespace pillion
