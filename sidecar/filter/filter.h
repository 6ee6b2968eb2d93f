#pragma once
// The whole extension API for HTTP filters. A filter is one file: a Factory (its parsed
// configuration, shared and const, any thread), a Filter (one per stream, in the stream's arena,
// worker thread), and a line in filters/builtin.cc. Hooks run in the chain's order for requests and
// in reverse for responses.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/arena.h"
#include "sidecar/base/time.h"
#include "sidecar/format/stream_info.h"
#include "sidecar/http/message.h"

namespace pillion::filter {

// What the chain does after a hook returned.
//   kContinue  goes on with the next filter.
//   kPause     stops here until StreamContext::resume(), or until a later hook of this filter for
//   the same
//              direction returns kContinue. Body that arrives meanwhile is held; past the stream's
//              buffer limit the sender is no longer read from.
//   kBuffer    as kPause, for a filter that cannot go on without the whole body: past the limit the
//   stream is
//              answered 413 (request) or 500 (response).
//   kReplied   the filter called StreamContext::reply() or reset_stream(); nothing further runs in
//   this
//              direction.
enum class Flow : uint8_t { kContinue, kPause, kBuffer, kReplied };

// A response made by the proxy itself. Views are copied when passed to reply().
struct LocalReply {
  int status = 200;
  std::string_view body = {};
  std::string_view content_type = "text/plain";  // only sent with a body
  std::string_view details = {};                 // %RESPONSE_CODE_DETAILS%
  ResponseFlag flag = ResponseFlag::kCount;      // kCount: none
  int grpc_status = -1;  // for gRPC requests, in place of the one that follows from `status`
  // Edits the response's headers before it is sent; may be empty. Called before reply() returns.
  void (*edit)(http::ResponseHead& head, const void* context) = nullptr;
  const void* edit_context = nullptr;
};

// The hosts of one cluster at this moment.
struct ClusterHealth {
  std::size_t hosts = 0;
  std::size_t usable = 0;  // healthy or degraded
};

// A filter's settings in typed_per_filter_config; each filter derives its own.
class RouteConfig {
 public:
  virtual ~RouteConfig() = default;
};

// What a filter keeps for as long as the downstream connection lives, at most one thing per key.
// Owned by the connection; worker thread.
class ConnectionState {
 public:
  virtual ~ConnectionState() = default;
};
class ConnectionSlots {
 public:
  // A connection may see many generations of configuration; the least recently made state is
  // dropped for a new one beyond this.
  static constexpr std::size_t kMax = 32;

  // A key that no other Factory or RouteConfig has or ever had. Any thread.
  static uint64_t new_key();
  // The state of that key, empty until the caller fills it in. Valid until the next call.
  std::unique_ptr<ConnectionState>& of(uint64_t key);

 private:
  struct Slot {
    uint64_t key;
    std::unique_ptr<ConnectionState> state;
  };
  std::vector<Slot> slots_;
};

// A stream as one of its filters sees it. Valid from the filter's creation until on_done returns.
class StreamContext {
 public:
  virtual Arena& arena() = 0;
  virtual StreamInfo& info() = 0;
  // The heads as they stand; the response's is null until it exists.
  virtual http::RequestHead& request() = 0;
  virtual http::ResponseHead* response() = 0;
  // This filter's most specific per-route settings (weighted cluster, route, virtual host, table),
  // or null. The route is chosen before the first filter runs and again after clear_route_cache().
  [[nodiscard]] virtual const RouteConfig* route_config() const = 0;
  // All of this filter's per-route settings from least to most specific, for filters that merge
  // levels; returns how many were written to `out` (at most 4).
  virtual std::size_t route_configs(const RouteConfig* (&out)[4]) const = 0;
  [[nodiscard]] virtual bool has_route() const = 0;
  // The chosen route forwards to this cluster; empty if none (redirect, direct response, no route).
  [[nodiscard]] virtual std::string_view route_cluster() const = 0;
  // After a change of headers that routing depends on.
  virtual void clear_route_cache() = 0;
  // Sends this instead of asking the upstream (or of the upstream's response, while its head has
  // not been sent), once the hook that called it has returned kReplied. It passes the response
  // hooks of all filters, this one and those that never saw the request included, unless a response
  // was already passing them.
  virtual void reply(const LocalReply& reply) = 0;
  // Goes on after a pause, in each direction that this filter paused; inside a hook (on_wake), once
  // the hook has returned. The stream may be gone when this returns outside of a hook.
  virtual void resume() = 0;
  // Lets at most that many held bytes of the response's body go on, after its head; the pause ends
  // with the last of them. Timing as resume().
  virtual void release_response(std::size_t bytes) = 0;
  // Held bytes of the response's body.
  [[nodiscard]] virtual std::size_t held_response_bytes() const = 0;
  // Calls this filter's on_wake once, after `delay`. One timer per filter; a new call replaces it.
  virtual void wake_after(Duration delay) = 0;
  // Closes without a response (abort by connection reset).
  virtual void reset_stream(std::string_view details) = 0;
  [[nodiscard]] virtual Time now() const = 0;
  virtual uint64_t random() = 0;
  // Bytes of request body that may be held while a filter pauses.
  virtual void set_buffer_limit(std::size_t bytes) = 0;
  // How the hosts of a cluster are; nothing for an unknown cluster.
  [[nodiscard]] virtual std::optional<ClusterHealth> cluster_health(
      std::string_view cluster) const = 0;
  // True while the server drains or admin failed its health checks.
  [[nodiscard]] virtual bool server_draining() const = 0;
  // Body bytes of the request that this filter's pause holds back.
  [[nodiscard]] virtual std::size_t buffered_request_bytes() const = 0;
  // What filters keep per downstream connection.
  virtual ConnectionSlots& connection_slots() = 0;

 protected:
  ~StreamContext() = default;
};

// A piece of body on its way; a filter may change what passes on by assigning `data` (a view that
// lives until the hook returns, or in the arena).
struct BodyPiece {
  std::string_view data;
  bool end = false;
};

class Filter {
 public:
  virtual ~Filter() = default;
  // `end`: no body follows.
  virtual Flow on_request(StreamContext&, http::RequestHead&, bool /*end*/) {
    return Flow::kContinue;
  }
  virtual Flow on_request_body(StreamContext&, BodyPiece&) { return Flow::kContinue; }
  virtual Flow on_request_trailers(StreamContext&, http::Headers&) { return Flow::kContinue; }
  virtual Flow on_response(StreamContext&, http::ResponseHead&, bool /*end*/) {
    return Flow::kContinue;
  }
  virtual Flow on_response_body(StreamContext&, BodyPiece&) { return Flow::kContinue; }
  virtual Flow on_response_trailers(StreamContext&, http::Headers&) { return Flow::kContinue; }
  virtual void on_wake(StreamContext&) {}
  // Exactly once, whatever happened; also for streams that were reset.
  virtual void on_done(StreamContext&) {}
};

// Which hooks a filter overrides, so that the chain passes bodies by filters that do not look at
// them.
struct Hooks {
  bool request = true;
  bool request_body = false;
  bool response = false;
  bool response_body = false;
  bool request_trailers = false;
  bool response_trailers = false;
};

// A filter's configuration in one HCM's chain. Const and shared by all workers.
class Factory {
 public:
  virtual ~Factory() = default;
  // Makes the stream's filter in its arena; the chain calls the destructor.
  virtual Filter* create(Arena& arena) const = 0;
  [[nodiscard]] virtual Hooks hooks() const = 0;
};

}  // namespace pillion::filter
