#include "sidecar/http/websocket.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "sidecar/base/text.h"

namespace pillion::http {

namespace {

constexpr std::string_view kKey = "sec-websocket-key";
constexpr std::string_view kAccept = "sec-websocket-accept";

std::string base64(const unsigned char* bytes, std::size_t size) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < size; i += 3) {
    uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (i + k < size ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= size ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

// FIPS 180-4 section 6.1. It proves nothing here: RFC 6455 uses it to tell WebSocket servers from
// others.
class Sha1 {
 public:
  std::array<unsigned char, 20> digest(std::string text) {
    uint64_t bits = text.size() * 8;
    text += '\x80';
    while (text.size() % 64 != 56) text += '\0';
    for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bits >> shift & 0xff);
    for (std::size_t at = 0; at < text.size(); at += 64)
      block(reinterpret_cast<const unsigned char*>(text.data()) + at);
    std::array<unsigned char, 20> out;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<unsigned char>(state_[i / 4] >> (24 - 8 * (i % 4)) & 0xff);
    return out;
  }

 private:
  void block(const unsigned char* bytes) {
    std::array<uint32_t, 80> w;
    for (std::size_t i = 0; i < 16; ++i)
      w[i] = uint32_t{bytes[4 * i]} << 24 | uint32_t{bytes[4 * i + 1]} << 16 |
             uint32_t{bytes[4 * i + 2]} << 8 | uint32_t{bytes[4 * i + 3]};
    for (std::size_t i = 16; i < 80; ++i)
      w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    auto [a, b, c, d, e] = state_;
    for (std::size_t i = 0; i < 80; ++i) {
      uint32_t f = i < 20   ? ((b & c) | (~b & d))
                   : i < 40 ? (b ^ c ^ d)
                   : i < 60 ? ((b & c) | (b & d) | (c & d))
                            : (b ^ c ^ d);
      static constexpr std::array<uint32_t, 4> kRound = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc,
                                                         0xca62c1d6};
      uint32_t next = std::rotl(a, 5) + f + e + kRound[i / 20] + w[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    state_ = {state_[0] + a, state_[1] + b, state_[2] + c, state_[3] + d, state_[4] + e};
  }
  std::array<uint32_t, 5> state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
};

void add_upgrade(Headers& headers, std::string_view protocol) {
  if (headers.has(HeaderId::kUpgrade)) return;
  headers.add_view(HeaderId::kConnection, "upgrade");
  headers.add(HeaderId::kUpgrade, protocol);
}

bool is_websocket(const RequestHead& head) {
  return equals_ignore_case(head.protocol, "websocket");
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  auto digest = Sha1().digest(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  return base64(digest.data(), digest.size());
}

void complete_upgrade_request(RequestHead& head, Random& random) {
  add_upgrade(head.headers, head.protocol);
  if (!is_websocket(head) || head.headers.find(kKey) != nullptr) return;
  uint64_t nonce[2] = {random.next(), random.next()};
  unsigned char bytes[sizeof(nonce)];
  std::memcpy(bytes, nonce, sizeof(nonce));
  head.headers.add(kKey, base64(bytes, sizeof(bytes)));
}

void complete_upgrade_response(const RequestHead& request, ResponseHead& head) {
  add_upgrade(head.headers, request.protocol);
  if (!is_websocket(request) || head.headers.find(kAccept) != nullptr) return;
  if (const Header* key = request.headers.find(kKey))
    head.headers.add(kAccept, websocket_accept(key->value()));
}

}  // namespace pillion::http
