#pragma once
// What BoringSSL's error queue says, in Envoy's words, for logs and %..._TRANSPORT_FAILURE_REASON%.
// Holds reasons only, never data of a connection. Any thread: the queue is the thread's own.

#include <cstdint>
#include <string>

namespace pillion::tls {

// Why a session failed, by the counter of Envoy's `ssl.` stats that it belongs to.
enum class Failure : uint8_t {
  kNone,
  kConnection,     // connection_error
  kNoCertificate,  // fail_verify_no_cert
  kChain,          // fail_verify_error
  kSan,            // fail_verify_san
  kPin             // fail_verify_cert_hash
};

struct DrainedErrors {
  std::string text;  // "TLS_error:|268435581:SSL routines:...", without its end; empty: none
  bool verify_failed = false;
  bool no_certificate = false;
};
// Empties the queue.
DrainedErrors drain_errors();

// The newest reason in the queue in a few words ("BAD_DECRYPT"), for problems of configuration.
// Empties the queue.
std::string last_reason();

}  // namespace pillion::tls
