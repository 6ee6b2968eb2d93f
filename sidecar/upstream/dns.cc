#include "sidecar/upstream/dns.h"

#include <ares.h>

#include <algorithm>
#include <cstring>

#include "sidecar/base/check.h"
#include "sidecar/io/loop.h"
#include "sidecar/io/poll.h"

namespace pillion::upstream {

namespace {

using Family = config::DnsSettings::Family;

// The server said that there is no such name or record, which is an answer.
bool says_none(int status) {
  return status == ARES_ENODATA || status == ARES_ENOTFOUND;
}

std::chrono::seconds least(std::chrono::seconds ttl, int other) {
  return std::min(ttl, std::chrono::seconds(std::max(other, 0)));
}

}  // namespace

// Shared by the asker's Query and by c-ares, which always calls back, when a query is done or its
// channel closed.
struct DnsResolver::Query::State {
  Callback callback;  // empty once cancelled
  std::string name;
  int family = AF_UNSPEC;  // what to ask for; AF_UNSPEC: both
  int then = AF_UNSPEC;    // the family to ask for when the first has no address
  DnsAnswer answer;
};

struct DnsResolver::Lookup {
  DnsResolver& resolver;
  std::shared_ptr<Query::State> state;
};

// One socket of c-ares, watched. c-ares closes it itself, after saying that it needs no more
// watching.
class DnsResolver::Socket final : public io::PollEvents {
 public:
  Socket(DnsResolver& resolver, int fd)
      : resolver_(resolver), fd_(fd), poll_(resolver.loop_, fd, *this) {}
  void watch(bool read, bool write) {
    poll_.watch((read ? io::kReadable : 0u) | (write ? io::kWritable : 0u));
  }
  void on_ready(unsigned ready) override {
    // This object may be gone when c-ares returns.
    int fd = fd_;
    resolver_.process((ready & io::kReadable) != 0 ? fd : ARES_SOCKET_BAD,
                      (ready & io::kWritable) != 0 ? fd : ARES_SOCKET_BAD);
  }

 private:
  DnsResolver& resolver_;
  int fd_;
  io::Poll poll_;
};

DnsResolver::Query::~Query() {
  state_->callback = {};
}

DnsResolver::DnsResolver(io::EventLoop& loop, const config::DnsSettings& settings)
    : loop_(loop),
      servers_(settings.resolvers),
      flags_((settings.use_tcp ? ARES_FLAG_USEVC : 0) |
             (settings.no_default_search_domain ? ARES_FLAG_NOSEARCH : 0)),
      timeout_(settings.query_timeout),
      tries_(settings.query_tries),
      timer_(io::Timer::of<&DnsResolver::on_timeout>(loop.timers(), *this)),
      pace_timer_(io::Timer::of<&DnsResolver::on_pace>(loop.timers(), *this)) {
  static const int initialized = ares_library_init(ARES_LIB_INIT_ALL);
  CHECK(initialized == ARES_SUCCESS);
  open_channel();
}

DnsResolver::~DnsResolver() {
  close_channel();
  for (const auto& state : waiting_) {
    state->answer.error = ares_strerror(ARES_EDESTRUCTION);
    deliver(state);
  }
}

bool DnsResolver::alike(const config::DnsSettings& a, const config::DnsSettings& b) {
  return a.resolvers == b.resolvers && a.use_tcp == b.use_tcp &&
         a.no_default_search_domain == b.no_default_search_domain &&
         a.query_timeout == b.query_timeout && a.query_tries == b.query_tries;
}

void DnsResolver::open_channel() {
  channel_broken_ = false;
  ares_options options{};
  options.flags = flags_;
  options.timeout = static_cast<int>(std::max<int64_t>(timeout_.count(), 1));
  options.tries = static_cast<int>(std::max(tries_, 1u));
  options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
    static_cast<DnsResolver*>(self)->on_socket_state(fd, read != 0, write != 0);
  };
  options.sock_state_cb_data = this;
  options.socket_receive_buffer_size = kReceiveBuffer;
  int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
              ARES_OPT_SOCK_RCVBUF;
  // c-ares 1.18 heeds ARES_FLAG_NOSEARCH in ares_query's family only; so its list of domains is
  // emptied.
  if ((flags_ & ARES_FLAG_NOSEARCH) != 0) given |= ARES_OPT_DOMAINS;
  CHECK(ares_init_options(&channel_, &options, given) == ARES_SUCCESS);
  std::vector<ares_addr_port_node> nodes;
  for (const Address& server : servers_) {
    if (!server.is_ip()) continue;
    ares_addr_port_node node{};
    node.family = server.family();
    std::memcpy(&node.addr, server.ip_bytes().data(), server.ip_bytes().size());
    node.udp_port = node.tcp_port = server.port();
    nodes.push_back(node);
  }
  for (std::size_t i = 1; i < nodes.size(); ++i) nodes[i - 1].next = &nodes[i];
  if (!nodes.empty()) CHECK(ares_set_servers_ports(channel_, nodes.data()) == ARES_SUCCESS);
}

