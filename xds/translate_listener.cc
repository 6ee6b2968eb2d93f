// Listeners and their filter chains (translate.h).

#include <envoy/config/core/v3/address.pb.h>
#include <envoy/config/core/v3/socket_option.pb.h>
#include <envoy/config/listener/v3/listener.pb.h>
#include <envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h>
#include <envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h>
#include <fmt/format.h>
#include <google/protobuf/any.pb.h>
#include <netinet/tcp.h>

#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::listener::v3;
namespace core = envoy::config::core::v3;
using config::Listener;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

void check_listener_fields(const v3::Listener& message, const FieldPath& at) {
  // Harmless: how connections are spread over workers, and names for other extensions.
  check_fields(message, at,
               {"name",
                "address",
                "additional_addresses",
                "stat_prefix",
                "filter_chains",
                "default_filter_chain",
                "per_connection_buffer_limit_bytes",
                "deprecated_v1",
                "drain_type",
                "listener_filters",
                "listener_filters_timeout",
                "continue_on_listener_filters_timeout",
                "transparent",
                "freebind",
                "socket_options",
                "tcp_fast_open_queue_length",
                "traffic_direction",
                "reuse_port",
                "enable_reuse_port",
                "access_log",
                "tcp_backlog_size",
                "max_connections_to_accept_per_socket_event",
                "bind_to_port",
                "use_original_dst",
                "ignore_global_conn_limit",
                "connection_balance_config"},
               {"metadata", "bypass_overload_manager"});
  check_fields(message.connection_balance_config(), at.field("connection_balance_config"), {},
               {"exact_balance"});
}

void take_socket_option(const core::SocketOption& message, const FieldPath& at, Listener& to) {
  const auto value = message.int_value();
  auto keepalive = [&]() -> config::TcpKeepalive& {
    if (to.keepalive == nullptr) to.keepalive = std::make_unique<config::TcpKeepalive>();
    return *to.keepalive;
  };
  auto is = [&](int64_t level, int64_t name) {
    return message.level() == level && message.name() == name && message.has_int_value();
  };
  const auto number = static_cast<uint32_t>(value);
  if (is(SOL_SOCKET, SO_KEEPALIVE) && value == 1) {
    keepalive();
  } else if (is(IPPROTO_TCP, TCP_KEEPIDLE)) {
    keepalive().time_s = number;
  } else if (is(IPPROTO_TCP, TCP_KEEPINTVL)) {
    keepalive().interval_s = number;
  } else if (is(IPPROTO_TCP, TCP_KEEPCNT)) {
    keepalive().probes = number;
  } else if (is(SOL_SOCKET, SO_REUSEPORT)) {
    to.reuse_port = value != 0;
  } else if (!(is(IPPROTO_TCP, TCP_NODELAY) && value == 1)) {  // which is always set
    at.problem(
        fmt::format("the socket option {} of level {} is not supported by this version, "
                    "which has SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, "
                    "SO_REUSEPORT and TCP_NODELAY; remove it",
                    message.name(), message.level()));
  }
}

void take_socket(const v3::Listener& message, const FieldPath& at, Listener& to) {
  // enable_reuse_port is the newer of the two; without either, ports are shared.
  if (message.has_enable_reuse_port()) to.reuse_port = message.enable_reuse_port().value();
  to.bind_to_port = !message.has_bind_to_port() || message.bind_to_port().value();
  if (message.deprecated_v1().has_bind_to_port() && !message.has_bind_to_port())
    to.bind_to_port = message.deprecated_v1().bind_to_port().value();
  to.use_original_dst = message.use_original_dst().value();
  to.transparent = message.transparent().value();
  to.freebind = message.freebind().value();
  if (message.has_tcp_backlog_size()) to.backlog = message.tcp_backlog_size().value();
  to.tcp_fast_open_queue = message.tcp_fast_open_queue_length().value();
  to.max_accepts_per_event = message.max_connections_to_accept_per_socket_event().value();
  to.ignore_global_conn_limit = message.ignore_global_conn_limit();
  if (message.has_per_connection_buffer_limit_bytes())
    to.buffer_limit = message.per_connection_buffer_limit_bytes().value();
  const FieldPath options = at.field("socket_options");
  for (int i = 0; i < message.socket_options_size(); ++i)
    take_socket_option(message.socket_options(i), options.index(static_cast<std::size_t>(i)), to);
}

void take_addresses(const v3::Listener& message, const FieldPath& at, Listener& to) {
  if (message.has_address())
    to.addresses.push_back(address(message.address(), at.field("address")));
  else
    at.field("address").missing("is required");
  to.ipv4_compat = message.address().socket_address().ipv4_compat();
  const FieldPath more = at.field("additional_addresses");
  for (int i = 0; i < message.additional_addresses_size(); ++i) {
    const FieldPath entry = more.index(static_cast<std::size_t>(i));
    check_fields(message.additional_addresses(i), entry, {"address"});
    to.addresses.push_back(
        address(message.additional_addresses(i).address(), entry.field("address")));
  }
}

