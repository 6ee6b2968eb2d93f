#include "xds/bootstrap.h"

#include <envoy/config/bootstrap/v3/bootstrap.pb.h>
#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <malloc.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "xds/document.h"
#include "xds/json.h"
#include "xds/message_reader.h"
#include "xds/packed_bootstrap.h"
#include "xds/translate.h"
#include "xds/validate.h"
#include "xds/yaml.h"

namespace pillion::xds {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;

constexpr std::string_view kOverlayName = "--config-yaml";

struct Source {
  std::string name;
  bool json;
  Document document;
};

std::optional<std::string> read_text(const std::string& file, Problems& problems) {
  errno = 0;
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const std::streamoff size = in ? static_cast<std::streamoff>(in.tellg()) : -1;
  if (size < 0 || static_cast<std::size_t>(size) > Document::kMaxBytes) {
    const char* why = errno != 0 ? std::strerror(errno) : "it is no regular file, or too large";
    problems.add("", fmt::format("cannot be read: {}; check the path given with -c", why));
    return {};
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  in.seekg(0);
  if (size > 0 && !in.read(text.data(), size)) {
    problems.add("", "cannot be read; is it a directory?");
    return {};
  }
  return text;
}

// JSON is a subset of YAML and parses ten times as fast, so a YAML file that looks like JSON is
// tried as such.
Result<Unit, Problem> parse(std::string text, Source& source) {
  if (source.json) return parse_json(std::move(text), source.document);
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{') {
    if (parse_json(text, source.document)) return Unit{};
  }
  return parse_yaml(std::move(text), source.document);
}

// Takes `name` (in either spelling) out of an object.
const Node* take_member(const Node& object, std::string_view name, std::string_view camel,
                        std::vector<Member>& rest) {
  const Node* found = nullptr;
  for (const Member& member : object.members()) {
    if (found == nullptr && (member.name == name || member.name == camel))
      found = &member.value;
    else
      rest.push_back(member);
  }
  return found;
}

class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options), context_(options.file) {
    context_.unknown_fields_warn = options.allow_unknown_static_fields;
  }

  Result<Loaded, std::vector<std::string>> run() {
    read_sources();
    if (context_.problems.empty()) translate();
    sources_.clear();
    if (!context_.problems.empty()) return Unexpected(context_.problems.lines());
    Loaded loaded{std::move(bootstrap_), context_.problems.warnings()};
    return loaded;
  }

 private:
  void read_sources() {
    if (options_.file.empty() && options_.yaml_overlay.empty()) {
      context_.problems.set_file("configuration");
      context_.problems.add("", "none was given; use -c FILE or --config-yaml TEXT");
      return;
    }
    if (!options_.file.empty()) {
      auto text = read_text(options_.file, context_.problems);
      if (text) add_source(options_.file, options_.file.ends_with(".json"), *std::move(text));
    }
    if (!options_.yaml_overlay.empty())
      add_source(std::string(kOverlayName), false, options_.yaml_overlay);
  }

  void add_source(std::string name, bool json, std::string text) {
    context_.problems.set_file(name);
    auto source = std::make_unique<Source>();
    source->name = std::move(name);
    source->json = json;
    auto parsed = parse(std::move(text), *source);
    if (!parsed)
      context_.problems.add("", parsed.error().message);
    else if (source->document.root.is(Node::Kind::kNull))
      context_.problems.add("", "is empty; it has to hold a Bootstrap message");
    else
      sources_.push_back(std::move(source));
  }

