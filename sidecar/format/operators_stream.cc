// Operators that print one fact of the stream as it stands in StreamInfo: counts, codes, names,
// ids.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "sidecar/base/hash.h"
#include "sidecar/base/text.h"
#include "sidecar/format/operator.h"

namespace pillion::format {

namespace {

template <uint64_t StreamInfo::*kMember>
bool append_count(std::string& out, const Piece&, const Context& context) {
  append_number(out, context.info->*kMember);
  return true;
}

template <std::string_view StreamInfo::*kMember>
bool append_name(std::string& out, const Piece&, const Context& context) {
  return append_text(out, context.info->*kMember);
}

template <std::optional<http::Version> StreamInfo::*kMember>
bool append_protocol(std::string& out, const Piece&, const Context& context) {
  const auto& version = context.info->*kMember;
  if (!version) return false;
  out += http::version_text(*version);
  return true;
}

bool append_response_code(std::string& out, const Piece&, const Context& context) {
  append_number(out, static_cast<uint64_t>(context.info->response_code));
  return true;
}

Result<Unit, Problem> parse_details(Piece& piece, std::string_view argument) {
  piece.option = argument == "ALLOW_WHITESPACES" ? 1 : 0;
  return Unit{};
}

bool append_details(std::string& out, const Piece& piece, const Context& context) {
  std::string_view details = context.info->response_code_details;
  std::size_t before = out.size();
  out += details;
  bool keep_spaces = piece.option == 1;
  for (std::size_t i = before; i < out.size() && !keep_spaces; ++i)
    if (out[i] == ' ' || (out[i] >= '\t' && out[i] <= '\r')) out[i] = '_';
  return !details.empty();
}

bool append_flags(std::string& out, const Piece&, const Context& context) {
  append_response_flags(out, context.info->flags, false);
  return true;
}

bool append_flags_long(std::string& out, const Piece&, const Context& context) {
  append_response_flags(out, context.info->flags, true);
  return true;
}

template <uint32_t StreamInfo::*kMember>
bool append_times(std::string& out, const Piece&, const Context& context) {
  append_number(out, context.info->*kMember);
  return true;
}

// Milliseconds, as the system has last measured them.
bool append_round_trip(std::string& out, const Piece&, const Context& context) {
  tcp_info facts{};
  socklen_t size = sizeof(facts);
  if (context.info->downstream_socket < 0 ||
      getsockopt(context.info->downstream_socket, IPPROTO_TCP, TCP_INFO, &facts, &size) != 0)
    return false;
  append_number(out, facts.tcpi_rtt / 1000);
  return true;
}

// Facts that an HTTP stream never has: it is logged before its connections close, so that nobody
// has closed them yet, and no network filter ends them. Envoy prints these for TCP alone.
bool append_never(std::string&, const Piece&, const Context&) {
  return false;
}

bool append_stream_id(std::string& out, const Piece&, const Context& context) {
  if (append_text(out, context.info->request_id)) return true;
  if (context.request == nullptr) return false;
  return append_text(out, context.request->headers.value(http::HeaderId::kRequestId));
}

// A random UUID (RFC 9562 section 5.4).
bool append_unique_id(std::string& out, const Piece&, const Context&) {
  thread_local Random random = Random::from_system();
  constexpr std::string_view kLayout = "xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx";
  constexpr std::string_view kHex = "0123456789abcdef";
  uint64_t bits = 0;
  unsigned left = 0;
  for (char c : kLayout) {
    if (c != 'x' && c != 'N') {
      out += c;
      continue;
    }
    if (left == 0) {
      bits = random.next();
      left = 16;
    }
    out += c == 'N' ? kHex[8 + (bits & 3)] : kHex[bits & 15];
    bits >>= 4;
    --left;
  }
  return true;
}

// What is the same for the life of the process is looked up once, when the format is parsed.
bool append_argument(std::string& out, const Piece& piece, const Context&) {
  out += piece.text;
  return piece.option != 0;
}

Result<Unit, Problem> parse_hostname(Piece& piece, std::string_view) {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) {
    piece.text = name.data();
    piece.option = 1;
  }
  return Unit{};
}

Result<Unit, Problem> parse_environment(Piece& piece, std::string_view argument) {
  // Formats are parsed by the control thread, and nothing of ours calls setenv.
  const char* value = getenv(std::string(argument).c_str());  // NOLINT(concurrency-mt-unsafe)
  // As in Envoy, a variable that is not set is a dash even where absent values are left out.
  piece.text = value != nullptr ? value : "-";
  piece.option = 1;
  return Unit{};
}

// HTTP/1 and HTTP/2 count no retransmissions; Envoy prints zero for them too.
bool append_zero(std::string& out, const Piece&, const Context&) {
  out += '0';
  return true;
}

bool append_nothing(std::string&, const Piece&, const Context&) {
  return true;
}

bool append_log_type(std::string& out, const Piece&, const Context& context) {
  out += context.info->log_type;
  return true;
}

using I = StreamInfo;
constexpr Operator kOperators[] = {
    {"PROTOCOL", append_protocol<&I::protocol>},
    {"UPSTREAM_PROTOCOL", append_protocol<&I::upstream_protocol>},
    {"RESPONSE_CODE", append_response_code, kCommandOnly, true},
    {"RESPONSE_CODE_DETAILS", append_details, kParamsOptional, false, parse_details},
    {"CONNECTION_TERMINATION_DETAILS", append_never},
    {"RESPONSE_FLAGS", append_flags},
    {"RESPONSE_FLAGS_LONG", append_flags_long},
    {"BYTES_RECEIVED", append_count<&I::request_body_bytes>, kCommandOnly, true},
    {"BYTES_SENT", append_count<&I::response_body_bytes>, kCommandOnly, true},
    {"BYTES_RETRANSMITTED", append_zero, kCommandOnly, true},
    {"PACKETS_RETRANSMITTED", append_zero, kCommandOnly, true},
    {"DOWNSTREAM_WIRE_BYTES_RECEIVED", append_count<&I::downstream_wire_received>, kCommandOnly,
     true},
    {"DOWNSTREAM_WIRE_BYTES_SENT", append_count<&I::downstream_wire_sent>, kCommandOnly, true},
    {"DOWNSTREAM_HEADER_BYTES_RECEIVED", append_count<&I::request_header_bytes>, kCommandOnly,
     true},
    {"DOWNSTREAM_HEADER_BYTES_SENT", append_count<&I::response_header_bytes>, kCommandOnly, true},
    {"DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", append_count<&I::request_header_bytes>,
     kCommandOnly, true},
    {"DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", append_count<&I::response_header_bytes>,
     kCommandOnly, true},
    {"UPSTREAM_WIRE_BYTES_RECEIVED", append_count<&I::upstream_wire_received>, kCommandOnly, true},
    {"UPSTREAM_WIRE_BYTES_SENT", append_count<&I::upstream_wire_sent>, kCommandOnly, true},
    {"UPSTREAM_HEADER_BYTES_RECEIVED", append_count<&I::upstream_header_received>, kCommandOnly,
     true},
    {"UPSTREAM_HEADER_BYTES_SENT", append_count<&I::upstream_header_sent>, kCommandOnly, true},
    {"UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", append_count<&I::upstream_header_received>,
     kCommandOnly, true},
    {"UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", append_count<&I::upstream_header_sent>,
     kCommandOnly, true},
    {"CONNECTION_ID", append_count<&I::connection_id>, kCommandOnly, true},
    {"UPSTREAM_CONNECTION_ID", append_count<&I::upstream_connection_id>, kCommandOnly, true},
    {"UPSTREAM_REQUEST_ATTEMPT_COUNT", append_times<&I::attempts>, kCommandOnly, true},
    {"ROUTE_RESOLUTION_COUNT", append_times<&I::route_resolutions>, kCommandOnly, true},
    {"DOWNSTREAM_CX_RTT", append_round_trip, kCommandOnly, true},
    {"STREAM_ID", append_stream_id},
    {"UNIQUE_ID", append_unique_id},
    {"ROUTE_NAME", append_name<&I::route_name>},
    {"VIRTUAL_CLUSTER_NAME", append_name<&I::virtual_cluster_name>},
    {"UPSTREAM_CLUSTER", append_name<&I::upstream_cluster>},
    {"UPSTREAM_CLUSTER_RAW", append_name<&I::upstream_cluster_raw>},
    {"LISTENER_NAME", append_name<&I::listener_name>},
    {"FILTER_CHAIN_NAME", append_name<&I::filter_chain_name>},
    {"UPSTREAM_TRANSPORT_FAILURE_REASON", append_name<&I::upstream_transport_failure>},
    {"DOWNSTREAM_DETECTED_CLOSE_TYPE", append_name<&I::downstream_close_type>},
    {"UPSTREAM_DETECTED_CLOSE_TYPE", append_name<&I::upstream_close_type>},
    {"DOWNSTREAM_LOCAL_CLOSE_REASON", append_name<&I::downstream_local_close_reason>},
    {"UPSTREAM_LOCAL_CLOSE_REASON", append_name<&I::upstream_local_close_reason>},
    {"HOSTNAME", append_argument, kCommandOnly, false, parse_hostname},
    {"ENVIRONMENT", append_argument, kParamsRequired | kLengthAllowed, false, parse_environment},
    {"ACCESS_LOG_TYPE", append_log_type},
    {"CUSTOM_FLAGS", append_nothing},
};

}  // namespace

std::span<const Operator> stream_operators() {
  return kOperators;
}

}  // namespace pillion::format
