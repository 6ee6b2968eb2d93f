#pragma once
// Runs the hooks of one stream's HTTP filters: requests in the chain's order, responses in reverse.
// Holds what a paused filter keeps back (head, body, trailers) and lets it go on at the right
// place. A member of the stream; filters and bookkeeping live in the stream's arena. Worker thread.
//
// How a stream drives it:
//   chain.construct(owner, filters, overrides, limits);  // once the request head is routed
//   if (chain.empty()) ...                               // go straight on
//   chain.request_head(end);  chain.request_body(view, end);  chain.request_trailers(trailers);
//   chain.response_head(end); chain.response_body(view, end); chain.response_trailers(trailers);
//   chain.finish();                                      // once, whatever happened
// Each part comes out through ChainOwner::on_..._done, at once or after a pause, in order.
// The owner
//  - never passes a part of one direction from inside on_..._done of the same direction (the other
//    direction is fine: a 404 from on_request_head_done may call response_head());
//  - stops reading while request_full() or response_full(), and looks again in on_..._body_done;
//  - may call stop_request() or finish() from any on_..._done, send_reply() and reset_stream(), but
//    frees the arena only after the call into the chain has returned.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sidecar/config/listener.h"
#include "sidecar/filter/filter.h"
#include "sidecar/filter/overrides.h"

namespace pillion::filter {

// What the chain needs of the stream it belongs to. None of the first group may call back into the
// chain.
class ChainOwner {
 public:
  virtual Arena& arena() = 0;
  virtual StreamInfo& info() = 0;
  virtual http::RequestHead& request() = 0;
  virtual http::ResponseHead* response() = 0;             // null until there is one
  [[nodiscard]] virtual Overrides overrides() const = 0;  // empty without a route
  [[nodiscard]] virtual bool has_route() const = 0;
  [[nodiscard]] virtual std::string_view route_cluster() const = 0;
  virtual void clear_route_cache() = 0;
  [[nodiscard]] virtual Time now() const = 0;
  virtual uint64_t random() = 0;
  [[nodiscard]] virtual std::optional<ClusterHealth> cluster_health(
      std::string_view cluster) const = 0;
  [[nodiscard]] virtual bool server_draining() const = 0;
  virtual ConnectionSlots& connection_slots() = 0;
  // One timer for the whole chain: calls Chain::on_timer() once, `delay` from now. Arming moves it.
  virtual void arm_filter_timer(Duration delay) = 0;
  virtual void cancel_filter_timer() = 0;
  // Copies what it needs of `reply` and calls `reply.edit`; nothing is sent yet.
  virtual void prepare_reply(const LocalReply& reply) = 0;

  // Sends the prepared reply: through response_head() and response_body(), as any response, when no
  // byte of a response was sent downstream, else as a reset. The request goes no further; its held
  // parts are gone.
  virtual void send_reply() = 0;
  virtual void reset_stream(std::string_view details) = 0;
  // A filter that needs the whole body met more than the limit: count it, then reply 413
  // ("request_payload_too_large") or 500 ("response_payload_too_large") as send_reply() does.
  virtual void on_request_too_large() = 0;
  virtual void on_response_too_large() = 0;
  // The part has passed all filters.
  virtual void on_request_head_done(bool end) = 0;
  virtual void on_request_body_done(std::string_view data, bool end) = 0;
  virtual void on_request_trailers_done(http::Headers& trailers) = 0;
  virtual void on_response_head_done(bool end) = 0;
  virtual void on_response_body_done(std::string_view data, bool end) = 0;
  virtual void on_response_trailers_done(http::Headers& trailers) = 0;

 protected:
  ~ChainOwner() = default;
};

class Chain {
 public:
  // Bytes of body that may wait in the chain, by direction.
  struct Limits {
    std::size_t request = std::size_t{1} << 20;
    std::size_t response = std::size_t{1} << 20;
  };

  Chain() = default;
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  ~Chain() { finish(); }

  // Makes the filters that are enabled for this stream. A filter without a factory (the router) is
  // passed over. `filters` and what `overrides` points to outlive the stream.
  void construct(ChainOwner& owner, std::span<const config::HttpFilter> filters,
                 const Overrides& overrides, Limits limits);
  // No filter is enabled for this stream.
  [[nodiscard]] bool empty() const { return count_ == 0; }

  // The heads are the owner's request() and response(). `end`: nothing follows.
  void request_head(bool end);
  void request_body(std::string_view data, bool end);
  void request_trailers(http::Headers& trailers);
  // A second response head (a local reply in place of a response that had begun to pass) goes by
  // the filters without calling them, as Envoy's does; what was held of the first one is dropped.
  void response_head(bool end);
  void response_body(std::string_view data, bool end);
  void response_trailers(http::Headers& trailers);

  // A filter holds something back.
  [[nodiscard]] bool request_paused() const { return ways_[0].pauses != 0; }
  [[nodiscard]] bool response_paused() const { return ways_[1].pauses != 0; }
  [[nodiscard]] std::size_t request_buffered() const { return ways_[0].buffered; }
  [[nodiscard]] std::size_t response_buffered() const { return ways_[1].buffered; }
  // More is held than the limit: stop reading until it has gone on.
  [[nodiscard]] bool request_full() const { return ways_[0].buffered > ways_[0].limit; }
  [[nodiscard]] bool response_full() const { return ways_[1].buffered > ways_[1].limit; }

  // The owner's timer fired.
  void on_timer();
  // The request is answered: whatever is held of it, or still comes, is dropped.
  void stop_request();
  // Calls on_done of every filter once and destroys them. Later calls of anything do nothing.
  void finish();

 private:
  enum Direction : uint8_t { kRequest, kResponse };
  // One direction of the chain.
  struct Way {
    std::size_t buffered = 0;
    std::size_t limit = 0;
    uint32_t epoch = 0;  // how often this direction was stopped
    uint16_t pauses = 0;
    bool begun = false;
    bool stopped = false;  // nothing passes any more
    bool body_hooks = false;
    bool walking = false;
    [[nodiscard]] bool needs_body() const { return body_hooks || pauses != 0; }
  };
  struct Held;
  class Entry;
  class Walk;

  [[nodiscard]] int first(Direction d) const { return d == kRequest ? 0 : count_ - 1; }
  static int after(Direction d, int at) { return d == kRequest ? at + 1 : at - 1; }
  [[nodiscard]] bool past_end(int at) const { return at < 0 || at >= count_; }

  // These pass one part to the filter at that place and on; false when the direction was stopped
  // meanwhile, so that whatever would follow is void.
  bool pass_head(Direction d, int at, bool end);
  bool pass_body(Direction d, int at, std::string_view data, bool end);
  bool pass_trailers(Direction d, int at, http::Headers& trailers);
  bool hold(Entry& entry, Direction d, std::string_view data, bool end);
  bool release(Entry& entry, Direction d, std::size_t budget);
  // After a hook: does the reset or reply that it asked for, and is false then.
  bool settle();
  // Does what a filter asked for in on_wake or outside of hooks.
  void act(Entry& entry);
  void pause(Entry& entry, Direction d, Flow flow);
  void stop(Direction d);
  void rearm();

  ChainOwner* owner_ = nullptr;
  Entry* entries_ = nullptr;
  int count_ = 0;
  Way ways_[2];
  bool bypass_response_ = false;
  bool finished_ = false;
  bool reset_wanted_ = false;
  bool reply_wanted_ = false;
  std::string_view reset_details_;
};

}  // namespace pillion::filter