  void translate() {
    google::protobuf::Arena arena;
    auto& message = *google::protobuf::Arena::CreateMessage<Bootstrap>(&arena);
    for (const auto& source : sources_) {
      context_.problems.set_file(source->name);
      merge(*source, arena, message);
    }
    context_.problems.set_file(sources_.front()->name);
    if (!options_.node_id.empty()) message.mutable_node()->set_id(options_.node_id);
    if (!options_.node_cluster.empty()) message.mutable_node()->set_cluster(options_.node_cluster);
    validate(message, root_);
    translate_bootstrap(message, root_, bootstrap_, defaults_);
    defaults_.secrets.add(message.static_resources().secrets(),
                          root_.field("static_resources.secrets"));
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      context_.problems.set_file(sources_[i]->name);
      if (clusters_[i] != nullptr) add_clusters(*clusters_[i]);
    }
    context_.problems.set_file(sources_.front()->name);
    add_listeners(message);
    // Keys have been taken by now; what is kept for people to see does not hold them.
    redact(message);
    packer_.add_bootstrap(message);
    bootstrap_.packed = packer_.finish();
  }

  // All but the clusters, which are translated one by one, since there may be very many.
  void merge(const Source& source, google::protobuf::Arena& arena, Bootstrap& into) {
    std::vector<Member> rest;
    const Node* resources =
        take_member(source.document.root, "static_resources", "staticResources", rest);
    std::vector<Member> resources_rest;
    const Node* clusters = nullptr;
    if (resources != nullptr && resources->is(Node::Kind::kObject)) {
      clusters = take_member(*resources, "clusters", "clusters", resources_rest);
      rest.push_back({"static_resources", Node::object(resources_rest)});
    } else if (resources != nullptr) {
      rest.push_back({"static_resources", *resources});
    }
    clusters_.push_back(clusters);
    const Node& root = source.document.root;
    auto& message = *google::protobuf::Arena::CreateMessage<Bootstrap>(&arena);
    read_message(root.is(Node::Kind::kObject) ? Node::object(rest) : root, message, root_);
    into.MergeFrom(message);
  }

  void add_clusters(const Node& list) {
    const FieldPath at = root_.field("static_resources.clusters");
    if (list.is(Node::Kind::kNull)) return;
    google::protobuf::ArenaOptions arena_options;
    arena_options.start_block_size = kArenaBlock;
    google::protobuf::Arena arena(arena_options);
    if (!list.is(Node::Kind::kArray)) {  // A single value stands for a list of one.
      add_cluster(list, *google::protobuf::Arena::CreateMessage<Cluster>(&arena), at);
      return;
    }
    bootstrap_.clusters.reserve(bootstrap_.clusters.size() + list.items().size());
    for (std::size_t i = 0; i < list.items().size(); ++i) {
      auto& message = *google::protobuf::Arena::CreateMessage<Cluster>(&arena);
      add_cluster(list.items()[i], message, at.index(i));
      arena.Reset();
    }
  }

  void add_cluster(const Node& node, Cluster& message, const FieldPath& at) {
    read_message(node, message, at);
    validate(message, at);
    auto cluster = translate_cluster(message, defaults_, at);
    if (message.has_transport_socket()) redact(*message.mutable_transport_socket());
    packer_.add_cluster(message);
    if (!cluster->name.empty() && !cluster_names_.insert(cluster->name).second)
      at.field("name").problem(
          fmt::format("the cluster \"{}\" is given twice; rename one of the two", cluster->name));
    if (cluster->proxy_protocol != nullptr) proxied_clusters_.insert(cluster->name);
    bootstrap_.clusters.push_back(std::move(cluster));
  }

  void add_listeners(const Bootstrap& message) {
    const FieldPath at = root_.field("static_resources.listeners");
    Translation translation{options_.filters,  *options_.metrics,       cluster_names_,
                            defaults_.secrets, bootstrap_.node.cluster, {}};
    std::unordered_set<std::string> names;
    std::unordered_set<std::string> addresses;
    for (const auto& item : message.static_resources().listeners()) {
      const FieldPath entry = at.index(bootstrap_.listeners.size());
      auto listener = translate_listener(item, translation, entry);
      if (!item.name().empty() && !names.insert(item.name()).second)
        entry.field("name").problem(
            fmt::format("the listener \"{}\" is given twice; rename one of the two", item.name()));
      check_addresses(*listener, addresses, entry);
      check_proxied_clusters(*listener, entry);
      bootstrap_.listeners.push_back(std::move(listener));
    }
  }

  // A PROXY header names one client, while HTTP connections to an endpoint serve many.
  void check_proxied_clusters(const config::Listener& listener, const FieldPath& at) const {
    if (proxied_clusters_.empty()) return;
    auto check = [&](const std::string& cluster) {
      if (proxied_clusters_.contains(cluster))
        at.problem(
            fmt::format("routes HTTP to the cluster \"{}\", whose connections begin with a "
                        "PROXY protocol header; only a TCP proxy can use it",
                        cluster));
    };
    for (const config::FilterChain& chain : listener.chains) {
      if (chain.http == nullptr || chain.http->routes == nullptr) continue;
      for (const config::VirtualHost& host : chain.http->routes->virtual_hosts)
        for (const config::Route& route : host.routes) {
          const auto* action = std::get_if<config::ForwardAction>(&route.action);
          if (action == nullptr) continue;
          check(action->cluster);
          for (const config::WeightedCluster& weighted : action->weighted) check(weighted.name);
        }
    }
  }

  // Two listeners on one address would each get a share of its connections.
  static void check_addresses(const config::Listener& listener,
                              std::unordered_set<std::string>& seen, const FieldPath& at) {
    for (const Address& address : listener.addresses) {
      const bool any_port = address.is_ip() && address.port() == 0;
      if (!address.valid() || any_port || !listener.bind_to_port) continue;
      if (!seen.insert(address.to_string()).second)
        at.field("address").problem(
            fmt::format("{} is the address of another listener already; change one of the two",
                        address.to_string()));
    }
  }

  static constexpr std::size_t kArenaBlock = 16 * 1024;

  const LoadOptions& options_;
  LoadContext context_;
  const FieldPath root_{context_};
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<const Node*> clusters_;  // of each source
  std::unordered_set<std::string> cluster_names_;
  std::unordered_set<std::string>
      proxied_clusters_;  // those with a PROXY protocol transport socket
  ClusterDefaults defaults_;
  BootstrapPacker packer_;
  config::Bootstrap bootstrap_;
};

}  // namespace

Result<Loaded, std::vector<std::string>> load_bootstrap(const LoadOptions& options) {
  auto result = Loader(options).run();
  // Messages and documents are gone, and with them most of the heap that the load took.
  ::malloc_trim(0);
  return result;
}

}  // namespace pillion::xds
