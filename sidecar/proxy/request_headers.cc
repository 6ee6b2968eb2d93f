#include "sidecar/proxy/request_headers.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "sidecar/base/text.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/http/normalize.h"
#include "sidecar/metrics/http_stats.h"
#include "sidecar/proxy/client_cert.h"
#include "sidecar/proxy/trace_reason.h"

namespace pillion::proxy {

namespace {

using config::HttpConnectionManager;
using http::Header;
using http::HeaderId;

// Fields that end at each hop whatever Connection says (RFC 9110 section 7.6.1).
constexpr http::HeaderIds kHopByHop =
    http::header_ids({HeaderId::kConnection, HeaderId::kKeepAlive, HeaderId::kProxyConnection,
                      HeaderId::kTransferEncoding, HeaderId::kUpgrade});

// Headers by which an internal caller steers the router; others may not.
constexpr http::HeaderIds kSteering = http::header_ids(
    {HeaderId::kEnvoyInternal, HeaderId::kEnvoyRetriableStatusCodes,
     HeaderId::kEnvoyRetriableHeaderNames, HeaderId::kEnvoyRetryOn, HeaderId::kEnvoyRetryGrpcOn,
     HeaderId::kEnvoyMaxRetries, HeaderId::kEnvoyAltStatName, HeaderId::kEnvoyTimeoutMs,
     HeaderId::kEnvoyPerTryTimeoutMs, HeaderId::kEnvoyTimeoutAltResponse,
     HeaderId::kEnvoyExpectedTimeoutMs, HeaderId::kEnvoyForceTrace, HeaderId::kEnvoyIpTags,
     HeaderId::kEnvoyHedge, HeaderId::kEnvoyOriginalUrl});
// What only the mesh itself may say, so that it goes at its edge.
constexpr http::HeaderIds kEdgeOnly =
    http::header_ids({HeaderId::kEnvoyDecorator, HeaderId::kEnvoyDownstreamCluster,
                      HeaderId::kEnvoyDownstreamNode, HeaderId::kEnvoyOriginalPath});

// Removes what Connection names, but for fields that routing and identity rest on: a client must
// not be able to have those removed (RFC 9110 section 7.6.1).
void remove_nominated(http::Headers& headers) {
  if (!headers.has(HeaderId::kConnection)) return;
  // All lines of it: one alone would let the others' fields pass.
  std::string_view connection = *headers.joined("connection");
  while (!connection.empty()) {
    std::string_view token = take_member(connection);
    if (token.empty() || equals_ignore_case(token, "close") ||
        equals_ignore_case(token, "keep-alive") || equals_ignore_case(token, "upgrade") ||
        equals_ignore_case(token, "te"))
      continue;
    std::string name = lower_copy(token);
    if (name == "host" || name == "content-length" || name.starts_with("x-forwarded-") ||
        name.starts_with(":"))
      continue;
    headers.remove(std::string_view(name));
  }
}

// A client that asks for the removal of fields on which routing and identity rest is refused.
std::optional<Refusal> check_nominated(const http::Headers& headers) {
  const Header* connection = headers.find(HeaderId::kConnection);
  if (connection == nullptr) return std::nullopt;
  std::string_view tokens = connection->value();
  while (!tokens.empty()) {
    std::string_view token = take_member(tokens);
    if (equals_ignore_case(token, "host")) return Refusal{400, "missing_host_header", {}};
    if (starts_with_ignore_case(token, "x-forwarded-") || token.starts_with(':'))
      return Refusal{400, "http1.connection_header_rejected", {}};
  }
  return std::nullopt;
}

// What asks for an upgrade, or grants it, passes as it was written.
void remove_hop_by_hop(http::Headers& headers, bool upgrade) {
  remove_nominated(headers);
  constexpr http::HeaderIds kOfUpgrade =
      http::header_ids({HeaderId::kConnection, HeaderId::kUpgrade});
  headers.remove(upgrade ? kHopByHop & ~kOfUpgrade : kHopByHop);
}

void sanitize_te(http::Headers& headers) {
  if (const Header* te = headers.find(HeaderId::kTe)) {
    if (list_has_token(te->value(), "trailers"))
      headers.set(HeaderId::kTe, "trailers");
    else
      headers.remove(HeaderId::kTe);
  }
}

// The address `hops` from the end of x-forwarded-for (0: the last one), if it is there and well
// formed.
std::optional<Address> forwarded_address(std::string_view list, uint32_t hops) {
  std::vector<std::string_view> parts = split(list, ',');
  if (parts.size() <= hops) return std::nullopt;
  std::string_view text = trim(parts[parts.size() - 1 - hops]);
  Result<Address, Problem> address = Address::parse_ip(text, 0);
  if (!address) return std::nullopt;
  return *address;
}

bool is_internal(const Address& address, const HttpConnectionManager& config) {
  if (address.is_unix()) return config.unix_sockets_internal;
  return std::any_of(config.internal_addresses.begin(), config.internal_addresses.end(),
                     [&](const CidrRange& range) { return range.contains(address); });
}

void remove_internal_headers(http::RequestHead& head, const HttpConnectionManager& config,
                             bool edge) {
  http::Headers& headers = head.headers;
  headers.remove(edge ? kSteering | kEdgeOnly : kSteering);
  if (config.routes != nullptr)
    for (const std::string& name : config.routes->internal_only_headers)
      headers.remove(std::string_view(name));
}

void append_list(http::Headers& headers, HeaderId id, std::string_view value,
                 std::string_view separator = ",") {
  std::optional<std::string_view> before;
  if (headers.has(id)) before = headers.joined(http::header_name(id));
  if (before && !before->empty())
    headers.set_view(id, headers.arena().concat(*before, separator, value));
  else
    headers.set(id, value);
}

void identify_client(http::RequestHead& head, const HttpConnectionManager& config,
                     RequestFacts& facts, WorkerContext& worker) {
  http::Headers& headers = head.headers;
  // Several lines of this field count as one list (RFC 9110 section 5.3).
  std::string_view forwarded;
  if (const Header* h = headers.find(HeaderId::kForwardedFor)) {
    forwarded = *headers.joined(h->name());
    if (forwarded.data() != h->value().data()) headers.set(HeaderId::kForwardedFor, forwarded);
  }
  bool single_hop = forwarded.find(',') == std::string_view::npos;
  std::string_view proto = facts.session != nullptr ? "https" : "http";
  if (config.use_remote_address) {
    if (config.xff_num_trusted_hops > 0) {
      if (auto a = forwarded_address(forwarded, config.xff_num_trusted_hops - 1)) facts.remote = *a;
    }
    facts.internal = !headers.has(HeaderId::kForwardedFor) && is_internal(facts.remote, config);
    if (!config.skip_xff_append) {
      std::string_view ip = facts.direct_remote.is_loopback()
                                ? std::string_view(worker.process.local_address)
                                : headers.arena().copy(facts.direct_remote.ip_string());
      append_list(headers, HeaderId::kForwardedFor, ip);
    }
    // A trusted proxy in front knows better by what address and scheme the client has come.
    bool first_hop = config.xff_num_trusted_hops == 0;
    if (first_hop || !headers.has(HeaderId::kForwardedProto))
      headers.set_view(HeaderId::kForwardedProto, proto);
    if (config.append_x_forwarded_port && (first_hop || !headers.has(HeaderId::kForwardedPort)))
      headers.set(HeaderId::kForwardedPort, std::to_string(facts.local_port));
    return;
  }
  if (auto a = forwarded_address(forwarded, config.xff_num_trusted_hops)) {
    facts.internal = single_hop && is_internal(*a, config);
    facts.remote = *a;
  }
  if (!headers.has(HeaderId::kForwardedProto)) headers.add_view(HeaderId::kForwardedProto, proto);
}

// strip_any_host_port, strip_matching_host_port, strip_trailing_host_dot.
void strip_host(http::RequestHead& head, const HttpConnectionManager& config, uint16_t local_port) {
  using Strip = HttpConnectionManager::StripPort;
  std::string_view host = head.authority;
  std::size_t colon = host.rfind(':');
  std::size_t bracket = host.rfind(']');
  if (bracket != std::string_view::npos && (colon == std::string_view::npos || colon < bracket))
    colon = std::string_view::npos;
  std::string_view port = colon == std::string_view::npos ? std::string_view{} : host.substr(colon);
  std::string_view name = host.substr(0, host.size() - port.size());
  bool strip = config.strip_port == Strip::kAny ||
               (config.strip_port == Strip::kMatching && port.size() > 1 &&
                parse_number<uint16_t>(port.substr(1)) == local_port);
  if (strip && head.method != http::Method::kConnect) port = {};
  if (config.strip_trailing_host_dot && name.ends_with('.')) name.remove_suffix(1);
  if (name.size() + port.size() != host.size())
    head.authority = head.headers.arena().concat(name, port);
}

}  // namespace

std::string_view make_request_id(Arena& arena, Random& random) {
  static constexpr char kHex[] = "0123456789abcdef";
  uint64_t bits[2] = {random.next(), random.next()};
  unsigned char bytes[16];
  std::memcpy(bytes, bits, 16);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // RFC 9562: version 4,
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);  // variant 10
  char* text = arena.array<char>(36);
  char* to = text;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
    *to++ = kHex[bytes[i] >> 4];
    *to++ = kHex[bytes[i] & 0xf];
  }
  return {text, 36};
}

