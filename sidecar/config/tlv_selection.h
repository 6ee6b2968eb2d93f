#pragma once
// Which values of a PROXY protocol header (version 2) go on to an upstream. Plain data; any thread.

#include <bitset>
#include <cstdint>

namespace pillion::config {

// Types of PROXY protocol values that go on to an upstream which is told by PROXY protocol too.
struct TlvSelection {
  bool all = false;
  std::bitset<256> types;
  [[nodiscard]] bool takes(uint8_t type) const { return all || types[type]; }
};

}  // namespace pillion::config
