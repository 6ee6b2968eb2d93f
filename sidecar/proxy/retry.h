#pragma once
// Whether and when a failed attempt is tried again: the route's retry policy merged with the
// request's x-envoy-retry-* headers (Envoy: configuration/http/http_filters/router_filter). A
// member of a Stream; worker thread.

#include <cstdint>
#include <string_view>
#include <vector>

#include "sidecar/base/hash.h"
#include "sidecar/config/route.h"
#include "sidecar/http/matcher.h"
#include "sidecar/http/message.h"
#include "sidecar/proxy/attempt.h"
#include "sidecar/route/router.h"

namespace pillion::proxy {

enum class RetryDecision : uint8_t { kNo, kYes, kLimitExceeded, kOverflow };

class RetryState {
 public:
  RetryState() = default;
  RetryState(const RetryState&) = delete;
  RetryState& operator=(const RetryState&) = delete;
  ~RetryState() { give_back(); }

  // Reads the policy and the headers, which it removes from the request, as Envoy's router does.
  // `matchers` are the policy's; null: it has none.
  void configure(const config::RetryPolicy* policy, const route::RetryMatchers* matchers,
                 http::RequestHead& head);
  [[nodiscard]] bool enabled() const { return on_ != 0; }
  [[nodiscard]] uint32_t retries() const { return retries_; }

  // kYes takes one of the cluster's retries, held until the next decision or the stream's end.
  RetryDecision on_response(const http::ResponseHead& head, upstream::Cluster& cluster,
                            config::Priority priority);
  RetryDecision on_failure(AttemptEnd end, bool request_started, upstream::Cluster& cluster,
                           config::Priority priority);
  // How long to wait before the retry that was just granted: uniform in [0, (2^n - 1) * base), at
  // most the maximum.
  [[nodiscard]] Duration backoff(Random& random) const;
  // Gives back what is still held; the stream is over.
  void give_back();
  // A response has come that is passed on, which may take long: gives back what is held. After a
  // retry that counts as success, whatever its status, unless it would have been retried once more
  // (as in Envoy). True when it was counted so.
  bool on_final_response(upstream::Cluster& cluster);

 private:
  [[nodiscard]] bool wants(const http::ResponseHead& head) const;
  [[nodiscard]] bool wants(AttemptEnd end, bool request_started) const;
  RetryDecision decide(upstream::Cluster& cluster, config::Priority priority);

  const config::RetryPolicy* policy_ = nullptr;
  const route::RetryMatchers* matchers_ = nullptr;
  uint32_t on_ = 0;
  uint32_t remaining_ = 0;
  uint32_t retries_ = 0;
  bool refused_ = false;  // the last decision was wanted, but not granted
  upstream::Limits* taken_ = nullptr;
  std::vector<uint32_t> header_codes_;     // x-envoy-retriable-status-codes
  std::vector<std::string> header_names_;  // x-envoy-retriable-header-names
};

// Bits of config::RetryOn for the comma-separated names of x-envoy-retry-on or
// x-envoy-retry-grpc-on; unknown names are passed over, as Envoy does.
uint32_t parse_retry_on(std::string_view list);
uint32_t parse_retry_grpc_on(std::string_view list);

}  // namespace pillion::proxy
