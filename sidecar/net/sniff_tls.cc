#include "sidecar/net/sniff_tls.h"

#include <algorithm>

#include "sidecar/base/text.h"

namespace pillion::net {

namespace {

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr unsigned char kHandshake = 22;
constexpr unsigned char kClientHello = 1;
constexpr std::size_t kMaxRecord = 16 * 1024 + 2048;  // RFC 5246 section 6.2.3
constexpr unsigned kServerNameExtension = 0;
constexpr unsigned kAlpnExtension = 16;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// Takes numbers and length-prefixed pieces from the front; a short read makes all later ones fail.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  unsigned number(std::size_t size) {
    if (rest_.size() < size) good_ = false;
    if (!good_) return 0;
    unsigned value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | byte_at(rest_, i);
    rest_.remove_prefix(size);
    return value;
  }
  std::string_view bytes(std::size_t size) {
    if (rest_.size() < size) good_ = false;
    if (!good_) return {};
    std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  // A length of that many bytes, then as many bytes as it says.
  std::string_view prefixed(std::size_t length_size) {
    unsigned size = number(length_size);
    return bytes(size);
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

Sniffed TlsSniffer::feed(std::string_view bytes) {
  if (verdict_ == Sniffed::kMore) verdict_ = step(bytes);
  // A connection that is no TLS may well have sent this much at once, hence the check comes last.
  if (verdict_ == Sniffed::kMore && bytes.size() >= kMaxBytes) verdict_ = Sniffed::kTooLarge;
  return verdict_;
}

Sniffed TlsSniffer::step(std::string_view bytes) {
  while (true) {
    std::string_view rest = bytes.substr(std::min(cursor_, bytes.size()));
    // Each byte is judged as soon as it is there: other protocols must not wait for five of them.
    if (!rest.empty() && byte_at(rest, 0) != kHandshake) return Sniffed::kNo;
    if (rest.size() > 1 && byte_at(rest, 1) != 3) return Sniffed::kNo;
    if (rest.size() < kRecordHeader) return Sniffed::kMore;
    std::size_t size = byte_at(rest, 3) << 8 | byte_at(rest, 4);
    // An empty handshake record is an error in all versions (RFC 8446 section 5.1).
    if (size == 0 || size > kMaxRecord) return Sniffed::kNo;
    std::string_view payload = rest.substr(kRecordHeader);
    if (message_.empty() && !payload.empty() && byte_at(payload, 0) != kClientHello)
      return Sniffed::kNo;
    if (payload.size() < size) return Sniffed::kMore;
    message_.append(payload.substr(0, size));
    cursor_ += kRecordHeader + size;
    if (Sniffed verdict = check_message(); verdict != Sniffed::kMore) return verdict;
  }
}

Sniffed TlsSniffer::check_message() {
  if (message_.size() < kMessageHeader) return Sniffed::kMore;
  std::size_t size = byte_at(message_, 1) << 16 | byte_at(message_, 2) << 8 | byte_at(message_, 3);
  if (size > kMaxMessage) return Sniffed::kNo;
  if (message_.size() < kMessageHeader + size) return Sniffed::kMore;
  bool hello = parse_hello(std::string_view(message_).substr(kMessageHeader, size));
  message_ = {};
  return hello ? Sniffed::kYes : Sniffed::kNo;
}

bool TlsSniffer::parse_hello(std::string_view hello) {
  Reader reader(hello);
  unsigned version = reader.number(2);
  reader.bytes(32);  // random
  std::string_view session = reader.prefixed(1);
  std::string_view ciphers = reader.prefixed(2);
  std::string_view compressions = reader.prefixed(1);
  if (!reader.good() || version >> 8 != 3 || version == 0x0300 || session.size() > 32 ||
      ciphers.empty() || ciphers.size() % 2 != 0 ||
      compressions.find('\0') == std::string_view::npos)
    return false;
  if (reader.empty()) return true;  // TLS 1.2 and before may send no extensions at all
  std::string_view extensions = reader.prefixed(2);
  return reader.good() && reader.empty() && parse_extensions(extensions);
}

bool TlsSniffer::parse_extensions(std::string_view extensions) {
  Reader reader(extensions);
  while (!reader.empty()) {
    unsigned type = reader.number(2);
    std::string_view body = reader.prefixed(2);
    if (!reader.good()) return false;
    if (type == kServerNameExtension && !take_server_name(body)) return false;
    if (type == kAlpnExtension) take_protocols(body);
  }
  return true;
}

// One host name is all that was ever defined, and all that TLS libraries take.
bool TlsSniffer::take_server_name(std::string_view extension) {
  Reader reader(extension);
  Reader list(reader.prefixed(2));
  unsigned type = list.number(1);
  std::string_view name = list.prefixed(2);
  if (!reader.good() || !reader.empty() || !list.good() || !list.empty() || type != 0 ||
      name.empty() || name.size() > 255 || name.find('\0') != std::string_view::npos ||
      !server_name_.empty())
    return false;
  server_name_ = lower_copy(name);
  return true;
}

// A list that is malformed counts as none: the terminator behind will say so in its own words.
void TlsSniffer::take_protocols(std::string_view extension) {
  Reader reader(extension);
  Reader list(reader.prefixed(2));
  if (!reader.good() || !reader.empty()) return;
  std::vector<std::string> found;
  while (!list.empty()) {
    std::string_view name = list.prefixed(1);
    if (!list.good() || name.empty()) return;
    found.emplace_back(name);
  }
  protocols_ = std::move(found);
}

}  // namespace pillion::net
