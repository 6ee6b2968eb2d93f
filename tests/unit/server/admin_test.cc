#include "sidecar/server/admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sidecar/base/log.h"
#include "sidecar/io/loop.h"
#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/server_stats.h"
#include "sidecar/server/admin_context.h"
#include "sidecar/upstream/cluster_directory.h"

namespace pillion::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr std::string_view kBootstrap = R"({
  "node": {"id": "n1"},
  "static_resources": {
    "listeners": [{"name": "main", "filter_chains": [{"filters": [{"name": "hcm", "typed_config": {
      "@type": "type.googleapis.com/hcm", "route_config": {"name": "local"}}}]}]}],
    "clusters": [{"name": "origin", "type": "STATIC"}, {"name": "other", "type": "STATIC"}]}})";

Address ip(std::string_view text, uint16_t port) {
  return *Address::parse_ip(text, port);
}

std::shared_ptr<config::Cluster> cluster(const std::string& name) {
  auto made = std::make_shared<config::Cluster>();
  made->name = name;
  auto assignment = std::make_shared<config::Assignment>();
  config::LocalityEndpoints& locality = assignment->localities.emplace_back();
  locality.locality = {"r", "z1", ""};
  config::Endpoint& endpoint = locality.endpoints.emplace_back();
  endpoint.address = ip("127.0.0.1", 9);
  endpoint.hostname = "h1";
  endpoint.weight = 3;
  made->assignment = assignment;
  return made;
}

class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    bootstrap_.node.id = "n1";
    bootstrap_.runtime = {{"a.b", "2"}};
    bootstrap_.clusters = {cluster("origin"), cluster("idle")};
    clusters_.apply(bootstrap_.clusters);
    context_.started = clock_.now();
    context_.now = [this] { return clock_.now(); };
    context_.bootstrap_json = [] { return std::string(kBootstrap); };
    context_.listeners = [] {
      return std::vector<BoundListener>{{"main", {ip("127.0.0.1", 80), ip("127.0.0.2", 81)}},
                                        {"pipe", {*Address::unix_path("/run/p.sock")}}};
    };
    context_.drain_listeners = [this](const ListenerDrain& drain) { drains_.push_back(drain); };
    context_.quit = [this] { ++quits_; };
    context_.reopen_logs = [this] { ++reopened_; };
    add_state_commands(admin_, context_);
    add_stats_commands(admin_, context_);
    add_logging_command(admin_);
    add_clusters_command(admin_, context_);
    add_listeners_command(admin_, context_);
    add_config_dump_command(admin_, context_);
  }
  ~AdminTest() override { log::set_level(log::Level::kInfo); }

  // With all its pieces, if it comes in such.
  AdminResponse get(std::string_view target) {
    AdminResponse answer = admin_.handle(AdminRequest::parse("GET", target));
    for (std::string piece; answer.more && answer.more(piece); piece.clear()) answer.body += piece;
    return answer;
  }
  AdminResponse post(std::string_view target) {
    return admin_.handle(AdminRequest::parse("POST", target));
  }
  Json get_json(std::string_view target) { return Json::parse(get(target).body); }

  io::ManualClock clock_;
  io::EventLoop loop_{&clock_};
  Options options_;
  config::Bootstrap bootstrap_;
  proxy::ProcessState process_;
  Lifecycle life_{process_};
  metrics::Registry registry_;
  upstream::ClusterDirectory clusters_{loop_, registry_};
  AdminContext context_{.options = options_,
                        .bootstrap = bootstrap_,
                        .life = life_,
                        .registry = registry_,
                        .clusters = clusters_};
  Admin admin_;
  std::vector<ListenerDrain> drains_;
  int quits_ = 0;
  int reopened_ = 0;
};

