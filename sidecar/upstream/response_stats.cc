#include "sidecar/upstream/response_stats.h"

namespace pillion::upstream {

metrics::ClusterOriginStats* ResponseStats::find(std::string_view alt_name, std::string_view kind,
                                                 std::string_view from, std::string_view to) {
  key_.clear();
  for (std::string_view part : {alt_name, kind, from, to}) {
    key_ += part;
    key_ += '\n';
  }
  auto found = known_.find(std::string_view(key_));
  if (found != known_.end()) return found->second;
  auto* stats = shared_.response_stats(key_, alt_name, {kind, from, to});
  // A name that was refused is not remembered either.
  return stats == nullptr ? nullptr : (known_[key_] = &stats->here());
}

template <class F>
void ResponseStats::for_each(const ResponseKind& kind, F&& f) {
  auto apply = [&f](metrics::ClusterOriginStats* stats) {
    if (stats != nullptr) f(*stats);
  };
  bool zones = !kind.from_zone.empty() && !kind.to_zone.empty();
  f(shared_.origin_stats(kind.internal));
  if (kind.canary) apply(find({}, "canary"));
  if (zones) apply(find({}, "zone", kind.from_zone, kind.to_zone));
  if (kind.alt_name.empty()) return;
  apply(find(kind.alt_name, {}));
  apply(find(kind.alt_name, kind.internal ? "internal" : "external"));
  if (kind.canary) apply(find(kind.alt_name, "canary"));
  if (zones) apply(find(kind.alt_name, "zone", kind.from_zone, kind.to_zone));
}

void ResponseStats::count(int status, const ResponseKind& kind) {
  for_each(kind, [status](metrics::ClusterOriginStats& s) { s.upstream_rq.add(status); });
}

void ResponseStats::record_time(double milliseconds, const ResponseKind& kind) {
  for_each(kind, [milliseconds](metrics::ClusterOriginStats& s) {
    s.upstream_rq_time.record(milliseconds);
  });
}

}  // namespace pillion::upstream
