#pragma once
// Bytes in order, in a chain of blocks: output waiting for a socket, body waiting for its next hop.
// Holds no memory when empty. The first block is a small one, since most messages fit it. Blocks
// are recycled per thread. Single thread.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pillion {

class Buffer {
 public:
  static constexpr std::size_t kBlockSize = 16 * 1024;
  static constexpr std::size_t kSmallBlockSize = 4 * 1024;

  Buffer() = default;
  Buffer(Buffer&& other) noexcept { take(other); }
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { clear(); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  void append(std::string_view bytes);
  // Moves all of `other` to the end. Only a small one is copied: a body that comes in crumbs would
  // otherwise hold a whole block for each.
  void append(Buffer&& other);
  // Room for at least `size` contiguous bytes (at most kMaxReserve) at the end; commit() what was
  // written.
  static constexpr std::size_t kMaxReserve = kBlockSize - 64;
  char* reserve(std::size_t size);
  void commit(std::size_t size) {
    tail_->end += static_cast<uint32_t>(size);
    size_ += size;
  }
  // Fills up to `count` iovecs from the front; returns how many.
  std::size_t peek(iovec* to, std::size_t count) const;
  // The first contiguous piece; empty only if the buffer is.
  [[nodiscard]] std::string_view front() const {
    return head_ == nullptr
               ? std::string_view{}
               : std::string_view(head_->data() + head_->begin, head_->end - head_->begin);
  }
  void drain(std::size_t size);
  void clear();
  // A copy of all bytes, for tests and small messages.
  [[nodiscard]] std::string to_string() const;

 private:
  struct Block {
    Block* next;
    uint32_t begin;
    uint32_t end;
    uint32_t room;  // bytes of data
    char* data() { return reinterpret_cast<char*>(this + 1); }
  };
  static constexpr std::size_t kRoom = kBlockSize - sizeof(Block);
  static constexpr std::size_t kSmallRoom = kSmallBlockSize - sizeof(Block);
  static_assert(kMaxReserve <= kRoom);
  static constexpr std::size_t kCrumb = 4096;
  static Block* make_block(bool small);
  static void free_block(Block* block);
  void take(Buffer& other);

  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace pillion
