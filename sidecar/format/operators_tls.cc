// Operators that print what TLS says of the client's connection or of the endpoint's.

#include <algorithm>
#include <atomic>

#include "sidecar/format/operator.h"
#include "sidecar/format/time_format.h"

namespace pillion::format {

namespace {

using Side = const TlsFacts* StreamInfo::*;
constexpr Side kDown = &StreamInfo::downstream_tls;
constexpr Side kUp = &StreamInfo::upstream_tls;

// One bit for each field, by side.
std::atomic<uint64_t> wanted_downstream{0};
std::atomic<uint64_t> wanted_upstream{0};

void want(Side side, TlsField field) {
  auto& wanted = side == kDown ? wanted_downstream : wanted_upstream;
  wanted.fetch_or(uint64_t{1} << static_cast<unsigned>(field), std::memory_order_relaxed);
}

template <Side kSide, TlsField kField>
Result<Unit, Problem> parse_field(Piece&, std::string_view) {
  want(kSide, kField);
  return Unit{};
}

template <Side kSide, TlsField kField>
bool append_field(std::string& out, const Piece&, const Context& context) {
  const TlsFacts* facts = context.info->*kSide;
  return facts != nullptr && append_text(out, facts->text[static_cast<std::size_t>(kField)]);
}

template <Side kSide>
Result<Unit, Problem> parse_certificate_time(Piece& piece, std::string_view argument) {
  want(kSide, TlsField::kPeerSubject);
  piece.text = argument;
  return check_time_format(argument);
}

template <Side kSide, std::optional<WallTime> TlsFacts::*kTime>
bool append_certificate_time(std::string& out, const Piece& piece, const Context& context) {
  const TlsFacts* facts = context.info->*kSide;
  if (facts == nullptr || !(facts->*kTime)) return false;
  if (piece.text.empty())
    append_iso_time(out, *(facts->*kTime));
  else
    append_time(out, *(facts->*kTime), piece.text, false);
  return true;
}

bool append_failure(std::string& out, const Piece&, const Context& context) {
  std::string text(context.info->downstream_transport_failure);
  std::replace(text.begin(), text.end(), ' ', '_');
  return append_text(out, text);
}

using F = TlsField;
template <Side kSide, F kField>
constexpr Operator field(std::string_view name) {
  return {name, append_field<kSide, kField>, kCommandOnly, false, parse_field<kSide, kField>};
}
template <Side kSide, std::optional<WallTime> TlsFacts::*kTime>
constexpr Operator time(std::string_view name) {
  return {name, append_certificate_time<kSide, kTime>, kParamsOptional, false,
          parse_certificate_time<kSide>};
}

constexpr Operator kOperators[] = {
    {"DOWNSTREAM_TRANSPORT_FAILURE_REASON", append_failure},
    time<kDown, &TlsFacts::peer_not_before>("DOWNSTREAM_PEER_CERT_V_START"),
    time<kDown, &TlsFacts::peer_not_after>("DOWNSTREAM_PEER_CERT_V_END"),
    time<kUp, &TlsFacts::peer_not_before>("UPSTREAM_PEER_CERT_V_START"),
    time<kUp, &TlsFacts::peer_not_after>("UPSTREAM_PEER_CERT_V_END"),
    field<kDown, F::kLocalIps>("DOWNSTREAM_LOCAL_IP_SAN"),
    field<kDown, F::kLocalDnsNames>("DOWNSTREAM_LOCAL_DNS_SAN"),
    field<kDown, F::kLocalUris>("DOWNSTREAM_LOCAL_URI_SAN"),
    field<kDown, F::kLocalEmails>("DOWNSTREAM_LOCAL_EMAIL_SAN"),
    field<kDown, F::kLocalOtherNames>("DOWNSTREAM_LOCAL_OTHERNAME_SAN"),
    field<kDown, F::kLocalSubject>("DOWNSTREAM_LOCAL_SUBJECT"),
    field<kDown, F::kPeerIps>("DOWNSTREAM_PEER_IP_SAN"),
    field<kDown, F::kPeerDnsNames>("DOWNSTREAM_PEER_DNS_SAN"),
    field<kDown, F::kPeerUris>("DOWNSTREAM_PEER_URI_SAN"),
    field<kDown, F::kPeerEmails>("DOWNSTREAM_PEER_EMAIL_SAN"),
    field<kDown, F::kPeerOtherNames>("DOWNSTREAM_PEER_OTHERNAME_SAN"),
    field<kDown, F::kPeerSubject>("DOWNSTREAM_PEER_SUBJECT"),
    field<kDown, F::kPeerIssuer>("DOWNSTREAM_PEER_ISSUER"),
    field<kDown, F::kPeerPem>("DOWNSTREAM_PEER_CERT"),
    field<kDown, F::kPeerSerial>("DOWNSTREAM_PEER_SERIAL"),
    field<kDown, F::kPeerSha1>("DOWNSTREAM_PEER_FINGERPRINT_1"),
    field<kDown, F::kPeerSha256>("DOWNSTREAM_PEER_FINGERPRINT_256"),
    field<kDown, F::kPeerChainSha1>("DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1"),
    field<kDown, F::kPeerChainSha256>("DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256"),
    field<kDown, F::kPeerChainSerials>("DOWNSTREAM_PEER_CHAIN_SERIALS"),
    field<kDown, F::kPeerIssuerSha256>("DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256"),
    field<kDown, F::kPeerIssuerSerial>("DOWNSTREAM_PEER_ISSUER_SERIAL"),
    field<kDown, F::kSessionId>("DOWNSTREAM_TLS_SESSION_ID"),
    field<kDown, F::kCipher>("DOWNSTREAM_TLS_CIPHER"),
    field<kDown, F::kGroup>("DOWNSTREAM_TLS_GROUP"),
    field<kDown, F::kVersion>("DOWNSTREAM_TLS_VERSION"),
    field<kUp, F::kLocalIps>("UPSTREAM_LOCAL_IP_SAN"),
    field<kUp, F::kLocalDnsNames>("UPSTREAM_LOCAL_DNS_SAN"),
    field<kUp, F::kLocalUris>("UPSTREAM_LOCAL_URI_SAN"),
    field<kUp, F::kPeerIps>("UPSTREAM_PEER_IP_SAN"),
    field<kUp, F::kPeerDnsNames>("UPSTREAM_PEER_DNS_SAN"),
    field<kUp, F::kPeerUris>("UPSTREAM_PEER_URI_SAN"),
    field<kUp, F::kPeerSubject>("UPSTREAM_PEER_SUBJECT"),
    field<kUp, F::kPeerIssuer>("UPSTREAM_PEER_ISSUER"),
    field<kUp, F::kPeerPem>("UPSTREAM_PEER_CERT"),
    field<kUp, F::kSessionId>("UPSTREAM_TLS_SESSION_ID"),
    field<kUp, F::kCipher>("UPSTREAM_TLS_CIPHER"),
    field<kUp, F::kGroup>("UPSTREAM_TLS_GROUP"),
    field<kUp, F::kVersion>("UPSTREAM_TLS_VERSION"),
    field<kUp, F::kServerName>("UPSTREAM_SERVER_NAME"),
};

}  // namespace

uint64_t wanted_tls_fields(bool upstream) {
  return (upstream ? wanted_upstream : wanted_downstream).load(std::memory_order_relaxed);
}

std::span<const Operator> tls_operators() {
  return kOperators;
}

}  // namespace pillion::format
