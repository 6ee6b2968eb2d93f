// Operators that print socket addresses and upstream host names.

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "sidecar/base/text.h"
#include "sidecar/format/operator.h"

namespace pillion::format {

namespace {

using Member = const Address* StreamInfo::*;

// Dotted quads are written here because inet_ntop costs more than the rest of a log line.
void append_ipv4(std::string& out, std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0) out += '.';
    append_number(out, static_cast<unsigned char>(bytes[i]));
  }
}

void append_ip(std::string& out, std::string_view bytes) {
  if (bytes.size() == 4) {
    append_ipv4(out, bytes);
    return;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  out += text.data();
}

void append_address(std::string& out, const Address& address) {
  if (address.is_ipv4()) {
    append_ip(out, address.ip_bytes());
  } else if (address.is_ip()) {
    out += '[';
    append_ip(out, address.ip_bytes());
    out += ']';
  } else {
    out += address.to_string();
    return;
  }
  out += ':';
  append_number(out, address.port());
}

void append_without_port(std::string& out, const Address& address) {
  if (address.is_ip()) {
    append_ip(out, address.ip_bytes());
  } else {
    out += address.to_string();
  }
}

// The address of that member. downstream_direct_local falls back to downstream_local, upstream_host
// to the peer of the connection, for streams that know only these.
template <Member kMember>
const Address* address_of(const Context& context) {
  const StreamInfo& info = *context.info;
  const Address* address = info.*kMember;
  if (address != nullptr) return address;
  if constexpr (kMember == &StreamInfo::downstream_direct_local) return info.downstream_local;
  if constexpr (kMember == &StreamInfo::upstream_host) return info.upstream_remote;
  return nullptr;
}

template <Member kMember>
bool append_full(std::string& out, const Piece&, const Context& context) {
  const Address* address = address_of<kMember>(context);
  if (address == nullptr) return false;
  append_address(out, *address);
  return true;
}

// option: 1 with a prefix length in option2.
Result<Unit, Problem> parse_mask(Piece& piece, std::string_view argument) {
  if (argument.empty()) return Unit{};
  auto bits = parse_number<uint8_t>(argument);
  if (!bits || *bits > 128)
    return problem("'" + std::string(argument) + "' is not a prefix length from 0 to 128");
  piece.option = 1;
  piece.option2 = *bits;
  return Unit{};
}

bool append_masked(std::string& out, const Address& address, unsigned bits) {
  std::string_view bytes = address.ip_bytes();
  if (bytes.empty()) return false;
  // As in Envoy, an IPv4 address takes a longer prefix for its own length.
  bits = std::min(bits, static_cast<unsigned>(bytes.size()) * 8);
  std::array<char, 16> masked{};
  std::memcpy(masked.data(), bytes.data(), bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    unsigned kept = bits > i * 8 ? bits - static_cast<unsigned>(i) * 8 : 0;
    if (kept < 8) masked[i] = static_cast<char>(masked[i] & static_cast<char>(0xff00u >> kept));
  }
  append_ip(out, std::string_view(masked.data(), bytes.size()));
  out += '/';
  append_number(out, bits);
  return true;
}

template <Member kMember>
bool append_ip_only(std::string& out, const Piece& piece, const Context& context) {
  const Address* address = address_of<kMember>(context);
  if (address == nullptr) return false;
  if (piece.option == 1) return append_masked(out, *address, piece.option2);
  append_without_port(out, *address);
  return true;
}

template <Member kMember>
bool append_port(std::string& out, const Piece&, const Context& context) {
  const Address* address = address_of<kMember>(context);
  if (address == nullptr || !address->is_ip()) return false;
  append_number(out, address->port());
  return true;
}

// Endpoint ids belong to internal listeners, which this proxy has none of.
template <Member kMember>
bool append_endpoint_id(std::string&, const Piece&, const Context& context) {
  return address_of<kMember>(context) != nullptr;
}

std::string_view without_port(std::string_view host) {
  std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == host.size()) return host;
  for (char c : host.substr(colon + 1))
    if (!is_digit(c)) return host;
  std::string_view name = host.substr(0, colon);
  if (name.starts_with('[') && name.ends_with(']')) return name.substr(1, name.size() - 2);
  // A bare IPv6 address has more colons and no port.
  return name.find(':') == std::string_view::npos ? name : host;
}

