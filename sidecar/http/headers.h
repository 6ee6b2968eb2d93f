#pragma once
// The header fields of one message (RFC 9110 section 5): a flat array of name and value views, in
// order of arrival, names in lower case. Names that the proxy itself reads are interned, so that
// finding one is a scan over small integers. Text and array live in the stream's arena. Single
// thread.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/base/arena.h"

namespace pillion::http {

// Interned names; kOther for all else. The text of each is in header_name(). At most 63, so that a
// message's set of names fits one word.
enum class HeaderId : uint8_t {
  kOther,
  kHost,
  kConnection,
  kContentLength,
  kContentType,
  kTransferEncoding,
  kTe,
  kTrailer,
  kUpgrade,
  kExpect,
  kKeepAlive,
  kProxyConnection,
  kProxyAuthenticate,
  kProxyAuthorization,
  kDate,
  kServer,
  kVia,
  kLocation,
  kOrigin,
  kUserAgent,
  kAccept,
  kCookie,
  kSetCookie,
  kRetryAfter,
  kForwardedFor,         // x-forwarded-for
  kForwardedProto,       // x-forwarded-proto
  kForwardedHost,        // x-forwarded-host
  kForwardedPort,        // x-forwarded-port
  kForwardedClientCert,  // x-forwarded-client-cert
  kRequestId,            // x-request-id
  kClientTraceId,        // x-client-trace-id
  kEnvoyInternal,
  kEnvoyExternalAddress,
  kEnvoyOriginalPath,
  kEnvoyMaxRetries,
  kEnvoyRetryOn,
  kEnvoyRetryGrpcOn,
  kEnvoyRetriableStatusCodes,
  kEnvoyRetriableHeaderNames,
  kEnvoyTimeoutMs,        // x-envoy-upstream-rq-timeout-ms
  kEnvoyPerTryTimeoutMs,  // x-envoy-upstream-rq-per-try-timeout-ms
  kEnvoyExpectedTimeoutMs,
  kEnvoyTimeoutAltResponse,  // x-envoy-upstream-rq-timeout-alt-response
  kEnvoyAttemptCount,
  kEnvoyServiceTime,  // x-envoy-upstream-service-time
  kEnvoyOverloaded,
  kEnvoyRateLimited,
  kEnvoyCanary,
  kEnvoyHedge,        // x-envoy-hedge-on-per-try-timeout
  kEnvoyAltStatName,  // x-envoy-upstream-alt-stat-name
  kEnvoyOriginalDstHost,
  kEnvoyDecorator,  // x-envoy-decorator-operation
  kEnvoyForceTrace,
  kEnvoyIpTags,
  kEnvoyImmediateHealthCheckFail,
  kEnvoyHealthCheckedCluster,  // x-envoy-upstream-healthchecked-cluster
  kGrpcStatus,
  kGrpcMessage,
  kGrpcTimeout,
  kEnvoyOriginalUrl,
  kEnvoyDownstreamCluster,  // x-envoy-downstream-service-cluster
  kEnvoyDownstreamNode,     // x-envoy-downstream-service-node
  kCount
};
static_assert(static_cast<unsigned>(HeaderId::kCount) <= 64);

// A set of interned names, a bit each.
using HeaderIds = uint64_t;
constexpr HeaderIds header_ids(std::initializer_list<HeaderId> ids) {
  HeaderIds set = 0;
  for (HeaderId id : ids) set |= HeaderIds{1} << static_cast<unsigned>(id);
  return set;
}

// The id of a lower-case name.
HeaderId header_id(std::string_view lower_name);
// The lower-case text of an interned name; empty for kOther.
std::string_view header_name(HeaderId id);

struct Header {
  const char* name_data;
  const char* value_data;
  uint32_t value_size;
  uint16_t name_size;
  HeaderId id;
  [[nodiscard]] std::string_view name() const { return {name_data, name_size}; }
  [[nodiscard]] std::string_view value() const { return {value_data, value_size}; }
};
static_assert(sizeof(Header) == 24);

class Headers {
 public:
  // Codecs refuse longer names (431) before they get here.
  static constexpr std::size_t kMaxNameSize = 65535;
  explicit Headers(Arena& arena) : arena_(&arena) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const Header* begin() const { return items_; }
  [[nodiscard]] const Header* end() const { return items_ + size_; }
  // Names, values, and for each field ": " and CRLF: what the fields take on an HTTP/1 wire.
  [[nodiscard]] std::size_t byte_size() const;

