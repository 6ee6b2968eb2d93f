#pragma once
// What both sides of the proxy share about HTTP/2 connections: from what a session reports to
// Envoy's "http2." stats, and when to ping. Worker thread.

#include "sidecar/base/hash.h"
#include "sidecar/base/time.h"
#include "sidecar/config/http2.h"
#include "sidecar/http/http2_limits.h"
#include "sidecar/metrics/http_stats.h"

namespace pillion::upstream {

void count_http2(metrics::Http2Stats& stats, http::Http2Count what);

// The time to the next ping: the interval and up to ping_jitter_percent more. Zero: no pings.
Duration ping_wait(const config::Http2Protocol& config, Random& random);

}  // namespace pillion::upstream
