#pragma once
// The two ends of one exchange, over either version of HTTP and cut into phases, so that a test can
// stop in each: half a head, the head, half a body, the end. Both ends speak through raw sockets.
// Polled by the test's world.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/component/http2_peers.h"
#include "tests/component/raw_origin.h"

namespace pillion::component {

enum class Phase { kConnected, kHalfHead, kHead, kHalfBody, kEnd };
constexpr Phase kPhases[] = {Phase::kConnected, Phase::kHalfHead, Phase::kHead, Phase::kHalfBody,
                             Phase::kEnd};
const char* name_of(Phase phase);

// Half of a body, and so the other half.
constexpr std::string_view kHalf = "half";

// A client with one POST.
class Front {
 public:
  Front(bool http2, Peer& peer);
  void poll();
  // Sends what is missing up to and including `phase`.
  void go_to(Phase phase);
  // A final response has begun, with this status; 0: none.
  [[nodiscard]] int status() const;
  [[nodiscard]] std::string body() const;
  // The response is complete.
  [[nodiscard]] bool complete() const;
  // No response will be complete: the stream or the connection has ended without.
  [[nodiscard]] bool cut() const;
  [[nodiscard]] Peer& peer() { return peer_; }
  // HTTP/2 only.
  Http2Side& side() { return *side_; }
  http::RecordedStream& stream() { return *stream_; }

 private:
  void open_stream();
  void send(Phase phase);
  Peer& peer_;
  std::unique_ptr<Http2Side> side_;
  http::RecordedStream* stream_ = nullptr;
  std::string rest_of_head_;
  int next_ = 1;
};

// An origin that answers the requests of one connection after another, each by hand.
class Back {
 public:
  explicit Back(bool http2) : http2_(http2) {}
  [[nodiscard]] uint16_t port() const { return raw_.port(); }
  void poll();
  [[nodiscard]] std::size_t connections() const { return raw_.connections(); }
  // Of the latest connection's latest request.
  [[nodiscard]] bool connected() const { return connections() > 0; }
  // Heard of so far, on all connections.
  [[nodiscard]] std::size_t requests();
  [[nodiscard]] bool heard_head();
  [[nodiscard]] std::string heard_body();
  [[nodiscard]] bool heard_end();
  void go_to(Phase phase);
  // What follows is the answer to another request.
  void begin_again();
  [[nodiscard]] Peer& peer() { return raw_.peer(raw_.connections() - 1); }
  Http2Side& side() { return *sides_.back(); }
  // The latest request over HTTP/2; null if there is none.
  http::RecordedStream* stream();

 private:
  void send(Phase phase);
  bool http2_;
  RawOrigin raw_;
  std::vector<std::unique_ptr<Http2Side>> sides_;
  std::string rest_of_head_;
  Http2Side* cut_side_ = nullptr;  // whose peer has half of a head
  int next_ = 1;
};

}  // namespace pillion::component