TEST(AdminRequest, TargetIsSplitAndDecoded) {
  auto request = AdminRequest::parse("GET", "/stats?usedonly&filter=a%2Eb%3d&x=1=2&&bad=%g1%");
  EXPECT_EQ(request.path, "/stats");
  EXPECT_EQ(request.query, "usedonly&filter=a%2Eb%3d&x=1=2&&bad=%g1%");
  ASSERT_TRUE(request.has("usedonly"));
  EXPECT_EQ(*request.parameter("filter"), "a.b=");
  EXPECT_EQ(*request.parameter("x"), "1=2");
  EXPECT_EQ(*request.parameter("bad"), "%g1%");
  EXPECT_FALSE(request.has("absent"));
}

TEST_F(AdminTest, UnknownPathIs404WithTheListOfCommands) {
  auto answer = get("/nope");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.content_type, "text/plain; charset=UTF-8");
  EXPECT_THAT(answer.body,
              AllOf(StartsWith("invalid path. admin commands are:\n  /: Admin home page\n"),
                    HasSubstr("\n  /quitquitquit (POST): exit the server\n"),
                    HasSubstr("\n      usedonly: Only include stats")));
  EXPECT_EQ(get("/ready/").status, 404);
}

TEST_F(AdminTest, MutatingCommandsMustBePosted) {
  for (const char* path : {"/quitquitquit", "/healthcheck/fail", "/healthcheck/ok", "/logging",
                           "/drain_listeners", "/reopen_logs", "/reset_counters"}) {
    auto answer = get(path);
    EXPECT_EQ(answer.status, 405) << path;
    EXPECT_EQ(answer.body, "Method GET not allowed, POST required.") << path;
  }
  EXPECT_EQ(quits_, 0);
  EXPECT_TRUE(drains_.empty());
}

TEST_F(AdminTest, ReadyTellsTheState) {
  auto before = get("/ready");
  EXPECT_EQ(before.status, 503);
  EXPECT_EQ(before.body, "PRE_INITIALIZING\n");
  life_.set_live();
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_EQ(get("/ready").body, "LIVE\n");
  EXPECT_EQ(post("/healthcheck/fail").body, "OK\n");
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_EQ(get("/ready").body, "DRAINING\n");
  EXPECT_EQ(post("/healthcheck/ok").body, "OK\n");
  EXPECT_EQ(get("/ready").body, "LIVE\n");
}

TEST_F(AdminTest, ServerInfoShowsStateUptimeNodeAndOptions) {
  life_.set_live();
  options_.concurrency = 3;
  clock_.advance(std::chrono::milliseconds(4900));
  Json info = get_json("/server_info");
  EXPECT_EQ(info["state"], "LIVE");
  EXPECT_EQ(info["uptime_current_epoch"], "4s");
  EXPECT_EQ(info["node"]["id"], "n1");
  EXPECT_EQ(info["command_line_options"]["concurrency"], 3);
  EXPECT_EQ(info["command_line_options"]["drain_time"], "600s");
  EXPECT_EQ(info["command_line_options"]["drain_strategy"], "Gradual");
  EXPECT_EQ(info["command_line_options"]["file_flush_interval"], "10s");
  EXPECT_EQ(info["command_line_options"]["mode"], "Serve");
}

TEST_F(AdminTest, CommandsReachTheServer) {
  EXPECT_EQ(post("/quitquitquit").body, "OK\n");
  EXPECT_EQ(quits_, 1);
  EXPECT_EQ(post("/reopen_logs").body, "OK\n");
  EXPECT_EQ(reopened_, 1);
  EXPECT_EQ(post("/drain_listeners?graceful&skip_exit").body, "OK\n");
  EXPECT_EQ(post("/drain_listeners?inboundonly").body, "OK\n");
  ASSERT_EQ(drains_.size(), 2u);
  EXPECT_TRUE(drains_[0].graceful && drains_[0].skip_exit && !drains_[0].inbound_only);
  EXPECT_TRUE(!drains_[1].graceful && !drains_[1].skip_exit && drains_[1].inbound_only);
}

TEST_F(AdminTest, MemoryIsToldInStringsAsProtobufWrites64BitNumbers) {
  Json memory = get_json("/memory");
  EXPECT_GT(std::stoull(memory["total_physical_bytes"].get<std::string>()), 1u << 20);
  EXPECT_TRUE(memory["allocated"].is_string());
}

