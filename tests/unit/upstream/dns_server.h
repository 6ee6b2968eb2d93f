#pragma once
// A name server on 127.0.0.1 that answers from a script, over UDP and TCP, on the loop of the test:
// the one fake of the DNS tests, at the edge where the network begins.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/io/loop.h"
#include "sidecar/io/poll.h"

namespace pillion::upstream {

class DnsServer final : public io::PollEvents {
 public:
  enum Type : uint16_t { kA = 1, kAaaa = 28 };
  struct Reply {
    std::vector<std::string> addresses = {};
    uint32_t ttl = 300;
    std::string alias =
        {};  // the answer leads through a CNAME to this name, whose TTL is `alias_ttl`
    uint32_t alias_ttl = 300;
    unsigned rcode = 0;      // 2: SERVFAIL, 3: NXDOMAIN, 5: REFUSED
    bool truncated = false;  // over UDP an empty answer that asks for TCP
    bool silent = false;     // no answer at all
    bool garbage = false;    // bytes that are no message
  };

  explicit DnsServer(io::EventLoop& loop);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }
  // What is not in the script does not exist (NXDOMAIN).
  void script(const std::string& name, Type type, Reply reply) {
    replies_[{name, type}] = std::move(reply);
  }
  // Shorthand: A gives these, AAAA says that there is no such record.
  void script(const std::string& name, std::vector<std::string> addresses, uint32_t ttl = 300);
  // Queries so far, "name/A" or "name/AAAA", with "/tcp" at the end if they came that way.
  std::vector<std::string> queries;

 private:
  class Stream;
  void on_ready(unsigned ready) override;
  std::string answer(std::string_view query, bool tcp);

  io::EventLoop& loop_;
  int udp_ = -1;
  int tcp_ = -1;
  Address address_;
  std::map<std::pair<std::string, uint16_t>, Reply> replies_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::unique_ptr<io::Poll> udp_poll_;
  std::unique_ptr<io::Poll> tcp_poll_;
};

// Turns the loop until `done`; false when that takes ten seconds.
bool turn_until(io::EventLoop& loop, const std::function<bool()>& done);

}  // namespace pillion::upstream
