#include "sidecar/server/server.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "sidecar/base/log.h"
#include "sidecar/server/local_address.h"
#include "sidecar/server/process_memory.h"

namespace pillion::server {

namespace {

// How often a drain looks whether it is over, and tells the workers how many connections to close.
constexpr Duration kDrainTick = std::chrono::milliseconds(100);

std::vector<std::string> only(const Problem& problem) {
  return {problem.message};
}

void print(const std::vector<std::string>& problems) {
  for (const std::string& line : problems)
    (void)std::fprintf(stderr, "pillion-proxy: %s\n", line.c_str());
}

}  // namespace

Server::Server(Options options, ServerDeps deps)
    : options_(std::move(options)),
      deps_(std::move(deps)),
      started_(loop_.now()),
      life_(process_),
      drain_timer_(io::Timer::of<&Server::drain_tick>(loop_.timers(), *this)) {}

Server::~Server() {
  stop_workers();
}

int Server::run() {
  // A write to a closed socket is an error of that connection, not of the process.
  io::ignore_signal(SIGPIPE);
  auto prepared = prepare();
  if (!prepared) {
    print(prepared.error());
    return 1;
  }
  if (options_.mode == Options::Mode::kValidate) {
    (void)std::printf("configuration '%s' OK\n", options_.config_path.c_str());
    return 0;
  }
  if (deps_.watch_signals) watch_signals();
  life_.set_initializing();
  clusters_->on_initialized([this] { start_workers(); });
  loop_.run();
  stop_workers();
  log_sinks_->flush();
  log::info("main", "exiting");
  return 0;
}

// Everything that can fail, before anything is served.
Result<Unit, std::vector<std::string>> Server::prepare() {
  auto loaded = load();
  if (!loaded) return loaded;
  bool validate = options_.mode == Options::Mode::kValidate;
  log_sinks_ = std::make_unique<proxy::AccessLogSinks>(
      registry_, options_.file_flush_interval,
      validate ? proxy::AccessLogSinks::Files::kCheck : proxy::AccessLogSinks::Files::kOpen);
  auto snapshot = proxy::compile_snapshot(bootstrap_, {registry_, *log_sinks_, &contexts_});
  if (!snapshot) return Unexpected(only(snapshot.error()));
  auto tls = upstream::check_tls(bootstrap_.clusters);
  if (!tls) return Unexpected(only(tls.error()));
  snapshot_ = *std::move(snapshot);
  for (const config::AccessLog& log : bootstrap_.admin.access_logs) {
    auto logger = proxy::AccessLogger::compile(log, *log_sinks_);
    if (!logger) return Unexpected(only(Problem{"admin: " + logger.error().message}));
    admin_logs_.push_back(*std::move(logger));
  }
  if (validate) return Unit{};
  std::size_t sockets = 1;
  for (const auto& listener : bootstrap_.listeners)
    sockets += listener->addresses.size() * options_.concurrency;
  auto descriptors = provide_descriptors(sockets, options_.concurrency);
  if (!descriptors) return Unexpected(only(descriptors.error()));
  auto opened = open_listeners(bootstrap_.listeners, options_.concurrency);
  if (!opened) return Unexpected(only(opened.error()));
  sockets_ = *std::move(opened);
  process_.local_address = find_local_address(options_.local_address_ip_version);
  process_.zone = bootstrap_.node.locality.zone;
  clusters_ = std::make_unique<upstream::ClusterDirectory>(loop_, registry_, Random::from_system(),
                                                           &contexts_);
  auto admin = open_admin();
  if (!admin) return Unexpected(only(admin.error()));
  clusters_->apply(bootstrap_.clusters);
  secret_watch_ = std::make_unique<SecretWatch>(loop_, registry_, contexts_);
  return Unit{};
}

Result<Unit, std::vector<std::string>> Server::load() {
  auto loaded = deps_.load(options_, registry_);
  if (!loaded) return Unexpected(std::move(loaded.error()));
  bootstrap_ = *std::move(loaded);
  if (!bootstrap_.log_format.empty()) {
    if (!options_.log_format.empty())
      return Unexpected(std::vector<std::string>{
          "both --log-format and application_log_config.log_format are given; remove one"});
    log::set_format(bootstrap_.log_format);
  }
  if (!options_.service_zone.empty()) bootstrap_.node.locality.zone = options_.service_zone;
  return Unit{};
}

Result<Unit, Problem> Server::open_admin() {
  fill_admin();
  const auto& address = bootstrap_.admin.address;
  if (!address) {
    log::warning("admin", "no admin address given, so no admin HTTP server started");
    return Unit{};
  }
  net::ListenOptions listen;
  listen.reuse_port = false;
  auto socket = net::listen_on(*address, listen);
  if (!socket) return problem("admin: " + socket.error().message);
  AdminServer::Log log;
  if (!admin_logs_.empty())
    log = [this](const StreamInfo& info, const http::RequestHead& request,
                 const http::ResponseHead& response) {
      format::Context context{.info = &info, .request = &request, .response = &response};
      for (const auto& logger : admin_logs_) logger->log(context, 0);
    };
  admin_server_ =
      std::make_unique<AdminServer>(loop_, admin_, registry_, *std::move(socket), std::move(log));
  log::info("admin", "admin address: {}", admin_server_->address().to_string());
  if (options_.admin_address_path.empty()) return Unit{};
  std::ofstream file(options_.admin_address_path, std::ios::trunc);
  file << admin_server_->address().to_string();
  file.close();
  if (!file)
    return problem(fmt::format("cannot write the admin address to '{}' (--admin-address-path)",
                               options_.admin_address_path));
  return Unit{};
}

void Server::fill_admin() {
  admin_context_ = std::make_unique<AdminContext>(AdminContext{.options = options_,
                                                               .bootstrap = bootstrap_,
                                                               .life = life_,
                                                               .registry = registry_,
                                                               .clusters = *clusters_,
                                                               .started = started_,
                                                               .started_wall = started_wall_});
  AdminContext& context = *admin_context_;
  context.now = [this] { return loop_.now(); };
  context.bootstrap_json = [this] { return deps_.dump_json(bootstrap_); };
  context.listeners = [this] { return bound_listeners(); };
  context.drain_listeners = [this](const ListenerDrain& drain) { drain_listeners(drain); };
  // Later, so that the answer leaves first.
  context.quit = [this] { loop_.post([this] { loop_.stop(); }); };
  context.reopen_logs = [this] { reopen_logs(); };
  add_state_commands(admin_, context);
  add_stats_commands(admin_, context);
  add_logging_command(admin_);
  add_clusters_command(admin_, context);
  add_listeners_command(admin_, context);
  add_config_dump_command(admin_, context);
  stats_ = std::make_unique<ServerStatsSource>(
      registry_, life_, [this] { return loop_.now(); },
      [this] {
        uint64_t sum = 0;
        for (auto& worker : workers_) sum += worker->connections();
        return sum;
      },
      [this] { return SecretWatch::days_until_expiry(contexts_, loop_.wall_now()); });
  stats_->facts.concurrency = options_.concurrency;
  stats_->facts.clusters = bootstrap_.clusters.size();
  stats_->facts.runtime_keys = bootstrap_.runtime.size();
  stats_->facts.listeners = bootstrap_.listeners.size();
}

std::vector<BoundListener> Server::bound_listeners() const {
  std::vector<BoundListener> all;
  for (const auto& listener : bootstrap_.listeners) {
    all.push_back({listener->name, {}});
    // Without a socket of its own it is reached by the addresses that it stands for.
    if (!listener->bind_to_port) all.back().addresses = listener->addresses;
  }
  for (const OpenAddress& open : sockets_) all[open.listener].addresses.push_back(open.address);
  return all;
}

void Server::watch_signals() {
  auto watch = [this](int signal, Function<void()> action) {
    signals_.push_back(std::make_unique<io::SignalWatcher>(loop_, signal, std::move(action)));
  };
  watch(SIGTERM, [this] {
    log::warning("main", "caught SIGTERM");
    begin_shutdown();
  });
  watch(SIGINT, [this] {
    if (interrupted_) loop_.stop();
    interrupted_ = true;
    log::warning("main", "caught SIGINT; a second one ends at once");
    begin_shutdown();
  });
  watch(SIGHUP, [this] { reopen_logs(); });
  watch(SIGUSR1, [this] { reopen_logs(); });
}

void Server::start_workers() {
  if (life_.shutting_down()) return;
  if (options_.mode == Options::Mode::kInitOnly) {
    loop_.stop();
    return;
  }
  WorkerDeps deps{*clusters_, process_};
  for (unsigned i = 1; i <= options_.concurrency; ++i)
    workers_.push_back(std::make_unique<Worker>(i, deps));
  clusters_->on_change([this](upstream::ClusterDirectory::Runtime cluster) {
    for (auto& worker : workers_) worker->refresh(cluster);
  });
  for (auto& worker : workers_) worker->apply(snapshot_);
  ServerFacts& facts = stats_->facts;
  for (OpenAddress& open : sockets_) {
    for (std::size_t i = 0; i < workers_.size(); ++i)
      workers_[i]->add_listener(std::move(open.sockets[i]), open.listener);
    facts.sockets += open.sockets.size();
    open.sockets.clear();
  }
  for (auto& worker : workers_) worker->start();
  facts.workers_started = true;
  facts.listeners_active = facts.listeners;
  facts.initialization = loop_.exact_now() - started_;
  life_.set_live();
  release_startup_code();
  log::info("main", "serving {} listener(s) and {} cluster(s) with {} worker(s)",
            bootstrap_.listeners.size(), bootstrap_.clusters.size(), workers_.size());
  if (on_live_) on_live_();
}

void Server::shut_down() {
  loop_.post([this] { begin_shutdown(); });
}

void Server::stop() {
  loop_.post([this] { loop_.stop(); });
}

void Server::begin_shutdown() {
  if (life_.shutting_down()) return;
  life_.begin_shutdown({loop_.now(), options_.drain_time, options_.drain_strategy});
  log::info("main", "draining: listeners closed, {} s for what is in flight",
            options_.drain_time.count());
  stop_listeners(false);
  for (auto& worker : workers_) worker->drain_connections();
  drain_timer_.arm(kDrainTick);
}

void Server::drain_listeners(const ListenerDrain& drain) {
  if (!drain.graceful && !drain.skip_exit) {
    stop_listeners(drain.inbound_only);
    return;
  }
  if (!life_.begin_drain({loop_.now(), options_.drain_time, options_.drain_strategy})) return;
  listener_drain_ = drain;
  stats_->facts.listeners_draining = drain.skip_exit ? 0 : stats_->facts.listeners_active;
  drain_timer_.arm(kDrainTick);
}

void Server::stop_listeners(bool inbound_only) {
  for (auto& worker : workers_) worker->stop_listeners(inbound_only);
  std::size_t stopped = 0;
  std::erase_if(sockets_, [&](const OpenAddress& open) {
    const config::Listener& listener = *bootstrap_.listeners[open.listener];
    return !inbound_only || listener.direction == config::Listener::Direction::kInbound;
  });
  std::vector<BoundListener> left = bound_listeners();
  for (const BoundListener& listener : left)
    if (listener.addresses.empty()) ++stopped;
  ServerFacts& facts = stats_->facts;
  facts.listeners_stopped = stopped;
  facts.listeners_active = left.size() - stopped;
  facts.listeners_draining = 0;
}

void Server::drain_tick() {
  Time now = loop_.now();
  life_.update(now);
  const DrainSchedule& drain = *life_.drain();
  if (life_.shutting_down()) {
    uint64_t open = 0;
    for (auto& worker : workers_) open += worker->connections();
    if (open == 0 || drain.over(now)) {
      if (open != 0) log::warning("main", "drain time is over; {} connection(s) are cut off", open);
      loop_.stop();
      return;
    }
  } else if (drain.over(now)) {
    if (!listener_drain_.skip_exit) stop_listeners(listener_drain_.inbound_only);
    return;
  }
  drain_timer_.arm(kDrainTick);
}

void Server::reopen_logs() {
  auto reopened = log::reopen();
  if (!reopened) log::error("main", "{}", reopened.error().message);
  log_sinks_->reopen();
}

void Server::stop_workers() {
  for (auto& worker : workers_) worker->stop();
  for (auto& worker : workers_) worker->join();
  workers_.clear();
}

}  // namespace pillion::server
