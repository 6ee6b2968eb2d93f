// What filter chains match on, and that no two match the same (translate.h).

#include <envoy/config/listener/v3/listener_components.pb.h>
#include <fmt/format.h>

#include <algorithm>

#include "sidecar/base/text.h"
#include "sidecar/config/listener.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::listener::v3;
using config::FilterChainMatch;

void take_server_names(const v3::FilterChainMatch& message, const FieldPath& at,
                       FilterChainMatch& to) {
  for (const std::string& name : message.server_names()) {
    const FieldPath entry = at.index(to.server_names.size());
    std::string lowered = lower_copy(name);
    const std::size_t star = lowered.find('*', lowered.starts_with("*.") ? 1 : 0);
    if (star != std::string::npos || lowered == "*.")
      entry.problem("may have a wildcard in place of whole leading labels only, as *.example.com");
    to.server_names.push_back(std::move(lowered));
  }
}

// All combinations of one value of each criterion: two chains that share one take the same
// connections.
class Combinations {
 public:
  explicit Combinations(const FilterChainMatch& match) {
    add({match.destination_port ? std::to_string(*match.destination_port) : ""});
    add(ranges(match.prefix_ranges));
    add(match.server_names);
    add({match.transport_protocol});
    add(match.application_protocols);
    add(ranges(match.direct_source_ranges));
    add({std::to_string(static_cast<int>(match.source_type))});
    add(ranges(match.source_prefix_ranges));
    std::vector<std::string> ports;
    for (uint16_t port : match.source_ports) ports.push_back(std::to_string(port));
    add(ports);
  }
  // Calls visit(text) for each; stops when it says false.
  template <class Visit>
  bool each(Visit&& visit, std::size_t criterion = 0, const std::string& before = {}) const {
    if (criterion == values_.size()) return visit(before);
    for (const std::string& value : values_[criterion])
      if (!each(visit, criterion + 1, before + value + '\n')) return false;
    return true;
  }

 private:
  void add(std::vector<std::string> values) {
    if (values.empty()) values.emplace_back();
    // The same value twice in one chain is no conflict.
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    values_.push_back(std::move(values));
  }
  static std::vector<std::string> ranges(const std::vector<CidrRange>& ranges) {
    std::vector<std::string> out;
    for (const CidrRange& range : ranges) out.push_back(range.to_string());
    return out;
  }
  std::vector<std::vector<std::string>> values_;
};

}  // namespace

FilterChainMatch translate_chain_match(const v3::FilterChainMatch& message, const FieldPath& at) {
  using Source = FilterChainMatch::SourceType;
  check_fields(message, at,
               {"destination_port", "prefix_ranges", "direct_source_prefix_ranges", "source_type",
                "source_prefix_ranges", "source_ports", "transport_protocol", "server_names",
                "application_protocols"});
  FilterChainMatch match;
  if (message.has_destination_port())
    match.destination_port = static_cast<uint16_t>(message.destination_port().value());
  match.prefix_ranges = cidr_ranges(message.prefix_ranges(), at.field("prefix_ranges"));
  take_server_names(message, at.field("server_names"), match);
  match.transport_protocol = message.transport_protocol();
  match.application_protocols = {message.application_protocols().begin(),
                                 message.application_protocols().end()};
  match.direct_source_ranges =
      cidr_ranges(message.direct_source_prefix_ranges(), at.field("direct_source_prefix_ranges"));
  match.source_prefix_ranges =
      cidr_ranges(message.source_prefix_ranges(), at.field("source_prefix_ranges"));
  for (uint32_t port : message.source_ports())
    match.source_ports.push_back(static_cast<uint16_t>(port));
  if (message.source_type() == v3::FilterChainMatch::SAME_IP_OR_LOOPBACK)
    match.source_type = Source::kSameIpOrLoopback;
  else if (message.source_type() == v3::FilterChainMatch::EXTERNAL)
    match.source_type = Source::kExternal;
  return match;
}

void ChainMatches::add(const FilterChainMatch& match, const FieldPath& at) {
  const std::size_t index = count_++;
  Combinations(match).each([&](const std::string& combination) {
    auto [it, added] = seen_.try_emplace(combination, index);
    if (added || it->second == index) return true;
    at.problem(fmt::format("takes connections that filter_chains[{}] takes as well; change one",
                           it->second));
    return false;
  });
}

}  // namespace pillion::xds
