#pragma once
// Names to addresses with c-ares on an event loop: sockets through io::Poll, timeouts through
// io::Timer, so that nothing blocks. The only user of <ares.h>. Owned by the control thread's
// ClusterDirectory; that thread only.

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/base/function.h"
#include "sidecar/config/cluster.h"
#include "sidecar/io/timer_wheel.h"

struct ares_channeldata;
struct ares_addrinfo;

namespace pillion::io {
class EventLoop;
}

namespace pillion::upstream {

struct DnsAnswer {
  // True when the servers answered, even with "no such name" or "no such record": then `addresses`
  // is empty. False when nothing is known: timeout, refusal, malformed answer.
  bool answered = false;
  std::vector<Address> addresses;  // port 0, in the order of the answer, each once
  std::chrono::seconds ttl{0};     // the least of all records; 0: unknown, as from /etc/hosts
  std::string error;               // in words, when there is no address
};

class DnsResolver {
 public:
  using Callback = Function<void(const DnsAnswer&)>;
  // A lookup under way. Destroying it cancels it: its callback is not called any more.
  class Query {
   public:
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

   private:
    friend class DnsResolver;
    struct State;
    explicit Query(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  // Servers, transport, search domains, timeout and tries of `settings` are taken; the family is
  // given with each lookup. The loop outlives the resolver.
  DnsResolver(io::EventLoop& loop, const config::DnsSettings& settings);
  ~DnsResolver();
  DnsResolver(const DnsResolver&) = delete;
  DnsResolver& operator=(const DnsResolver&) = delete;

  // Looks a name up as Envoy does: kAuto asks for IPv6 and, failing that, for IPv4; kV4Preferred
  // the other way round; kAll takes both. An IP literal is its own answer. The callback comes once,
  // never inside this call, and may destroy the query and the resolver.
  [[nodiscard]] std::unique_ptr<Query> resolve(const std::string& name,
                                               config::DnsSettings::Family family,
                                               Callback callback);

  // Whether lookups with `a` and with `b` can share one resolver.
  static bool alike(const config::DnsSettings& a, const config::DnsSettings& b);

 private:
  class Socket;
  struct Lookup;

  // Thousands of names asked for in one go would overflow the servers' and our own UDP buffers, and
  // what is dropped costs a whole timeout: so this many lookups begin in one tick of a millisecond,
  // and the others wait.
  static constexpr unsigned kBurst = 32;
  static constexpr int kReceiveBuffer = 1024 * 1024;  // the system may allow less

  void open_channel();
  void close_channel();
  void begin(std::shared_ptr<Query::State> state);
  void on_pace();
  void start(std::shared_ptr<Query::State> state, int family);
  void finish(Query::State& state, int status, const ares_addrinfo* info);
  void deliver(const std::shared_ptr<Query::State>& state);
  void on_socket_state(int fd, bool read, bool write);
  void process(int read_fd, int write_fd);
  void on_timeout();
  void arm_timer();

  io::EventLoop& loop_;
  std::vector<Address> servers_;
  int flags_;
  std::chrono::milliseconds timeout_;
  uint32_t tries_;
  ares_channeldata* channel_ = nullptr;
  bool channel_broken_ = false;
  io::Timer timer_;
  io::Timer pace_timer_;
  unsigned begun_ = 0;  // in this tick
  std::deque<std::shared_ptr<Query::State>> waiting_;
  std::unordered_map<int, std::unique_ptr<Socket>> sockets_;
};

}  // namespace pillion::upstream