std::optional<Refusal> check_request(http::RequestHead& head, const HttpConnectionManager& config,
                                     UnderscoreCounts counts) {
  if (config.underscores != HttpConnectionManager::HeadersWithUnderscores::kAllow) {
    auto underscored = [](const Header& h) { return h.name().find('_') != std::string_view::npos; };
    if (config.underscores == HttpConnectionManager::HeadersWithUnderscores::kDrop) {
      std::size_t dropped = head.headers.remove_if(underscored);
      if (dropped > 0) counts.dropped.add(dropped);
    } else if (std::any_of(head.headers.begin(), head.headers.end(), underscored)) {
      counts.refused.add();
      bool http2 = head.version == http::Version::kHttp2;
      return Refusal{
          400, http2 ? "http2.unexpected_underscore" : "http1.unexpected_underscore", {}};
    }
  }
  if (std::optional<Refusal> refusal = check_nominated(head.headers)) return refusal;
  if (head.method == http::Method::kConnect || head.path == "*") return std::nullopt;
  // A fragment never belongs in a request target (RFC 9112 section 3.2), and routes would be fooled
  // by it.
  if (head.path.find('#') != std::string_view::npos)
    return Refusal{400, "path_normalization_failed", {}};
  using Slashes = HttpConnectionManager::EscapedSlashes;
  http::PathOptions options{config.normalize_path, config.merge_slashes,
                            config.escaped_slashes != Slashes::kKeep,
                            config.escaped_slashes == Slashes::kReject};
  if (!options.normalize && !options.merge_slashes && !options.unescape_slashes)
    return std::nullopt;
  bool unescaped = false;
  std::optional<std::string_view> path =
      http::normalize_path(head.path, options, head.headers.arena(), &unescaped);
  if (!path) return Refusal{400, "path_normalization_failed", {}};
  if (unescaped && config.escaped_slashes == Slashes::kUnescapeAndRedirect)
    return Refusal{307, "path_normalization_failed", *path};
  head.path = *path;
  return std::nullopt;
}