void DnsResolver::close_channel() {
  // Lookups under way are called back from in here, as failed.
  ares_destroy(channel_);
  channel_ = nullptr;
  sockets_.clear();
  timer_.cancel();
}

std::unique_ptr<DnsResolver::Query> DnsResolver::resolve(const std::string& name, Family family,
                                                         Callback callback) {
  auto state = std::make_shared<Query::State>();
  state->callback = std::move(callback);
  state->name = name;
  std::unique_ptr<Query> query(new Query(state));
  if (auto literal = Address::parse_ip(name, 0)) {
    state->answer.answered = true;
    state->answer.addresses.push_back(*literal);
    deliver(state);
    return query;
  }
  switch (family) {
    case Family::kV4Only:
      state->family = AF_INET;
      break;
    case Family::kV6Only:
      state->family = AF_INET6;
      break;
    case Family::kAuto:
      state->family = AF_INET6;
      state->then = AF_INET;
      break;
    case Family::kV4Preferred:
      state->family = AF_INET;
      state->then = AF_INET6;
      break;
    case Family::kAll:
      break;
  }
  if (begun_ < kBurst) {
    begin(std::move(state));
  } else {
    waiting_.push_back(std::move(state));
  }
  return query;
}

void DnsResolver::begin(std::shared_ptr<Query::State> state) {
  // All servers refused: the system's list of servers may have changed, which only a new channel
  // reads.
  if (channel_broken_) {
    close_channel();
    open_channel();
  }
  if (begun_++ == 0) {
    loop_.timers();  // the wheel counts from the loop's time
    pace_timer_.arm(std::chrono::milliseconds(1));
  }
  int family = state->family;
  start(std::move(state), family);
  arm_timer();
}

void DnsResolver::on_pace() {
  begun_ = 0;
  while (!waiting_.empty() && begun_ < kBurst) {
    auto state = std::move(waiting_.front());
    waiting_.pop_front();
    if (state->callback) begin(std::move(state));
  }
}

void DnsResolver::start(std::shared_ptr<Query::State> state, int family) {
  const char* name = state->name.c_str();
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  // Sorting would open a socket to each address.
  hints.ai_flags = ARES_AI_NOSORT;
  auto* lookup = new Lookup{*this, std::move(state)};
  ares_getaddrinfo(
      channel_, name, nullptr, &hints,
      [](void* arg, int status, int /*timeouts*/, ares_addrinfo* info) {
        std::unique_ptr<Lookup> done(static_cast<Lookup*>(arg));
        Query::State& done_state = *done->state;
        done->resolver.finish(done_state, status, info);
        if (info != nullptr) ares_freeaddrinfo(info);
        int then = std::exchange(done_state.then, AF_UNSPEC);
        bool again = then != AF_UNSPEC && done_state.answer.addresses.empty() &&
                     done_state.callback && status != ARES_EDESTRUCTION;
        if (again) {
          done->resolver.start(done->state, then);
        } else {
          done->resolver.deliver(done->state);
        }
      },
      lookup);
}

void DnsResolver::finish(Query::State& state, int status, const ares_addrinfo* info) {
  DnsAnswer& answer = state.answer;
  if (status == ARES_ECONNREFUSED) channel_broken_ = true;
  if (status != ARES_SUCCESS) {
    // Where two families are asked one after the other, one answer is an answer.
    answer.answered = answer.answered || says_none(status);
    answer.error = ares_strerror(status);
    return;
  }
  auto ttl = std::chrono::seconds::max();
  for (const auto* node = info->nodes; node != nullptr; node = node->ai_next) {
    Address address = Address::from_sockaddr(node->ai_addr, node->ai_addrlen);
    if (!address.is_ip()) continue;
    ttl = least(ttl, node->ai_ttl);
    auto& all = answer.addresses;
    if (std::find(all.begin(), all.end(), address) == all.end()) all.push_back(address);
  }
  for (const auto* alias = info->cnames; alias != nullptr; alias = alias->next)
    ttl = least(ttl, alias->ttl);
  answer.answered = true;
  if (answer.addresses.empty()) {
    answer.error = ares_strerror(ARES_ENODATA);
    return;
  }
  answer.error.clear();
  answer.ttl = ttl;
}

// From the loop and not from inside c-ares, which must not be closed while it calls back.
void DnsResolver::deliver(const std::shared_ptr<Query::State>& state) {
  loop_.post([state] {
    if (!state->callback) return;
    Callback callback = std::exchange(state->callback, {});
    callback(state->answer);
  });
}

void DnsResolver::on_socket_state(int fd, bool read, bool write) {
  if (!read && !write) {
    sockets_.erase(fd);
    return;
  }
  auto& socket = sockets_[fd];
  if (!socket) socket = std::make_unique<Socket>(*this, fd);
  socket->watch(read, write);
}

void DnsResolver::process(int read_fd, int write_fd) {
  ares_process_fd(channel_, read_fd, write_fd);
  arm_timer();
}

void DnsResolver::on_timeout() {
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void DnsResolver::arm_timer() {
  timeval wait{};
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) {
    timer_.cancel();
    return;
  }
  loop_.timers();  // the wheel counts from the loop's time
  timer_.arm(std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec));
}

}  // namespace pillion::upstream
