#pragma once
// Two HTTP/2 sessions back to back, or one and raw frames: streams take their events down as text,
// and bytes pass only when a test says so. Shared by the unit tests and the fuzzer of HTTP/2.

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/base/arena.h"
#include "sidecar/http/http2_session.h"

namespace pillion::http {

class RecordedStream final : public Http2Stream {
 public:
  RecordedStream(BlockPool& blocks, Http2Session*& session) : arena_(blocks), session_(session) {}
  Arena& arena() override { return arena_; }
  void on_request(RequestHead& head, bool end) override {
    must_be_here();
    request = &head;
    log.append("request ").append(head.method_text).append(" ").append(head.path);
    log.append(" host=").append(head.authority.data() == nullptr ? "(none)" : head.authority);
    log.append(" scheme=").append(head.scheme);
    if (!head.protocol.empty()) log.append(" protocol=").append(head.protocol);
    finish_head(head.headers, end);
  }
  void on_response(ResponseHead& head, bool end) override {
    must_be_here();
    response = &head;
    log.append("response ").append(std::to_string(head.status));
    finish_head(head.headers, end);
  }
  void on_refused(const ProtocolError& error) override {
    log.append("refused ").append(std::to_string(error.status)).append(" ");
    log.append(error.details).append("\n");
  }
  void on_body(std::string_view data) override {
    must_be_here();
    body.append(data);
    if (pause_at_body) session_->pause(*this);
  }
  void on_message_end(Headers* trailers) override {
    must_be_here();
    log.append("end");
    if (trailers != nullptr) append_fields(*trailers);
    log.append("\n");
  }
  void on_closed(const Http2End& end) override {
    must_be_here();
    closed = end;
    gone = true;
    log.append(end.complete ? "complete\n" : "");
    if (end.complete) return;
    log.append(end.remote ? "reset by peer " : "reset ");
    log.append(std::to_string(static_cast<unsigned>(end.code))).append(" ").append(end.details);
    log.append(end.unprocessed ? " unprocessed\n" : "\n");
  }
  void on_drained() override { ++drained; }
  std::size_t wider_window() override { return wider; }

  std::string log;
  std::string body;
  RequestHead* request = nullptr;
  ResponseHead* response = nullptr;
  Http2End closed;
  bool gone = false;
  bool pause_at_body = false;
  bool answered = false;  // by a test that keeps count
  int drained = 0;
  std::size_t wider = 0;

 private:
  // No event follows the last one.
  void must_be_here() const {
    if (gone) std::abort();
  }
  void append_fields(const Headers& headers) {
    for (const Header& h : headers)
      log.append(" [").append(h.name()).append(": ").append(h.value()).append("]");
  }
  void finish_head(const Headers& headers, bool end) {
    append_fields(headers);
    log.append(end ? " end\n" : "\n");
  }
  Arena arena_;
  Http2Session*& session_;
};

// One end of a connection.
class Http2Peer final : public Http2Events {
  BlockPool blocks_;  // outlives the streams

 public:
  explicit Http2Peer(Role role, config::Http2Protocol protocol = {}, CodecLimits limits = {})
      : config(all_at_once(protocol)), owned_(new Http2Session(role, *this, config, limits)) {
    session = owned_.get();
  }
  Http2Stream* on_stream(StreamId id) override {
    if (refuse) return nullptr;
    auto& stream = streams[id];
    stream = std::make_unique<RecordedStream>(blocks_, session);
    stream->pause_at_body = pause_at_body;
    return stream.get();
  }
  void on_output() override { ++outputs; }
  void on_count(Http2Count what) override { ++counts[what]; }
  void on_goaway(Http2Error code) override {
    goaway = code;
    ++goaways;
  }
  void on_settings() override { ++settings; }
  void on_ping_ack() override { ++ping_acks; }

  bool feed(std::string_view bytes) {
    // A copy of the exact size, freed at once: a view kept into it is a use after free.
    std::unique_ptr<char[]> copy(new char[bytes.size()]);
    bytes.copy(copy.get(), bytes.size());
    return session->feed({copy.get(), bytes.size()}, now).has_value();
  }
  // All that can leave.
  std::string take(std::size_t most = SIZE_MAX) {
    Buffer out = std::move(unsent);
    flushed = session->flush(out, most).has_value();
    std::string bytes = out.to_string();
    out.clear();
    return bytes;
  }
  RecordedStream& make() {
    made.push_back(std::make_unique<RecordedStream>(blocks_, session));
    return *made.back();
  }
  RecordedStream& open(std::string_view path, bool end = true, std::string_view method = "GET") {
    RecordedStream& stream = make();
    auto* head = stream.arena().make<RequestHead>(stream.arena());
    head->method_text = method;
    head->method = method_of(method);
    head->path = path;
    head->authority = "a.example";
    head->scheme = "http";
    session->open(stream, *head, end, false);
    return stream;
  }

  config::Http2Protocol config;
  Http2Session* session = nullptr;
  std::map<StreamId, std::unique_ptr<RecordedStream>> streams;
  std::vector<std::unique_ptr<RecordedStream>> made;
  std::map<Http2Count, int> counts;
  Buffer unsent;
  Time now{std::chrono::hours(1)};
  Http2Error goaway = Http2Error::kNoError;
  int goaways = 0;
  int outputs = 0;
  int settings = 0;
  int ping_acks = 0;
  bool flushed = true;
  bool refuse = false;
  bool pause_at_body = false;

 private:
  // Peers grant their whole window at once unless a test is about that.
  static config::Http2Protocol all_at_once(config::Http2Protocol protocol) {
    if (protocol.first_window == config::Http2Protocol{}.first_window)
      protocol.first_window = protocol.stream_window;
    return protocol;
  }
  std::unique_ptr<Http2Session> owned_;
};

// RFC 9113 section 4.1, for peers that do as they like.
inline std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out;
  for (int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 0xff);
  return out.append(payload);
}
inline std::string number32(uint32_t value) {
  std::string out;
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xff);
  return out;
}
// A literal without indexing and without Huffman coding (RFC 7541 section 6.2.2).
inline std::string literal(std::string_view name, std::string_view value) {
  auto length = [](std::size_t size) {
    std::string out;
    if (size < 127) return out += static_cast<char>(size);
    out += '\x7f';
    for (size -= 127; size >= 128; size >>= 7) out += static_cast<char>(0x80 | (size & 0x7f));
    return out += static_cast<char>(size);
  };
  std::string out(1, '\0');
  out += length(name.size());
  out.append(name);
  out += length(value.size());
  return out.append(value);
}

constexpr uint8_t kData = 0, kHeaders = 1, kPriority = 2, kRst = 3, kSettings = 4, kPing = 6,
                  kGoaway = 7, kWindowUpdate = 8, kContinuation = 9;
constexpr uint8_t kEndStream = 1, kEndHeaders = 4;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// What a client says first.
inline std::string hello() {
  return std::string(kPreface) + frame(kSettings, 0, 0, {});
}
inline std::string get_fields(std::string_view path = "/") {
  return literal(":method", "GET") + literal(":scheme", "http") + literal(":path", path) +
         literal(":authority", "a.example");
}
inline std::string get_frame(uint32_t stream, std::string_view more = {}) {
  return frame(kHeaders, kEndStream | kEndHeaders, stream, get_fields() + std::string(more));
}

}  // namespace pillion::http
