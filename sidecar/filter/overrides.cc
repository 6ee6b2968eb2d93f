#include "sidecar/filter/overrides.h"

#include "sidecar/base/check.h"

namespace pillion::filter {

void Overrides::add(const config::FilterOverrides* level) {
  if (level == nullptr || level->empty()) return;
  CHECK(count_ < kMaxLevels);
  levels_[count_++] = level;
}

std::optional<bool> Overrides::disabled(std::string_view filter) const {
  for (std::size_t i = count_; i-- > 0;) {
    auto found = levels_[i]->find(filter);
    if (found != levels_[i]->end() && found->second.disabled.has_value())
      return found->second.disabled;
  }
  return std::nullopt;
}

const RouteConfig* Overrides::config(std::string_view filter) const {
  for (std::size_t i = count_; i-- > 0;) {
    auto found = levels_[i]->find(filter);
    if (found != levels_[i]->end() && found->second.config != nullptr)
      return found->second.config.get();
  }
  return nullptr;
}

std::size_t Overrides::configs(std::string_view filter,
                               const RouteConfig* (&out)[kMaxLevels]) const {
  std::size_t written = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    auto found = levels_[i]->find(filter);
    if (found != levels_[i]->end() && found->second.config != nullptr)
      out[written++] = found->second.config.get();
  }
  return written;
}

}  // namespace pillion::filter
