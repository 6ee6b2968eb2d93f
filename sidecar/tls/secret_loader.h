#pragma once
// Reads what a config::SecretSource names. A problem says which source and why, never what was in
// it. Control thread.

#include <string>

#include "sidecar/base/error.h"
#include "sidecar/base/secret.h"
#include "sidecar/config/tls.h"

namespace pillion::tls {

// A bundle of every public root is a quarter of this.
inline constexpr std::size_t kMaxSecretSize = 1024 * 1024;

// "file /etc/certs/key.pem", "environment variable KEY" or "inline data".
std::string place_of(const config::SecretSource& source);
// `what` begins the problem: "private key".
Result<Secret, Problem> load_secret(const config::SecretSource& source, const std::string& what);
// A problem about the content of what was loaded: "private key of file /etc/key.pem: <why>".
Unexpected<Problem> bad_secret(const config::SecretSource& source, const std::string& what,
                               const std::string& why);

}  // namespace pillion::tls
