#pragma once
// What every connection and stream of one worker shares. Owned by the Worker; worker thread.

#include <atomic>
#include <cstdint>
#include <string>

#include "sidecar/base/arena.h"
#include "sidecar/base/hash.h"
#include "sidecar/io/loop.h"
#include "sidecar/proxy/cluster_set.h"

namespace pillion::proxy {

struct Snapshot;

// Written by the control thread, read by workers.
struct ProcessState {
  std::atomic<bool> draining{false};  // responses say "connection: close"
  std::atomic<bool> health_check_failed{false};
  // While draining gradually: the share (of 2^32) of responses that close their connection.
  std::atomic<uint64_t> drain_close_share{0};
  // This machine's address as x-forwarded-for shows it in place of a loopback peer's.
  std::string local_address = "127.0.0.1";
  std::string zone;  // of the node's locality; empty: not known
};

// "Date" as RFC 9110 wants it, remade once a second.
class DateCache {
 public:
  std::string_view text(WallTime now);

 private:
  int64_t second_ = -1;
  char text_[32] = {};
};

struct WorkerContext {
  unsigned index;
  io::EventLoop& loop;
  Random& random;
  BlockPool& blocks;
  ClusterSet& clusters;
  ProcessState& process;
  DateCache dates;
  const Snapshot* snapshot = nullptr;  // of the moment; kept by the Worker
  uint64_t next_connection_id = 0;
  std::atomic<uint64_t> active_connections{0};
  std::atomic<uint64_t> active_streams{0};
};

}  // namespace pillion::proxy
