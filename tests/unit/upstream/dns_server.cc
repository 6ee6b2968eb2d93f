#include "tests/unit/upstream/dns_server.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>

#include "sidecar/base/check.h"
#include "sidecar/base/text.h"

namespace pillion::upstream {

namespace {

void put16(std::string& to, unsigned value) {
  to += static_cast<char>(value >> 8);
  to += static_cast<char>(value & 0xff);
}

void put32(std::string& to, uint32_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xffff);
}

std::string encoded(std::string_view name) {
  std::string out;
  for (std::string_view label : split(name, '.')) {
    out += static_cast<char>(label.size());
    out += label;
  }
  out += '\0';
  return out;
}

void put_record(std::string& to, const std::string& name, unsigned type, uint32_t ttl,
                std::string_view data) {
  to += name;
  put16(to, type);
  put16(to, 1);
  put32(to, ttl);
  put16(to, static_cast<unsigned>(data.size()));
  to += data;
}

int make_socket(int type, uint16_t port) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

// A TCP connection: messages with two bytes of length before them.
class DnsServer::Stream final : public io::PollEvents {
 public:
  Stream(DnsServer& server, int fd) : server_(server), fd_(fd), poll_(server.loop_, fd, *this) {
    poll_.watch(io::kReadable);
  }
  ~Stream() { close(fd_); }
  void on_ready(unsigned /*ready*/) override {
    char bytes[2048];
    ssize_t n = read(fd_, bytes, sizeof(bytes));
    if (n <= 0) {
      poll_.watch(0);
      return;
    }
    in_.append(bytes, static_cast<std::size_t>(n));
    while (in_.size() >= 2) {
      std::size_t size =
          static_cast<unsigned char>(in_[0]) * 256u + static_cast<unsigned char>(in_[1]);
      if (in_.size() < 2 + size) return;
      std::string reply = server_.answer(std::string_view(in_).substr(2, size), true);
      in_.erase(0, 2 + size);
      if (reply.empty()) continue;
      std::string framed;
      put16(framed, static_cast<unsigned>(reply.size()));
      framed += reply;
      CHECK(write(fd_, framed.data(), framed.size()) == static_cast<ssize_t>(framed.size()));
    }
  }

 private:
  DnsServer& server_;
  int fd_;
  std::string in_;
  io::Poll poll_;
};

DnsServer::DnsServer(io::EventLoop& loop) : loop_(loop) {
  // Both transports need the same port: another try when TCP's is taken.
  while (tcp_ < 0) {
    if (udp_ >= 0) close(udp_);
    udp_ = make_socket(SOCK_DGRAM, 0);
    CHECK(udp_ >= 0);
    sockaddr_storage at{};
    socklen_t size = sizeof(at);
    getsockname(udp_, reinterpret_cast<sockaddr*>(&at), &size);
    address_ = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&at), size);
    tcp_ = make_socket(SOCK_STREAM, address_.port());
  }
  CHECK(listen(tcp_, 16) == 0);
  udp_poll_ = std::make_unique<io::Poll>(loop_, udp_, *this);
  tcp_poll_ = std::make_unique<io::Poll>(loop_, tcp_, *this);
  udp_poll_->watch(io::kReadable);
  tcp_poll_->watch(io::kReadable);
}

DnsServer::~DnsServer() {
  udp_poll_.reset();
  tcp_poll_.reset();
  close(udp_);
  close(tcp_);
}

void DnsServer::script(const std::string& name, std::vector<std::string> addresses, uint32_t ttl) {
  Reply reply;
  reply.addresses = std::move(addresses);
  reply.ttl = ttl;
  script(name, kA, std::move(reply));
  script(name, kAaaa, {});
}

void DnsServer::on_ready(unsigned /*ready*/) {
  sockaddr_storage from{};
  socklen_t size = sizeof(from);
  char bytes[2048];
  for (;;) {
    ssize_t n = recvfrom(udp_, bytes, sizeof(bytes), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0) break;
    std::string reply = answer({bytes, static_cast<std::size_t>(n)}, false);
    if (!reply.empty())
      sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
  }
  for (int fd = accept(tcp_, nullptr, nullptr); fd >= 0; fd = accept(tcp_, nullptr, nullptr))
    streams_.push_back(std::make_unique<Stream>(*this, fd));
}

std::string DnsServer::answer(std::string_view query, bool tcp) {
  std::string name;
  std::size_t at = 12;
  while (query[at] != '\0') {
    auto length = static_cast<std::size_t>(query[at]);
    if (!name.empty()) name += '.';
    name += query.substr(at + 1, length);
    at += length + 1;
  }
  auto type = static_cast<uint16_t>(query[at + 2]);
  std::string_view question = query.substr(12, at + 5 - 12);
  queries.push_back(name + (type == kA ? "/A" : "/AAAA") + (tcp ? "/tcp" : ""));
  Reply reply;
  reply.rcode = 3;
  if (auto found = replies_.find({name, type}); found != replies_.end()) reply = found->second;
  if (reply.silent) return {};
  if (reply.garbage) return "no DNS message";
  bool cut = reply.truncated && !tcp;

  std::string out(query.substr(0, 2));
  put16(out, 0x8180u | reply.rcode | (cut ? 0x0200u : 0u));
  put16(out, 1);
  std::size_t answers = cut ? 0 : reply.addresses.size() + (reply.alias.empty() ? 0 : 1);
  put16(out, static_cast<unsigned>(answers));
  put32(out, 0);
  out += question;
  if (cut) return out;
  std::string owner = "\xc0\x0c";  // the question's name
  if (!reply.alias.empty()) {
    put_record(out, owner, 5, reply.alias_ttl, encoded(reply.alias));
    owner = encoded(reply.alias);
  }
  for (const std::string& text : reply.addresses) {
    auto parsed = Address::parse_ip(text, 0);
    CHECK(parsed.has_value());
    put_record(out, owner, type, reply.ttl, parsed->ip_bytes());
  }
  return out;
}

bool turn_until(io::EventLoop& loop, const std::function<bool()>& done) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    loop.run_once();
  }
  return true;
}

}  // namespace pillion::upstream
