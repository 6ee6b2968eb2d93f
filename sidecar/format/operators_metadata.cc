// Operators that print metadata, and those whose source a plaintext HTTP connection never has (TLS,
// filter state, tracing): they parse, so that a configuration written for Envoy starts, and render
// as absent.

#include <array>
#include <utility>

#include "sidecar/base/text.h"
#include "sidecar/format/json_text.h"
#include "sidecar/format/operator.h"
#include "sidecar/format/time_format.h"

namespace pillion::format {

namespace {

using Source = const config::Metadata* StreamInfo::*;

// The value at piece.keys (namespace, then keys); null if there is none.
const config::Value* metadata_value(const config::Metadata* metadata, const Piece& piece) {
  const config::Value::Object* object = metadata;
  const config::Value* value = nullptr;
  for (const std::string& key : piece.keys) {
    if (object == nullptr) return nullptr;
    auto found = object->find(key);
    if (found == object->end()) return nullptr;
    value = &found->second;
    object = std::get_if<config::Value::Object>(&value->data);
  }
  if (value == nullptr || std::holds_alternative<std::monostate>(value->data)) return nullptr;
  return value;
}

// As text a string goes without quotes.
bool append_value(std::string& out, const config::Metadata* metadata, const Piece& piece) {
  const config::Value* value = metadata_value(metadata, piece);
  if (value == nullptr) return false;
  if (const auto* text = std::get_if<std::string>(&value->data)) {
    out += *text;
  } else {
    append_json_value(out, *value);
  }
  return true;
}

bool append_value_as_json(std::string& out, const config::Metadata* metadata, const Piece& piece) {
  const config::Value* value = metadata_value(metadata, piece);
  if (value == nullptr) return false;
  // Envoy cuts strings, and nothing else.
  const auto* text = std::get_if<std::string>(&value->data);
  if (text != nullptr) {
    append_json_string(out, std::string_view(*text).substr(0, piece.limit));
  } else {
    append_json_value(out, *value);
  }
  return true;
}

template <Source kSource>
bool append_metadata(std::string& out, const Piece& piece, const Context& context) {
  return append_value(out, context.info->*kSource, piece);
}

template <Source kSource>
bool append_metadata_as_json(std::string& out, const Piece& piece, const Context& context) {
  return append_value_as_json(out, context.info->*kSource, piece);
}

bool append_never(std::string&, const Piece&, const Context&) {
  return false;
}

// NAMESPACE:KEY:KEY..., or as header values have long been written, ["NAMESPACE", "KEY"].
Result<Unit, Problem> parse_path(Piece& piece, std::string_view argument) {
  std::string_view list = trim(argument);
  if (!list.starts_with('[') || !list.ends_with(']')) {
    for (std::string_view key : split(argument, ':')) piece.keys.emplace_back(key);
    return Unit{};
  }
  for (std::string_view key : split(list.substr(1, list.size() - 2), ',')) {
    key = trim(key);
    if (key.size() < 2 || key.front() != '"' || key.back() != '"')
      return problem("'" + std::string(argument) + "' is not a list of quoted names");
    piece.keys.emplace_back(key.substr(1, key.size() - 2));
  }
  return Unit{};
}

struct MetadataType {
  std::string_view name;
  Piece::Append append;
  Piece::Append append_json;
};
using I = StreamInfo;
constexpr MetadataType kTypes[] = {
    {"ROUTE", append_metadata<&I::route_metadata>, append_metadata_as_json<&I::route_metadata>},
    {"VIRTUAL_HOST", append_metadata<&I::virtual_host_metadata>,
     append_metadata_as_json<&I::virtual_host_metadata>},
    {"CLUSTER", append_metadata<&I::cluster_metadata>,
     append_metadata_as_json<&I::cluster_metadata>},
    {"UPSTREAM_HOST", append_metadata<&I::upstream_metadata>,
     append_metadata_as_json<&I::upstream_metadata>},
    {"DYNAMIC", append_metadata<&I::dynamic_metadata>,
     append_metadata_as_json<&I::dynamic_metadata>},
    // Listeners carry no metadata into the data path.
    {"LISTENER", append_never, append_never},
    {"LISTENER_FILTER_CHAIN", append_never, append_never},
};

Result<Unit, Problem> parse_typed_path(Piece& piece, std::string_view argument) {
  std::size_t colon = argument.find(':');
  std::string_view wanted = argument.substr(0, colon);
  std::string names;
  for (const MetadataType& type : kTypes) {
    if (type.name == wanted) {
      piece.append = type.append;
      piece.append_json = type.append_json;
      if (colon == std::string_view::npos) return Unit{};
      return parse_path(piece, argument.substr(colon + 1));
    }
    names += ' ';
    names += type.name;
  }
  return problem("'" + std::string(wanted) + "' is no type of metadata; there are" + names);
}

// KEY, KEY:PLAIN, KEY:TYPED or KEY:FIELD:NAME.
Result<Unit, Problem> parse_filter_state(Piece&, std::string_view argument) {
  auto parts = split(argument, ':');
  if (parts[0].empty()) return problem("the key of a filter state must not be empty");
  bool field = parts.size() > 1 && parts[1] == "FIELD";
  if (parts.size() > 1 && !field && parts[1] != "PLAIN" && parts[1] != "TYPED")
    return problem("'" + std::string(parts[1]) + "' is none of PLAIN, TYPED and FIELD");
  if (field != (parts.size() > 2))
    return problem("FIELD goes with the name of a field, and only FIELD does");
  return Unit{};
}

Result<Unit, Problem> parse_certificate_time(Piece&, std::string_view argument) {
  return check_time_format(argument);
}

constexpr uint8_t kPathSyntax = kParamsRequired | kLengthAllowed;

constexpr Operator kOperators[] = {
    {"METADATA", append_never, kPathSyntax, false, parse_typed_path, append_never},
    {"UPSTREAM_METADATA", append_metadata<&I::upstream_metadata>, kParamsRequired, false,
     parse_path, append_metadata_as_json<&I::upstream_metadata>},
    {"CLUSTER_METADATA", append_metadata<&I::cluster_metadata>, kParamsRequired, false, parse_path,
     append_metadata_as_json<&I::cluster_metadata>},
    {"DYNAMIC_METADATA", append_metadata<&I::dynamic_metadata>, kPathSyntax, false, parse_path,
     append_metadata_as_json<&I::dynamic_metadata>},
    {"FILTER_STATE", append_never, kPathSyntax, false, parse_filter_state},
    {"UPSTREAM_FILTER_STATE", append_never, kPathSyntax, false, parse_filter_state},
    {"TRACE_ID", append_never},
    {"SPAN_ID", append_never},
    {"DOWNSTREAM_PEER_CERT_V_START", append_never, kParamsOptional, false, parse_certificate_time},
    {"DOWNSTREAM_PEER_CERT_V_END", append_never, kParamsOptional, false, parse_certificate_time},
    {"UPSTREAM_PEER_CERT_V_START", append_never, kParamsOptional, false, parse_certificate_time},
    {"UPSTREAM_PEER_CERT_V_END", append_never, kParamsOptional, false, parse_certificate_time},
    {"DOWNSTREAM_LOCAL_IP_SAN", append_never},
    {"DOWNSTREAM_LOCAL_DNS_SAN", append_never},
    {"DOWNSTREAM_LOCAL_URI_SAN", append_never},
    {"DOWNSTREAM_LOCAL_EMAIL_SAN", append_never},
    {"DOWNSTREAM_LOCAL_OTHERNAME_SAN", append_never},
    {"DOWNSTREAM_LOCAL_SUBJECT", append_never},
    {"DOWNSTREAM_PEER_IP_SAN", append_never},
    {"DOWNSTREAM_PEER_DNS_SAN", append_never},
    {"DOWNSTREAM_PEER_URI_SAN", append_never},
    {"DOWNSTREAM_PEER_EMAIL_SAN", append_never},
    {"DOWNSTREAM_PEER_OTHERNAME_SAN", append_never},
    {"DOWNSTREAM_PEER_SUBJECT", append_never},
    {"DOWNSTREAM_PEER_ISSUER", append_never},
    {"DOWNSTREAM_PEER_CERT", append_never},
    {"DOWNSTREAM_PEER_SERIAL", append_never},
    {"DOWNSTREAM_PEER_FINGERPRINT_1", append_never},
    {"DOWNSTREAM_PEER_FINGERPRINT_256", append_never},
    {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", append_never},
    {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", append_never},
    {"DOWNSTREAM_PEER_CHAIN_SERIALS", append_never},
    {"DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256", append_never},
    {"DOWNSTREAM_PEER_ISSUER_SERIAL", append_never},
    {"DOWNSTREAM_TLS_SESSION_ID", append_never},
    {"DOWNSTREAM_TLS_CIPHER", append_never},
    {"DOWNSTREAM_TLS_GROUP", append_never},
    {"DOWNSTREAM_TLS_VERSION", append_never},
    {"TLS_JA3_FINGERPRINT", append_never},
    {"TLS_JA4_FINGERPRINT", append_never},
    {"UPSTREAM_LOCAL_IP_SAN", append_never},
    {"UPSTREAM_LOCAL_DNS_SAN", append_never},
    {"UPSTREAM_LOCAL_URI_SAN", append_never},
    {"UPSTREAM_PEER_IP_SAN", append_never},
    {"UPSTREAM_PEER_DNS_SAN", append_never},
    {"UPSTREAM_PEER_URI_SAN", append_never},
    {"UPSTREAM_PEER_SUBJECT", append_never},
    {"UPSTREAM_PEER_ISSUER", append_never},
    {"UPSTREAM_PEER_CERT", append_never},
    {"UPSTREAM_TLS_SESSION_ID", append_never},
    {"UPSTREAM_TLS_CIPHER", append_never},
    {"UPSTREAM_TLS_GROUP", append_never},
    {"UPSTREAM_TLS_VERSION", append_never},
    {"UPSTREAM_SERVER_NAME", append_never},
};

}  // namespace

std::span<const Operator> metadata_operators() {
  return kOperators;
}

}  // namespace pillion::format
