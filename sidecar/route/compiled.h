#pragma once
// What routes and virtual hosts are compiled to, where they need it. Internal to sidecar/route;
// owned by its Route, VirtualHost or Router, immutable, shared by all workers.

#include <re2/re2.h>

#include <memory>
#include <vector>

#include "sidecar/format/header_edits.h"
#include "sidecar/http/matcher.h"
#include "sidecar/route/router.h"

namespace pillion::route {

// The header edits of one level.
struct EditPair {
  format::HeaderEdits request;
  format::HeaderEdits response;
};

// Null when there is nothing to edit. Problem says which header of which of the two.
Result<std::unique_ptr<EditPair>, Problem> compile_edits(const config::HeaderEdits* request,
                                                         const config::HeaderEdits* response);
// Problem carries RE2's message.
Result<std::unique_ptr<re2::RE2>, Problem> compile_regex(const std::string& pattern);

struct Route::Compiled {
  Result<Unit, Problem> add_conditions(const config::RouteConditions& conditions);
  Result<Unit, Problem> add_forward(const config::ForwardAction& action);

  std::unique_ptr<re2::RE2> path;
  std::vector<http::HeaderMatcher> headers;
  std::vector<http::QueryMatcher> query;
  std::unique_ptr<re2::RE2> path_rewrite;  // of a forward or redirect action
  std::unique_ptr<re2::RE2> host_rewrite;
  std::unique_ptr<RetryMatchers> retry;
  std::unique_ptr<EditPair> edits;
  std::vector<std::unique_ptr<EditPair>> weighted_edits;  // as ForwardAction::weighted; null: none
  uint64_t total_weight = 0;
};

struct VirtualHost::Compiled {
  std::unique_ptr<EditPair> edits;
  std::vector<std::vector<http::HeaderMatcher>> virtual_clusters;
};

}  // namespace pillion::route
