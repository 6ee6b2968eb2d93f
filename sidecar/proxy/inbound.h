#pragma once
// A connection from a client, whatever becomes of it: what its Worker can do with all of them.
// Deletes itself through the loop when it ends; worker thread.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/base/list.h"
#include "sidecar/config/value.h"
#include "sidecar/io/loop.h"
#include "sidecar/net/proxy_protocol.h"

namespace pillion::proxy {

class ListenerRuntime;

class Inbound : public io::Disposable, public TaggedNode<Inbound> {
 public:
  // The server drains: closes as soon as nothing is lost by it.
  virtual void drain() = 0;
  // Closes at once.
  virtual void abort(std::string_view details) = 0;
  [[nodiscard]] virtual const ListenerRuntime& listener() const = 0;
};

// What listener filters found out about a connection. Most connections have none.
struct Inspection {
  // The socket's own ends, where a PROXY header names others.
  Address direct_remote;
  Address direct_local;
  std::string server_name;
  std::string_view transport;          // "tls", or empty while nothing says so
  std::vector<std::string> protocols;  // of ALPN, or what the HTTP inspector found
  std::unique_ptr<config::Metadata> metadata;
  bool proxied = false;             // a PROXY header named the ends
  bool restored = false;            // the destination is what it was before it was redirected
  std::vector<net::ProxyTlv> tlvs;  // those to be passed on
};

}  // namespace pillion::proxy
