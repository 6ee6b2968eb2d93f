#pragma once
// How much memory the process has taken, for /memory and the gauges of "server.", and what of it
// can be had back. Any thread; takes microseconds.

#include <cstdint>

namespace pillion::server {

struct ProcessMemory {
  uint64_t allocated = 0;  // bytes in use by the program
  uint64_t heap = 0;       // bytes that the allocator holds
  uint64_t free = 0;       // of those, not in use
  uint64_t resident = 0;   // resident set of the process
};

ProcessMemory process_memory();

// Most of the code that reads a configuration is not run again. Its pages leave the resident set
// here; those that are wanted after all come back from the page cache, one fault each.
void release_startup_code();

}  // namespace pillion::server
