#include <utility>

#include "sidecar/route/compiled.h"

namespace pillion::route {

namespace {

// HeaderEdits would take pseudo-headers, which filters may change; routes may not.
Result<Unit, Problem> refuse_pseudo(const config::HeaderEdits& edits) {
  for (const config::HeaderAppend& append : edits.append) {
    if (append.name.starts_with(':') || append.name == "host")
      return problem("header '" + append.name + "': pseudo-headers and host may not be modified");
  }
  return Unit{};
}

Result<format::HeaderEdits, Problem> compile_level(const config::HeaderEdits* edits,
                                                   const char* what) {
  if (edits == nullptr) return format::HeaderEdits();
  auto allowed = refuse_pseudo(*edits);
  if (!allowed) return problem(std::string(what) + ": " + std::move(allowed.error().message));
  auto compiled = format::HeaderEdits::compile(*edits);
  if (!compiled) return problem(std::string(what) + ": " + std::move(compiled.error().message));
  return compiled;
}

Result<std::vector<http::HeaderMatcher>, Problem> compile_headers(
    const std::vector<config::HeaderMatcher>& matchers) {
  std::vector<http::HeaderMatcher> out;
  out.reserve(matchers.size());
  for (const config::HeaderMatcher& matcher : matchers) {
    TRY(http::HeaderMatcher compiled, http::HeaderMatcher::compile(matcher));
    out.push_back(std::move(compiled));
  }
  return out;
}

Result<std::unique_ptr<re2::RE2>, Problem> compile_rewrite(const config::RegexRewrite* rewrite,
                                                           const char* what) {
  if (rewrite == nullptr) return std::unique_ptr<re2::RE2>();
  auto regex = compile_regex(rewrite->pattern);
  if (!regex) return problem(std::string(what) + ": " + std::move(regex.error().message));
  std::string why;
  if (!(*regex)->CheckRewriteString(rewrite->substitution, &why))
    return problem(std::string(what) + ": substitution '" + rewrite->substitution + "': " + why);
  return regex;
}

bool has_matchers(const config::RetryPolicy* policy) {
  return policy != nullptr &&
         !(policy->retriable_headers.empty() && policy->retriable_request_headers.empty());
}

bool needs_compiling(const config::Route& route) {
  if (route.path.kind == config::PathMatch::Kind::kRegex || route.conditions != nullptr ||
      route.request_headers != nullptr || route.response_headers != nullptr) {
    return true;
  }
  if (const auto* forward = std::get_if<config::ForwardAction>(&route.action)) {
    return !forward->weighted.empty() || forward->regex_rewrite != nullptr ||
           forward->host_rewrite_regex != nullptr || has_matchers(forward->retry.get());
  }
  const auto* redirect = std::get_if<config::RedirectAction>(&route.action);
  return redirect != nullptr && redirect->regex_rewrite != nullptr;
}

}  // namespace

Result<std::unique_ptr<EditPair>, Problem> compile_edits(const config::HeaderEdits* request,
                                                         const config::HeaderEdits* response) {
  auto pair = std::make_unique<EditPair>();
  TRY(pair->request, compile_level(request, "request_headers"));
  TRY(pair->response, compile_level(response, "response_headers"));
  if (pair->request.empty() && pair->response.empty()) pair.reset();
  return pair;
}

Result<std::unique_ptr<re2::RE2>, Problem> compile_regex(const std::string& pattern) {
  auto regex = std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
  if (!regex->ok()) return problem("regex '" + pattern + "': " + regex->error());
  return regex;
}

Result<Unit, Problem> Route::Compiled::add_conditions(const config::RouteConditions& conditions) {
  TRY(headers, compile_headers(conditions.headers));
  for (const config::QueryMatcher& matcher : conditions.query) {
    TRY(http::QueryMatcher compiled, http::QueryMatcher::compile(matcher));
    query.push_back(std::move(compiled));
  }
  return Unit{};
}

Result<Unit, Problem> Route::Compiled::add_forward(const config::ForwardAction& action) {
  TRY(path_rewrite, compile_rewrite(action.regex_rewrite.get(), "regex_rewrite"));
  TRY(host_rewrite, compile_rewrite(action.host_rewrite_regex.get(), "host_rewrite_path_regex"));
  if (has_matchers(action.retry.get())) {
    retry = std::make_unique<RetryMatchers>();
    TRY(retry->responses, compile_headers(action.retry->retriable_headers));
    TRY(retry->requests, compile_headers(action.retry->retriable_request_headers));
  }
  for (const config::WeightedCluster& weighted : action.weighted) {
    auto compiled = compile_edits(&weighted.request_headers, &weighted.response_headers);
    if (!compiled) {
      return problem("weighted cluster '" + weighted.name +
                     "': " + std::move(compiled.error().message));
    }
    weighted_edits.push_back(*std::move(compiled));
    total_weight += weighted.weight;
  }
  if (!action.weighted.empty() && total_weight == 0)
    return problem("the weights of weighted_clusters add up to zero");
  return Unit{};
}

Result<Unit, Problem> Route::compile() {
  if (!needs_compiling(*config_)) return Unit{};
  auto out = std::make_unique<Compiled>();
  if (config_->path.kind == config::PathMatch::Kind::kRegex) {
    TRY(out->path, compile_regex(config_->path.text));
  }
  if (config_->conditions != nullptr) {
    TRY([[maybe_unused]] Unit done, out->add_conditions(*config_->conditions));
  }
  TRY(out->edits, compile_edits(config_->request_headers.get(), config_->response_headers.get()));
  if (forward() != nullptr) {
    TRY([[maybe_unused]] Unit done, out->add_forward(*forward()));
  }
  if (redirect() != nullptr) {
    TRY(out->path_rewrite, compile_rewrite(redirect()->regex_rewrite.get(), "regex_rewrite"));
  }
  compiled_ = std::move(out);
  return Unit{};
}

Result<Unit, Problem> VirtualHost::compile() {
  if (!config_->request_headers.empty() || !config_->response_headers.empty() ||
      !config_->virtual_clusters.empty()) {
    compiled_ = std::make_unique<Compiled>();
    TRY(compiled_->edits, compile_edits(&config_->request_headers, &config_->response_headers));
    for (const config::VirtualCluster& cluster : config_->virtual_clusters) {
      auto headers = compile_headers(cluster.headers);
      if (!headers) {
        return problem("virtual cluster '" + cluster.name +
                       "': " + std::move(headers.error().message));
      }
      compiled_->virtual_clusters.push_back(*std::move(headers));
    }
  }
  routes_.reserve(config_->routes.size());
  for (const config::Route& config : config_->routes) {
    routes_.push_back(Route(config, *this));
    auto compiled = routes_.back().compile();
    if (!compiled) {
      std::string where = "route " + std::to_string(routes_.size() - 1);
      if (!config.name.empty()) where += " ('" + config.name + "')";
      return problem(where + ": " + std::move(compiled.error().message));
    }
  }
  return Unit{};
}

}  // namespace pillion::route