TEST_F(AdminTest, RuntimeShowsItsKeys) {
  Json runtime = get_json("/runtime");
  EXPECT_EQ(runtime["entries"]["a.b"]["final_value"], "2");
  bootstrap_.runtime.clear();
  EXPECT_EQ(get("/runtime").body, "{\n \"entries\": {},\n \"layers\": []\n}\n");
}

TEST_F(AdminTest, CertsAreEmptyWithoutTls) {
  EXPECT_EQ(get("/certs").body, "{\n \"certificates\": []\n}\n");
  EXPECT_EQ(get("/certs").content_type, "application/json");
}

TEST_F(AdminTest, LoggingChangesAllOrOneOrSeveral) {
  EXPECT_EQ(post("/logging?level=debug").status, 200);
  EXPECT_EQ(log::component_level("http"), log::Level::kDebug);
  EXPECT_EQ(post("/logging?http=error").status, 200);
  EXPECT_EQ(log::component_level("http"), log::Level::kError);
  auto answer = post("/logging?paths=http:trace,main:warning");
  EXPECT_EQ(log::component_level("http"), log::Level::kTrace);
  EXPECT_THAT(answer.body,
              AllOf(StartsWith("active loggers:\n  access_log: debug\n  admin: debug\n"),
                    HasSubstr("\n  main: warning\n"), EndsWith("\n\n")));
}

TEST_F(AdminTest, BadLoggingRequestChangesNothing) {
  auto bad_level = post("/logging?level=loud");
  EXPECT_EQ(bad_level.status, 400);
  EXPECT_THAT(bad_level.body, StartsWith("error: unknown logger level\n\nusage: "));
  auto half = post("/logging?paths=http:trace,nope:debug");
  EXPECT_EQ(half.status, 400);
  EXPECT_THAT(half.body, StartsWith("error: unknown logger name\n\nusage: "));
  EXPECT_THAT(post("/logging?a=b&c=d").body, StartsWith("error: invalid number of parameters\n"));
  EXPECT_EQ(log::component_level("http"), log::Level::kInfo);
}

TEST_F(AdminTest, ListenersAsText) {
  auto answer = get("/listeners");
  EXPECT_EQ(answer.body, "main::127.0.0.1:80\nmain::127.0.0.2:81\npipe::/run/p.sock\n");
  EXPECT_EQ(answer.content_type, "text/plain; charset=UTF-8");
}

TEST_F(AdminTest, ListenersAsJson) {
  Json listeners = get_json("/listeners?format=json")["listener_statuses"];
  ASSERT_EQ(listeners.size(), 2u);
  EXPECT_EQ(listeners[0]["local_address"]["socket_address"]["port_value"], 80);
  EXPECT_EQ(listeners[0]["additional_local_addresses"][0]["socket_address"]["address"],
            "127.0.0.2");
  EXPECT_EQ(listeners[1]["local_address"]["pipe"]["path"], "/run/p.sock");
}

