#pragma once
// Responses that the proxy makes itself: how they look (Envoy's texts and headers, gRPC's form for
// gRPC requests) and how local_reply_config rewrites them. Immutable; shared by all workers.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/listener.h"
#include "sidecar/format/formatter.h"
#include "sidecar/format/header_edits.h"
#include "sidecar/proxy/access_log.h"

namespace pillion::proxy {

// A reply before it is sent; views live in the stream's arena or are static.
struct Reply {
  int status = 503;
  std::string_view body;
  std::string_view content_type = "text/plain";
  int grpc_status = -1;  // for gRPC requests; -1: the one that follows from the HTTP status
};

class LocalReplyRewriter {
 public:
  LocalReplyRewriter();
  ~LocalReplyRewriter();
  LocalReplyRewriter(LocalReplyRewriter&&) noexcept;
  LocalReplyRewriter& operator=(LocalReplyRewriter&&) noexcept;
  static Result<LocalReplyRewriter, Problem> compile(const config::LocalReplyConfig& config);
  // Applies the first mapper whose filter matches, then the body format, to `reply` and the head
  // under way.
  // A new status is noted in `info`, which the body's format reads.
  void rewrite(Reply& reply, http::ResponseHead& head, StreamInfo& info,
               const format::Context& context, Arena& arena) const;

 private:
  struct Mapper;
  struct BodyFormat;
  std::vector<Mapper> mappers_;
  std::unique_ptr<BodyFormat> body_format_;
};

// Fills `head` with status, content-type and content-length (or gRPC trailers-only form) for the
// reply; returns the body to send, empty for HEAD and gRPC requests.
std::string_view form_reply(const Reply& reply, const http::RequestHead& request,
                            http::ResponseHead& head);

}  // namespace pillion::proxy
