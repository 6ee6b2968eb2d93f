#include "sidecar/tls/validator.h"

#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/sha2.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>

#include "sidecar/base/text.h"
#include "sidecar/tls/secret_loader.h"
#include "sidecar/tls/x509_text.h"

namespace pillion::tls {

namespace {

constexpr std::string_view kSpiffe = "spiffe://";

Verdict accept_anyway() {
  Verdict verdict;
  verdict.untrusted = true;
  return verdict;
}

Verdict refuse(Failure failure, uint8_t alert, const std::string& why) {
  return {failure, alert, "verify cert failed: " + why};
}

// Length-prefixed, so that neighbours cannot be mistaken for one another.
void add_part(std::string& to, std::string_view part) {
  to += std::to_string(part.size());
  to += ':';
  to += part;
}

std::string named(const std::string& what, const config::CertificateValidation& source) {
  return source.name.empty() ? what : what + " of secret '" + source.name + "'";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string joined(const std::vector<San>& sans) {
  std::string text;
  for (const San& san : sans) {
    if (!text.empty()) text += ", ";
    text += san.value;
  }
  return text;
}

// X.509-SVID section 5.2: a leaf that may sign certificates is no identity of a workload. One that
// does not say what it may do may do everything.
bool may_sign(X509* leaf) {
  if ((X509_get_extension_flags(leaf) & EXFLAG_CA) != 0) return true;
  return (X509_get_key_usage(leaf) & (X509v3_KU_CRL_SIGN | X509v3_KU_KEY_CERT_SIGN)) != 0;
}

}  // namespace

Result<Validator, Problem> Validator::compile(const config::CertificateValidation& source,
                                              const CompileMatch& compile_match) {
  ERR_clear_error();
  Validator made;
  made.accept_untrusted_ = source.accept_untrusted;
  made.allow_expired_ = source.allow_expired;
  made.only_leaf_crl_ = source.only_leaf_crl;
  made.max_depth_ = source.max_depth;
  made.pins_ = source.certificate_pins;
  made.spki_pins_ = source.spki_pins;
  add_part(made.digest_, source.accept_untrusted ? "untrusted" : "trusted");
  add_part(made.digest_, source.allow_expired ? "expired" : "valid");
  add_part(made.digest_, source.only_leaf_crl ? "leaf" : "all");
  add_part(made.digest_, source.max_depth ? std::to_string(*source.max_depth) : "");
  for (const auto& pin : source.certificate_pins) add_part(made.digest_, pin);
  for (const auto& pin : source.spki_pins) add_part(made.digest_, pin);
  TRY(Unit names, made.compile_names(source, compile_match));
  static_cast<void>(names);
  TRY(Unit anchors,
      source.trust_domains.empty() ? made.load_anchors(source) : made.load_domains(source));
  static_cast<void>(anchors);
  made.digest_ = sha256(made.digest_);
  return made;
}

Result<Unit, Problem> Validator::compile_names(const config::CertificateValidation& source,
                                               const CompileMatch& compile_match) {
  for (const config::SanMatcher& san : source.sans) {
    // The SPIFFE specification says nothing of other types of names.
    if (!source.trust_domains.empty() && san.type != config::SanMatcher::Type::kUri) continue;
    SanRule rule{san.type, san.oid, {}, {}};
    if (san.type == config::SanMatcher::Type::kDns &&
        san.match.kind == config::StringMatcher::Kind::kExact) {
      rule.dns = san.match.text;
    } else {
      TRY(rule.match, compile_match(san.match));
    }
    add_part(digest_, std::to_string(static_cast<int>(san.type)));
    add_part(digest_, san.oid);
    add_part(digest_, std::to_string(static_cast<int>(san.match.kind)));
    add_part(digest_, san.match.ignore_case ? "i" : "");
    add_part(digest_, san.match.text);
    sans_.push_back(std::move(rule));
  }
  return Unit{};
}

void Validator::set_flags(X509_STORE* store, bool crl) const {
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (crl) flags |= X509_V_FLAG_CRL_CHECK;
  if (crl && !only_leaf_crl_) flags |= X509_V_FLAG_CRL_CHECK_ALL;
  if (allow_expired_) flags |= X509_V_FLAG_NO_CHECK_TIME;
  X509_STORE_set_flags(store, flags);
  if (max_depth_) X509_STORE_set_depth(store, static_cast<int>(*max_depth_));
}

void Validator::add_anchor(X509_STORE* store, X509* certificate) {
  X509_STORE_add_cert(store, certificate);
  int64_t end = posix_time(X509_get0_notAfter(certificate));
  first_expiry_ = std::min(first_expiry_.value_or(end), end);
  add_part(digest_, der_of(certificate));
  uint8_t* bytes = nullptr;
  int size = i2d_X509_NAME(X509_get_subject_name(certificate), &bytes);
  if (size <= 0) return;
  bssl::UniquePtr<uint8_t> owned(bytes);
  std::string name(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  if (std::find(anchor_names_.begin(), anchor_names_.end(), name) == anchor_names_.end())
    anchor_names_.push_back(std::move(name));
}

Result<Unit, Problem> Validator::fill(X509_STORE* store, const config::SecretSource& source,
                                      const std::string& what) {
  TRY(Secret content, load_secret(source, what));
  PemBundle bundle;
  if (!parse_pem(content.view(), bundle)) return bad_secret(source, what, last_reason());
  if (bundle.certificates.empty()) return bad_secret(source, what, "holds no PEM certificate");
  bool all_expired = true;
  for (const auto& certificate : bundle.certificates) {
    add_anchor(store, certificate.get());
    if (posix_time(X509_get0_notAfter(certificate.get())) >= std::time(nullptr))
      all_expired = false;
  }
  if (all_expired && !allow_expired_) {
    return bad_secret(
        source, what,
        bundle.certificates.size() == 1 ? "has expired" : "holds only certificates that expired");
  }
  for (const auto& crl : bundle.crls) add_crl(store, crl.get());
  set_flags(store, !bundle.crls.empty());
  add_part(digest_, content.view());
  has_anchors_ = true;
  return Unit{};
}

Result<Unit, Problem> Validator::load_anchors(const config::CertificateValidation& source) {
  store_.reset(X509_STORE_new());
  set_flags(store_.get(), false);
  config::SecretSource roots = source.trusted_ca;
  if (source.system_roots) {
    roots.kind = config::SecretSource::Kind::kFile;
    roots.text = "/etc/ssl/certs/ca-certificates.crt";
  }
  if (roots.given()) {
    TRY(Unit filled, fill(store_.get(), roots,
                          named(source.system_roots ? "system roots" : "trusted CA", source)));
    static_cast<void>(filled);
  }
  if (!source.crl.given()) return Unit{};
  std::string what = named("certificate revocation list", source);
  TRY(Secret content, load_secret(source.crl, what));
  PemBundle bundle;
  if (!parse_pem(content.view(), bundle)) return bad_secret(source.crl, what, last_reason());
  if (bundle.crls.empty())
    return bad_secret(source.crl, what, "holds no PEM certificate revocation list");
  for (const auto& crl : bundle.crls) add_crl(store_.get(), crl.get());
  set_flags(store_.get(), true);
  add_part(digest_, content.view());
  return Unit{};
}

void Validator::add_crl(X509_STORE* store, X509_CRL* crl) {
  X509_STORE_add_crl(store, crl);
  if (const ASN1_TIME* end = X509_CRL_get0_nextUpdate(crl); end != nullptr)
    crl_ends_.push_back(posix_time(end));
}

std::optional<int64_t> Validator::end_of(const X509_STORE_CTX* verified) const {
  std::optional<int64_t> end;
  if (allow_expired_) return end;
  for (const X509* certificate : X509_STORE_CTX_get0_chain(verified)) {
    int64_t its = posix_time(X509_get0_notAfter(certificate));
    end = std::min(end.value_or(its), its);
  }
  // Lists that are over have had no part in this verdict.
  const int64_t now = std::time(nullptr);
  for (int64_t its : crl_ends_)
    if (its > now) end = std::min(end.value_or(its), its);
  return end;
}

Result<Unit, Problem> Validator::load_domains(const config::CertificateValidation& source) {
  for (const config::TrustDomain& domain : source.trust_domains) {
    bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
    set_flags(store.get(), false);
    add_part(digest_, domain.name);
    TRY(Unit filled,
        fill(store.get(), domain.bundle, named("trust bundle of " + domain.name, source)));
    static_cast<void>(filled);
    stores_[domain.name] = std::move(store);
  }
  return Unit{};
}

const X509_STORE* Validator::store_for(const std::vector<San>& sans) const {
  for (const San& san : sans) {
    if (san.type != config::SanMatcher::Type::kUri) continue;
    // A valid SVID has exactly one URI, so that the first decides.
    std::string_view id = san.value;
    if (id.substr(0, kSpiffe.size()) != kSpiffe) return nullptr;
    id.remove_prefix(kSpiffe.size());
    std::size_t slash = id.find('/');
    if (slash == std::string_view::npos) return nullptr;
    auto found = stores_.find(id.substr(0, slash));
    return found == stores_.end() ? nullptr : found->second.get();
  }
  return nullptr;
}

Verdict Validator::verify_chain(X509_STORE* store, X509* leaf, STACK_OF(X509) * rest,
                                bool peer_is_client) const {
  bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store, leaf, rest) == 0 ||
      X509_STORE_CTX_set_default(context.get(), peer_is_client ? "ssl_client" : "ssl_server") == 0)
    return refuse(Failure::kChain, SSL_AD_INTERNAL_ERROR, "init and setup X509_STORE_CTX");
  if (X509_verify_cert(context.get()) == 1) {
    Verdict verdict;
    verdict.until = end_of(context.get());
    return verdict;
  }
  int error = X509_STORE_CTX_get_error(context.get());
  int depth = X509_STORE_CTX_get_error_depth(context.get());
  ERR_clear_error();
  return refuse(Failure::kChain, static_cast<uint8_t>(SSL_alert_from_verify_result(error)),
                "X509_verify_cert: certificate verification error at depth " +
                    std::to_string(depth) + ": " + X509_verify_cert_error_string(error));
}

bool Validator::rule_matches(const SanRule& rule, const San& san) const {
  if (rule.type != san.type) return false;
  if (rule.type == config::SanMatcher::Type::kOther && rule.oid != san.oid) return false;
  return rule.dns.empty() ? rule.match(san.value) : dns_matches(san.value, rule.dns);
}

Verdict Validator::verify_names(const std::vector<San>& sans, const PeerNames& names) const {
  auto any = [&](auto&& accepts) { return std::any_of(sans.begin(), sans.end(), accepts); };
  using Type = config::SanMatcher::Type;
  if (names.any_of != nullptr && !names.any_of->empty()) {
    bool found = any([&](const San& san) {
      return std::any_of(names.any_of->begin(), names.any_of->end(), [&](const std::string& name) {
        return san.type == Type::kDns ? dns_matches(san.value, name) : san.value == name;
      });
    });
    return found ? Verdict{}
                 : refuse(Failure::kSan, SSL_AD_CERTIFICATE_UNKNOWN,
                          "verify SAN list, expected SANs: [" + joined(*names.any_of) +
                              "], certificate SANs: [" + joined(sans) + "]");
  }
  bool found = true;
  if (!names.dns.empty()) {
    found = any([&](const San& san) {
      return san.type == Type::kDns && dns_matches(san.value, names.dns);
    });
  } else if (!sans_.empty()) {
    found = any([&](const San& san) {
      return std::any_of(sans_.begin(), sans_.end(),
                         [&](const SanRule& rule) { return rule_matches(rule, san); });
    });
  }
  if (found) return {};
  return refuse(Failure::kSan, SSL_AD_CERTIFICATE_UNKNOWN,
                "SAN matcher, certificate SANs are [" + joined(sans) + "]");
}

Verdict Validator::verify_pins(X509* leaf) const {
  if (pins_.empty() && spki_pins_.empty()) return {};
  auto among = [](const std::vector<std::string>& pins, const std::string& digest) {
    return std::find(pins.begin(), pins.end(), digest) != pins.end();
  };
  if (among(pins_, sha256(der_of(leaf)))) return {};
  uint8_t* bytes = nullptr;
  int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &bytes);
  bssl::UniquePtr<uint8_t> owned(bytes);
  if (size > 0 && among(spki_pins_, sha256({reinterpret_cast<const char*>(bytes),
                                            static_cast<std::size_t>(size)})))
    return {};
  return refuse(Failure::kPin, SSL_AD_BAD_CERTIFICATE_HASH_VALUE, "cert hash and spki");
}