class ChainTranslator {
 public:
  explicit ChainTranslator(Translation& translation) : translation_(translation) {}

  config::FilterChain run(const v3::FilterChain& message, const FieldPath& at) {
    check_fields(message, at,
                 {"name", "filter_chain_match", "filters", "transport_socket",
                  "transport_socket_connect_timeout"},
                 {"metadata"});
    config::FilterChain chain;
    chain.name = message.name();
    chain.match =
        translate_chain_match(message.filter_chain_match(), at.field("filter_chain_match"));
    if (message.has_transport_socket())
      chain.tls = translate_downstream_tls(message.transport_socket(), translation_.secrets,
                                           at.field("transport_socket"));
    chain.transport_connect_timeout = millis(message.transport_socket_connect_timeout(),
                                             at.field("transport_socket_connect_timeout"));
    take_filters(message, at.field("filters"), chain);
    return chain;
  }

 private:
  void take_filters(const v3::FilterChain& message, const FieldPath& at, config::FilterChain& to) {
    if (message.filters().empty())
      at.missing(
          "must hold envoy.filters.network.http_connection_manager or "
          "envoy.filters.network.tcp_proxy");
    for (int i = 0; i < message.filters_size(); ++i) {
      const v3::Filter& filter = message.filters(i);
      const FieldPath entry = at.index(static_cast<std::size_t>(i));
      check_fields(filter, entry, {"name", "typed_config"});
      if (take_filter(filter.typed_config(), entry.field("typed_config"), to) &&
          i + 1 < message.filters_size())
        entry.problem("has to be the last network filter, since it ends the chain");
    }
  }

  // False when the filter is none of ours.
  bool take_filter(const google::protobuf::Any& any, const FieldPath& at, config::FilterChain& to) {
    const std::string_view type = type_name(any);
    // A large route configuration is most of this message: it goes away with the arena at once.
    google::protobuf::Arena arena;
    if (type == TcpProxy::descriptor()->full_name()) {
      auto& proxy = *google::protobuf::Arena::CreateMessage<TcpProxy>(&arena);
      if (unpack_to(any, at, proxy)) to.tcp = translate_tcp_proxy(proxy, translation_, at);
      return true;
    }
    if (!type.empty() && type != HttpConnectionManager::descriptor()->full_name()) {
      at.problem(fmt::format("{} is not supported by this version; use {} or {}", type,
                             HttpConnectionManager::descriptor()->full_name(),
                             TcpProxy::descriptor()->full_name()));
      return false;
    }
    auto& hcm = *google::protobuf::Arena::CreateMessage<HttpConnectionManager>(&arena);
    if (unpack_to(any, at, hcm)) to.http = translate_hcm(hcm, translation_, at);
    return true;
  }

  Translation& translation_;
};

void take_chains(const v3::Listener& message, Translation& translation, const FieldPath& at,
                 Listener& to) {
  if (message.filter_chains().empty() && !message.has_default_filter_chain())
    at.field("filter_chains").missing("must not be empty");
  ChainTranslator translator(translation);
  ChainMatches matches;
  const FieldPath list = at.field("filter_chains");
  for (const v3::FilterChain& chain : message.filter_chains()) {
    const FieldPath entry = list.index(to.chains.size());
    to.chains.push_back(translator.run(chain, entry));
    matches.add(to.chains.back().match, entry.field("filter_chain_match"));
  }
  if (message.has_default_filter_chain())
    to.default_chain =
        translator.run(message.default_filter_chain(), at.field("default_filter_chain"));
}

Listener::Direction direction(core::TrafficDirection value) {
  if (value == core::INBOUND) return Listener::Direction::kInbound;
  return value == core::OUTBOUND ? Listener::Direction::kOutbound
                                 : Listener::Direction::kUnspecified;
}

}  // namespace

std::shared_ptr<const Listener> translate_listener(const v3::Listener& message,
                                                   Translation& translation, const FieldPath& at) {
  check_listener_fields(message, at);
  auto listener = std::make_shared<Listener>();
  take_addresses(message, at, *listener);
  listener->name = message.name();
  if (listener->name.empty() && !listener->addresses.empty())
    listener->name = listener->addresses.front().to_string();
  listener->stat_prefix = message.stat_prefix();
  take_socket(message, at, *listener);
  listener->direction = direction(message.traffic_direction());
  if (message.drain_type() == v3::Listener::MODIFY_ONLY)
    listener->drain_type = Listener::DrainType::kModifyOnly;
  listener->access_logs = translate_access_logs(message.access_log(), at.field("access_log"));
  take_chains(message, translation, at, *listener);
  translate_listener_filters(message, at, *listener);
  // Envoy limits a listener's connections by runtime only.
  const auto limit =
      at.runtime().number("envoy.resource_limits.listener." + listener->name + ".connection_limit");
  if (limit)
    listener->max_connections = static_cast<uint32_t>(std::min<uint64_t>(*limit, UINT32_MAX));
  return listener;
}

}  // namespace pillion::xds
