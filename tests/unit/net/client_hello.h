#pragma once
// Writes TLS ClientHellos for tests, well-formed and otherwise, as bytes on the wire. Test code;
// any thread.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pillion::net {

inline std::string with_length(std::size_t length_size, std::string_view bytes) {
  std::string out;
  for (std::size_t i = length_size; i-- > 0;)
    out += static_cast<char>(bytes.size() >> (8 * i) & 255);
  return out + std::string(bytes);
}

struct HelloPlan {
  std::string server_name{};
  std::vector<std::string> protocols{};
  std::string session = std::string(32, 's');
  std::string ciphers = "\x13\x01\x13\x02";
  std::string version = "\x03\x03";
  std::string more_extensions{};  // each with its type and length
  std::size_t record_size = 16384;
};

inline std::string extension(unsigned type, std::string_view body) {
  std::string out{static_cast<char>(type >> 8), static_cast<char>(type & 255)};
  return out + with_length(2, body);
}

inline std::string server_name_extension(std::string_view name) {
  return extension(0, with_length(2, std::string(1, '\0') + with_length(2, name)));
}

inline std::string records(std::string_view message, std::size_t record_size = 16384) {
  std::string out;
  while (!message.empty()) {
    std::string_view piece = message.substr(0, record_size);
    out += "\x16\x03\x01" + with_length(2, piece);
    message.remove_prefix(piece.size());
  }
  return out;
}

inline std::string client_hello(const HelloPlan& plan = {}) {
  std::string extensions = plan.more_extensions;
  if (!plan.server_name.empty()) extensions += server_name_extension(plan.server_name);
  if (!plan.protocols.empty()) {
    std::string list;
    for (const std::string& protocol : plan.protocols) list += with_length(1, protocol);
    extensions += extension(16, with_length(2, list));
  }
  std::string body = plan.version + std::string(32, 'r') + with_length(1, plan.session) +
                     with_length(2, plan.ciphers) + with_length(1, std::string(1, '\0')) +
                     with_length(2, extensions);
  return records("\x01" + with_length(3, body), plan.record_size);
}

}  // namespace pillion::net
