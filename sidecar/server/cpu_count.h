#pragma once
// How many worker threads this machine, or the container around us, has CPUs for. Read once at
// start-up.

#include <optional>
#include <string_view>

namespace pillion::server {

// The CPUs that we may run on, but no more than the cgroup's quota (rounded up); at least 1.
unsigned usable_cpus();

// The quota in a cgroup v2 "cpu.max" ("150000 100000" is 2 CPUs); none for "max" and for anything
// else.
std::optional<unsigned> cpus_of_quota(std::string_view cpu_max);

}  // namespace pillion::server
