#include "sidecar/server/process_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>

namespace pillion::server {

namespace {

uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long total = 0;
  unsigned long resident = 0;
  int read = std::fscanf(file, "%lu %lu", &total, &resident);
  (void)std::fclose(file);
  return read == 2 ? resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

ProcessMemory process_memory() {
  struct mallinfo2 info = ::mallinfo2();
  ProcessMemory memory;
  memory.allocated = info.uordblks + info.hblkhd;
  memory.heap = info.arena + info.hblkhd;
  memory.free = info.fordblks;
  memory.resident = resident_bytes();
  return memory;
}

}  // namespace pillion::server
