#pragma once
// The typed_per_filter_config maps that apply to one stream, from least to most specific: route
// table, virtual host, route, weighted cluster. A value made when the stream is routed; points into
// the snapshot.

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "sidecar/config/route.h"
#include "sidecar/filter/filter.h"

namespace pillion::filter {

class Overrides {
 public:
  static constexpr std::size_t kMaxLevels = 4;

  // Adds the next more specific level; null and empty maps are skipped.
  void add(const config::FilterOverrides* level);
  [[nodiscard]] bool empty() const { return count_ == 0; }

  // Whether the most specific level that names the filter disables it (true) or enables it (false);
  // nothing when no level says so, and the filter's own flag in the chain decides.
  [[nodiscard]] std::optional<bool> disabled(std::string_view filter) const;
  // The most specific settings of that filter, or null.
  [[nodiscard]] const RouteConfig* config(std::string_view filter) const;
  // All settings of that filter, least specific first; returns how many were written.
  std::size_t configs(std::string_view filter, const RouteConfig* (&out)[kMaxLevels]) const;

 private:
  std::array<const config::FilterOverrides*, kMaxLevels> levels_{};
  std::size_t count_ = 0;
};

}  // namespace pillion::filter
