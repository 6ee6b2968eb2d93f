#pragma once
// What looking at the first bytes of a connection can say. Plain value; any thread.

#include <cstdint>

namespace pillion::net {

enum class Sniffed : uint8_t {
  kMore,     // the bytes so far leave it open
  kYes,      // it is this protocol
  kNo,       // it is not
  kTooLarge  // it may be, but takes more bytes than anyone should hold for it
};

}  // namespace pillion::net
