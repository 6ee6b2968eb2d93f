#include "sidecar/server/process_memory.h"

#include <gtest/gtest.h>

namespace pillion::server {
namespace {

TEST(ProcessMemory, SaysWhatIsInUse) {
  ProcessMemory memory = process_memory();
  EXPECT_GT(memory.resident, 1u << 20);
}

TEST(ProcessMemory, CodeLeavesTheResidentSetAndComesBackWhenItRuns) {
  uint64_t before = process_memory().resident;
  release_startup_code();
  EXPECT_LT(process_memory().resident, before);
}

}  // namespace
}  // namespace pillion::server
