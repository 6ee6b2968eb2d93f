#include "sidecar/base/buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "sidecar/base/check.h"

namespace pillion {

namespace {

// Freed blocks of this thread, kept for the next buffer. The bound keeps an idle worker small.
template <std::size_t Size, unsigned Most>
struct FreeBlocks {
  void* blocks[Most];
  unsigned count = 0;
  ~FreeBlocks() {
    while (count > 0) ::operator delete(blocks[--count]);
  }
  void* take() { return count > 0 ? blocks[--count] : ::operator new(Size); }
  void give(void* block) {
    if (count < Most)
      blocks[count++] = block;
    else
      ::operator delete(block);
  }
};
// A loop iteration that serves many connections fills a small block for each of them.
thread_local FreeBlocks<Buffer::kSmallBlockSize, 128> small_blocks;
thread_local FreeBlocks<Buffer::kBlockSize, 8> large_blocks;

}  // namespace

Buffer::Block* Buffer::make_block(bool small) {
  if (small)
    return new (small_blocks.take()) Block{nullptr, 0, 0, static_cast<uint32_t>(kSmallRoom)};
  return new (large_blocks.take()) Block{nullptr, 0, 0, static_cast<uint32_t>(kRoom)};
}

void Buffer::free_block(Block* block) {
  if (block->room == kSmallRoom)
    small_blocks.give(block);
  else
    large_blocks.give(block);
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
  if (tail_ == nullptr || tail_->room - tail_->end < size) {
    // A small block that was reserved and never written to would stand before the bytes.
    if (size_ == 0) clear();
    Block* block = make_block(tail_ == nullptr && size <= kSmallRoom);
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
    if (tail_ == nullptr || tail_->end == tail_->room) reserve(std::min(bytes.size(), kMaxReserve));
    std::size_t n = std::min<std::size_t>(bytes.size(), tail_->room - tail_->end);
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
  if (other.size_ <= kCrumb) {
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