TEST_F(AdminTest, ClustersAsTextInUseOrNot) {
  auto runtime = clusters_.find("origin");
  runtime->endpoints()->all[0]->counts.rq_total = 5;
  std::string body = get("/clusters").body;
  EXPECT_THAT(body, HasSubstr("origin::observability_name::origin\n"
                              "origin::default_priority::max_connections::1024\n"
                              "origin::default_priority::max_pending_requests::1024\n"
                              "origin::default_priority::max_requests::1024\n"
                              "origin::default_priority::max_retries::3\n"
                              "origin::high_priority::max_connections::1024\n"));
  EXPECT_THAT(body, HasSubstr("origin::added_via_api::false\n"
                              "origin::127.0.0.1:9::cx_active::0\n"
                              "origin::127.0.0.1:9::cx_connect_fail::0\n"
                              "origin::127.0.0.1:9::cx_total::0\n"
                              "origin::127.0.0.1:9::rq_active::0\n"
                              "origin::127.0.0.1:9::rq_error::0\n"
                              "origin::127.0.0.1:9::rq_pending_active::0\n"
                              "origin::127.0.0.1:9::rq_success::0\n"
                              "origin::127.0.0.1:9::rq_timeout::0\n"
                              "origin::127.0.0.1:9::rq_total::5\n"
                              "origin::127.0.0.1:9::hostname::h1\n"
                              "origin::127.0.0.1:9::health_flags::healthy\n"
                              "origin::127.0.0.1:9::weight::3\n"
                              "origin::127.0.0.1:9::region::r\n"
                              "origin::127.0.0.1:9::zone::z1\n"
                              "origin::127.0.0.1:9::sub_zone::\n"
                              "origin::127.0.0.1:9::canary::false\n"
                              "origin::127.0.0.1:9::priority::0\n"
                              "origin::127.0.0.1:9::success_rate::-1\n"
                              "origin::127.0.0.1:9::local_origin_success_rate::-1\n"));
  EXPECT_THAT(body, HasSubstr("idle::127.0.0.1:9::rq_total::0\n"));
}

TEST_F(AdminTest, ClustersAsJsonFiltered) {
  auto runtime = clusters_.find("origin");
  runtime->endpoints()->all[0]->counts.cx_active = 2;
  Json statuses = get_json("/clusters?format=json&filter=^ori")["cluster_statuses"];
  ASSERT_EQ(statuses.size(), 1u);
  Json host = statuses[0]["host_statuses"][0];
  EXPECT_EQ(host["address"]["socket_address"]["port_value"], 9);
  EXPECT_EQ(host["health_status"]["eds_health_status"], "HEALTHY");
  EXPECT_EQ(host["locality"]["zone"], "z1");
  EXPECT_EQ(host["stats"][6], Json({{"type", "GAUGE"}, {"value", "2"}, {"name", "cx_active"}}));
  EXPECT_EQ(host["stats"][0], Json({{"name", "cx_connect_fail"}}));
  EXPECT_EQ(statuses[0]["circuit_breakers"]["thresholds"][1]["priority"], "HIGH");
  EXPECT_EQ(get("/clusters?filter=[").status, 400);
}

