#pragma once
// How many bytes this test binary has ever asked the heap for: a total that only grows, so that the
// difference between two readings shows work that is out of proportion even when it is freed again.

#include <cstddef>

namespace pillion {
std::size_t allocated_bytes();
}  // namespace pillion
