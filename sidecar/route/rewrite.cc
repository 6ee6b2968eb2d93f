// Rewrites of path and authority, and the Location of redirects.

#include <charconv>
#include <utility>

#include "sidecar/base/text.h"
#include "sidecar/route/compiled.h"

namespace pillion::route {

namespace {

using http::HeaderId;

// All matches of the regex replaced, in the arena.
std::string_view replace_all(std::string_view text, const re2::RE2& regex,
                             const std::string& substitution, Arena& arena) {
  std::string out(text);
  re2::RE2::GlobalReplace(&out, regex, substitution);
  return arena.copy(out);
}

// x-forwarded-host names each host once: the last one is not repeated.
void append_to_forwarded_host(http::Headers& headers, std::string_view host) {
  const http::Header* field = headers.find(HeaderId::kForwardedHost);
  if (field == nullptr || field->value().empty()) {
    headers.set(HeaderId::kForwardedHost, host);
    return;
  }
  std::string_view value = field->value();
  std::size_t comma = value.rfind(',');
  std::string_view last = comma == std::string_view::npos ? value : value.substr(comma + 1);
  if (trim(last) == host) return;
  headers.set_view(HeaderId::kForwardedHost, http::header_name(HeaderId::kForwardedHost),
                   headers.arena().concat(value, ",", host));
}

// The request's authority as a redirect keeps it: without its port when another one is given, or
// when it was the default of a scheme that the redirect leaves.
std::string_view kept_authority(const http::RequestHead& head, std::string_view new_scheme,
                                bool new_port) {
  std::string_view host = head.authority;
  if (host.empty()) return host;
  std::size_t colon = std::string_view::npos;
  if (host[0] == '[') {
    std::size_t bracket = host.rfind("]:");
    if (bracket != std::string_view::npos) colon = bracket + 1;
  } else {
    colon = host.rfind(':');
  }
  if (colon == std::string_view::npos) return host;
  std::string_view port = host.substr(colon);
  std::string_view protocol = head.headers.value(HeaderId::kForwardedProto);
  bool drop = new_port;
  if (new_scheme != protocol)
    drop = drop || (protocol == "https" && port == ":443") || (protocol == "http" && port == ":80");
  return drop ? host.substr(0, colon) : host;
}

}  // namespace

void rewrite_authority(http::RequestHead& head, std::string_view authority,
                       bool append_forwarded_host, bool keep_original) {
  std::string_view old = head.authority;
  if (keep_original && !old.empty())
    head.headers.set_view(http::header_id("x-envoy-original-host"), "x-envoy-original-host", old);
  if (append_forwarded_host && !old.empty()) append_to_forwarded_host(head.headers, old);
  head.authority = authority;
}

std::string_view https_location(const http::RequestHead& head) {
  return head.headers.arena().concat("https://", head.authority, head.path);
}

// The request's path, query included, after a prefix or regex rewrite.
std::string_view Route::rewritten_path(const http::RequestHead& head,
                                       const std::string& prefix_rewrite,
                                       const config::RegexRewrite* regex_rewrite) const {
  using Kind = config::PathMatch::Kind;
  Arena& arena = head.headers.arena();
  std::string_view path = head.path_only();
  std::string_view rest = head.path.substr(path.size());
  if (!prefix_rewrite.empty()) {
    // A regex matches the whole path, so all of it gives way.
    std::size_t matched =
        config_->path.kind == Kind::kRegex ? path.size() : config_->path.text.size();
    return arena.concat(prefix_rewrite, path.substr(std::min(matched, path.size())), rest);
  }
  if (regex_rewrite == nullptr) return head.path;
  std::string_view replaced =
      replace_all(path, *compiled_->path_rewrite, regex_rewrite->substitution, arena);
  return arena.concat(replaced, rest);
}

void Route::rewrite(http::RequestHead& head, const config::WeightedCluster* chosen,
                    bool suppress_envoy_headers) const {
  const config::ForwardAction* action = forward();
  if (action == nullptr) return;
  if (chosen != nullptr && !chosen->host_rewrite.empty()) head.authority = chosen->host_rewrite;
  std::string_view authority;
  if (!action->host_rewrite.empty()) {
    authority = action->host_rewrite;
  } else if (!action->host_rewrite_header.empty()) {
    authority = head.first(action->host_rewrite_header).value_or(std::string_view{});
  } else if (action->host_rewrite_regex != nullptr && !head.path.empty()) {
    authority = replace_all(head.path_only(), *compiled_->host_rewrite,
                            action->host_rewrite_regex->substitution, head.headers.arena());
  }
  if (!authority.empty())
    rewrite_authority(head, authority, action->append_x_forwarded_host, !suppress_envoy_headers);
  if (head.path.empty()) return;
  std::string_view path = rewritten_path(head, action->prefix_rewrite, action->regex_rewrite.get());
  // As in Envoy, a prefix rewrite to the same path still counts as one.
  if (path.data() == head.path.data()) return;
  if (!suppress_envoy_headers) {
    head.headers.set_view(HeaderId::kEnvoyOriginalPath,
                          http::header_name(HeaderId::kEnvoyOriginalPath), head.path);
  }
  head.path = path;
}

std::string_view Route::redirect_location(const http::RequestHead& head) const {
  const config::RedirectAction* action = redirect();
  if (action == nullptr) return {};
  Arena& arena = head.headers.arena();
  std::string_view scheme = head.scheme;
  if (!action->scheme.empty()) {
    scheme = action->scheme;
  } else if (action->https) {
    scheme = "https";
  }
  std::string_view host =
      action->host.empty() ? kept_authority(head, scheme, action->port != 0) : action->host;
  std::string_view port;
  char digits[12];
  if (action->port != 0) {
    auto end = std::to_chars(digits, digits + sizeof(digits), action->port).ptr;
    port = arena.concat(":", std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  std::string_view path;
  std::string_view query;
  if (!action->path.empty()) {
    path = action->path;
    // A query of its own takes the place of the request's, and strip_query is about the request's.
    bool own_query = path.find('?') != std::string_view::npos;
    std::size_t question = head.path.find('?');
    if (!own_query && !action->strip_query && question != std::string_view::npos)
      query = head.path.substr(question);
  } else {
    path = rewritten_path(head, action->prefix_rewrite, action->regex_rewrite.get());
    if (action->strip_query) path = path.substr(0, path.find('?'));
  }
  return arena.concat(scheme, "://", host, port, path, query);
}

}  // namespace pillion::route
