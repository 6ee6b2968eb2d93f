#pragma once
// What the admin commands read and what they may set in motion. Made by the server, outlives its
// Admin; control thread.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/base/time.h"
#include "sidecar/config/bootstrap.h"
#include "sidecar/server/admin.h"
#include "sidecar/server/drain.h"
#include "sidecar/server/options.h"

namespace pillion::metrics {
class Registry;
}
namespace pillion::upstream {
class ClusterDirectory;
}

namespace pillion::server {

// A listener as it is bound: port 0 has become a real port.
struct BoundListener {
  std::string name;
  std::vector<Address> addresses;
};

struct ListenerDrain {
  bool graceful = false;      // close connections over the drain time first, then the listeners
  bool skip_exit = false;     // drain connections, keep the listeners
  bool inbound_only = false;  // listeners with traffic_direction INBOUND
};

struct AdminContext {
  const Options& options;
  const config::Bootstrap& bootstrap;
  Lifecycle& life;
  metrics::Registry& registry;
  upstream::ClusterDirectory& clusters;
  Time started{};
  WallTime started_wall{};
  std::function<Time()> now = {};
  // The bootstrap as JSON with the names of its proto fields, made when asked for.
  std::function<std::string()> bootstrap_json = {};
  std::function<std::vector<BoundListener>()> listeners = {};
  std::function<void(const ListenerDrain&)> drain_listeners = {};
  std::function<void()> quit = {};
  std::function<void()> reopen_logs = {};
};

// Each adds its commands to the table.
void add_state_commands(Admin& admin, AdminContext& context);
void add_stats_commands(Admin& admin, AdminContext& context);
void add_logging_command(Admin& admin);
void add_clusters_command(Admin& admin, AdminContext& context);
void add_listeners_command(Admin& admin, AdminContext& context);
void add_config_dump_command(Admin& admin, AdminContext& context);

}  // namespace pillion::server