void prepare_request(http::RequestHead& head, const HttpConnectionManager& config,
                     RequestFacts& facts, WorkerContext& worker) {
  http::Headers& headers = head.headers;
  remove_hop_by_hop(headers, !head.protocol.empty());
  sanitize_te(headers);
  strip_host(head, config, facts.local_port);
  identify_client(head, config, facts, worker);
  bool edge = !facts.internal && config.use_remote_address;
  forward_client_cert(headers, config, facts.session);
  if (edge && facts.remote.is_ip())
    headers.set(HeaderId::kEnvoyExternalAddress, facts.remote.ip_string());
  if (facts.internal)
    headers.set_view(HeaderId::kEnvoyInternal, "true");
  else
    remove_internal_headers(head, config, edge);
  if (!config.scheme_to_overwrite.empty()) {
    head.scheme = config.scheme_to_overwrite;
    headers.set(HeaderId::kForwardedProto, config.scheme_to_overwrite);
  } else if (head.scheme.empty()) {
    std::string_view proto = headers.value(HeaderId::kForwardedProto);
    head.scheme = proto == "https" ? "https" : "http";
  }
  if (config.generate_request_id) {
    bool keep = !headers.value(HeaderId::kRequestId).empty() &&
                (!edge || config.preserve_external_request_id);
    if (!keep)
      headers.set_view(HeaderId::kRequestId, make_request_id(headers.arena(), worker.random));
    else if (edge && config.pack_trace_reason)
      set_trace_reason(head, TraceReason::kNone);  // a stranger does not decide what is traced
  }
  if (!config.via.empty()) append_list(headers, HeaderId::kVia, config.via, ", ");
}

void prepare_response(http::ResponseHead& head, const HttpConnectionManager& config,
                      WorkerContext& worker) {
  http::Headers& headers = head.headers;
  remove_hop_by_hop(headers, head.status == 101);
  if (!config.via.empty()) append_list(headers, HeaderId::kVia, config.via, ", ");
  if (!headers.has(HeaderId::kDate))
    headers.add(HeaderId::kDate, worker.dates.text(worker.loop.wall_now()));
  using Server = HttpConnectionManager::ServerHeader;
  if (config.server_header == Server::kOverwrite)
    headers.set_view(HeaderId::kServer, config.server_name);
  else if (config.server_header == Server::kAppendIfAbsent && !headers.has(HeaderId::kServer))
    headers.add_view(HeaderId::kServer, config.server_name);
}

std::string_view DateCache::text(WallTime now) {
  auto second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (second != second_) {
    second_ = second;
    std::time_t t = static_cast<std::time_t>(second);
    std::tm tm;
    gmtime_r(&t, &tm);
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::snprintf(text_, sizeof(text_), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[tm.tm_wday],
                  tm.tm_mday, kMonths[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                  tm.tm_sec);
  }
  return text_;
}

}  // namespace pillion::proxy
