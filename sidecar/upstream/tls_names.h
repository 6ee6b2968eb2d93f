#pragma once
// What a request's host has to do with TLS to its endpoint (auto_sni, auto_san_validation): the
// name that is asked for, and the one that the certificate has to have. Connections are shared only
// among requests of the same names. A value; any thread.

#include <string>

namespace pillion::upstream {

struct TlsNames {
  std::string sni = {};  // empty: what the configuration says
  std::string san = {};  // not empty: has to be among the certificate's names
  [[nodiscard]] bool empty() const { return sni.empty() && san.empty(); }
  friend bool operator==(const TlsNames&, const TlsNames&) = default;
};

}  // namespace pillion::upstream
