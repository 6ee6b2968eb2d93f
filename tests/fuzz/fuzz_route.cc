// The router against its oracle: the input is the source of every choice, so that libFuzzer steers
// the table and the requests.

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/unit/route/oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  std::size_t at = 0;
  auto next = [&at, data, size](std::size_t bound) {
    return at < size ? std::size_t{data[at++]} % bound : std::size_t{0};
  };
  std::string difference = pillion::route::compare_with_oracle(next, 8);
  if (!difference.empty()) {
    std::fprintf(stderr, "%s\n", difference.c_str());
    std::abort();
  }
  return 0;
}
