#include "sidecar/server/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "sidecar/base/text.h"

namespace pillion::server {

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The tightest quota of our cgroup and those around it: a quota holds for all that is below it.
std::optional<unsigned> cgroup_cpus() {
  std::string membership = read_file("/proc/self/cgroup");
  std::string_view line = membership;
  std::size_t at = line.find("0::");  // the unified hierarchy's line
  if (at == std::string_view::npos) return {};
  line = line.substr(at + 3);
  std::string group(line.substr(0, line.find('\n')));
  std::optional<unsigned> least;
  for (;;) {
    auto cpus = cpus_of_quota(read_file("/sys/fs/cgroup" + group + "/cpu.max"));
    if (cpus) least = std::min(least.value_or(*cpus), *cpus);
    if (group.empty() || group == "/") return least;
    group.resize(group.rfind('/'));
  }
}

}  // namespace

std::optional<unsigned> cpus_of_quota(std::string_view cpu_max) {
  while (!cpu_max.empty() && (cpu_max.back() == '\n' || cpu_max.back() == ' '))
    cpu_max.remove_suffix(1);
  auto words = split(cpu_max, ' ');
  if (words.size() != 2) return {};
  auto quota = parse_number<uint64_t>(words[0]);
  auto period = parse_number<uint64_t>(words[1]);
  if (!quota || !period || *period == 0) return {};
  uint64_t cpus = (*quota + *period - 1) / *period;
  return static_cast<unsigned>(std::clamp<uint64_t>(cpus, 1, 1u << 16));
}

unsigned usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  unsigned cpus = std::max(1u, std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    cpus = std::max(1u, static_cast<unsigned>(CPU_COUNT(&set)));
  return std::min(cpus, cgroup_cpus().value_or(cpus));
}

}  // namespace pillion::server
