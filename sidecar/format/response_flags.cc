#include "sidecar/format/response_flags.h"

namespace pillion::format {

namespace {

struct FlagName {
  std::string_view brief;
  std::string_view full;
};

// By ResponseFlag.
constexpr std::array<FlagName, static_cast<std::size_t>(ResponseFlag::kCount)> kFlags = {{
    {"LH", "FailedLocalHealthCheck"},
    {"UH", "NoHealthyUpstream"},
    {"UT", "UpstreamRequestTimeout"},
    {"LR", "LocalReset"},
    {"UR", "UpstreamRemoteReset"},
    {"UF", "UpstreamConnectionFailure"},
    {"UC", "UpstreamConnectionTermination"},
    {"UO", "UpstreamOverflow"},
    {"NR", "NoRouteFound"},
    {"DI", "DelayInjected"},
    {"FI", "FaultInjected"},
    {"RL", "RateLimited"},
    {"UAEX", "UnauthorizedExternalService"},
    {"RLSE", "RateLimitServiceError"},
    {"DC", "DownstreamConnectionTermination"},
    {"URX", "UpstreamRetryLimitExceeded"},
    {"SI", "StreamIdleTimeout"},
    {"IH", "InvalidEnvoyRequestHeaders"},
    {"DPE", "DownstreamProtocolError"},
    {"UMSDR", "UpstreamMaxStreamDurationReached"},
    {"RFCF", "ResponseFromCacheFilter"},
    {"NFCF", "NoFilterConfigFound"},
    {"DT", "DurationTimeout"},
    {"UPE", "UpstreamProtocolError"},
    {"NC", "NoClusterFound"},
    {"OM", "OverloadManagerTerminated"},
    {"DF", "DnsResolutionFailed"},
    {"DO", "DropOverload"},
    {"DR", "DownstreamRemoteReset"},
    {"UDO", "UnconditionalDropOverload"},
}};
static_assert(!kFlags.back().brief.empty());

}  // namespace

void append_response_flags(std::string& out, const ResponseFlags& flags, bool long_names) {
  if (flags.empty()) out += '-';
  for (const ResponseFlag& flag : flags) {
    if (&flag != flags.begin()) out += ',';
    const FlagName& name = kFlags[static_cast<std::size_t>(flag)];
    out += long_names ? name.full : name.brief;
  }
}

std::optional<ResponseFlag> response_flag_of(std::string_view short_name) {
  for (std::size_t i = 0; i < kFlags.size(); ++i)
    if (kFlags[i].brief == short_name) return static_cast<ResponseFlag>(i);
  return std::nullopt;
}

}  // namespace pillion::format
