// TLS transport sockets and the secrets that they name: refusals with their paths, then what comes
// of each field. Which of these Envoy refuses was tried with one.

#include "sidecar/config/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/xds/load.h"
#include "xds/bootstrap.h"

namespace pillion::xds::test {
namespace {

using config::SanMatcher;
using config::SecretSource;
using config::TlsVersion;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.";
constexpr const char* kCertificate =
    "{certificate_chain: {filename: /c.pem}, private_key: {filename: /k.pem}}";

std::string socket(const std::string& type, const std::string& fields) {
  return "transport_socket: {name: envoy.transport_sockets.tls, typed_config: {'@type': " +
         std::string(kType) + type + (fields.empty() ? "" : ", ") + fields + "}}";
}

std::string downstream(const std::string& fields) {
  return with_listener(
      "filter_chains: [{" + socket("DownstreamTlsContext", fields) +
      ", filters: [{name: h, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters."
      "network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: s, route_config: {}, "
      "http_filters: [{name: r, typed_config: {'@type': type.googleapis.com/envoy.extensions."
      "filters.http.router.v3.Router}}]}}]}]");
}

std::string downstream_common(const std::string& fields, const std::string& rest = "") {
  return downstream("common_tls_context: {tls_certificates: [" + std::string(kCertificate) + "]" +
                    (fields.empty() ? "" : ", ") + fields + "}" + (rest.empty() ? "" : ", ") +
                    rest);
}

std::string upstream(const std::string& fields) {
  return with_cluster(socket("UpstreamTlsContext", fields));
}

std::string validation(const std::string& fields) {
  return upstream("common_tls_context: {validation_context: {" + fields + "}}");
}

const config::DownstreamTls& server(const Outcome& outcome) {
  return *outcome.bootstrap.listeners.at(0)->chains.at(0).tls;
}

const config::UpstreamTls& client(const Outcome& outcome) {
  return *outcome.bootstrap.clusters.at(0)->tls;
}

std::string at_server(const std::string& rest) {
  return "static_resources.listeners[0].filter_chains[0].transport_socket.typed_config" + rest;
}

std::string at_client(const std::string& rest) {
  return "static_resources.clusters[0].transport_socket.typed_config" + rest;
}

TEST(Tls, OtherTransportSocketsAreRefused) {
  EXPECT_THAT(load(with_cluster(socket("DownstreamTlsContext", ""))).problem(),
              StartsWith(at_client(": envoy.extensions.transport_sockets.tls.v3."
                                   "DownstreamTlsContext is not supported here")));
  EXPECT_THAT(load(with_cluster("transport_socket: {name: envoy.transport_sockets.tls}")).problem(),
              StartsWith(at_client(": a transport socket without typed_config")));
}

TEST(Tls, UnknownAndUnsupportedFieldsAreNamed) {
  EXPECT_THAT(load(downstream_common("key_log: {path: /tmp/keys}")).problem(),
              StartsWith(at_server(".common_tls_context.key_log: ")));
  EXPECT_THAT(load(downstream_common("custom_handshaker: {name: h}")).problem(),
              HasSubstr(at_server(".common_tls_context.custom_handshaker: ")));
  EXPECT_THAT(load(downstream_common("", "require_sni: true")).problem(),
              StartsWith(at_server(".require_sni: ")));
  EXPECT_THAT(load(upstream("allow_renegotiation: true")).problem(),
              StartsWith(at_client(".allow_renegotiation: ")));
  EXPECT_THAT(load(validation("trusted_ca: {filename: /a}, "
                              "require_signed_certificate_timestamp: true"))
                  .problem(),
              StartsWith(at_client(".common_tls_context.validation_context."
                                   "require_signed_certificate_timestamp: ")));
  EXPECT_THAT(load(downstream("common_tls_context: {tls_certificates: [{certificate_chain: "
                              "{filename: /c}, private_key_provider: {provider_name: p}}]}"))
                  .problem(),
              HasSubstr(".tls_certificates[0].private_key_provider: "));
}

TEST(Tls, AServerNeedsACertificateWithItsKey) {
  EXPECT_THAT(load(downstream("")).problem(),
              StartsWith(at_server(".common_tls_context.tls_certificates: is required")));
  EXPECT_THAT(
      load(downstream(
               "common_tls_context: {tls_certificates: [{certificate_chain: {filename: /c}}]}"))
          .problem(),
      StartsWith(at_server(".common_tls_context.tls_certificates[0].private_key: is required")));
  EXPECT_THAT(load(downstream("common_tls_context: {tls_certificates: [{certificate_chain: "
                              "{filename: /c}, private_key: {}}]}"))
                  .problem(),
              HasSubstr(".private_key: "));
}

TEST(Tls, AClientHasOneCertificate) {
  EXPECT_THAT(load(upstream("common_tls_context: {tls_certificates: [" + std::string(kCertificate) +
                            ", " + kCertificate + "]}"))
                  .problem(),
              StartsWith(at_client(".common_tls_context.tls_certificates: must hold one")));
}

TEST(Tls, ARequiredClientCertificateNeedsSomethingToVerifyItWith) {
  EXPECT_THAT(load(downstream_common("", "require_client_certificate: true")).problem(),
              StartsWith(at_server(".common_tls_context.validation_context: is required")));
}

TEST(Tls, OldVersionsAndEmptyRangesAreRefused) {
  EXPECT_THAT(
      load(downstream_common("tls_params: {tls_minimum_protocol_version: TLSv1_1}")).problem(),
      StartsWith(at_server(
          ".common_tls_context.tls_params.tls_minimum_protocol_version: TLSv1_1 is too old")));
  EXPECT_THAT(load(upstream("common_tls_context: {tls_params: {tls_minimum_protocol_version: "
                            "TLSv1_3}}"))
                  .problem(),
              HasSubstr("set it to TLSv1_3"));
}

TEST(Tls, NamesWithoutAnAuthorityAreRefused) {
  EXPECT_THAT(load(validation("match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: "
                              "a}}]"))
                  .problem(),
              HasSubstr("match_typed_subject_alt_names: needs a trusted_ca"));
  EXPECT_THAT(load(validation("crl: {filename: /a}")).problem(),
              HasSubstr(".crl: needs a trusted_ca"));
  EXPECT_THAT(load(validation("allow_expired_certificate: true")).problem(),
              HasSubstr(".allow_expired_certificate: needs a trusted_ca"));
  EXPECT_THAT(load(upstream("sni: a, auto_sni_san_validation: true")).problem(),
              HasSubstr(".auto_sni_san_validation: needs a trusted_ca"));
}

TEST(Tls, PinsHaveToBeDigests) {
  EXPECT_THAT(load(validation("verify_certificate_hash: [" + std::string(64, 'x') + "]")).problem(),
              HasSubstr("verify_certificate_hash[0]: is no SHA-256 digest"));
  EXPECT_THAT(
      load(validation("verify_certificate_spki: ['" + std::string(44, '!') + "']")).problem(),
      HasSubstr("verify_certificate_spki[0]: is no SHA-256 digest"));
  EXPECT_THAT(load(validation("verify_certificate_hash: [abc]")).problem(),
              HasSubstr("verify_certificate_hash[0]: "));
}

TEST(Tls, BadMatchersAreRefused) {
  EXPECT_THAT(load(validation("trusted_ca: {filename: /a}, match_typed_subject_alt_names: "
                              "[{san_type: URI, matcher: {safe_regex: {regex: '('}}}]"))
                  .problem(),
              HasSubstr("match_typed_subject_alt_names[0].matcher.safe_regex"));
  EXPECT_THAT(load(validation("trusted_ca: {filename: /a}, match_typed_subject_alt_names: "
                              "[{san_type: OTHER_NAME, matcher: {exact: a}}]"))
                  .problem(),
              HasSubstr("match_typed_subject_alt_names[0].oid: "));
  EXPECT_THAT(load(validation("trusted_ca: {filename: /a}, match_typed_subject_alt_names: "
                              "[{matcher: {exact: a}}]"))
                  .problem(),
              HasSubstr("match_typed_subject_alt_names[0].san_type: "));
}

TEST(Tls, UnknownSecretsAreNamed) {
  EXPECT_THAT(load(downstream("common_tls_context: {tls_certificate_sds_secret_configs: [{name: "
                              "none}]}"))
                  .problems.front(),
              HasSubstr("tls_certificate_sds_secret_configs[0].name: unknown secret \"none\""));
  EXPECT_THAT(load(downstream_common("validation_context_sds_secret_config: {name: v, sds_config: "
                                     "{ads: {}}}"))
                  .problem(),
              HasSubstr("validation_context_sds_secret_config.sds_config: secrets from a control"));
}

std::string with_secrets(const std::string& secrets, const std::string& tls) {
  std::string text = downstream(tls);
  const std::string mark = "static_resources: {";
  return text.replace(text.find(mark), mark.size(), mark + "secrets: [" + secrets + "], ");
}

TEST(Tls, ASecretOfAnotherKindIsNamed) {
  EXPECT_THAT(load(with_secrets("{name: s, validation_context: {trusted_ca: {filename: /a}}}",
                                "common_tls_context: {tls_certificate_sds_secret_configs: "
                                "[{name: s}]}"))
                  .problems.front(),
              HasSubstr("the secret \"s\" holds no tls_certificate"));
  EXPECT_THAT(load(with_secrets("{name: s, tls_certificate: " + std::string(kCertificate) +
                                    "}, {name: s, generic_secret: {}}",
                                "common_tls_context: {tls_certificate_sds_secret_configs: "
                                "[{name: s}]}"))
                  .problems,
              testing::SizeIs(2));
}

TEST(Tls, SecretsAreFoundByName) {
  const Outcome outcome = load(with_secrets(
      "{name: own, tls_certificate: " + std::string(kCertificate) +
          "}, {name: peers, validation_context: {trusted_ca: {filename: /ca.pem}}}, {name: "
          "tickets, "
          "session_ticket_keys: {keys: [{filename: /t1}, {filename: /t2}]}}",
      "common_tls_context: {tls_certificate_sds_secret_configs: [{name: own}], "
      "combined_validation_context: {default_validation_context: {match_typed_subject_alt_names: "
      "[{san_type: URI, matcher: {prefix: 'spiffe://'}}]}, validation_context_sds_secret_config: "
      "{name: peers}}}, session_ticket_keys_sds_secret_config: {name: tickets}, "
      "require_client_certificate: true"));
  ASSERT_EQ(outcome.problem(), "");
  const config::DownstreamTls& tls = server(outcome);
  EXPECT_EQ(tls.certificates.at(0).name, "own");
  EXPECT_EQ(tls.certificates.at(0).chain.text, "/c.pem");
  EXPECT_EQ(tls.validation->name, "peers");
  EXPECT_EQ(tls.validation->trusted_ca.text, "/ca.pem");
  EXPECT_EQ(tls.validation->sans.at(0).match.text, "spiffe://");
  EXPECT_EQ(tls.ticket_keys.size(), 2u);
  EXPECT_TRUE(tls.require_client_certificate);
}

TEST(Tls, DefaultsAreEnvoys) {
  const Outcome down = load(downstream_common(""));
  ASSERT_EQ(down.problem(), "");
  EXPECT_EQ(server(down).parameters.min, TlsVersion::kTls12);
  EXPECT_EQ(server(down).parameters.max, TlsVersion::kTls13);
  EXPECT_TRUE(server(down).stateless_resumption);
  EXPECT_FALSE(server(down).require_client_certificate);
  const Outcome up = load(upstream(""));
  ASSERT_EQ(up.problem(), "");
  EXPECT_EQ(client(up).parameters.max, TlsVersion::kTls12);
  EXPECT_EQ(client(up).max_session_keys, 1u);
  EXPECT_EQ(load(with_cluster("")).bootstrap.clusters.at(0)->tls, nullptr);
}

TEST(Tls, DownstreamFieldsAreTaken) {
  const Outcome outcome = load(downstream(
      "common_tls_context: {tls_params: {tls_minimum_protocol_version: TLSv1_3, "
      "tls_maximum_protocol_version: TLSv1_3, cipher_suites: [A, B], ecdh_curves: [P-256], "
      "signature_algorithms: [rsa_pss_rsae_sha256]}, tls_certificates: [{certificate_chain: "
      "{inline_string: C}, private_key: {inline_bytes: S0VZ}, password: {environment_variable: P}, "
      "ocsp_staple: {filename: /o}, watched_directory: {path: /w}}, {pkcs12: {filename: /p}}], "
      "alpn_protocols: ['h2,http/1.1']}, disable_stateless_session_resumption: true, "
      "disable_stateful_session_resumption: true, session_timeout: 60s, "
      "ocsp_staple_policy: MUST_STAPLE, "
      "full_scan_certs_on_sni_mismatch: true, prefer_client_ciphers: true"));
  ASSERT_EQ(outcome.problem(), "");
  const config::DownstreamTls& tls = server(outcome);
  EXPECT_EQ(tls.parameters.min, TlsVersion::kTls13);
  EXPECT_EQ(tls.parameters.ciphers, "A:B");
  EXPECT_EQ(tls.parameters.curves, "P-256");
  EXPECT_EQ(tls.parameters.signature_algorithms, "rsa_pss_rsae_sha256");
  const config::TlsCertificate& first = tls.certificates.at(0);
  EXPECT_EQ(first.chain.kind, SecretSource::Kind::kInline);
  EXPECT_EQ(first.key.bytes.view(), "KEY");
  EXPECT_EQ(first.password.kind, SecretSource::Kind::kEnvironment);
  EXPECT_EQ(first.ocsp_staple.watched_directory, "/w");
  EXPECT_EQ(tls.certificates.at(1).pkcs12.text, "/p");
  EXPECT_THAT(tls.alpn, testing::ElementsAre("h2", "http/1.1"));
  EXPECT_FALSE(tls.stateless_resumption);
  EXPECT_FALSE(tls.stateful_resumption);
  EXPECT_EQ(tls.session_timeout->count(), 60);
  EXPECT_EQ(tls.ocsp_policy, config::OcspPolicy::kMust);
  EXPECT_TRUE(tls.full_scan_on_sni_mismatch);
  EXPECT_TRUE(tls.prefer_client_ciphers);
}

TEST(Tls, UpstreamFieldsAreTaken) {
  const std::string hash(64, 'a');
  const Outcome outcome = load(upstream(
      "sni: s, auto_host_sni: true, auto_sni_san_validation: true, max_session_keys: 7, "
      "common_tls_context: {validation_context: {trusted_ca: {filename: /ca}, crl: {filename: "
      "/crl}, only_verify_leaf_cert_crl: true, max_verify_depth: 3, allow_expired_certificate: "
      "true, trust_chain_verification: ACCEPT_UNTRUSTED, verify_certificate_hash: [" +
      hash +
      "], verify_certificate_spki: ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='], "
      "match_subject_alt_names: [{exact: x}]}}"));
  ASSERT_EQ(outcome.problem(), "");
  const config::UpstreamTls& tls = client(outcome);
  EXPECT_EQ(tls.sni, "s");
  EXPECT_TRUE(tls.auto_host_sni);
  EXPECT_TRUE(tls.auto_sni_san_validation);
  EXPECT_EQ(tls.max_session_keys, 7u);
  const config::CertificateValidation& peers = *tls.validation;
  EXPECT_EQ(peers.crl.text, "/crl");
  EXPECT_TRUE(peers.only_leaf_crl);
  EXPECT_EQ(peers.max_depth, 3u);
  EXPECT_TRUE(peers.allow_expired);
  EXPECT_TRUE(peers.accept_untrusted);
  EXPECT_EQ(peers.certificate_pins.at(0), std::string(32, '\xaa'));
  EXPECT_EQ(peers.spki_pins.at(0), std::string(32, '\0'));
  // The deprecated field means names of any type.
  EXPECT_EQ(peers.sans.size(), 4u);
}

std::string spiffe(const std::string& domains, const std::string& rest = "") {
  return validation(
      "custom_validator_config: {name: envoy.tls.cert_validator.spiffe, typed_config: "
      "{'@type': " +
      std::string(kType) + "SPIFFECertValidatorConfig, trust_domains: [" + domains + "]}}" + rest);
}

TEST(Tls, SpiffeDomainsAreTaken) {
  const Outcome outcome =
      load(spiffe("{name: a.test, trust_bundle: {filename: /a}}, {name: b.test, "
                  "trust_bundle: {filename: /b}}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& domains = client(outcome).validation->trust_domains;
  ASSERT_EQ(domains.size(), 2u);
  EXPECT_EQ(domains[1].name, "b.test");
  EXPECT_EQ(domains[1].bundle.text, "/b");
}

TEST(Tls, SpiffeMistakesAreNamed) {
  EXPECT_THAT(load(spiffe("")).problem(), HasSubstr("trust_domains: "));
  EXPECT_THAT(load(spiffe("{name: 'spiffe://a', trust_bundle: {filename: /a}}")).problem(),
              HasSubstr("trust_domains[0].name: has to be the domain alone"));
  EXPECT_THAT(load(spiffe("{name: a, trust_bundle: {filename: /a}}, {name: a, trust_bundle: "
                          "{filename: /a}}"))
                  .problem(),
              HasSubstr("trust_domains[1].name: the trust domain \"a\" is given twice"));
  EXPECT_THAT(
      load(spiffe("{name: a, trust_bundle: {filename: /a}}", ", trusted_ca: {filename: /c}"))
          .problem(),
      HasSubstr("custom_validator_config: excludes trusted_ca"));
}

TEST(Tls, KeysDoNotAppearInTheDump) {
  const Outcome outcome = load(with_secrets(
      "{name: s, tls_certificate: {certificate_chain: {inline_string: CHAIN1}, private_key: "
      "{inline_string: SECRET1}, password: {inline_string: SECRET2}}}",
      "common_tls_context: {tls_certificates: [{certificate_chain: {inline_string: CHAIN2}, "
      "private_key: {inline_string: SECRET3}}]}, session_ticket_keys: {keys: [{inline_string: "
      "SECRET4}]}"));
  ASSERT_EQ(outcome.problem(), "");
  const std::string dump = dump_json(outcome.bootstrap);
  EXPECT_THAT(dump, HasSubstr("CHAIN1"));
  EXPECT_THAT(dump, HasSubstr("CHAIN2"));
  EXPECT_THAT(dump, HasSubstr("[redacted]"));
  EXPECT_THAT(dump, Not(HasSubstr("SECRET")));
  const Outcome cluster =
      load(upstream("common_tls_context: {tls_certificates: [{certificate_chain: {inline_string: "
                    "C}, private_key: {inline_string: SECRET5}}]}"));
  ASSERT_EQ(cluster.problem(), "");
  EXPECT_THAT(dump_json(cluster.bootstrap), Not(HasSubstr("SECRET")));
}

}  // namespace
}  // namespace pillion::xds::test
