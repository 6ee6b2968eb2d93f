#include "sidecar/proxy/incoming.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "sidecar/net/original_dst.h"
#include "sidecar/proxy/downstream.h"
#include "sidecar/proxy/listener_log.h"
#include "sidecar/proxy/tcp_tunnel.h"

namespace pillion::proxy {

namespace {

using Kind = config::ListenerFilter::Kind;
using net::Sniffed;

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kMaxGreeting = 32 * 1024;

void hand_to_chain(WorkerContext& worker, List<Inbound, Inbound>& inbounds,
                   const std::shared_ptr<const ListenerRuntime>& listener,
                   const ChainRuntime& chain, Accepted accepted, std::string_view early) {
  if (chain.tcp != nullptr) {
    auto* tunnel = new TcpTunnel(worker, listener, chain, std::move(accepted));
    inbounds.push_back(*tunnel);
    tunnel->start(early);
    return;
  }
  auto* downstream = new Downstream(worker, listener, *chain.http, std::move(accepted.fd),
                                    accepted.remote, accepted.local);
  inbounds.push_back(*downstream);
  if (accepted.inspection != nullptr) downstream->set_inspection(std::move(accepted.inspection));
  if (!early.empty()) downstream->receive(early);
}

// Closed since no chain takes it. Envoy counts it as no connection of the listener.
void refuse(WorkerContext& worker, const ListenerRuntime& listener, const ConnectionEnds& ends) {
  listener.stats().no_filter_chain_match.add();
  if (listener.loggers().empty()) return;
  StreamInfo info = connection_facts(worker, listener, ends);
  info.set_flag(ResponseFlag::kNoRouteFound);
  info.response_code_details = "filter_chain_not_found";
  log_to_listener(worker, listener, info);
}

}  // namespace

void begin_connection(WorkerContext& worker, List<Inbound, Inbound>& inbounds,
                      std::shared_ptr<const ListenerRuntime> listener, net::Fd fd,
                      const Address& remote) {
  Address local = net::local_address(fd.number());
  if (listener->inspects()) {
    auto* incoming =
        new Incoming(worker, inbounds, std::move(listener), std::move(fd), remote, local);
    inbounds.push_back(*incoming);
    incoming->start();
    return;
  }
  const ChainRuntime* chain = listener->choose({local, remote, remote});
  if (chain == nullptr) {
    refuse(worker, *listener, {remote, local, nullptr, worker.loop.now()});
    return;
  }
  hand_to_chain(worker, inbounds, listener, *chain,
                {std::move(fd), remote, std::move(local), nullptr}, {});
}

Incoming::Incoming(WorkerContext& worker, List<Inbound, Inbound>& inbounds,
                   std::shared_ptr<const ListenerRuntime> listener, net::Fd fd,
                   const Address& remote, const Address& local)
    : worker_(worker),
      inbounds_(inbounds),
      listener_(std::move(listener)),
      fd_(std::move(fd)),
      remote_(remote),
      local_(local),
      inspection_(std::make_unique<Inspection>()),
      timer_(io::Timer::of<&Incoming::on_timeout>(worker.loop.timers(), *this)),
      opened_(worker.loop.now()) {
  inspection_->direct_remote = remote;
  inspection_->direct_local = local;
  listener_->stats().downstream_pre_cx_active.add();
  worker_.active_connections.fetch_add(1, std::memory_order_relaxed);
}

Incoming::~Incoming() = default;

void Incoming::start() {
  // Clients that speak first have often done so by now; then nothing has to be waited for.
  if (!read()) return;
  inspect();
  if (gone_) return;
  if (config::Millis limit = listener_->config().listener_filters_timeout; limit.count() > 0)
    timer_.arm(limit);
  poll_ = std::make_unique<io::Poll>(worker_.loop, fd_.number(), *this);
  poll_->watch(io::kReadable);
}

void Incoming::on_ready(unsigned) {
  if (!gone_ && read()) inspect();
}

bool Incoming::read() {
  std::size_t before = held_.size();
  held_.resize(before + kReadSize);
  ssize_t n = ::recv(fd_.number(), held_.data() + before, kReadSize, 0);
  held_.resize(before + (n > 0 ? static_cast<std::size_t>(n) : 0));
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return true;
  listener_->stats().downstream_listener_filter_remote_close.add();
  close();
  return false;
}

void Incoming::inspect() {
  do {
    while (filter_ < listener_->filters().size()) {
      switch (run(*listener_->filters()[filter_])) {
        case Step::kDone:
          ++filter_;
          break;
        case Step::kWait:
          // Where nothing has come yet, silence means what the other listener says it does.
          if (held_.empty() && move_on()) continue;
          connect_early();
          return;
        case Step::kClose:
          close();
          return;
      }
    }
  } while (move_on());
  hand_on(choose());
}

Incoming::Step Incoming::run(const ListenerFilterRuntime& filter) {
  for (const config::PortPredicate& disabled : filter.config->disabled)
    if (disabled.matches(local_.port())) return Step::kDone;
  switch (filter.config->kind) {
    case Kind::kTlsInspector:
      return run_tls(filter);
    case Kind::kHttpInspector:
      return run_http(filter);
    case Kind::kProxyProtocol:
      return run_proxy_protocol(filter);
    case Kind::kOriginalDst:
      return run_original_dst();
  }
  return Step::kDone;
}

Incoming::Step Incoming::run_original_dst() {
  metrics::DetectionStats& stats = listener_->detection_stats();
  std::optional<Address> original = net::original_destination(fd_.number());
  if (!original) {
    stats.original_dst_unknown.add();
    return Step::kDone;
  }
  // Who connects to the listener itself gets what its filter chains say, but must not be sent to
  // where it came from.
  for (const Address& own : listener_->config().addresses) {
    if (*original == own || (own.is_any() && own.port() == original->port())) {
      stats.original_dst_loop.add();
      return Step::kDone;
    }
  }
  local_ = *original;
  inspection_->restored = true;
  return Step::kDone;
}

bool Incoming::move_on() {
  if (moved_ || !listener_->config().use_original_dst || !inspection_->restored) return false;
  const auto* next = worker_.snapshot->listener_for(local_);
  if (next == nullptr || *next == listener_) return false;
  moved_ = true;
  listener_->stats().downstream_pre_cx_active.sub();
  listener_ = *next;
  listener_->stats().downstream_pre_cx_active.add();
  // Its filters begin at the first byte again.
  filter_ = 0;
  tls_ = {};
  http_ = {};
  return true;
}

Incoming::Step Incoming::run_tls(const ListenerFilterRuntime& filter) {
  if (held_.empty()) return Step::kWait;
  Sniffed verdict = tls_.feed(held_);
  if (verdict == Sniffed::kMore) return Step::kWait;
  metrics::TlsInspectorStats& stats = filter.tls_stats->here();
  if (verdict == Sniffed::kTooLarge) {
    stats.client_hello_too_large.add();
    return Step::kClose;
  }
  stats.bytes_processed.record(static_cast<double>(tls_.consumed()));
  if (verdict == Sniffed::kNo) {
    stats.tls_not_found.add();
    return Step::kDone;
  }
  stats.tls_found.add();
  (tls_.protocols().empty() ? stats.alpn_not_found : stats.alpn_found).add();
  (tls_.server_name().empty() ? stats.sni_not_found : stats.sni_found).add();
  inspection_->transport = "tls";
  inspection_->server_name = tls_.server_name();
  inspection_->protocols = tls_.protocols();
  return Step::kDone;
}

Incoming::Step Incoming::run_http(const ListenerFilterRuntime& filter) {
  if (inspection_->transport == "tls") return Step::kDone;
  if (held_.empty()) return Step::kWait;
  Sniffed verdict = http_.feed(held_);
  // What the answer would be for cannot be a reason to wait.
  if (verdict == Sniffed::kMore && !listener_->matches_protocols()) verdict = Sniffed::kNo;
  if (verdict == Sniffed::kMore) return Step::kWait;
  metrics::HttpInspectorStats& stats = filter.http_stats->here();
  if (verdict == Sniffed::kTooLarge) {
    stats.read_error.add();
    return Step::kClose;
  }
  if (verdict == Sniffed::kNo) {
    stats.http_not_found.add();
    return Step::kDone;
  }
  using Version = net::HttpSniffer::Version;
  (http_.version() == Version::kHttp11   ? stats.http11_found
   : http_.version() == Version::kHttp10 ? stats.http10_found
                                         : stats.http2_found)
      .add();
  inspection_->protocols = {std::string(http_.protocol())};
  return Step::kDone;
}

Incoming::Step Incoming::run_proxy_protocol(const ListenerFilterRuntime& filter) {
  const config::ProxyProtocolFilter& config = filter.config->proxy_protocol;
  if (held_.empty()) return Step::kWait;
  net::ProxyHeader header;
  net::ProxyParse parse = net::parse_proxy_header(
      held_, {config.allow_v1, config.allow_v2, config.allow_without}, header);
  if (parse == net::ProxyParse::kMore) return Step::kWait;
  metrics::ProxyProtocolStats& stats = filter.proxy_stats->here();
  bool v1 = header.version == 1;
  switch (parse) {
    case net::ProxyParse::kHeader:
      (v1 ? stats.v1_found : stats.v2_found).add();
      take_proxy_header(filter, std::move(header));
      return Step::kDone;
    case net::ProxyParse::kNone:
      stats.not_found_allowed.add();
      return Step::kDone;
    case net::ProxyParse::kMissing:
      stats.not_found_disallowed.add();
      break;
    case net::ProxyParse::kDisallowed:
      (v1 ? stats.v1_found : stats.v2_found).add();
      (v1 ? stats.v1_disallowed : stats.v2_disallowed).add();
      break;
    default:
      (v1 ? stats.v1_error : stats.v2_error).add();
  }
  filter.proxy_errors->here().downstream_cx_proxy_proto_error.add();
  return Step::kClose;
}

void Incoming::take_proxy_header(const ListenerFilterRuntime& filter, net::ProxyHeader header) {
  held_.erase(0, header.size);
  if (header.local) return;
  remote_ = header.source;
  local_ = header.destination;
  const config::ProxyProtocolFilter& config = filter.config->proxy_protocol;
  for (net::ProxyTlv& tlv : header.tlvs) {
    for (const auto& rule : config.rules) {
      if (rule.type != tlv.type) continue;
      if (inspection_->metadata == nullptr)
        inspection_->metadata = std::make_unique<config::Metadata>();
      config::Value& values = (*inspection_->metadata)[rule.metadata_namespace];
      if (!std::holds_alternative<config::Value::Object>(values.data))
        values.data = config::Value::Object{};
      std::get<config::Value::Object>(values.data)[rule.key].data = tlv.value;
    }
    if (config.pass_through.takes(tlv.type)) inspection_->tlvs.push_back(std::move(tlv));
  }
}

const ChainRuntime* Incoming::choose() const {
  ConnectionTraits traits{local_, inspection_->direct_remote, remote_};
  traits.server_name = inspection_->server_name;
  if (!inspection_->transport.empty()) traits.transport = inspection_->transport;
  traits.protocols = inspection_->protocols;
  return listener_->choose(traits);
}

// Nothing has come yet. If that is how it stays, the server speaks first, over the chain that a
// connection without a byte belongs to.
void Incoming::connect_early() {
  if (!held_.empty() || early_ != nullptr) return;
  if (listener_->filters()[filter_]->config->kind == Kind::kProxyProtocol) return;
  const ChainRuntime* chain = choose();
  if (chain == nullptr || chain->tcp == nullptr) return;
  early_chain_ = chain;
  listener_->detection_stats().detection_early_connect.add();
  early_ =
      std::make_unique<TcpConnector>(worker_, *this, TcpTunnel::plan(*chain->tcp, worker_.random));
  early_->start({remote_, local_, &inspection_->tlvs, inspection_->restored});
}

void Incoming::on_upstream_ready(upstream::TcpConnection& connection) {
  upstream_ = &connection;
  upstream_->set_events(*this);
}

void Incoming::on_tcp_data(std::string_view bytes) {
  // A server of HTTP/2 may greet before the client does, who has to speak nevertheless: the
  // client's bytes decide. Beyond a frame's worth it is no greeting any more.
  greeting_.append(bytes);
  if (greeting_.size() <= kMaxGreeting && net::sniff_http2_server(greeting_) != Sniffed::kNo)
    return;
  listener_->detection_stats().detection_server_first.add();
  hand_on(early_chain_);
}

void Incoming::on_tcp_end() {
  TcpTunnel* tunnel = hand_on(early_chain_);
  if (tunnel != nullptr) tunnel->take_upstream_end();
}

// The client may still turn out to mean another chain.
void Incoming::on_tcp_reset(Error) {
  upstream_ = nullptr;
  early_lost_ = true;
}

void Incoming::on_timeout() {
  listener_->stats().downstream_pre_cx_timeout.add();
  if (listener_->config().continue_on_listener_filters_timeout)
    hand_on(choose());
  else
    close();
}

TcpTunnel* Incoming::hand_on(const ChainRuntime* chain) {
  Accepted accepted{std::move(fd_), remote_, local_, std::move(inspection_)};
  leave();
  bool early = early_ != nullptr && chain == early_chain_ && !early_lost_;
  if (early_ != nullptr && !early) {
    listener_->detection_stats().detection_early_connect_unused.add();
    drop_early();
  }
  if (chain == nullptr) {
    refuse(worker_, *listener_,
           {accepted.remote, accepted.local, accepted.inspection.get(), opened_});
    return nullptr;
  }
  if (!early) {
    hand_to_chain(worker_, inbounds_, listener_, *chain, std::move(accepted), held_);
    return nullptr;
  }
  auto* tunnel = new TcpTunnel(worker_, listener_, *chain, std::move(accepted));
  inbounds_.push_back(*tunnel);
  tunnel->adopt(std::move(early_), std::exchange(upstream_, nullptr), held_);
  if (!greeting_.empty()) tunnel->take_upstream_data(greeting_);
  return tunnel;
}

void Incoming::drop_early() {
  if (upstream_ != nullptr) std::exchange(upstream_, nullptr)->close(true);
  early_.reset();
}

void Incoming::close() {
  if (gone_) return;
  leave();
  drop_early();
  fd_.reset();
  if (listener_->loggers().empty()) return;
  StreamInfo info =
      connection_facts(worker_, *listener_, {remote_, local_, inspection_.get(), opened_});
  log_to_listener(worker_, *listener_, info);
}

void Incoming::leave() {
  gone_ = true;
  poll_.reset();
  timer_.cancel();
  listener_->stats().downstream_pre_cx_active.sub();
  worker_.active_connections.fetch_sub(1, std::memory_order_relaxed);
  TaggedNode<Inbound>::unlink();
  worker_.loop.delete_later(std::unique_ptr<io::Disposable>(this));
}

}  // namespace pillion::proxy
