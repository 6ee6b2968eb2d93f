#pragma once
// What went wrong with a request or a connection, in Envoy's terms, and the texts of logs for it.
// Values of a stream's StreamInfo; its worker's thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pillion {

// Envoy's response flags (configuration/observability/access_log/usage: %RESPONSE_FLAGS%); numbers
// are ours.
enum class ResponseFlag : uint8_t {
  kFailedLocalHealthCheck,            // LH
  kNoHealthyUpstream,                 // UH
  kUpstreamRequestTimeout,            // UT
  kLocalReset,                        // LR
  kUpstreamRemoteReset,               // UR
  kUpstreamConnectionFailure,         // UF
  kUpstreamConnectionTermination,     // UC
  kUpstreamOverflow,                  // UO
  kNoRouteFound,                      // NR
  kDelayInjected,                     // DI
  kFaultInjected,                     // FI
  kRateLimited,                       // RL
  kUnauthorizedExternalService,       // UAEX
  kRateLimitServiceError,             // RLSE
  kDownstreamConnectionTermination,   // DC
  kUpstreamRetryLimitExceeded,        // URX
  kStreamIdleTimeout,                 // SI
  kInvalidEnvoyRequestHeaders,        // IH
  kDownstreamProtocolError,           // DPE
  kUpstreamMaxStreamDurationReached,  // UMSDR
  kResponseFromCacheFilter,           // RFCF
  kNoFilterConfigFound,               // NFCF
  kDurationTimeout,                   // DT
  kUpstreamProtocolError,             // UPE
  kNoClusterFound,                    // NC
  kOverloadManager,                   // OM
  kDnsResolutionFailed,               // DF
  kDropOverload,                      // DO
  kDownstreamRemoteReset,             // DR
  kUnconditionalDropOverload,         // UDO
  kCount
};

// Flags in the order in which they were first set, in which logs list them.
class ResponseFlags {
 public:
  void set(ResponseFlag flag) {
    if (has(flag)) return;
    set_ |= bit(flag);
    if (count_ < order_.size()) order_[count_++] = flag;
  }
  void add(const ResponseFlags& later) {
    for (uint8_t i = 0; i < later.count_; ++i) set(later.order_[i]);
  }
  [[nodiscard]] bool has(ResponseFlag flag) const { return (set_ & bit(flag)) != 0; }
  [[nodiscard]] bool has_any(const ResponseFlags& of) const { return (set_ & of.set_) != 0; }
  [[nodiscard]] bool empty() const { return set_ == 0; }
  [[nodiscard]] const ResponseFlag* begin() const { return order_.data(); }
  [[nodiscard]] const ResponseFlag* end() const { return order_.data() + count_; }

 private:
  static uint64_t bit(ResponseFlag flag) { return uint64_t{1} << static_cast<unsigned>(flag); }
  uint64_t set_ = 0;
  std::array<ResponseFlag, static_cast<std::size_t>(ResponseFlag::kCount)> order_{};
  uint8_t count_ = 0;
};

namespace format {

// %RESPONSE_FLAGS%, or %RESPONSE_FLAGS_LONG%: texts with commas between, "-" for none.
void append_response_flags(std::string& out, const ResponseFlags& flags, bool long_names = false);
std::optional<ResponseFlag> response_flag_of(std::string_view short_name);

}  // namespace format

}  // namespace pillion
