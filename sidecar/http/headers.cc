#include "sidecar/http/headers.h"

#include <array>
#include <cstring>

#include "sidecar/base/check.h"
#include "sidecar/base/text.h"

namespace pillion::http {

namespace {

constexpr std::size_t kNames = static_cast<std::size_t>(HeaderId::kCount);

// By HeaderId, in the enum's order.
constexpr std::array<std::string_view, kNames> kText = {
    "",
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "date",
    "server",
    "via",
    "location",
    "origin",
    "user-agent",
    "accept",
    "cookie",
    "set-cookie",
    "retry-after",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-client-cert",
    "x-request-id",
    "x-client-trace-id",
    "x-envoy-internal",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-attempt-count",
    "x-envoy-upstream-service-time",
    "x-envoy-overloaded",
    "x-envoy-ratelimited",
    "x-envoy-upstream-canary",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-original-dst-host",
    "x-envoy-decorator-operation",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-upstream-healthchecked-cluster",
    "grpc-status",
    "grpc-message",
    "grpc-timeout",
    "x-envoy-original-url",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
};
static_assert(kText.back() == "x-envoy-downstream-service-node");

// A closed table with linear probing, filled at compile time. The hash reads four bytes that tell
// the names above apart well; most names that are not interned meet an empty slot and are compared
// with nothing.
constexpr std::size_t kSlots = 512;

constexpr std::size_t slot_of(std::string_view name) {
  auto at = [name](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(name[i]));
  };
  std::size_t n = name.size();
  return (n * 83 + at(0) * 7 + at(n - 1) * 61 + at(n / 2) * 29 + at(n * 3 / 4) * 151) &
         (kSlots - 1);
}

constexpr std::array<uint8_t, kSlots> make_table() {
  std::array<uint8_t, kSlots> table{};
  for (std::size_t id = 1; id < kNames; ++id) {
    std::size_t slot = slot_of(kText[id]);
    while (table[slot] != 0) slot = (slot + 1) & (kSlots - 1);
    table[slot] = static_cast<uint8_t>(id);
  }
  return table;
}
constexpr std::array<uint8_t, kSlots> kTable = make_table();

constexpr HeaderIds bit(HeaderId id) {
  return header_ids({id});
}

// Envoy's inline headers (envoy/http/header_map.h), which it keeps as one line in both directions,
// then those of requests or responses alone.
using enum HeaderId;
constexpr HeaderIds kJoinedBoth =
    header_ids({kConnection, kContentType, kEnvoyDecorator, kKeepAlive, kProxyConnection,
                kRequestId, kTransferEncoding, kUpgrade, kVia, kAccept});
constexpr HeaderIds kJoinedInRequests = kJoinedBoth | header_ids({kClientTraceId,
                                                                  kEnvoyExternalAddress,
                                                                  kEnvoyForceTrace,
                                                                  kEnvoyHedge,
                                                                  kEnvoyInternal,
                                                                  kEnvoyIpTags,
                                                                  kEnvoyRetryOn,
                                                                  kEnvoyRetryGrpcOn,
                                                                  kEnvoyRetriableStatusCodes,
                                                                  kEnvoyRetriableHeaderNames,
                                                                  kEnvoyOriginalPath,
                                                                  kEnvoyAltStatName,
                                                                  kEnvoyTimeoutAltResponse,
                                                                  kEnvoyPerTryTimeoutMs,
                                                                  kEnvoyTimeoutMs,
                                                                  kEnvoyMaxRetries,
                                                                  kEnvoyExpectedTimeoutMs,
                                                                  kExpect,
                                                                  kForwardedClientCert,
                                                                  kForwardedFor,
                                                                  kForwardedHost,
                                                                  kForwardedPort,
                                                                  kForwardedProto,
                                                                  kGrpcTimeout,
                                                                  kTe,
                                                                  kUserAgent,
                                                                  kOrigin});
constexpr HeaderIds kJoinedInResponses =
    kJoinedBoth | header_ids({kDate, kEnvoyImmediateHealthCheckFail, kEnvoyRateLimited,
                              kEnvoyCanary, kEnvoyHealthCheckedCluster, kLocation, kServer,
                              kEnvoyServiceTime, kGrpcStatus, kGrpcMessage});

// The fields of one message that share a name are joined this way; RFC 6265 section 5.4 wants "; "
// between cookies.
constexpr std::string_view separator_of(HeaderId id) {
  return id == HeaderId::kCookie ? std::string_view("; ") : std::string_view(",");
}

}  // namespace

HeaderId header_id(std::string_view lower_name) {
  if (lower_name.empty()) return HeaderId::kOther;
  for (std::size_t slot = slot_of(lower_name); kTable[slot] != 0; slot = (slot + 1) & (kSlots - 1))
    if (kText[kTable[slot]] == lower_name) return static_cast<HeaderId>(kTable[slot]);
  return HeaderId::kOther;
}

std::string_view header_name(HeaderId id) {
  return kText[static_cast<std::size_t>(id)];
}

std::size_t Headers::byte_size() const {
  constexpr std::size_t kColonSpaceCrlf = 4;
  std::size_t bytes = 0;
  for (const Header& h : *this) bytes += h.name_size + h.value_size + kColonSpaceCrlf;
  return bytes;
}

void Headers::add_view(HeaderId id, std::string_view lower_name, std::string_view value) {
  CHECK(lower_name.size() <= kMaxNameSize);
  if (size_ == capacity_) grow();
  items_[size_++] = Header{lower_name.data(), value.data(), static_cast<uint32_t>(value.size()),
                           static_cast<uint16_t>(lower_name.size()), id};
  present_ |= bit(id);
}

