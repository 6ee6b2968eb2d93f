#pragma once
// How much memory the process has taken, for /memory and the gauges of "server.". Any thread; takes
// microseconds.

#include <cstdint>

namespace pillion::server {

struct ProcessMemory {
  uint64_t allocated = 0;  // bytes in use by the program
  uint64_t heap = 0;       // bytes that the allocator holds
  uint64_t free = 0;       // of those, not in use
  uint64_t resident = 0;   // resident set of the process
};

ProcessMemory process_memory();

}  // namespace pillion::server
