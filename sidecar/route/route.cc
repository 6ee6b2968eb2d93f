#include <utility>

#include "sidecar/base/hash.h"
#include "sidecar/base/text.h"
#include "sidecar/route/compiled.h"

namespace pillion::route {

Route::Route(const config::Route& config, const VirtualHost& virtual_host)
    : config_(&config), virtual_host_(&virtual_host) {}
Route::Route(Route&&) noexcept = default;
Route::~Route() = default;

namespace {

bool has_prefix(std::string_view path, std::string_view prefix, bool case_sensitive) {
  return case_sensitive ? path.starts_with(prefix) : starts_with_ignore_case(path, prefix);
}

}  // namespace

bool Route::path_matches(const http::RequestHead& head, std::string_view path) const {
  using Kind = config::PathMatch::Kind;
  const config::PathMatch& match = config_->path;
  if (match.kind == Kind::kConnect) return head.method == http::Method::kConnect;
  // Only a CONNECT request has no path, and only connect_matcher is meant for it.
  if (head.path.empty()) return false;
  switch (match.kind) {
    case Kind::kPrefix:
      return has_prefix(path, match.text, match.case_sensitive);
    case Kind::kExact:
      return match.case_sensitive ? path == match.text : equals_ignore_case(path, match.text);
    case Kind::kSeparatedPrefix:
      return has_prefix(path, match.text, match.case_sensitive) &&
             (path.size() == match.text.size() || path[match.text.size()] == '/');
    case Kind::kRegex:
      return re2::RE2::FullMatch(re2::StringPiece(path.data(), path.size()), *compiled_->path);
    case Kind::kConnect:
      break;
  }
  return false;
}

bool Route::matches(const http::RequestHead& head, std::string_view path, uint64_t random) const {
  if (!path_matches(head, path)) return false;
  const config::RouteConditions* conditions = config_->conditions.get();
  if (conditions == nullptr) return true;
  if (conditions->fraction &&
      random % conditions->fraction->denominator >= conditions->fraction->numerator)
    return false;
  if (conditions->grpc && !head.is_grpc()) return false;
  for (const http::HeaderMatcher& matcher : compiled_->headers)
    if (!matcher.matches(head)) return false;
  if (compiled_->query.empty()) return true;
  std::string_view query = head.query();
  for (const http::QueryMatcher& matcher : compiled_->query)
    if (!matcher.matches(query)) return false;
  return true;
}

const RetryMatchers* Route::retry_matchers() const {
  return compiled_ == nullptr ? nullptr : compiled_->retry.get();
}

const EditPair* Route::edits() const {
  return compiled_ == nullptr ? nullptr : compiled_->edits.get();
}

const EditPair* Route::edits_of(const config::WeightedCluster* chosen) const {
  if (chosen == nullptr || compiled_ == nullptr) return nullptr;
  const auto& weighted = forward()->weighted;
  return compiled_->weighted_edits[static_cast<std::size_t>(chosen - weighted.data())].get();
}

void Route::edit_request(http::RequestHead& head, const format::Context& context,
                         const config::WeightedCluster* chosen) const {
  auto apply = [&head, &context](const EditPair* edits) {
    if (edits != nullptr) edits->request.apply(head, context);
  };
  apply(edits_of(chosen));
  bool specific_last = virtual_host_->table().most_specific_header_mutations_wins;
  apply(specific_last ? virtual_host_->table_edits_ : edits());
  apply(virtual_host_->edits());
  apply(specific_last ? edits() : virtual_host_->table_edits_);
}

void Route::edit_response(http::ResponseHead& head, const format::Context& context,
                          const config::WeightedCluster* chosen) const {
  auto apply = [&head, &context](const EditPair* edits) {
    if (edits != nullptr) edits->response.apply(head, context);
  };
  apply(edits_of(chosen));
  bool specific_last = virtual_host_->table().most_specific_header_mutations_wins;
  apply(specific_last ? virtual_host_->table_edits_ : edits());
  apply(virtual_host_->edits());
  apply(specific_last ? edits() : virtual_host_->table_edits_);
}

VirtualHost::VirtualHost(const config::VirtualHost& config, const config::RouteTable& table,
                         const EditPair* table_edits)
    : config_(&config), table_(&table), table_edits_(table_edits) {}
VirtualHost::VirtualHost(VirtualHost&&) noexcept = default;
VirtualHost::~VirtualHost() = default;

const EditPair* VirtualHost::edits() const {
  return compiled_ == nullptr ? nullptr : compiled_->edits.get();
}

bool VirtualHost::demands_tls(const http::RequestHead& head) const {
  using RequireTls = config::VirtualHost::RequireTls;
  if (config_->require_tls == RequireTls::kNone) return false;
  if (head.headers.value(http::HeaderId::kForwardedProto) == "https") return false;
  return config_->require_tls == RequireTls::kAll ||
         head.headers.value(http::HeaderId::kEnvoyInternal) != "true";
}

const config::VirtualCluster* VirtualHost::virtual_cluster(const http::RequestHead& head) const {
  static const config::VirtualCluster others{"other", {}};
  if (config_->virtual_clusters.empty()) return nullptr;
  for (std::size_t i = 0; i < config_->virtual_clusters.size(); ++i) {
    bool all = true;
    for (const http::HeaderMatcher& matcher : compiled_->virtual_clusters[i])
      all = all && matcher.matches(head);
    if (all) return &config_->virtual_clusters[i];
  }
  return &others;
}

}  // namespace pillion::route
