#include "sidecar/upstream/ssl_counts.h"

#include "sidecar/tls/session.h"

namespace pillion::upstream {

namespace {
metrics::Scope ssl_scope(metrics::Scope owner) {
  owner.push_back({"ssl"});
  return owner;
}
}  // namespace

SslCounts::SslCounts(metrics::Registry& registry, metrics::Scope owner, std::string_view cipher_tag,
                     metrics::Retain retain)
    : registry_(registry),
      scope_(ssl_scope(std::move(owner))),
      cipher_tag_(cipher_tag),
      retain_(retain),
      stats_(registry, scope_, retain) {}

void SslCounts::count_handshake(const tls::Session& session) {
  metrics::SslStats& stats = stats_.here();
  stats.handshake.add();
  if (session.resumed()) stats.session_reused.add();
  if (!session.has_peer_certificate()) stats.no_certificate.add();
  count_staple(session.staple());
  std::lock_guard lock(mutex_);
  count_name("ciphers", session.cipher_name(), cipher_tag_);
  count_name("versions", session.version(), metrics::kSslVersionTag);
  count_name("curves", session.curve(), metrics::kSslCurveTag);
  count_name("sigalgs", session.signature_algorithm(), metrics::kSslSignatureTag);
}

void SslCounts::count_staple(tls::Staple staple) {
  if (staple == tls::Staple::kNotAsked) return;
  metrics::SslStats& stats = stats_.here();
  stats.ocsp_staple_requests.add();
  if (staple == tls::Staple::kSent) stats.ocsp_staple_responses.add();
  if (staple == tls::Staple::kOmitted) stats.ocsp_staple_omitted.add();
  if (staple == tls::Staple::kFailed) stats.ocsp_staple_failed.add();
}

void SslCounts::count_name(const char* kind, std::string_view name, std::string_view tag) {
  if (name.empty()) return;
  std::string key = std::string(kind).append(".").append(name);
  std::unique_ptr<Named>& counts = named_[std::move(key)];
  if (counts == nullptr) {
    metrics::Scope scope = scope_;
    scope.push_back({kind});
    scope.push_back({std::string(name), tag});
    counts = std::make_unique<Named>(registry_, std::move(scope), retain_);
  }
  counts->here().handshakes.add();
}

void SslCounts::count_failure(const tls::Session& session) {
  metrics::SslStats& stats = stats_.here();
  if (session.staple() == tls::Staple::kFailed) count_staple(session.staple());
  switch (session.failure()) {
    case tls::Failure::kNone:
      break;
    case tls::Failure::kConnection:
      stats.connection_error.add();
      break;
    case tls::Failure::kNoCertificate:
      stats.fail_verify_no_cert.add();
      break;
    case tls::Failure::kChain:
      stats.fail_verify_error.add();
      break;
    case tls::Failure::kSan:
      stats.fail_verify_san.add();
      break;
    case tls::Failure::kPin:
      stats.fail_verify_cert_hash.add();
      break;
  }
}

}  // namespace pillion::upstream