  // Views must live as long as the arena (static text, or copied into it by the caller).
  void add_view(HeaderId id, std::string_view lower_name, std::string_view value);
  void add_view(HeaderId id, std::string_view value) { add_view(id, header_name(id), value); }
  // Copy both into the arena; the name is lowered.
  void add(std::string_view name, std::string_view value);
  void add(HeaderId id, std::string_view value) {
    add_view(id, header_name(id), arena_->copy(value));
  }
  // Removes all of that name and adds one in its first place.
  void set(HeaderId id, std::string_view value);
  void set(std::string_view lower_name, std::string_view value);
  // The same without copying either.
  void set_view(HeaderId id, std::string_view lower_name, std::string_view value);
  void set_view(HeaderId id, std::string_view value) { set_view(id, header_name(id), value); }
  // The number removed.
  std::size_t remove(HeaderId id);
  std::size_t remove(HeaderIds ids);
  std::size_t remove(std::string_view lower_name);
  // Removes every field for which `condition(const Header&)` is true.
  template <class F>
  std::size_t remove_if(F&& condition) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i)
      if (!condition(items_[i])) items_[kept++] = items_[i];
    std::size_t removed = size_ - kept;
    size_ = static_cast<uint32_t>(kept);
    return removed;
  }

  [[nodiscard]] bool has(HeaderId id) const { return find(id) != nullptr; }
  // The first field of that name, or null.
  [[nodiscard]] const Header* find(HeaderId id) const;
  [[nodiscard]] const Header* find(std::string_view lower_name) const;
  // The first value, or empty.
  [[nodiscard]] std::string_view value(HeaderId id) const {
    const Header* h = find(id);
    return h == nullptr ? std::string_view{} : h->value();
  }
  // All values of one name joined with "," ("; " for cookie) as Envoy's matchers see them; none if
  // absent. Uses the arena only when there are several.
  [[nodiscard]] std::optional<std::string_view> joined(std::string_view lower_name) const {
    return join(lower_name, true);
  }
  // Makes one field, joined with ",", of every interned name that arrived more than once and that
  // Envoy keeps as one line (its inline headers; cookies, for one, stay apart). For a message from
  // the wire, before anything reads it. Empty values are left out, as Envoy does. `request`: a
  // request's fields, else a response's.
  void join_repeated(bool request);
  // Calls visit(value) for each field of that name until it returns true; true if one did.
  template <class F>
  bool any_value(std::string_view lower_name, F&& visit) const {
    HeaderId id = header_id(lower_name);
    if (((present_ >> static_cast<unsigned>(id)) & 1) == 0) return false;
    for (const Header& h : *this) {
      if (h.id == id && (id != HeaderId::kOther || h.name() == lower_name) && visit(h.value()))
        return true;
    }
    return false;
  }

  [[nodiscard]] Arena& arena() const { return *arena_; }

 private:
  [[nodiscard]] std::optional<std::string_view> join(std::string_view lower_name,
                                                     bool empty_too) const;
  void grow();
  [[nodiscard]] std::size_t index_of(HeaderId id, std::string_view lower_name) const;

  Arena* arena_;
  Header* items_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
  uint64_t present_ = 0;  // bit per HeaderId that was ever added; a cleared bit means surely absent
};

}  // namespace pillion::http
