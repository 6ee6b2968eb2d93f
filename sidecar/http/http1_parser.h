#pragma once
// HTTP/1.x bytes to events (RFC 9112), for either role, on llhttp in its strict mode. Parses in
// place: what a read buffer holds whole is copied once, into the stream's arena. Framing fields
// (transfer-encoding) stay here; "host" becomes the authority. Owned by a codec; single thread.

#include <memory>
#include <optional>
#include <string>

#include "sidecar/http/codec.h"

namespace pillion::http {

enum class Role : uint8_t { kServer, kClient };

// What a client's parser must know of the request to frame the response (RFC 9112 section 6.3).
enum class ExpectedBody : uint8_t { kNormal, kNone /* HEAD */, kTunnel /* CONNECT */ };

class Http1Parser {
 public:
  Http1Parser(Role role, CodecEvents& events, CodecLimits limits);
  ~Http1Parser();

  // Parses as much as it may and returns how much was taken. Less than all was taken after a
  // complete message (see paused()), or when a tunnel begins. On error see error().
  Result<std::size_t> feed(std::string_view bytes);
  // The peer has closed its side: ends a body that is delimited by that. False if that cuts a
  // message short.
  bool finish();
  // A message is complete and the next must wait until resume().
  [[nodiscard]] bool paused() const { return paused_; }
  void resume();
  // All further bytes are a tunnel's, passed to on_body untouched.
  void start_tunnel();
  [[nodiscard]] bool tunnel() const { return tunnel_; }

  // A client's: call before the response's first byte.
  void expect(ExpectedBody body) { expected_ = body; }

  // Of the message at hand: the connection may carry another after it.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  // The message at hand has begun and is not complete.
  [[nodiscard]] bool in_message() const { return in_message_; }
  // The bytes of a head's fields as Envoy counts received ones: name, value and three more.
  // `fields` are those of the head at hand; transfer-encoding, which is not among them, counts too.
  [[nodiscard]] std::size_t head_field_bytes(const Headers& fields) const {
    return fields.byte_size() - fields.size() + (chunked_ ? kChunkedFieldBytes : 0);
  }
  [[nodiscard]] bool in_head() const { return in_message_ && !head_done_; }
  [[nodiscard]] const ProtocolError& error() const { return error_; }
  [[nodiscard]] uint32_t head_bytes() const { return head_bytes_; }
  // A server's: the request's chunked or sized body, as announced.
  [[nodiscard]] std::optional<uint64_t> content_length() const { return content_length_; }

 private:
  struct Llhttp;
  friend struct Llhttp;

  int on_begin();
  // A piece of text being read. It lies in the read buffer until a read ends inside or after it;
  // then it is `kept`: in fragment_ while it is still open, in the arena once it is complete.
  struct Token {
    std::string_view text;
    bool kept = false;
  };
  int on_head_text(std::string_view piece, Token& token);
  void close_token();
  int on_header_complete();
  int on_head_complete();
  int on_complete();
  int finish_request();
  int finish_response();
  int refuse(int status, std::string_view details);
  [[nodiscard]] bool refused() const { return error_.details != ProtocolError{}.details; }
  // Says why llhttp has refused, where Envoy has a word for it.
  void explain(int code);
  int on_protocol(std::string_view piece);
  int on_chunk_extension(std::size_t size);
  int on_body(std::string_view data);
  bool count_head_bytes(std::size_t size);
  bool set_target(std::string_view target);
  void keep_tokens();
  void add_field(std::string_view name, std::string_view value);
  Headers& headers_at_hand();

  Role role_;
  ExpectedBody expected_ = ExpectedBody::kNormal;
  bool paused_ = false;
  bool tunnel_ = false;
  bool in_message_ = false;
  bool head_done_ = false;
  bool keep_alive_ = true;
  bool in_trailers_ = false;
  bool chunked_ = false;
  bool interim_ = false;      // the head at hand, or the last one, was a 1xx response
  bool leaves_http_ = false;  // the response at hand: 101, or 2xx to CONNECT
  CodecEvents& events_;
  CodecLimits limits_;
  // Bytes of chunk extensions that the body has not outweighed.
  static constexpr uint64_t kMaxChunkOverhead = 16 * 1024;
  static constexpr std::size_t kChunkedFieldBytes =
      std::string_view("transfer-encodingchunked").size() + 3;
  uint64_t chunk_overhead_ = 0;
  uint32_t head_bytes_ = 0;
  uint32_t fields_ = 0;
  std::optional<uint64_t> content_length_;
  std::unique_ptr<Llhttp> parser_;
  Token target_;
  Token name_;
  Token value_;
  Token* open_token_ = nullptr;
  std::unique_ptr<std::string> fragment_;
  Arena* arena_ = nullptr;
  RequestHead* request_ = nullptr;
  ResponseHead* response_ = nullptr;
  Headers* trailers_ = nullptr;
  ProtocolError error_;
};

// RFC 3986 authority characters, no userinfo, a port of digits if any. Empty is valid.
bool is_valid_authority(std::string_view authority);

}  // namespace pillion::http
