#pragma once
// Bytes that are wiped before their memory is given back: private keys, passwords, ticket keys. Has
// no way to be printed or formatted by accident. A value; any thread.

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace pillion {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes) : Secret(bytes.size()) {
    if (!bytes.empty()) std::memcpy(bytes_.get(), bytes.data(), bytes.size());
  }
  // Zeros, to be filled by a reader through data().
  explicit Secret(std::size_t size) : bytes_(size == 0 ? nullptr : new char[size]{}), size_(size) {}
  Secret(const Secret& other) : Secret(other.view()) {}
  Secret(Secret&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Secret() {
    if (bytes_ != nullptr) explicit_bzero(bytes_.get(), size_);
  }

  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  char* data() { return bytes_.get(); }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace pillion
