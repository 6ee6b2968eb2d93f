#include "sidecar/server/process_memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
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

// Of one program or library: segments of code, which are never written.
int release_code(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || segment.p_flags != (PF_R | PF_X)) continue;
    uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
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

void release_startup_code() {
  ::dl_iterate_phdr(release_code, nullptr);
}

}  // namespace pillion::server
