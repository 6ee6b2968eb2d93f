#pragma once
// Points in time as text, for %START_TIME(...)% and its kin: strftime's conversions plus Envoy's
// %f, %3f and %s and the %E forms of absl::FormatTime. Stateless; any thread.

#include <string>
#include <string_view>

#include "sidecar/base/error.h"
#include "sidecar/base/time.h"

namespace pillion::format {

// Problem for a conversion that would break the line.
Result<Unit, Problem> check_time_format(std::string_view format);
// `local`: in the process's time zone, else in UTC.
void append_time(std::string& out, WallTime time, std::string_view format, bool local);
// "2026-01-31T23:59:59.123Z", the default of %START_TIME%.
void append_iso_time(std::string& out, WallTime time);

}  // namespace pillion::format
