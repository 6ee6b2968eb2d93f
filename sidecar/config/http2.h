#pragma once
// How HTTP/2 is spoken on either side (envoy.config.core.v3.Http2ProtocolOptions), with Envoy's
// defaults. Plain validated data; immutable, shared by all workers.

#include <chrono>
#include <cstdint>

namespace pillion::config {

struct Http2Protocol {
  uint32_t hpack_table_size = 4096;
  uint32_t max_concurrent_streams = 1024;
  uint32_t stream_window = 16 * 1024 * 1024;
  uint32_t connection_window = 24 * 1024 * 1024;
  // What an endpoint may send of each response at first, however wide stream_window is. The window
  // widens as the response is taken, so that many that nobody reads do not fill the memory.
  uint32_t first_window = 16 * 1024;
  // RFC 8441: extended CONNECT. To clients it is announced; towards endpoints it permits its use.
  bool allow_connect = false;
  // A malformed message costs its stream (true) or, by default, the connection.
  bool reset_malformed_streams = false;

  // What a peer may make a connection hold or do before it is closed.
  uint32_t max_outbound_frames = 10000;
  uint32_t max_outbound_control_frames = 1000;
  uint32_t max_consecutive_empty_frames = 1;
  uint32_t max_priority_frames_per_stream = 100;
  uint32_t max_window_updates_per_data_frame = 10;

  // connection_keepalive; zero: no pings.
  std::chrono::milliseconds ping_interval{0};
  std::chrono::milliseconds ping_timeout{0};
  // A ping goes ahead of the first request after that long an idle time.
  std::chrono::milliseconds ping_after_idle{0};
  double ping_jitter_percent = 15.0;
};

}  // namespace pillion::config