bool append_host(std::string& out, std::string_view name, const Address* address, bool with_port) {
  if (!name.empty()) {
    out += with_port ? name : without_port(name);
    return true;
  }
  if (address == nullptr) return false;
  if (with_port) {
    append_address(out, *address);
  } else {
    append_without_port(out, *address);
  }
  return true;
}

template <bool kWithPort>
bool append_host_name(std::string& out, const Piece&, const Context& context) {
  return append_host(out, context.info->upstream_host_name,
                     address_of<&StreamInfo::upstream_host>(context), kWithPort);
}

// All hosts the stream was tried on, joined with ",".
template <bool kName, bool kWithPort>
bool append_attempted(std::string& out, const Piece&, const Context& context) {
  bool any = false;
  for (const AttemptedHost* host = context.info->attempted; host != nullptr; host = host->next) {
    if (any) out += ',';
    any |= append_host(out, kName ? host->name : std::string_view{}, host->address, kWithPort);
  }
  return any;
}

bool append_attempted_ids(std::string& out, const Piece&, const Context& context) {
  bool any = false;
  for (const AttemptedHost* host = context.info->attempted; host != nullptr; host = host->next) {
    if (host->connection_id == 0) continue;
    if (any) out += ',';
    append_number(out, host->connection_id);
    any = true;
  }
  return any;
}

using I = StreamInfo;
constexpr Operator kOperators[] = {
    {"DOWNSTREAM_REMOTE_ADDRESS", append_full<&I::downstream_remote>},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", append_ip_only<&I::downstream_remote>,
     kParamsOptional, false, parse_mask},
    {"DOWNSTREAM_REMOTE_PORT", append_port<&I::downstream_remote>, kCommandOnly, true},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", append_full<&I::downstream_direct_remote>},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", append_ip_only<&I::downstream_direct_remote>,
     kParamsOptional, false, parse_mask},
    {"DOWNSTREAM_DIRECT_REMOTE_PORT", append_port<&I::downstream_direct_remote>, kCommandOnly,
     true},
    {"DOWNSTREAM_LOCAL_ADDRESS", append_full<&I::downstream_local>},
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", append_ip_only<&I::downstream_local>, kParamsOptional,
     false, parse_mask},
    {"DOWNSTREAM_LOCAL_PORT", append_port<&I::downstream_local>, kCommandOnly, true},
    {"DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID", append_endpoint_id<&I::downstream_local>},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS", append_full<&I::downstream_direct_local>},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", append_ip_only<&I::downstream_direct_local>,
     kParamsOptional, false, parse_mask},
    {"DOWNSTREAM_DIRECT_LOCAL_PORT", append_port<&I::downstream_direct_local>, kCommandOnly, true},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID",
     append_endpoint_id<&I::downstream_direct_local>},
    {"UPSTREAM_LOCAL_ADDRESS", append_full<&I::upstream_local>},
    {"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", append_ip_only<&I::upstream_local>, kParamsOptional,
     false, parse_mask},
    {"UPSTREAM_LOCAL_PORT", append_port<&I::upstream_local>, kCommandOnly, true},
    {"UPSTREAM_REMOTE_ADDRESS", append_full<&I::upstream_remote>},
    {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", append_ip_only<&I::upstream_remote>, kParamsOptional,
     false, parse_mask},
    {"UPSTREAM_REMOTE_PORT", append_port<&I::upstream_remote>, kCommandOnly, true},
    {"UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", append_endpoint_id<&I::upstream_remote>},
    {"UPSTREAM_HOST", append_full<&I::upstream_host>},
    {"UPSTREAM_HOST_NAME", append_host_name<true>},
    {"UPSTREAM_HOST_NAME_WITHOUT_PORT", append_host_name<false>},
    {"UPSTREAM_HOSTS_ATTEMPTED", append_attempted<false, true>},
    {"UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", append_attempted<false, false>},
    {"UPSTREAM_HOST_NAMES_ATTEMPTED", append_attempted<true, true>},
    {"UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT", append_attempted<true, false>},
    {"UPSTREAM_CONNECTION_IDS_ATTEMPTED", append_attempted_ids},
};

}  // namespace

std::span<const Operator> address_operators() {
  return kOperators;
}

}  // namespace pillion::format