Verdict Validator::verify(const STACK_OF(CRYPTO_BUFFER) * chain, bool peer_is_client,
                          const PeerNames& names) const {
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0)
    return refuse(Failure::kChain, SSL_AD_CERTIFICATE_REQUIRED, "empty cert chain");
  bssl::UniquePtr<X509> leaf(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, 0)));
  bssl::UniquePtr<STACK_OF(X509)> rest(sk_X509_new_null());
  bool parsed = leaf != nullptr;
  for (std::size_t i = 1; parsed && i < sk_CRYPTO_BUFFER_num(chain); ++i) {
    bssl::UniquePtr<X509> next(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, i)));
    parsed = next != nullptr && bssl::PushToStack(rest.get(), std::move(next));
  }
  if (!parsed) {
    ERR_clear_error();
    return refuse(Failure::kChain, SSL_AD_DECODE_ERROR, "malformed certificate");
  }
  std::vector<San> sans = sans_of(leaf.get());
  if (!stores_.empty()) {
    if (may_sign(leaf.get()))
      return refuse(Failure::kChain, SSL_AD_BAD_CERTIFICATE, "cert precheck");
    const X509_STORE* store = store_for(sans);
    if (store == nullptr)
      return refuse(Failure::kChain, SSL_AD_UNKNOWN_CA, "no trust bundle store");
    Verdict verdict =
        verify_chain(const_cast<X509_STORE*>(store), leaf.get(), rest.get(), peer_is_client);
    if (!verdict.ok()) return verdict;
    Verdict named = verify_names(sans, names);
    return named.ok() ? verdict : named;
  }
  std::optional<int64_t> until;
  if (has_anchors_) {
    Verdict verdict = verify_chain(store_.get(), leaf.get(), rest.get(), peer_is_client);
    if (!verdict.ok()) return accept_untrusted_ ? accept_anyway() : verdict;
    until = verdict.until;
  }
  Verdict verdict = verify_names(sans, names);
  if (verdict.ok()) verdict = verify_pins(leaf.get());
  if (verdict.ok()) verdict.until = until;
  bool named =
      !sans_.empty() || !names.dns.empty() || (names.any_of != nullptr && !names.any_of->empty());
  if (verdict.ok() && !has_anchors_ && !named && pins_.empty() && spki_pins_.empty())
    verdict = refuse(Failure::kChain, SSL_AD_UNKNOWN_CA, "nothing to verify against");
  return verdict.ok() || !accept_untrusted_ ? verdict : accept_anyway();
}

}  // namespace pillion::tls
