#pragma once
// Header additions and removals as configured at the levels of route configuration, virtual
// host, route and weighted cluster (envoy.config.core.v3.HeaderValueOption).

#include <cstdint>
#include <string>
#include <vector>

namespace pillion::config {

struct HeaderAppend {
  enum class Action : uint8_t {
    kAppendIfExistsOrAdd,
    kAddIfAbsent,
    kOverwriteIfExistsOrAdd,
    kOverwriteIfExists
  };
  std::string name;   // lower case
  std::string value;  // may hold %...% command operators
  Action action = Action::kAppendIfExistsOrAdd;
  bool keep_empty_value = false;
};

struct HeaderEdits {
  std::vector<HeaderAppend> append;
  std::vector<std::string> remove;  // lower case
  [[nodiscard]] bool empty() const { return append.empty() && remove.empty(); }
};

}  // namespace pillion::config
