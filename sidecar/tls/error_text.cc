#include "sidecar/tls/error_text.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace pillion::tls {

namespace {
const char* or_empty(const char* text) {
  return text == nullptr ? "" : text;
}
}  // namespace

DrainedErrors drain_errors() {
  DrainedErrors drained;
  while (uint32_t error = ERR_get_error()) {
    if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
      if (ERR_GET_REASON(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        drained.no_certificate = true;
      if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) drained.verify_failed = true;
    }
    if (drained.text.empty()) drained.text = "TLS_error:";
    drained.text += '|';
    drained.text += std::to_string(error);
    drained.text += ':';
    drained.text += or_empty(ERR_lib_error_string(error));
    drained.text += ":OPENSSL_internal:";
    drained.text += or_empty(ERR_reason_error_string(error));
  }
  return drained;
}

std::string last_reason() {
  std::string reason = or_empty(ERR_reason_error_string(ERR_peek_last_error()));
  ERR_clear_error();
  return reason.empty() ? "cannot be parsed" : reason;
}

}  // namespace pillion::tls
