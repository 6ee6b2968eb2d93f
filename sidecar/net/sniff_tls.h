#pragma once
// Finds out from the first bytes of a connection whether they are a TLS ClientHello, and what name
// and protocols it asks for (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301). Sees the bytes
// only: no key, no answer, no socket. Owned by whoever inspects the connection; one thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/net/sniff.h"

namespace pillion::net {

class TlsSniffer {
 public:
  // What BoringSSL, and so any TLS terminator behind, takes as one handshake message.
  static constexpr std::size_t kMaxMessage = 16 * 1024;
  // What a hello may take on the wire, however finely it is cut into records.
  static constexpr std::size_t kMaxBytes = 64 * 1024;

  // `bytes` is all that has come so far: each call passes what earlier ones did, and more. Work
  // done before is not done again. Once the verdict is not kMore it stays.
  Sniffed feed(std::string_view bytes);

  // After kYes. In lower case; empty: none was sent.
  [[nodiscard]] const std::string& server_name() const { return server_name_; }
  // As sent, most wanted first.
  [[nodiscard]] const std::vector<std::string>& protocols() const { return protocols_; }
  // Bytes that were looked at for the verdict.
  [[nodiscard]] std::size_t consumed() const { return cursor_; }

 private:
  Sniffed step(std::string_view bytes);
  Sniffed check_message();
  bool parse_hello(std::string_view hello);
  bool parse_extensions(std::string_view extensions);
  bool take_server_name(std::string_view extension);
  void take_protocols(std::string_view extension);

  Sniffed verdict_ = Sniffed::kMore;
  std::size_t cursor_ = 0;  // start of the next record
  std::string message_;     // payload of the records so far
  std::string server_name_;
  std::vector<std::string> protocols_;
};

}  // namespace pillion::net
