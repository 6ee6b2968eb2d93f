// Http2ProtocolOptions, which either side has (translate.h).

#include <envoy/config/core/v3/protocol.pb.h>

#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

void take_keepalive(const envoy::config::core::v3::KeepaliveSettings& message, const FieldPath& at,
                    config::Http2Protocol& to) {
  check_fields(message, at, {"interval", "timeout", "interval_jitter", "connection_idle_interval"});
  to.ping_interval = millis(message.interval(), at.field("interval"));
  to.ping_timeout = millis(message.timeout(), at.field("timeout"));
  if (message.has_interval_jitter()) to.ping_jitter_percent = message.interval_jitter().value();
  to.ping_after_idle =
      millis(message.connection_idle_interval(), at.field("connection_idle_interval"));
}

}  // namespace

config::Http2Protocol translate_http2(const envoy::config::core::v3::Http2ProtocolOptions& message,
                                      const FieldPath& at) {
  // Harmless: which codec Envoy uses.
  check_fields(
      message, at,
      {"hpack_table_size", "max_concurrent_streams", "initial_stream_window_size",
       "initial_connection_window_size", "allow_connect", "max_outbound_frames",
       "max_outbound_control_frames", "max_consecutive_inbound_frames_with_empty_payload",
       "max_inbound_priority_frames_per_stream",
       "max_inbound_window_update_frames_per_data_frame_sent", "connection_keepalive",
       "stream_error_on_invalid_http_messaging", "override_stream_error_on_invalid_http_message"},
      {"use_oghttp2_codec", "max_metadata_size"});
  config::Http2Protocol to;
  auto take = [](bool given, const auto& value, uint32_t& number) {
    if (given) number = value.value();
  };
  take(message.has_hpack_table_size(), message.hpack_table_size(), to.hpack_table_size);
  take(message.has_max_concurrent_streams(), message.max_concurrent_streams(),
       to.max_concurrent_streams);
  take(message.has_initial_stream_window_size(), message.initial_stream_window_size(),
       to.stream_window);
  take(message.has_initial_connection_window_size(), message.initial_connection_window_size(),
       to.connection_window);
  take(message.has_max_outbound_frames(), message.max_outbound_frames(), to.max_outbound_frames);
  take(message.has_max_outbound_control_frames(), message.max_outbound_control_frames(),
       to.max_outbound_control_frames);
  take(message.has_max_consecutive_inbound_frames_with_empty_payload(),
       message.max_consecutive_inbound_frames_with_empty_payload(),
       to.max_consecutive_empty_frames);
  take(message.has_max_inbound_priority_frames_per_stream(),
       message.max_inbound_priority_frames_per_stream(), to.max_priority_frames_per_stream);
  take(message.has_max_inbound_window_update_frames_per_data_frame_sent(),
       message.max_inbound_window_update_frames_per_data_frame_sent(),
       to.max_window_updates_per_data_frame);
  to.allow_connect = message.allow_connect();
  // The second has taken the place of the first.
  to.reset_malformed_streams = message.has_override_stream_error_on_invalid_http_message()
                                   ? message.override_stream_error_on_invalid_http_message().value()
                                   : message.stream_error_on_invalid_http_messaging();
  if (message.has_connection_keepalive())
    take_keepalive(message.connection_keepalive(), at.field("connection_keepalive"), to);
  return to;
}

}  // namespace pillion::xds
