#include "tests/unit/http/allocated_bytes.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> total{0};
}  // namespace

namespace pillion {
std::size_t allocated_bytes() {
  return total.load();
}
}  // namespace pillion

// Replaces the global allocation functions; the sanitizers see malloc and free below them.
void* operator new(std::size_t size) {
  total.fetch_add(size);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
