#pragma once
// CHECK states an invariant of ours and aborts when it is broken, in every build. Input from
// outside the process never reaches one: it gets an Error.

namespace pillion {
[[noreturn]] void check_failed(const char* file, int line, const char* condition);
}  // namespace pillion

#define CHECK(condition)                                       \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::pillion::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)
