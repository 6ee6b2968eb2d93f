#include "sidecar/proxy/tcp_connector.h"

#include <algorithm>
#include <utility>

#include "sidecar/proxy/original_pick.h"

namespace pillion::proxy {

using upstream::TcpConnection;
using upstream::TcpFailure;

TcpConnector::TcpConnector(WorkerContext& worker, ConnectorOwner& owner, Plan plan)
    : worker_(worker),
      owner_(&owner),
      plan_(std::move(plan)),
      retry_timer_(io::Timer::of<&TcpConnector::try_connect>(worker.loop.timers(), *this)) {}

TcpConnector::~TcpConnector() {
  cancel();
}

void TcpConnector::cancel() {
  retry_timer_.cancel();
  if (connection_ != nullptr) std::exchange(connection_, nullptr)->close(true);
}

void TcpConnector::start(const ClientEnds& ends) {
  client_remote_ = ends.remote;
  client_local_ = ends.local;
  restored_ = ends.restored;
  if (ends.tlvs != nullptr) tlvs_ = *ends.tlvs;
  try_connect();
}

void TcpConnector::fail(ConnectFailure failure, ResponseFlag flag) {
  state_ = State::kFailed;
  failure_ = failure;
  flags_.set(flag);
  owner_->on_upstream_failed(failure);
}

void TcpConnector::try_connect() {
  upstream::Cluster* cluster = worker_.clusters.find(plan_.cluster);
  if (cluster == nullptr) {
    fail(ConnectFailure::kNoCluster, ResponseFlag::kNoClusterFound);
    return;
  }
  cluster_ = cluster->shared();
  if (attempts_ >= plan_.max_attempts) {
    cluster->stats().upstream_cx_connect_attempts_exceeded.add();
    fail(ConnectFailure::kConnectFailed, ResponseFlag::kUpstreamRetryLimitExceeded);
    return;
  }
  upstream::PickHint hint;
  hint.now = worker_.loop.now();
  std::optional<Address> original =
      original_of(cluster->config(), {restored_ ? &client_local_ : nullptr, nullptr, nullptr});
  if (original) hint.original = &*original;
  std::shared_ptr<const upstream::Endpoint> endpoint = cluster->pick(hint);
  if (endpoint == nullptr) {
    cluster->stats().upstream_cx_none_healthy.add();
    fail(ConnectFailure::kNoHealthyUpstream, ResponseFlag::kNoHealthyUpstream);
    return;
  }
  const config::UpstreamProxyProtocol* proxy = cluster->config().proxy_protocol.get();
  std::string first;
  if (proxy != nullptr) first = proxy_header(*proxy, {client_remote_, client_local_, &tlvs_});
  auto connection = TcpConnection::begin(*cluster, endpoint, *this, first);
  if (!connection && connection.error().failure == TcpFailure::kOverflow) {
    fail(ConnectFailure::kOverflow, ResponseFlag::kUpstreamOverflow);
    return;
  }
  ++attempts_;
  if (!connection) {
    // A full queue was asked for a host and has none, as far as Envoy's log goes.
    host_refused_ = connection.error().failure == TcpFailure::kPendingOverflow;
    tried_.push_back(std::move(endpoint));
    if (!host_refused_) flags_.set(ResponseFlag::kUpstreamConnectionFailure);
    try_later();
    return;
  }
  tried_.push_back(std::move(endpoint));
  host_refused_ = false;
  connection_ = *connection;
  connect_started_ = connection_->connect_started();
}

// The next attempt, or the end of them, without growing the stack.
void TcpConnector::try_later() {
  Duration wait{};
  if (attempts_ < plan_.max_attempts && plan_.backoff_base.count() > 0) {
    // Uniform in [0, base * (2^n - 1)), at most backoff_max.
    uint32_t n = std::min(attempts_, 32u);
    auto most = static_cast<uint64_t>(plan_.backoff_base.count()) * ((uint64_t{1} << n) - 1);
    most = std::min(most, static_cast<uint64_t>(plan_.backoff_max.count()));
    wait = std::chrono::milliseconds(worker_.random.below(most + 1));
  }
  if (wait == Duration::zero())
    try_connect();
  else
    retry_timer_.arm(wait);
}

void TcpConnector::on_tcp_failed(TcpFailure failure, Error error) {
  connection_ = nullptr;
  flags_.set(ResponseFlag::kUpstreamConnectionFailure);
  transport_failure_.clear();
  if (failure == TcpFailure::kConnectFailed) {
    if (error.code != Code::kTls) transport_failure_ = "delayed_connect_error:_";
    transport_failure_ += error.what;
    std::replace(transport_failure_.begin(), transport_failure_.end(), ' ', '_');
  }
  try_later();
}

void TcpConnector::on_tcp_connected() {
  TcpConnection& connection = *std::exchange(connection_, nullptr);
  state_ = State::kReady;
  connected_ = connection.connected_at();
  connection_id_ = connection.id();
  local_ = connection.local();
  remote_ = connection.remote();
  owner_->on_upstream_ready(connection);
}

std::string proxy_header(const config::UpstreamProxyProtocol& settings, const ClientEnds& ends) {
  std::string header;
  if (settings.version == 1) {
    net::write_proxy_v1(header, ends.remote, ends.local);
    return header;
  }
  std::vector<net::ProxyTlv> tlvs;
  for (const auto& [type, value] : settings.added_tlvs) tlvs.push_back({type, value});
  static const std::vector<net::ProxyTlv> kNone;
  for (const net::ProxyTlv& tlv : ends.tlvs != nullptr ? *ends.tlvs : kNone) {
    bool replaced = std::any_of(tlvs.begin(), tlvs.end(),
                                [&](const net::ProxyTlv& t) { return t.type == tlv.type; });
    if (!replaced && settings.pass_through.takes(tlv.type)) tlvs.push_back(tlv);
  }
  // Values that are too many for a header are left out; who the client is matters more.
  if (!net::write_proxy_v2(header, ends.remote, ends.local, tlvs))
    net::write_proxy_v2(header, ends.remote, ends.local, {});
  return header;
}

void TcpConnector::describe(StreamInfo& info) {
  info.flags.add(flags_);
  info.attempts = attempts_;
  if (cluster_ != nullptr) {
    info.upstream_cluster = cluster_->config().stat_name();
    info.upstream_cluster_raw = cluster_->config().name;
    info.cluster_metadata = cluster_->config().metadata.get();
  }
  info.upstream_transport_failure = transport_failure_;
  info.times.upstream_connect_start = connect_started_;
  info.times.upstream_connected = connected_;
  if (tried_.empty()) return;
  const upstream::Endpoint& last = *tried_.back();
  if (!host_refused_) {
    info.upstream_host = &last.address;
    info.upstream_host_name = last.hostname.empty() ? last.address_text : last.hostname;
    info.upstream_metadata = last.metadata.get();
  }
  attempted_.assign(tried_.size(), {});
  for (std::size_t i = 0; i < tried_.size(); ++i) {
    attempted_[i].address = &tried_[i]->address;
    attempted_[i].name =
        tried_[i]->hostname.empty() ? tried_[i]->address_text : tried_[i]->hostname;
    attempted_[i].next = i + 1 < tried_.size() ? &attempted_[i + 1] : nullptr;
  }
  info.attempted = attempted_.data();
  if (state_ != State::kReady) return;
  attempted_.back().connection_id = connection_id_;
  info.upstream_connection_id = connection_id_;
  info.upstream_local = &local_;
  info.upstream_remote = &remote_;
}

}  // namespace pillion::proxy
