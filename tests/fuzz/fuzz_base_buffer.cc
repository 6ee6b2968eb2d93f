// Runs a program of buffer operations, one byte each and its operands, beside a std::string that
// must agree at every step. Sizes are scaled so that blocks fill up, are left over and are met at
// their edges.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "sidecar/base/buffer.h"
#include "sidecar/base/check.h"

namespace pillion {
namespace {

// What one input may make the buffer hold.
constexpr std::size_t kMaxHeld = std::size_t{1} << 18;

class Input {
 public:
  Input(const uint8_t* data, std::size_t size)
      : bytes_(reinterpret_cast<const char*>(data), size) {}
  [[nodiscard]] bool done() const { return bytes_.empty(); }
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    auto value = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  // 0 to 255, or around a whole number of blocks.
  std::size_t size() {
    uint8_t kind = byte();
    std::size_t small = byte();
    if (kind % 4 != 0) return small;
    std::size_t blocks = kind / 64 + 1;
    return blocks * Buffer::kBlockSize - 64 + small;
  }

 private:
  std::string_view bytes_;
};

class Machine {
 public:
  void step(uint8_t operation, Input& input) {
    switch (operation % 7) {
      case 0: {
        std::string bytes = make(input.size());
        buffer_.append(bytes);
        model_ += bytes;
        break;
      }
      case 1: {
        std::string bytes = make(input.size());
        Buffer other;
        other.append(bytes);
        std::size_t skip = std::min(bytes.size(), std::size_t{input.byte()});
        other.drain(skip);
        buffer_.append(std::move(other));
        CHECK(other.empty());
        model_ += bytes.substr(skip);
        break;
      }
      case 2: {
        std::string bytes = make(std::min(input.size(), Buffer::kMaxReserve));
        std::size_t used = std::min(bytes.size(), input.size());
        char* room = buffer_.reserve(bytes.size());
        std::memcpy(room, bytes.data(), bytes.size());
        buffer_.commit(used);
        model_.append(bytes, 0, used);
        break;
      }
      case 3: {
        std::size_t size = std::min(model_.size(), input.size());
        buffer_.drain(size);
        model_.erase(0, size);
        break;
      }
      case 4: {
        std::size_t size = buffer_.front().size();
        buffer_.drain(size);
        model_.erase(0, size);
        break;
      }
      case 5: {
        Buffer moved(std::move(buffer_));
        buffer_ = std::move(moved);
        break;
      }
      default:
        buffer_.clear();
        model_.clear();
    }
    if (model_.size() > kMaxHeld) {
      buffer_.drain(model_.size() - kMaxHeld);
      model_.erase(0, model_.size() - kMaxHeld);
    }
  }

  void verify() const {
    CHECK(buffer_.size() == model_.size());
    CHECK(buffer_.empty() == model_.empty());
    CHECK(buffer_.front().empty() == model_.empty());
    CHECK(model_.starts_with(buffer_.front()));
    std::array<iovec, 8> pieces;
    std::size_t count = buffer_.peek(pieces.data(), pieces.size());
    std::string_view rest = model_;
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view piece(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      CHECK(!piece.empty() && rest.starts_with(piece));
      rest.remove_prefix(piece.size());
    }
    CHECK(count == pieces.size() || rest.empty());
  }

  void finish() const { CHECK(buffer_.to_string() == model_); }

 private:
  // Different bytes at every place, so that a mix-up shows.
  std::string make(std::size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(next_++ * 167 >> 3);
    return bytes;
  }

  Buffer buffer_;
  std::string model_;
  uint32_t next_ = 1;
};

}  // namespace
}  // namespace pillion

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pillion::Input input(data, std::min<size_t>(size, 512));
  pillion::Machine machine;
  while (!input.done()) {
    machine.step(input.byte(), input);
    machine.verify();
  }
  machine.finish();
  return 0;
}
