#include "sidecar/filter/chain.h"

#include <algorithm>
#include <utility>

#include "sidecar/base/buffer.h"
#include "sidecar/base/check.h"

namespace pillion::filter {

namespace {
constexpr std::size_t kAll = static_cast<std::size_t>(-1);
}

// What one filter keeps back of one direction.
struct Chain::Held {
  bool paused = false;
  bool whole = false;  // kBuffer: more than the limit is an error
  bool head = false;
  bool head_end = false;
  bool body_end = false;
  http::Headers* trailers = nullptr;
  Buffer bytes;

  void clear() {
    paused = whole = head = head_end = body_end = false;
    trailers = nullptr;
    bytes.clear();
  }
};

// One filter of the chain, and the stream as that filter sees it.
class Chain::Entry final : public StreamContext {
 public:
  Entry(Chain& chain, const config::HttpFilter& config)
      : chain_(chain), name_(config.name), hooks(config.factory->hooks()) {}

  Arena& arena() override { return chain_.owner_->arena(); }
  StreamInfo& info() override { return chain_.owner_->info(); }
  http::RequestHead& request() override { return chain_.owner_->request(); }
  http::ResponseHead* response() override { return chain_.owner_->response(); }
  [[nodiscard]] const RouteConfig* route_config() const override {
    return chain_.owner_->overrides().config(name_);
  }
  std::size_t route_configs(const RouteConfig* (&out)[4]) const override {
    return chain_.owner_->overrides().configs(name_, out);
  }
  [[nodiscard]] bool has_route() const override { return chain_.owner_->has_route(); }
  [[nodiscard]] std::string_view route_cluster() const override {
    return chain_.owner_->route_cluster();
  }
  void clear_route_cache() override { chain_.owner_->clear_route_cache(); }
  [[nodiscard]] Time now() const override { return chain_.owner_->now(); }
  uint64_t random() override { return chain_.owner_->random(); }
  [[nodiscard]] std::optional<ClusterHealth> cluster_health(
      std::string_view cluster) const override {
    return chain_.owner_->cluster_health(cluster);
  }
  [[nodiscard]] bool server_draining() const override { return chain_.owner_->server_draining(); }
  ConnectionSlots& connection_slots() override { return chain_.owner_->connection_slots(); }
  void set_buffer_limit(std::size_t bytes) override { chain_.ways_[kRequest].limit = bytes; }
  [[nodiscard]] std::size_t buffered_request_bytes() const override {
    return held[kRequest].bytes.size();
  }
  [[nodiscard]] std::size_t held_response_bytes() const override {
    return held[kResponse].bytes.size();
  }

  void reply(const LocalReply& reply) override {
    if (chain_.finished_ || chain_.reply_wanted_) return;
    chain_.owner_->prepare_reply(reply);
    chain_.reply_wanted_ = true;
    act_outside_of_hooks();
  }
  void reset_stream(std::string_view details) override {
    if (chain_.finished_) return;
    chain_.reset_details_ = arena().copy(details);
    chain_.reset_wanted_ = true;
    act_outside_of_hooks();
  }
  void resume() override {
    resume_wanted = true;
    act_outside_of_hooks();
  }
  void release_response(std::size_t bytes) override {
    release_wanted += bytes;
    act_outside_of_hooks();
  }
  void wake_after(Duration delay) override {
    if (chain_.finished_) return;
    wake_at = now() + std::max(delay, Duration::zero());
    wakes = true;
    chain_.rearm();
  }

