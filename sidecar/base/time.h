#pragma once
// Clock types. The loop's Time is read once per iteration; a manual clock replaces it in tests.

#include <chrono>

namespace pillion {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

}  // namespace pillion
