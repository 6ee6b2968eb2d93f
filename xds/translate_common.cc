#include "xds/translate_common.h"

#include <envoy/config/core/v3/address.pb.h>
#include <envoy/config/core/v3/base.pb.h>
#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace pillion::xds {
namespace {

using envoy::config::core::v3::DataSource;
using google::protobuf::Struct;

std::optional<std::string> read_file(const std::string& name, const FieldPath& at,
                                     std::size_t max_bytes) {
  errno = 0;
  std::ifstream in(name, std::ios::binary);
  if (!in) {
    at.problem(fmt::format("cannot read \"{}\": {}; check the path and its permissions", name,
                           std::strerror(errno)));
    return {};
  }
  std::string text(max_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) {
    at.problem(fmt::format("cannot read \"{}\": is it a regular file?", name));
    return {};
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  text.shrink_to_fit();
  if (text.size() > max_bytes) {
    at.problem(fmt::format("\"{}\" is longer than {} bytes, which is the limit", name, max_bytes));
    return {};
  }
  return text;
}

}  // namespace

std::optional<std::string> data_source(const DataSource& message, const FieldPath& at,
                                       std::size_t max_bytes) {
  check_fields(message, at, {"filename", "inline_bytes", "inline_string", "environment_variable"});
  std::optional<std::string> text;
  switch (message.specifier_case()) {
    case DataSource::kFilename:
      return read_file(message.filename(), at.field("filename"), max_bytes);
    case DataSource::kInlineBytes:
      text = message.inline_bytes();
      break;
    case DataSource::kInlineString:
      text = message.inline_string();
      break;
    case DataSource::kEnvironmentVariable: {
      const char* value = std::getenv(message.environment_variable().c_str());
      if (value == nullptr) {
        at.field("environment_variable")
            .problem(fmt::format("the environment variable {} is not set",
                                 message.environment_variable()));
        return {};
      }
      text = value;
      break;
    }
    default:
      at.missing("needs one of filename, inline_string, inline_bytes and environment_variable");
      return {};
  }
  if (text->size() > max_bytes) {
    at.problem(fmt::format("has {} bytes, the limit is {}", text->size(), max_bytes));
    return {};
  }
  return text;
}

Address socket_address(const envoy::config::core::v3::SocketAddress& message, const FieldPath& at) {
  // ipv4_compat matters to listeners, which read it by themselves.
  check_fields(message, at, {"address", "port_value", "ipv4_compat"}, {"protocol"});
  if (message.protocol() != envoy::config::core::v3::SocketAddress::TCP)
    not_supported(at.field("protocol"), "use TCP");
  if (!message.address().empty() && message.port_value() <= UINT16_MAX) {
    auto parsed = Address::parse_ip(message.address(), static_cast<uint16_t>(message.port_value()));
    if (parsed) return *parsed;
    at.field("address").problem(
        fmt::format("\"{}\" is no IPv4 or IPv6 address; a name is taken only for endpoints of a "
                    "cluster of type STRICT_DNS or LOGICAL_DNS",
                    message.address()));
  }
  return {};
}

Address address(const envoy::config::core::v3::Address& message, const FieldPath& at) {
  if (message.has_socket_address())
    return socket_address(message.socket_address(), at.field("socket_address"));
  if (message.has_pipe()) {
    const FieldPath pipe = at.field("pipe");
    check_fields(message.pipe(), pipe, {"path"});
    if (message.pipe().path().empty()) return {};
    auto path = Address::unix_path(message.pipe().path());
    if (path) return *path;
    pipe.field("path").problem(path.error().message);
    return {};
  }
  if (message.has_envoy_internal_address())
    not_supported(at.field("envoy_internal_address"), "use socket_address or pipe");
  else
    at.missing("is required: give socket_address or pipe");
  return {};
}

std::optional<CidrRange> cidr_range(const envoy::config::core::v3::CidrRange& message,
                                    const FieldPath& at) {
  // Without a length Envoy takes zero: every address.
  auto range = CidrRange::create(message.address_prefix(), message.prefix_len().value());
  if (range) return *range;
  if (!message.address_prefix().empty()) at.problem(range.error().message);
  return {};
}

std::vector<CidrRange> cidr_ranges(
    const google::protobuf::RepeatedPtrField<envoy::config::core::v3::CidrRange>& messages,
    const FieldPath& at) {
  std::vector<CidrRange> ranges;
  ranges.reserve(static_cast<std::size_t>(messages.size()));
  for (int i = 0; i < messages.size(); ++i) {
    if (auto range = cidr_range(messages[i], at.index(static_cast<std::size_t>(i))))
      ranges.push_back(*range);
  }
  return ranges;
}

config::Value value_of(const google::protobuf::Value& message) {
  config::Value value;
  switch (message.kind_case()) {
    case google::protobuf::Value::kBoolValue:
      value.data = message.bool_value();
      break;
    case google::protobuf::Value::kNumberValue:
      value.data = message.number_value();
      break;
    case google::protobuf::Value::kStringValue:
      value.data = message.string_value();
      break;
    case google::protobuf::Value::kStructValue:
      value.data = object_of(message.struct_value());
      break;
    case google::protobuf::Value::kListValue: {
      config::Value::Array array;
      array.reserve(static_cast<std::size_t>(message.list_value().values_size()));
      for (const auto& item : message.list_value().values()) array.push_back(value_of(item));
      value.data = std::move(array);
      break;
    }
    default:
      break;
  }
  return value;
}

config::Value::Object object_of(const Struct& message) {
  config::Value::Object object;
  for (const auto& [name, value] : message.fields()) object.emplace(name, value_of(value));
  return object;
}

std::unique_ptr<config::Metadata> metadata(const envoy::config::core::v3::Metadata& message,
                                           const FieldPath& at) {
  // Typed metadata is read by extensions that this version does not have.
  check_fields(message, at, {"filter_metadata"}, {"typed_filter_metadata"});
  if (message.filter_metadata().empty()) return nullptr;
  auto result = std::make_unique<config::Metadata>();
  for (const auto& [name, object] : message.filter_metadata()) {
    config::Value value;
    value.data = object_of(object);
    result->emplace(name, std::move(value));
  }
  return result;
}

}  // namespace pillion::xds