// Regression: pages that grow with the configuration were made whole before a byte of them left.
TEST_F(AdminTest, ClustersComeInPiecesOfBoundedSize) {
  bootstrap_.clusters.clear();
  for (int i = 0; i < 2000; ++i) bootstrap_.clusters.push_back(cluster("c" + std::to_string(i)));
  clusters_.apply(bootstrap_.clusters);
  for (std::string_view target : {"/clusters", "/clusters?format=json"}) {
    AdminResponse answer = admin_.handle(AdminRequest::parse("GET", target));
    EXPECT_EQ(answer.body, "");
    std::size_t pieces = 0;
    for (std::string piece; answer.more(piece); piece.clear(), ++pieces)
      EXPECT_LT(piece.size(), 70'000u);
    EXPECT_GT(pieces, 5u) << target;
  }
  EXPECT_EQ(get_json("/clusters?format=json")["cluster_statuses"].size(), 2000u);
  EXPECT_EQ(get("/clusters?format=json&filter=nothing").body, "{}\n");
  std::string whole = get("/clusters?format=json&filter=^c7$").body;
  EXPECT_EQ(whole, nlohmann::ordered_json::parse(whole).dump(1) + "\n");
}

TEST_F(AdminTest, StatsPagesComeFromTheRegistry) {
  metrics::PerWorker<metrics::ServerStats> stats(registry_, metrics::server_scope());
  stats.here().live.set(1);
  EXPECT_THAT(get("/stats?filter=server").body, HasSubstr("server.live: 1\n"));
  for (const char* target : {"/stats/prometheus", "/metrics", "/stats?format=prometheus"})
    EXPECT_THAT(get(target).body, HasSubstr("envoy_server_live")) << target;
  EXPECT_EQ(get("/stats?format=bogus").status, 400);
}

TEST_F(AdminTest, ResetCountersStartsThemAgainFromZero) {
  metrics::PerWorker<metrics::ServerStats> stats(registry_, metrics::server_scope());
  stats.here().static_unknown_fields.add(7);
  stats.here().concurrency.set(3);
  EXPECT_EQ(post("/reset_counters").body, "OK\n");
  stats.here().static_unknown_fields.add(2);
  std::string body = get("/stats?filter=server").body;
  EXPECT_THAT(body, HasSubstr("server.static_unknown_fields: 2\n"));
  EXPECT_THAT(body, HasSubstr("server.concurrency: 3\n"));
}

TEST_F(AdminTest, ConfigDumpHasEnvoysShape) {
  Json configs = get_json("/config_dump")["configs"];
  std::vector<std::string> types;
  for (const Json& config : configs)
    types.push_back(
        config["@type"].get<std::string>().substr(sizeof("type.googleapis.com/envoy.admin.v3")));
  EXPECT_THAT(types,
              ElementsAre("BootstrapConfigDump", "ClustersConfigDump", "ListenersConfigDump",
                          "ScopedRoutesConfigDump", "RoutesConfigDump", "SecretsConfigDump"));
  EXPECT_EQ(configs[0]["bootstrap"]["node"]["id"], "n1");
  EXPECT_EQ(configs[1]["static_clusters"][1]["cluster"]["name"], "other");
  EXPECT_EQ(configs[1]["static_clusters"][1]["cluster"]["@type"],
            "type.googleapis.com/envoy.config.cluster.v3.Cluster");
  EXPECT_EQ(configs[4]["static_route_configs"][0]["route_config"]["name"], "local");
}

TEST_F(AdminTest, ConfigDumpOfOneResource) {
  Json configs = get_json("/config_dump?resource=static_clusters&mask=cluster.name")["configs"];
  ASSERT_EQ(configs.size(), 2u);
  EXPECT_EQ(configs[0],
            Json({{"@type", "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster"},
                  {"cluster",
                   {{"@type", "type.googleapis.com/envoy.config.cluster.v3.Cluster"},
                    {"name", "origin"}}}}));
  configs = get_json("/config_dump?resource=static_clusters&name_regex=oth.*")["configs"];
  ASSERT_EQ(configs.size(), 1u);
  EXPECT_EQ(configs[0]["cluster"]["name"], "other");
  EXPECT_EQ(get("/config_dump?resource=dynamic_listeners").body, "{}\n");
}

TEST_F(AdminTest, ConfigDumpByMask) {
  Json configs = get_json("/config_dump?mask=bootstrap.node")["configs"];
  ASSERT_EQ(configs.size(), 1u);
  EXPECT_EQ(configs[0]["bootstrap"], Json({{"node", {{"id", "n1"}}}}));
}

TEST_F(AdminTest, BadConfigDumpRequestsSayWhy) {
  EXPECT_EQ(get("/config_dump?resource=bogus").status, 404);
  EXPECT_EQ(get("/config_dump?resource=bogus").body, "bogus not found in config dump");
  EXPECT_EQ(get("/config_dump?resource=bootstrap").status, 400);
  EXPECT_EQ(get("/config_dump?mask=nope").body,
            "FieldMask nope could not be successfully applied to any configs.");
  EXPECT_EQ(get("/config_dump?resource=static_clusters&mask=nope").status, 400);
  EXPECT_EQ(get("/config_dump?name_regex=%5B").status, 400);
}

TEST_F(AdminTest, IndexLinksQueriesAndPostsTheRest) {
  auto answer = get("/");
  EXPECT_EQ(answer.content_type, "text/html; charset=UTF-8");
  EXPECT_THAT(answer.body, AllOf(HasSubstr("<a href='stats/prometheus'>"),
                                 HasSubstr("<form action='quitquitquit' method='post'>"),
                                 Not(HasSubstr("href='quitquitquit'"))));
}

}  // namespace
}  // namespace pillion::server