void Headers::add(std::string_view name, std::string_view value) {
  // Lowered in place in the arena: an interned name gives the copy up, which costs a few bytes of
  // arena and spares a second buffer.
  auto* lowered = static_cast<char*>(arena_->allocate(name.size() + 1, 1));
  lower_into(lowered, name);
  std::string_view lower_name(lowered, name.size());
  HeaderId id = header_id(lower_name);
  if (id != HeaderId::kOther) lower_name = header_name(id);
  add_view(id, lower_name, arena_->copy(value));
}

void Headers::set(HeaderId id, std::string_view value) {
  CHECK(id != HeaderId::kOther);
  set_view(id, header_name(id), arena_->copy(value));
}

void Headers::set(std::string_view lower_name, std::string_view value) {
  HeaderId id = header_id(lower_name);
  std::string_view kept = id != HeaderId::kOther ? header_name(id) : arena_->copy(lower_name);
  set_view(id, kept, arena_->copy(value));
}

void Headers::set_view(HeaderId id, std::string_view lower_name, std::string_view value) {
  std::size_t first = index_of(id, lower_name);
  if (first == size_) {
    add_view(id, lower_name, value);
    return;
  }
  items_[first].value_data = value.data();
  items_[first].value_size = static_cast<uint32_t>(value.size());
  std::size_t kept = first + 1;
  for (std::size_t i = kept; i < size_; ++i) {
    if (items_[i].id != id || (id == HeaderId::kOther && items_[i].name() != lower_name))
      items_[kept++] = items_[i];
  }
  size_ = static_cast<uint32_t>(kept);
}

std::size_t Headers::remove(HeaderId id) {
  CHECK(id != HeaderId::kOther);
  return remove(bit(id));
}

std::size_t Headers::remove(HeaderIds ids) {
  if ((present_ & ids) == 0) return 0;
  present_ &= ~ids;
  return remove_if([ids](const Header& h) { return (ids & bit(h.id)) != 0; });
}

std::size_t Headers::remove(std::string_view lower_name) {
  HeaderId id = header_id(lower_name);
  if (id != HeaderId::kOther) return remove(id);
  if ((present_ & bit(HeaderId::kOther)) == 0) return 0;
  return remove_if(
      [lower_name](const Header& h) { return h.id == HeaderId::kOther && h.name() == lower_name; });
}

const Header* Headers::find(HeaderId id) const {
  if ((present_ & bit(id)) == 0) return nullptr;
  for (const Header& h : *this)
    if (h.id == id) return &h;
  return nullptr;
}

const Header* Headers::find(std::string_view lower_name) const {
  std::size_t at = index_of(header_id(lower_name), lower_name);
  return at == size_ ? nullptr : items_ + at;
}

std::size_t Headers::index_of(HeaderId id, std::string_view lower_name) const {
  if ((present_ & bit(id)) == 0) return size_;
  std::size_t i = 0;
  if (id != HeaderId::kOther) {
    while (i < size_ && items_[i].id != id) ++i;
  } else {
    while (i < size_ && (items_[i].id != id || items_[i].name() != lower_name)) ++i;
  }
  return i;
}

std::optional<std::string_view> Headers::join(std::string_view lower_name, bool empty_too) const {
  HeaderId id = header_id(lower_name);
  std::size_t first = index_of(id, lower_name);
  if (first == size_) return std::nullopt;
  std::string_view separator = separator_of(id);
  auto same = [id, lower_name, empty_too](const Header& h) {
    return h.id == id && (id != HeaderId::kOther || h.name() == lower_name) &&
           (empty_too || h.value_size != 0);
  };
  while (!same(items_[first]))
    if (++first == size_) return std::string_view("");
  std::size_t bytes = items_[first].value_size;
  std::size_t last = first;
  for (std::size_t i = first + 1; i < size_; ++i) {
    if (!same(items_[i])) continue;
    bytes += separator.size() + items_[i].value_size;
    last = i;
  }
  if (last == first) return items_[first].value();
  auto* text = static_cast<char*>(arena_->allocate(bytes, 1));
  char* at = text;
  auto append = [&at](std::string_view piece) {
    if (!piece.empty()) std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  };
  append(items_[first].value());
  for (std::size_t i = first + 1; i <= last; ++i) {
    if (!same(items_[i])) continue;
    append(separator);
    append(items_[i].value());
  }
  return std::string_view(text, bytes);
}

void Headers::join_repeated(bool request) {
  uint64_t joinable = request ? kJoinedInRequests : kJoinedInResponses;
  uint64_t seen = 0;
  uint64_t repeated = 0;
  for (const Header& h : *this) {
    uint64_t mask = bit(h.id);
    repeated |= seen & mask;
    seen |= mask;
  }
  repeated &= joinable;
  if (repeated == 0) return;
  for (unsigned i = 1; i < kNames; ++i) {
    auto id = static_cast<HeaderId>(i);
    if ((repeated & bit(id)) != 0) set_view(id, header_name(id), *join(header_name(id), false));
  }
}

void Headers::grow() {
  // The outgrown array stays in the arena until the stream ends; sixteen fields cover most
  // messages.
  uint32_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
  auto* items = arena_->array<Header>(capacity);
  if (size_ != 0) std::memcpy(items, items_, size_ * sizeof(Header));
  items_ = items;
  capacity_ = capacity;
}

}  // namespace pillion::http