  // True when the hook's answer holds this filter back; a resume() from inside the hook undoes it.
  bool pauses(Flow flow) {
    CHECK(flow != Flow::kReplied);  // said so, but neither replied nor reset
    return !std::exchange(resume_wanted, false) && flow != Flow::kContinue;
  }
  // Calls a hook such that what it asks for is done once it has returned.
  template <class Hook>
  Flow in_hook(Hook&& hook) {
    in_hook_ = true;
    Flow flow = hook(*filter, static_cast<StreamContext&>(*this));
    in_hook_ = false;
    return flow;
  }
  [[nodiscard]] bool has_head_hook(Direction d) const {
    return d == kRequest ? hooks.request : hooks.response;
  }
  [[nodiscard]] bool has_body_hook(Direction d) const {
    return d == kRequest ? hooks.request_body : hooks.response_body;
  }
  [[nodiscard]] bool has_trailers_hook(Direction d) const {
    return d == kRequest ? hooks.request_trailers : hooks.response_trailers;
  }
  Flow on_head(Direction d, bool end) {
    return in_hook([&](Filter& f, StreamContext& context) {
      return d == kRequest ? f.on_request(context, request(), end)
                           : f.on_response(context, *response(), end);
    });
  }
  Flow on_body(Direction d, BodyPiece& piece) {
    return in_hook([&](Filter& f, StreamContext& context) {
      return d == kRequest ? f.on_request_body(context, piece) : f.on_response_body(context, piece);
    });
  }
  Flow on_trailers(Direction d, http::Headers& trailers) {
    return in_hook([&](Filter& f, StreamContext& context) {
      return d == kRequest ? f.on_request_trailers(context, trailers)
                           : f.on_response_trailers(context, trailers);
    });
  }

 private:
  void act_outside_of_hooks() {
    if (!in_hook_ && !chain_.finished_) chain_.act(*this);
  }

  Chain& chain_;
  std::string_view name_;
  bool in_hook_ = false;

 public:
  Hooks hooks;
  Filter* filter = nullptr;
  bool resume_wanted = false;
  bool wakes = false;
  Time wake_at{};
  std::size_t release_wanted = 0;
  Held held[2];
};

void Chain::construct(ChainOwner& owner, std::span<const config::HttpFilter> filters,
                      const Overrides& overrides, Limits limits) {
  CHECK(owner_ == nullptr);
  owner_ = &owner;
  ways_[kRequest].limit = limits.request;
  ways_[kResponse].limit = limits.response;
  if (filters.empty()) return;
  auto enabled = [&overrides](const config::HttpFilter& f) {
    if (f.factory == nullptr) return false;
    return !(overrides.empty() ? f.disabled : overrides.disabled(f.name).value_or(f.disabled));
  };
  auto wanted = static_cast<std::size_t>(std::count_if(filters.begin(), filters.end(), enabled));
  if (wanted == 0) return;
  Arena& arena = owner.arena();
  entries_ = static_cast<Entry*>(arena.allocate(sizeof(Entry) * wanted, alignof(Entry)));
  for (const config::HttpFilter& f : filters) {
    if (!enabled(f)) continue;
    Entry* entry = new (entries_ + count_) Entry(*this, f);
    entry->filter = f.factory->create(arena);
    ++count_;
    ways_[kRequest].body_hooks |= entry->hooks.request_body;
    ways_[kResponse].body_hooks |= entry->hooks.response_body;
  }
}

// Marks one direction as being walked, for as long as a public call lasts.
class Chain::Walk {
 public:
  explicit Walk(Way& way) : way_(way) {
    CHECK(!way.walking);  // the owner passed a part from inside this direction's on_..._done
    way.walking = true;
  }
  ~Walk() { way_.walking = false; }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

