#pragma once
// All stats of the process. Owners join and leave from any thread, rarely, under a lock; the
// control thread takes snapshots, which copy the values under that lock and are written out without
// it.
//
// Subjects of the same scope and struct are one set of series: two listeners that lead to one
// stat_prefix, or a cluster beside its successor. As in Envoy, counters of such a scope never go
// back while one of them lives: the last values of one that leaves stay added to the others.
// When the last one leaves, its series vanish. With Retain::kYes its counters and histograms are
// kept aside, unseen, and go on when a subject of that scope is used again; at most kMaxRetained
// scopes are kept, the oldest goes first (its counters then start again from zero, which every
// reader of counters knows as a restart). Gauges say what is, so they leave with their owner.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/metrics/metrics.h"
#include "sidecar/metrics/tally.h"

namespace pillion::metrics {

// The scope as the dotted start of a stat's name: "cluster.a".
std::string dotted(const Scope& scope);

// One scope with the sums of one stats struct, at one moment.
struct Subject {
  std::string name;  // dotted scope
  Scope scope;
  Tally tally;
};

// Takes what a source computes during a scrape.
class Collector {
 public:
  explicit Collector(std::vector<Subject>& subjects) : subjects_(subjects) {}
  // `stats` is a struct made with PILLION_STATS and filled for this scrape.
  template <class Stats>
  void add(Scope scope, const Stats& stats) {
    add(std::move(scope), Stats::cells(), reinterpret_cast<const std::byte*>(&stats));
  }

 private:
  void add(Scope scope, std::span<const CellInfo> cells, const std::byte* block);
  std::vector<Subject>& subjects_;
};

// Stats that are cheaper to compute when asked for than to keep (uptime, memory, open breakers).
// collect() runs on the scraping thread with the registry locked: it must neither use a PerWorker
// for the first time nor destroy one.
class ScrapeSource {
 public:
  virtual ~ScrapeSource() = default;
  virtual void collect(Collector& to) = 0;
};

class Registry {
 public:
  static constexpr std::size_t kMaxRetained = 1024;

  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Every used subject, sorted by name.
  [[nodiscard]] std::vector<Subject> snapshot() const;
  // Counters start again from zero, for whoever reads them here; histograms, gauges and what
  // sources compute stay.
  void reset_counters();
  // Forgets what was retained for this scope: the subject was removed for good.
  void forget(const Scope& scope);

  void add_source(ScrapeSource& source);
  void remove_source(ScrapeSource& source);

 private:
  friend void register_owner(Registry& registry, const BlockOwner& owner);
  friend void unregister_owner(Registry& registry, const BlockOwner& owner);

  // The table of cells tells stats structs of one scope apart.
  using Key = std::pair<std::string, const CellInfo*>;
  struct Group {
    std::vector<const BlockOwner*> owners;  // the first one's scope is the group's
    std::unique_ptr<Tally> past;            // of owners that left
    std::unique_ptr<Tally> reset_at;        // what was counted when counters were reset
    std::list<Key>::iterator retained;      // valid while there are no owners
  };
  using Groups = std::map<Key, Group>;

  // All that was ever counted by the group.
  [[nodiscard]] static Tally total(const Group& group, const BlockOwner& first);
  void join(const BlockOwner& owner);
  void leave(const BlockOwner& owner);

  mutable std::mutex mutex_;
  Groups groups_;
  std::list<Key> retained_;  // groups without an owner, oldest first
  std::vector<ScrapeSource*> sources_;
};

}  // namespace pillion::metrics
