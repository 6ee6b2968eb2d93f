// The PROXY protocol header that connections of a cluster begin with (translate.h).

#include <envoy/config/core/v3/base.pb.h>
#include <envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h>
#include <envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h>
#include <google/protobuf/any.pb.h>

#include "sidecar/config/cluster.h"
#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {

namespace core = envoy::config::core::v3;
using envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
using envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;

bool translate_upstream_proxy_protocol(const core::TransportSocket& message, const FieldPath& at,
                                       config::Cluster& to) {
  if (type_name(message.typed_config()) !=
      ProxyProtocolUpstreamTransport::descriptor()->full_name())
    return false;
  ProxyProtocolUpstreamTransport transport;
  const FieldPath typed = at.field("typed_config");
  if (!unpack_to(message.typed_config(), typed, transport)) return true;
  // Connections are never shared between clients, so values need not tell pools apart.
  check_fields(transport, typed, {"config", "transport_socket"}, {"tlv_as_pool_key"});
  to.proxy_protocol = translate_proxy_protocol_config(transport.config(), typed.field("config"));
  const core::TransportSocket& inner = transport.transport_socket();
  const bool plain = inner.typed_config().type_url().empty()
                         ? inner.name() == "envoy.transport_sockets.raw_buffer"
                         : type_name(inner.typed_config()) == RawBuffer::descriptor()->full_name();
  if (!plain)
    not_supported(typed.field("transport_socket"),
                  "a PROXY header can only stand before plain text; use raw_buffer");
  return true;
}

std::unique_ptr<config::UpstreamProxyProtocol> translate_proxy_protocol_config(
    const core::ProxyProtocolConfig& message, const FieldPath& at) {
  check_fields(message, at, {"version", "pass_through_tlvs", "added_tlvs"});
  auto out = std::make_unique<config::UpstreamProxyProtocol>();
  out->version = message.version() == core::ProxyProtocolConfig::V2 ? 2 : 1;
  if (message.has_pass_through_tlvs())
    out->pass_through = tlv_selection(message.pass_through_tlvs(), at.field("pass_through_tlvs"));
  for (const auto& tlv : message.added_tlvs())
    out->added_tlvs.emplace_back(static_cast<uint8_t>(tlv.type()), tlv.value());
  return out;
}

}  // namespace pillion::xds