 private:
  Way& way_;
};

void Chain::request_head(bool end) {
  Way& way = ways_[kRequest];
  if (way.stopped) return;
  way.begun = true;
  Walk walk(way);
  pass_head(kRequest, first(kRequest), end);
}

void Chain::request_body(std::string_view data, bool end) {
  Way& way = ways_[kRequest];
  if (way.stopped) return;
  Walk walk(way);
  pass_body(kRequest, way.needs_body() ? first(kRequest) : count_, data, end);
}

void Chain::request_trailers(http::Headers& trailers) {
  Way& way = ways_[kRequest];
  if (way.stopped) return;
  Walk walk(way);
  pass_trailers(kRequest, first(kRequest), trailers);
}

void Chain::response_head(bool end) {
  if (finished_) return;
  Way& way = ways_[kResponse];
  if (way.begun) {
    stop(kResponse);
    way.stopped = false;
    bypass_response_ = true;
  }
  way.begun = true;
  Walk walk(way);
  pass_head(kResponse, bypass_response_ ? -1 : first(kResponse), end);
}

void Chain::response_body(std::string_view data, bool end) {
  Way& way = ways_[kResponse];
  if (way.stopped) return;
  Walk walk(way);
  pass_body(kResponse, way.needs_body() && !bypass_response_ ? first(kResponse) : -1, data, end);
}

void Chain::response_trailers(http::Headers& trailers) {
  Way& way = ways_[kResponse];
  if (way.stopped) return;
  Walk walk(way);
  pass_trailers(kResponse, bypass_response_ ? -1 : first(kResponse), trailers);
}

bool Chain::pass_head(Direction d, int at, bool end) {
  const uint32_t epoch = ways_[d].epoch;
  for (; !past_end(at); at = after(d, at)) {
    Entry& entry = entries_[at];
    if (!entry.has_head_hook(d)) continue;
    const Flow flow = entry.on_head(d, end);
    if (!settle()) return false;
    if (entry.pauses(flow)) {
      pause(entry, d, flow);
      entry.held[d].head = true;
      entry.held[d].head_end = end;
      return true;
    }
  }
  if (d == kRequest) {
    owner_->on_request_head_done(end);
  } else {
    owner_->on_response_head_done(end);
  }
  return ways_[d].epoch == epoch;
}

bool Chain::pass_body(Direction d, int at, std::string_view data, bool end) {
  const uint32_t epoch = ways_[d].epoch;
  for (; !past_end(at); at = after(d, at)) {
    Entry& entry = entries_[at];
    if (!entry.has_body_hook(d)) {
      if (entry.held[d].paused) return hold(entry, d, data, end);
      continue;
    }
    BodyPiece piece{data, end};
    const Flow flow = entry.on_body(d, piece);
    if (!settle()) return false;
    data = piece.data;
    if (entry.pauses(flow)) {
      pause(entry, d, flow);
      return hold(entry, d, data, end);
    }
    // The filter has what it waited for: everything goes on, this piece last.
    if (entry.held[d].paused) return hold(entry, d, data, end) && release(entry, d, kAll);
  }
  if (d == kRequest) {
    owner_->on_request_body_done(data, end);
  } else {
    owner_->on_response_body_done(data, end);
  }
  return ways_[d].epoch == epoch;
}

bool Chain::pass_trailers(Direction d, int at, http::Headers& trailers) {
  const uint32_t epoch = ways_[d].epoch;
  for (; !past_end(at); at = after(d, at)) {
    Entry& entry = entries_[at];
    Held& held = entry.held[d];
    Flow flow = held.paused ? Flow::kPause : Flow::kContinue;
    if (entry.has_trailers_hook(d)) {
      flow = entry.on_trailers(d, trailers);
      if (!settle()) return false;
    }
    const bool waits = entry.pauses(flow);
    if (!waits && !held.paused) continue;
    held.trailers = &trailers;
    if (!waits) return release(entry, d, kAll);
    pause(entry, d, flow);
    return true;
  }
  if (d == kRequest) {
    owner_->on_request_trailers_done(trailers);
  } else {
    owner_->on_response_trailers_done(trailers);
  }
  return ways_[d].epoch == epoch;
}

void Chain::pause(Entry& entry, Direction d, Flow flow) {
  Held& held = entry.held[d];
  held.whole = flow == Flow::kBuffer;
  if (held.paused) return;
  held.paused = true;
  ++ways_[d].pauses;
}

bool Chain::hold(Entry& entry, Direction d, std::string_view data, bool end) {
  Held& held = entry.held[d];
  held.bytes.append(data);
  held.body_end |= end;
  ways_[d].buffered += data.size();
  if (!held.whole || held.bytes.size() <= ways_[d].limit) return true;
  stop(d);
  if (d == kRequest) {
    owner_->on_request_too_large();
  } else {
    ways_[d].walking = false;  // the owner's reply starts the response anew
    owner_->on_response_too_large();
  }
  return false;
}

bool Chain::release(Entry& entry, Direction d, std::size_t budget) {
  Held& held = entry.held[d];
  Way& way = ways_[d];
  const int next = after(d, static_cast<int>(&entry - entries_));
  if (held.head) {
    held.head = false;
    if (!pass_head(d, next, held.head_end)) return false;
  }
  // The owner may stop this direction while a piece passes, which clears `held`; the piece outlives
  // that in `moving`.
  Buffer moving = std::move(held.bytes);
  while (!moving.empty() && budget > 0) {
    std::string_view piece = moving.front().substr(0, budget);
    bool end = held.body_end && piece.size() == moving.size();
    budget -= piece.size();
    way.buffered -= piece.size();
    if (!pass_body(d, next, piece, end)) return false;
    if (end) held.body_end = false;
    moving.drain(piece.size());
  }
  held.bytes = std::move(moving);
  if (!held.bytes.empty()) return true;
  held.paused = held.whole = false;
  --way.pauses;
  if (held.body_end) {
    held.body_end = false;
    return pass_body(d, next, {}, true);
  }
  http::Headers* trailers = std::exchange(held.trailers, nullptr);
  return trailers == nullptr || pass_trailers(d, next, *trailers);
}

bool Chain::settle() {
  if (reset_wanted_) {
    reset_wanted_ = reply_wanted_ = false;
    stop(kRequest);
    stop(kResponse);
    owner_->reset_stream(reset_details_);
    return false;
  }
  if (reply_wanted_) {
    reply_wanted_ = false;
    stop(kRequest);
    ways_[kResponse].walking = false;  // the reply starts the response anew
    owner_->send_reply();
    return false;
  }
  return true;
}

void Chain::act(Entry& entry) {
  bool all = std::exchange(entry.resume_wanted, false);
  std::size_t some = std::exchange(entry.release_wanted, 0);
  if (!settle()) return;
  if (all && entry.held[kRequest].paused) {
    Walk walk(ways_[kRequest]);
    release(entry, kRequest, kAll);
  }
  if ((all || some > 0) && entry.held[kResponse].paused) {
    Walk walk(ways_[kResponse]);
    release(entry, kResponse, all ? kAll : some);
  }
}

void Chain::on_timer() {
  for (int i = 0; i < count_ && !finished_; ++i) {
    Entry& entry = entries_[i];
    if (!entry.wakes || entry.wake_at > owner_->now()) continue;
    entry.wakes = false;
    entry.in_hook([](Filter& filter, StreamContext& context) {
      filter.on_wake(context);
      return Flow::kContinue;
    });
    act(entry);
  }
  if (!finished_) rearm();
}

void Chain::rearm() {
  const Entry* earliest = nullptr;
  for (int i = 0; i < count_; ++i) {
    const Entry& entry = entries_[i];
    if (entry.wakes && (earliest == nullptr || entry.wake_at < earliest->wake_at))
      earliest = &entry;
  }
  if (earliest != nullptr)
    owner_->arm_filter_timer(std::max(earliest->wake_at - owner_->now(), Duration::zero()));
}

void Chain::stop(Direction d) {
  Way& way = ways_[d];
  way.stopped = true;
  ++way.epoch;
  way.buffered = 0;
  way.pauses = 0;
  for (int i = 0; i < count_; ++i) entries_[i].held[d].clear();
}

void Chain::stop_request() {
  if (!ways_[kRequest].stopped) stop(kRequest);
}

void Chain::finish() {
  if (finished_) return;
  finished_ = true;
  stop(kRequest);
  stop(kResponse);
  bool armed = false;
  for (int i = 0; i < count_; ++i) {
    Entry& entry = entries_[i];
    armed |= entry.wakes;
    entry.filter->on_done(entry);
  }
  // Frames below may still look at the entries, which hold nothing any more; the arena frees them.
  for (int i = 0; i < count_; ++i) entries_[i].filter->~Filter();
  if (armed) owner_->cancel_filter_timer();
}

}  // namespace pillion::filter
