#pragma once
// A whole proxy in one thread, with time moved by hand: configuration from YAML, control loop, one
// worker, scripted origins and clients. Nothing happens between two steps, so tests need no sleeps
// and no luck.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/io/loop.h"
#include "sidecar/metrics/registry.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/snapshot.h"
#include "sidecar/server/worker.h"
#include "sidecar/upstream/cluster_directory.h"
#include "tests/component/peers.h"

namespace pillion::component {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A bootstrap with one listener, one connection manager, one catch-all route and the cluster
// "origin". Each member is YAML in flow style, without the outer braces: "idle_timeout: 5s, via:
// x".
struct Scene {
  std::string listener = {};
  std::string hcm = {};
  std::string route = {};         // of the route's action
  std::string routes = {};        // whole routes before the catch-all one, each followed by a comma
  std::string cluster = {};       // of the cluster "origin"
  std::string cluster_http = {};  // of its HttpProtocolOptions
  std::string filters = {};       // whole filters before the router, each followed by a comma
  std::vector<uint16_t> endpoints = {};
  std::string chains = {};    // whole filter chains in place of the one of the connection manager
  std::string clusters = {};  // whole further clusters, each followed by a comma
};
std::string bootstrap_yaml(const Scene& scene);

class World : public ::testing::Test {
 protected:
  World();
  ~World() override;

  // Loads the bootstrap and listens. `scene.endpoints` empty: the origin alone.
  void start(Scene scene = {});
  [[nodiscard]] uint16_t port() const { return port_; }
  Peer& connect(int receive_buffer = 0);

  // One iteration of everything.
  void step();
  // Steps until `done`; fails the test if nothing leads there.
  void until(const std::function<bool()>& done, std::string_view what);
  // Steps until nothing has moved for a while.
  void settle();
  // Moves the clock, in small steps so that timers fire in order, and settles.
  void advance(Duration by);

  // Sends `request` and steps until `end` is the last that came; returns all that came since the
  // call.
  std::string exchange(Peer& client, std::string_view request, std::string_view end);
  // "GET <path> HTTP/1.1" with a host, answered by the origin's default "ok".
  std::string get(Peer& client, std::string_view path = "/");
  void until_ended(const Peer& client);

  // The value of a counter or gauge by its dotted name; 0 if there is no such series.
  int64_t stat(std::string_view name) const;

  io::ManualClock clock_;
  metrics::Registry registry_;
  io::EventLoop control_{&clock_};
  proxy::ProcessState process_;
  Origin origin_;
  std::vector<std::function<void()>> also_step_;  // further origins
  std::unique_ptr<proxy::AccessLogSinks> sinks_;
  std::unique_ptr<upstream::ClusterDirectory> directory_;
  std::unique_ptr<server::Worker> worker_;

 private:
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<Peer>> clients_;
};

// Matches a response by its status line.
inline auto HasStatus(int status) {
  return ::testing::StartsWith("HTTP/1.1 " + std::to_string(status) + " ");
}

}  // namespace pillion::component
