#include "sidecar/base/buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "sidecar/base/check.h"

namespace pillion {

namespace {

// Freed blocks of this thread, kept for the next buffer. The bound keeps an idle worker small.
struct FreeBlocks {
  static constexpr unsigned kMax = 32;
  void* blocks[kMax];
  unsigned count = 0;
  ~FreeBlocks() {
    while (count > 0) ::operator delete(blocks[--count]);
  }
};
thread_local FreeBlocks free_blocks;

}  // namespace

Buffer::Block* Buffer::make_block() {
  void* memory =
      free_blocks.count > 0 ? free_blocks.blocks[--free_blocks.count] : ::operator new(kBlockSize);
  return new (memory) Block{nullptr, 0, 0};
}

void Buffer::free_block(Block* block) {
  if (free_blocks.count < FreeBlocks::kMax)
    free_blocks.blocks[free_blocks.count++] = block;
  else
    ::operator delete(block);
}

void Buffer::take(Buffer& other) {
  head_ = other.head_;
  tail_ = other.tail_;
  size_ = other.size_;
  other.head_ = other.tail_ = nullptr;
  other.size_ = 0;
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    clear();
    take(other);
  }
  return *this;
}

char* Buffer::reserve(std::size_t size) {
  CHECK(size <= kMaxReserve);
  if (tail_ == nullptr || kRoom - tail_->end < size) {
    Block* block = make_block();
    if (tail_ == nullptr)
      head_ = block;
    else
      tail_->next = block;
    tail_ = block;
  }
  return tail_->data() + tail_->end;
}

void Buffer::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_->end == kRoom) reserve(1);
    std::size_t n = std::min(bytes.size(), kRoom - tail_->end);
    std::memcpy(tail_->data() + tail_->end, bytes.data(), n);
    commit(n);
    bytes.remove_prefix(n);
  }
}

void Buffer::append(Buffer&& other) {
  if (other.empty()) {
    other.clear();
    return;
  }
  if (empty()) {
    *this = std::move(other);
    return;
  }
  if (other.size_ <= kCrumb && other.size_ <= kRoom - tail_->end) {
    for (Block* b = other.head_; b != nullptr; b = b->next)
      append(std::string_view(b->data() + b->begin, b->end - b->begin));
    other.clear();
    return;
  }
  tail_->next = other.head_;
  tail_ = other.tail_;
  size_ += other.size_;
  other.head_ = other.tail_ = nullptr;
  other.size_ = 0;
}

std::size_t Buffer::peek(iovec* to, std::size_t count) const {
  std::size_t n = 0;
  for (Block* b = head_; b != nullptr && n < count; b = b->next)
    if (b->end > b->begin) to[n++] = {b->data() + b->begin, b->end - b->begin};
  return n;
}

void Buffer::drain(std::size_t size) {
  CHECK(size <= size_);
  size_ -= size;
  if (size_ == 0) {
    clear();
    return;
  }
  // A block that was reserved and never written to may lie in between: it goes as well, so that
  // front() has bytes.
  while (size > 0 || head_->end == head_->begin) {
    std::size_t here = head_->end - head_->begin;
    if (size < here) {
      head_->begin += static_cast<uint32_t>(size);
      return;
    }
    size -= here;
    Block* next = head_->next;
    free_block(head_);
    head_ = next;
  }
}

void Buffer::clear() {
  while (head_ != nullptr) {
    Block* next = head_->next;
    free_block(head_);
    head_ = next;
  }
  tail_ = nullptr;
  size_ = 0;
}

std::string Buffer::to_string() const {
  std::string out;
  for (Block* b = head_; b != nullptr; b = b->next)
    out.append(b->data() + b->begin, b->end - b->begin);
  return out;
}

}  // namespace pillion
