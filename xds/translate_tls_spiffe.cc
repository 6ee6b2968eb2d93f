// SPIFFECertValidatorConfig (translate_tls.h).

#include <envoy/config/core/v3/extension.pb.h>
#include <envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h>
#include <fmt/format.h>

#include <algorithm>

#include "xds/any.h"
#include "xds/check_fields.h"
#include "xds/translate_tls.h"

namespace pillion::xds {

void translate_spiffe(const envoy::config::core::v3::TypedExtensionConfig& message,
                      const FieldPath& at, config::CertificateValidation& to) {
  const FieldPath place = at.field("typed_config");
  tls_v3::SPIFFECertValidatorConfig config;
  if (!unpack_to(message.typed_config(), place, config)) return;
  check_fields(config, place, {"trust_domains"});
  const FieldPath list = place.field("trust_domains");
  for (int i = 0; i < config.trust_domains_size(); ++i) {
    const auto& domain = config.trust_domains(i);
    const FieldPath entry = list.index(static_cast<std::size_t>(i));
    check_fields(domain, entry, {"name", "trust_bundle"});
    if (domain.name().find("://") != std::string::npos)
      entry.field("name").problem("has to be the domain alone, without spiffe://");
    const bool twice =
        std::any_of(to.trust_domains.begin(), to.trust_domains.end(),
                    [&](const config::TrustDomain& other) { return other.name == domain.name(); });
    if (twice)
      entry.field("name").problem(
          fmt::format("the trust domain \"{}\" is given twice", domain.name()));
    to.trust_domains.push_back(
        {domain.name(), secret_source(domain.trust_bundle(), entry.field("trust_bundle"))});
  }
  // Only names and time matter beside the bundles.
  if (to.trusted_ca.given() || to.system_roots || to.crl.given() || !to.spki_pins.empty() ||
      !to.certificate_pins.empty() || to.accept_untrusted)
    at.problem(
        "excludes trusted_ca, system_root_certs, crl, verify_certificate_spki, "
        "verify_certificate_hash and trust_chain_verification; remove those, or this");
}

}  // namespace pillion::xds
