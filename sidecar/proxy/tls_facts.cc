#include "sidecar/proxy/tls_facts.h"

#include <string>
#include <vector>

#include "sidecar/format/formatter.h"
#include "sidecar/tls/session.h"

namespace pillion::proxy {

namespace {

using Field = TlsField;

WallTime wall(int64_t seconds) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::seconds(seconds)));
}

// Sets the fields that are wanted, and no others.
class Writer {
 public:
  Writer(TlsFacts& facts, uint64_t wanted, Arena& arena)
      : facts_(facts), wanted_(wanted), arena_(arena) {}
  [[nodiscard]] bool wants(Field field) const {
    return (wanted_ & (uint64_t{1} << static_cast<unsigned>(field))) != 0;
  }
  void set(Field field, std::string_view text) {
    if (wants(field)) facts_.text[static_cast<std::size_t>(field)] = arena_.copy(text);
  }
  void set(Field field, const std::vector<std::string>& list) {
    if (!wants(field)) return;
    std::string text;
    for (const std::string& one : list) text.append(text.empty() ? "" : ",").append(one);
    set(field, text);
  }

 private:
  TlsFacts& facts_;
  uint64_t wanted_;
  Arena& arena_;
};

void write_chain(const tls::Session& session, Writer& to) {
  std::vector<std::string> serials;
  std::vector<std::string> sha1;
  std::vector<std::string> sha256;
  for (tls::Identity& one : session.peer_chain()) {
    serials.push_back(std::move(one.serial));
    sha1.push_back(std::move(one.sha1_fingerprint));
    sha256.push_back(std::move(one.sha256_fingerprint));
  }
  to.set(Field::kPeerChainSerials, serials);
  to.set(Field::kPeerChainSha1, sha1);
  to.set(Field::kPeerChainSha256, sha256);
  if (serials.size() < 2) return;
  // Who has signed the leaf comes next to it.
  to.set(Field::kPeerIssuerSerial, serials[1]);
  to.set(Field::kPeerIssuerSha256, sha256[1]);
}

void write_peer(tls::Session& session, const tls::Identity& peer, Writer& to) {
  to.set(Field::kPeerUris, peer.uri_sans);
  to.set(Field::kPeerDnsNames, peer.dns_sans);
  to.set(Field::kPeerIps, peer.ip_sans);
  to.set(Field::kPeerEmails, peer.email_sans);
  to.set(Field::kPeerOtherNames, peer.other_sans);
  to.set(Field::kPeerSubject, peer.subject);
  to.set(Field::kPeerIssuer, peer.issuer);
  to.set(Field::kPeerSerial, peer.serial);
  to.set(Field::kPeerSha1, peer.sha1_fingerprint);
  to.set(Field::kPeerSha256, peer.sha256_fingerprint);
  if (to.wants(Field::kPeerPem)) to.set(Field::kPeerPem, encoded_pem(session.peer_pem()));
  for (Field field : {Field::kPeerChainSerials, Field::kPeerChainSha1, Field::kPeerChainSha256,
                      Field::kPeerIssuerSerial, Field::kPeerIssuerSha256}) {
    if (!to.wants(field)) continue;
    write_chain(session, to);
    break;
  }
}

void write_local(const tls::Identity& local, Writer& to) {
  to.set(Field::kLocalUris, local.uri_sans);
  to.set(Field::kLocalDnsNames, local.dns_sans);
  to.set(Field::kLocalIps, local.ip_sans);
  to.set(Field::kLocalEmails, local.email_sans);
  to.set(Field::kLocalOtherNames, local.other_sans);
  to.set(Field::kLocalSubject, local.subject);
}

}  // namespace

std::string encoded_pem(std::string_view pem) {
  std::string text;
  text.reserve(pem.size() + pem.size() / 8);
  for (char c : pem) {
    switch (c) {
      case '\n':
        text += "%0A";
        break;
      case ' ':
        text += "%20";
        break;
      case '+':
        text += "%2B";
        break;
      case '/':
        text += "%2F";
        break;
      case '=':
        text += "%3D";
        break;
      default:
        text += c;
    }
  }
  return text;
}

const TlsFacts* tls_facts(tls::Session* session, bool upstream, Arena& arena) {
  if (session == nullptr || !session->established()) return nullptr;
  const uint64_t wanted = format::wanted_tls_fields(upstream);
  if (wanted == 0) return nullptr;
  auto* facts = arena.make<TlsFacts>();
  Writer to(*facts, wanted, arena);
  to.set(Field::kVersion, session->version());
  to.set(Field::kCipher, session->cipher_name());
  to.set(Field::kGroup, session->curve());
  if (to.wants(Field::kSessionId)) to.set(Field::kSessionId, session->session_id());
  to.set(Field::kServerName, session->sni());
  if (const tls::Identity* local = session->local()) write_local(*local, to);
  if (const tls::Identity* peer = session->peer()) {
    write_peer(*session, *peer, to);
    facts->peer_not_before = wall(peer->not_before);
    facts->peer_not_after = wall(peer->not_after);
  }
  return facts;
}

}  // namespace pillion::proxy
