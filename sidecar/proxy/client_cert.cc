#include "sidecar/proxy/client_cert.h"

#include <string>
#include <string_view>

#include "sidecar/proxy/tls_facts.h"
#include "sidecar/tls/session.h"

namespace pillion::proxy {

namespace {

using Mode = config::HttpConnectionManager::ForwardClientCert;

class Element {
 public:
  void add(std::string_view key, std::string_view value) {
    if (!text_.empty()) text_ += ';';
    text_.append(key).append(1, '=').append(value);
  }
  void add_quoted(std::string_view key, std::string_view value) {
    add(key, std::string(1, '"').append(value).append(1, '"'));
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string describe(tls::Session& session,
                     const config::HttpConnectionManager::ClientCertDetails& details) {
  const tls::Identity& peer = *session.peer();
  Element element;
  for (const std::string& uri : session.local_uri_sans()) element.add("By", uri);
  element.add("Hash", peer.sha256_fingerprint);
  if (details.cert) element.add_quoted("Cert", encoded_pem(session.peer_pem()));
  if (details.chain) element.add_quoted("Chain", encoded_pem(session.peer_chain_pem()));
  if (details.subject) element.add_quoted("Subject", peer.subject);
  if (details.uri) {
    // The key is there even where there is nothing to say.
    if (peer.uri_sans.empty()) element.add("URI", "");
    for (const std::string& uri : peer.uri_sans) element.add("URI", uri);
  }
  if (details.dns)
    for (const std::string& dns : peer.dns_sans) element.add("DNS", dns);
  return element.text();
}

}  // namespace

void forward_client_cert(http::Headers& headers, const config::HttpConnectionManager& config,
                         tls::Session* session) {
  constexpr auto kId = http::HeaderId::kForwardedClientCert;
  const Mode mode = config.forward_client_cert;
  if (mode == Mode::kAlwaysForwardOnly) return;
  if (mode == Mode::kSanitize || session == nullptr || !session->has_peer_certificate()) {
    headers.remove(kId);
    return;
  }
  if (mode == Mode::kForwardOnly) return;
  const std::string ours = describe(*session, config.client_cert_details);
  if (mode == Mode::kAppendForward) {
    if (auto before = headers.joined(http::header_name(kId)); before && !before->empty()) {
      headers.set(kId, headers.arena().concat(*before, ",", ours));
      return;
    }
  }
  headers.set(kId, ours);
}

}  // namespace pillion::proxy
