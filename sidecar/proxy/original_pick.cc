#include "sidecar/proxy/original_pick.h"

#include <charconv>
#include <string_view>

namespace pillion::proxy {

namespace {

// "10.0.0.1:80" or "[::1]:80".
std::optional<Address> parse(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  std::string_view ip = text.substr(0, colon);
  if (ip.size() > 2 && ip.front() == '[' && ip.back() == ']') ip = ip.substr(1, ip.size() - 2);
  auto address = Address::parse_ip(ip, port);
  if (!address) return std::nullopt;
  return *address;
}

const std::string* text_at(const config::Metadata* metadata, const config::OriginalDst& config) {
  if (metadata == nullptr || config.metadata_namespace.empty()) return nullptr;
  auto found = metadata->find(config.metadata_namespace);
  if (found == metadata->end()) return nullptr;
  const config::Value* value = &found->second;
  for (const std::string& key : config.metadata_path) {
    const auto* fields = std::get_if<config::Value::Object>(&value->data);
    if (fields == nullptr) return nullptr;
    auto field = fields->find(key);
    if (field == fields->end()) return nullptr;
    value = &field->second;
  }
  return std::get_if<std::string>(&value->data);
}

std::optional<Address> named(const config::OriginalDst& config, const OriginalHints& hints) {
  if (const std::string* text = text_at(hints.metadata, config))
    if (auto address = parse(*text)) return address;
  if (hints.request != nullptr && !config.header.empty()) {
    if (const http::Header* header = hints.request->headers.find(config.header))
      return parse(header->value());
  }
  if (hints.restored != nullptr && hints.restored->is_ip()) return *hints.restored;
  return std::nullopt;
}

}  // namespace

std::optional<Address> original_of(const config::Cluster& cluster, const OriginalHints& hints) {
  if (cluster.original_dst == nullptr) return std::nullopt;
  std::optional<Address> address = named(*cluster.original_dst, hints);
  if (address && cluster.original_dst->port != 0) address->set_port(cluster.original_dst->port);
  return address;
}

}  // namespace pillion::proxy
