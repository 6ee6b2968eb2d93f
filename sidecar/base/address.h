#pragma once
// A socket address (IPv4, IPv6 or Unix path) as a plain value, and CIDR ranges over it.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sidecar/base/error.h"

namespace pillion {

// 40 bytes; a Unix path is held by the heap. Compares by value.
class Address {
 public:
  Address() = default;
  // An IPv4 or IPv6 literal, without brackets. Error names the text.
  static Result<Address, Problem> parse_ip(std::string_view ip, uint16_t port);
  // A leading '@' names the abstract namespace, as in Envoy's Pipe.
  static Result<Address, Problem> unix_path(std::string_view path);
  static Address from_sockaddr(const sockaddr* address, socklen_t size);

  [[nodiscard]] bool valid() const { return ip_.sa.sa_family != AF_UNSPEC; }
  [[nodiscard]] int family() const { return ip_.sa.sa_family; }
  [[nodiscard]] bool is_ip() const { return family() == AF_INET || family() == AF_INET6; }
  [[nodiscard]] bool is_ipv4() const { return family() == AF_INET; }
  [[nodiscard]] bool is_unix() const { return family() == AF_UNIX; }
  [[nodiscard]] bool is_loopback() const;
  // RFC 1918 or RFC 4193 or loopback.
  [[nodiscard]] bool is_private() const;
  [[nodiscard]] bool is_any() const;
  [[nodiscard]] uint16_t port() const;
  void set_port(uint16_t port);
  // "10.0.0.1:80", "[::1]:80" or the path.
  [[nodiscard]] std::string to_string() const;
  // "10.0.0.1", "::1", without port.
  [[nodiscard]] std::string ip_string() const;
  // For bind(2), connect(2); fills `storage` and returns the length to pass.
  socklen_t to_sockaddr(sockaddr_storage& storage) const;
  // The address's 4 or 16 bytes in network order; empty for a Unix path.
  [[nodiscard]] std::string_view ip_bytes() const;
  // With all bits after the first `prefix_length` cleared; the port stays.
  [[nodiscard]] Address masked(uint32_t prefix_length) const;
  [[nodiscard]] uint64_t hash() const;

  friend bool operator==(const Address& a, const Address& b);

 private:
  union {
    sockaddr sa;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } ip_{};
  // The few that are Unix paths pay for theirs, so that the many that are not stay small.
  class Path {
   public:
    Path() = default;
    Path(Path&&) noexcept = default;
    Path& operator=(Path&&) noexcept = default;
    Path(const Path& other) { *this = other; }
    Path& operator=(const Path& other);
    ~Path() = default;
    void set(std::string_view text) { text_ = std::make_unique<const std::string>(text); }
    [[nodiscard]] const std::string& text() const;

   private:
    std::unique_ptr<const std::string> text_;
  };
  Path path_;
};

// An address prefix, e.g. 10.0.0.0/8. An IPv4-mapped IPv6 address matches IPv4 ranges.
class CidrRange {
 public:
  static Result<CidrRange, Problem> create(std::string_view ip, uint32_t prefix_length);
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] uint32_t prefix_length() const { return prefix_; }
  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] std::string to_string() const;

 private:
  Address address_;
  uint32_t prefix_ = 0;
};

}  // namespace pillion
