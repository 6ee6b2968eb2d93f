#include "tests/component/world.h"

#include <charconv>

#include "filters/builtin.h"
#include "sidecar/metrics/stats_page.h"
#include "sidecar/server/listen_sockets.h"
#include "xds/bootstrap.h"

namespace pillion::component {

namespace {

// Enough for loopback traffic of some megabytes to pass through one worker.
constexpr int kMaxSteps = 20000;
// Rounds without news after which nothing is expected to come any more.
constexpr int kQuiet = 30;

std::string with_comma(const std::string& text) {
  return text.empty() ? "" : text + ", ";
}

constexpr std::string_view kHcm =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
    "HttpConnectionManager";
constexpr std::string_view kRouter =
    "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
constexpr std::string_view kHttpOptions =
    "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

std::string http_chain(const Scene& scene) {
  std::string out =
      "filter_chains: [{filters: [{name: hcm, typed_config: {'@type': " + std::string(kHcm);
  out += ", stat_prefix: ingress, " + with_comma(scene.hcm);
  out += "route_config: {name: local, virtual_hosts: [{name: all, domains: ['*'], routes: [";
  out += scene.routes + "{match: {prefix: /}, route: {" + with_comma(scene.route);
  out += "cluster: origin}}]}]}, http_filters: [" + scene.filters;
  out += "{name: envoy.filters.http.router, typed_config: {'@type': " + std::string(kRouter);
  return out + "}}]}}]}]";
}

}  // namespace

std::string bootstrap_yaml(const Scene& scene) {
  std::string endpoints;
  for (uint16_t port : scene.endpoints)
    endpoints += "{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: " +
                 std::to_string(port) + "}}}}, ";
  std::string cluster = with_comma(scene.cluster);
  if (!scene.cluster_http.empty())
    cluster +=
        "typed_extension_protocol_options: "
        "{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': " +
        std::string(kHttpOptions) +
        (scene.cluster_http.find("_config: {") == std::string::npos
             ? ", explicit_http_config: {http_protocol_options: {}}, "
             : ", ") +
        scene.cluster_http + "}}, ";
  std::string out = "{static_resources: {listeners: [{name: main, ";
  out += "address: {socket_address: {address: 127.0.0.1, port_value: 0}}, ";
  out += with_comma(scene.listener);
  if (scene.chains.empty())
    out += http_chain(scene);
  else
    out += "filter_chains: [" + scene.chains + "]";
  out += "}], clusters: [" + scene.clusters + "{name: origin, type: STATIC, " + cluster;
  out += "load_assignment: {cluster_name: origin, endpoints: [{lb_endpoints: [" + endpoints;
  return out + "]}]}}]}}";
}

World::World() {
  // The worker runs on the test's thread: its counts go to a worker's slot.
  metrics::set_this_worker(1);
}

World::~World() {
  worker_.reset();
  metrics::set_this_worker(0);
}

void World::start(Scene scene) {
  if (scene.endpoints.empty()) scene.endpoints = {origin_.port()};
  xds::LoadOptions from;
  from.yaml_overlay = bootstrap_yaml(scene);
  from.filters = filters::builtin();
  from.metrics = &registry_;
  auto loaded = xds::load_bootstrap(from);
  ASSERT_TRUE(loaded) << ::testing::PrintToString(loaded.error()) << "\n" << from.yaml_overlay;
  const config::Bootstrap& bootstrap = loaded->bootstrap;
  sinks_ = std::make_unique<proxy::AccessLogSinks>(registry_, milliseconds(10));
  auto snapshot = proxy::compile_snapshot(bootstrap, {registry_, *sinks_});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  auto sockets = server::open_listeners(bootstrap.listeners, 1);
  ASSERT_TRUE(sockets) << sockets.error().message;
  directory_ = std::make_unique<upstream::ClusterDirectory>(control_, registry_);
  directory_->apply(bootstrap.clusters);
  server::WorkerDeps deps{*directory_, process_};
  deps.clock = &clock_;
  deps.seed = 1;
  worker_ = std::make_unique<server::Worker>(1, deps);
  worker_->apply(*snapshot);
  for (server::OpenAddress& open : *sockets) {
    if (port_ == 0) port_ = open.address.port();
    worker_->add_listener(std::move(open.sockets[0]), open.listener);
  }
  settle();
}

Peer& World::connect(int receive_buffer) {
  clients_.push_back(std::make_unique<Peer>(connect_to(port_, receive_buffer)));
  return *clients_.back();
}

void World::step() {
  for (auto& client : clients_) client->poll();
  worker_->loop().run_once();
  control_.run_once();
  origin_.poll();
  for (auto& also : also_step_) also();
}

void World::until(const std::function<bool()>& done, std::string_view what) {
  for (int i = 0; i < kMaxSteps; ++i) {
    if (done()) return;
    step();
  }
  FAIL() << "nothing led to: " << what;
}

void World::settle() {
  auto news = [this] {
    std::size_t sum = origin_.requests().size() + origin_.connections();
    for (auto& client : clients_)
      sum += client->received().size() + (client->ended() ? 1 : 0) - client->unsent();
    for (std::size_t i = 0; i < origin_.connections(); ++i)
      sum += origin_.connection(i).received().size() - origin_.connection(i).unsent();
    return sum;
  };
  std::size_t last = news();
  for (int quiet = 0, steps = 0; quiet < kQuiet && steps < kMaxSteps; ++quiet, ++steps) {
    step();
    std::size_t now = news();
    if (now != last) quiet = 0;
    last = now;
  }
}

void World::advance(Duration by) {
  constexpr Duration kStep = milliseconds(10);
  // Long waits need no finer steps than a tenth.
  Duration piece = std::max(kStep, by / 50);
  for (Duration left = by; left > Duration::zero(); left -= piece) {
    clock_.advance(std::min(piece, left));
    step();
  }
  settle();
}

std::string World::exchange(Peer& client, std::string_view request, std::string_view end) {
  client.received().clear();
  client.send(request);
  until([&] { return client.received().ends_with(end) || client.ended(); },
        "the answer \"" + std::string(end) + "\"");
  return client.received();
}

std::string World::get(Peer& client, std::string_view path) {
  return exchange(client, "GET " + std::string(path) + " HTTP/1.1\r\nhost: a.example\r\n\r\n",
                  "ok");
}

void World::until_ended(const Peer& client) {
  until([&] { return client.ended(); }, "the proxy closes the connection");
}

int64_t World::stat(std::string_view name) const {
  std::string page = metrics::stats_page(registry_, "", metrics::StatsQuery::Format::kText).body;
  std::string line = "\n" + std::string(name) + ": ";
  std::size_t at = ("\n" + page).find(line);
  if (at == std::string::npos) return 0;
  const char* begin = page.data() + at + line.size() - 1;
  int64_t value = 0;
  std::from_chars(begin, page.data() + page.size(), value);
  return value;
}

}  // namespace pillion::component
