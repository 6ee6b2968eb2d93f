#pragma once
// All that one load of a context's secrets has made: BoringSSL's context, our certificates, what
// peers are verified with. Immutable but for the client's session cache; shared by all workers, and
// kept by each session until its end, whatever is loaded later. Internal to sidecar/tls.

#include <openssl/ssl.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/base/hash.h"
#include "sidecar/base/secret.h"
#include "sidecar/tls/certificate.h"
#include "sidecar/tls/validator.h"

namespace pillion::tls {

// Sessions that a client may resume, by server name; the newest is used first. Any thread.
class SessionCache {
 public:
  explicit SessionCache(std::size_t max) : max_(max) {}
  void put(std::string_view name, bssl::UniquePtr<SSL_SESSION> session);
  // Takes out what is kept for the name.
  void drop(std::string_view name);
  // Null if there is none. One that may be used once only (TLS 1.3) is taken out.
  bssl::UniquePtr<SSL_SESSION> take(std::string_view name);

 private:
  struct Entry {
    std::string name;
    bssl::UniquePtr<SSL_SESSION> session;
  };
  std::size_t max_;
  std::mutex mutex_;
  std::deque<Entry> entries_;
};

// Which certificates a server offers for a name: exact names before wildcards.
class NameTable {
 public:
  void add(const Certificate& certificate);
  // Null: no certificate is for this name.
  [[nodiscard]] const std::vector<const Certificate*>* find(std::string_view lower_name) const;

 private:
  using Table =
      std::unordered_map<std::string, std::vector<const Certificate*>, StringHash, std::equal_to<>>;
  Table exact_;
  Table wildcard_;  // without the "*"
};

struct Material {
  explicit Material(std::size_t max_sessions) : sessions(max_sessions) {}
  bssl::UniquePtr<SSL_CTX> ssl;
  std::optional<Validator> validator;
  std::vector<Certificate> certificates;
  // --- server ---
  NameTable names;
  std::vector<const Certificate*> by_key_type;  // all, ECDSA first
  bool full_scan_on_sni_mismatch = false;
  config::OcspPolicy ocsp_policy = config::OcspPolicy::kLenient;
  std::vector<Secret> ticket_keys;  // name 16, HMAC key 32, AES key 32
  std::string alpn_wire;            // length-prefixed names
  // --- client ---
  bool auto_sni_san_validation = false;
  mutable SessionCache sessions;
  // Of all that was loaded: a load that finds the same changes nothing.
  std::string fingerprint;

  // Seconds since 1970; of our certificates and of the trust anchors.
  [[nodiscard]] std::optional<int64_t> first_expiry() const;
};

// Reads all secrets; a problem names the first that is wrong.
Result<std::shared_ptr<const Material>, Problem> load_server(const config::DownstreamTls& source,
                                                             const CompileMatch& compile_match);
Result<std::shared_ptr<const Material>, Problem> load_client(const config::UpstreamTls& source,
                                                             const CompileMatch& compile_match);

}  // namespace pillion::tls
