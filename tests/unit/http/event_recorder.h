#pragma once
// Takes a parser's events down as text, one line each and body bytes joined, so that two ways of
// feeding the same bytes can be compared and a test can name what it expects. Shared by the unit
// tests and the fuzzer of HTTP/1.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/base/arena.h"
#include "sidecar/http/http1_parser.h"

namespace pillion::http {

class EventRecorder final : public CodecEvents {
 public:
  Arena& on_message_begin(StreamId) override {
    ++begun;
    arenas_.push_back(std::make_unique<Arena>(blocks_));
    return *arenas_.back();
  }

  void on_request(StreamId, RequestHead& head, bool end) override {
    flush_body();
    request = &head;
    log.append("request ").append(head.method_text).append(" ").append(head.path);
    log.append(" host=").append(head.authority.data() == nullptr ? "(none)" : head.authority);
    if (!head.scheme.empty()) log.append(" scheme=").append(head.scheme);
    if (!head.protocol.empty()) log.append(" protocol=").append(head.protocol);
    if (head.version == Version::kHttp10) log.append(" 1.0");
    finish_head(head.headers, end);
  }

  void on_response(StreamId, ResponseHead& head, bool end) override {
    flush_body();
    response = &head;
    log.append("response ").append(std::to_string(head.status));
    if (head.version == Version::kHttp10) log.append(" 1.0");
    finish_head(head.headers, end);
    if (parser != nullptr && head.status == tunnel_at) parser->start_tunnel();
  }

  void on_body(StreamId, std::string_view data) override { body_.append(data); }

  void on_message_end(StreamId, Headers* trailers) override {
    flush_body();
    log.append("complete");
    if (trailers != nullptr) append_fields(*trailers);
    log.append("\n");
    ++completed;
  }

  // What has happened so far, a pending piece of body included.
  std::string text() {
    flush_body();
    return log;
  }

  // Set to have a response with that status begin a tunnel.
  Http1Parser* parser = nullptr;
  int tunnel_at = 0;

  std::string log;
  int begun = 0;
  int completed = 0;
  RequestHead* request = nullptr;
  ResponseHead* response = nullptr;

 private:
  void flush_body() {
    if (body_.empty()) return;
    log.append("body ").append(body_).append("\n");
    body_.clear();
  }
  void append_fields(const Headers& headers) {
    for (const Header& h : headers)
      log.append(" [").append(h.name()).append(": ").append(h.value()).append("]");
  }
  void finish_head(const Headers& headers, bool end) {
    append_fields(headers);
    log.append(end ? " end\n" : "\n");
  }

  BlockPool blocks_;
  std::vector<std::unique_ptr<Arena>> arenas_;
  std::string body_;
};

// The outcome of feeding: the events, and the refusal if there was one.
struct Transcript {
  std::string events;
  bool refused = false;
  int status = 0;
  std::string details;
  friend bool operator==(const Transcript&, const Transcript&) = default;
};

// Feeds `pieces` one after the other as a connection does: what a complete message leaves over is
// fed again after resume(). `at_end`: the peer closes afterwards (clients' parsers).
inline Transcript transcribe(Http1Parser& parser, EventRecorder& events,
                             const std::vector<std::string_view>& pieces, bool at_end = false) {
  Transcript out;
  for (std::string_view piece : pieces) {
    // A copy of the exact size, freed at once: a view kept into it is a use after free.
    std::unique_ptr<char[]> copy(new char[piece.size()]);
    piece.copy(copy.get(), piece.size());
    std::string_view rest(copy.get(), piece.size());
    while (!rest.empty()) {
      int completed = events.completed;
      Result<std::size_t> taken = parser.feed(rest);
      if (!taken) {
        out.refused = true;
        out.status = parser.error().status;
        out.details = parser.error().details;
        out.events = events.text();
        return out;
      }
      rest.remove_prefix(*taken);
      if (!parser.paused()) continue;
      if (events.completed == completed) {  // the peer has left HTTP, and nobody has followed
        out.events = events.text() + "held back\n";
        return out;
      }
      parser.resume();
    }
  }
  if (at_end) events.log.append(parser.finish() ? "" : "cut short\n");
  out.events = events.text();
  return out;
}

// Every byte by itself.
inline std::vector<std::string_view> byte_by_byte(std::string_view bytes) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < bytes.size(); ++i) pieces.push_back(bytes.substr(i, 1));
  return pieces;
}

}  // namespace pillion::http
