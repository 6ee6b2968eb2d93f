#include "tests/component/http_ends.h"

#include <charconv>
#include <utility>

namespace pillion::component {

namespace {

constexpr std::string_view kRequest =
    "POST /phases HTTP/1.1\r\nhost: a.example\r\ncontent-length: 8\r\n\r\n";
constexpr std::string_view kResponse = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n";

// Bytes that a session would send, cut in two.
void send_first_half(Http2Side& side, std::string& rest) {
  std::string bytes = side.h2.take();
  rest = bytes.substr(bytes.size() / 2);
  side.silent = true;
  side.send_raw(std::string_view(bytes).substr(0, bytes.size() / 2));
}

void send_rest(Http2Side& side, std::string& rest) {
  if (rest.empty()) return;
  side.send_raw(std::exchange(rest, {}));
  side.silent = false;
}

// Of the last message.
std::string body_of(const std::string& message) {
  std::size_t end = message.rfind("\r\n\r\n");
  return end == std::string::npos ? std::string() : message.substr(end + 4);
}

}  // namespace

const char* name_of(Phase phase) {
  switch (phase) {
    case Phase::kConnected:
      return "Connected";
    case Phase::kHalfHead:
      return "HalfHead";
    case Phase::kHead:
      return "Head";
    case Phase::kHalfBody:
      return "HalfBody";
    case Phase::kEnd:
      return "End";
  }
  return "";
}

Front::Front(bool http2, Peer& peer) : peer_(peer) {
  if (http2) side_ = std::make_unique<Http2Side>(http::Role::kClient, peer);
}

void Front::poll() {
  if (side_ != nullptr) side_->poll();
}

void Front::go_to(Phase phase) {
  for (; next_ <= static_cast<int>(phase); ++next_) send(static_cast<Phase>(next_));
}

void Front::open_stream() {
  stream_ = &side_->h2.make();
  auto* head = stream_->arena().make<http::RequestHead>(stream_->arena());
  head->method_text = "POST";
  head->method = http::Method::kPost;
  head->path = "/phases";
  head->authority = "a.example";
  head->scheme = "http";
  head->headers.add("content-length", "8");
  side_->h2.session->open(*stream_, *head, false, false);
}

void Front::send(Phase phase) {
  bool http2 = side_ != nullptr;
  switch (phase) {
    case Phase::kConnected:
      return;
    case Phase::kHalfHead:
      if (http2) {
        side_->poll();  // the preface is no part of the head
        open_stream();
        send_first_half(*side_, rest_of_head_);
      } else {
        peer_.send(kRequest.substr(0, kRequest.size() / 2));
      }
      return;
    case Phase::kHead:
      if (http2)
        send_rest(*side_, rest_of_head_);
      else
        peer_.send(kRequest.substr(kRequest.size() / 2));
      return;
    case Phase::kHalfBody:
    case Phase::kEnd:
      if (!http2) {
        peer_.send(kHalf);
        return;
      }
      side_->h2.session->send_body(*stream_, kHalf);
      if (phase == Phase::kEnd) side_->h2.session->send_end(*stream_, nullptr);
  }
}

int Front::status() const {
  if (side_ != nullptr)
    return stream_ == nullptr || stream_->response == nullptr ? 0 : stream_->response->status;
  const std::string& text = peer_.received();
  int status = 0;
  if (text.size() > 12) std::from_chars(text.data() + 9, text.data() + 12, status);
  return status;
}

std::string Front::body() const {
  if (side_ != nullptr) return stream_ == nullptr ? std::string() : stream_->body;
  return body_of(peer_.received());
}

bool Front::complete() const {
  if (side_ != nullptr) return stream_ != nullptr && stream_->remote_ended();
  const std::string& text = peer_.received();
  std::size_t at = text.find("content-length: ");
  if (at == std::string::npos) return false;
  std::size_t length = 0;
  std::from_chars(text.data() + at + 16, text.data() + text.size(), length);
  return text.find("\r\n\r\n") != std::string::npos && body().size() == length;
}

bool Front::cut() const {
  if (complete()) return false;
  return peer_.ended() || (stream_ != nullptr && stream_->gone);
}

void Back::poll() {
  raw_.poll();
  while (http2_ && sides_.size() < raw_.connections())
    sides_.push_back(std::make_unique<Http2Side>(http::Role::kServer, raw_.peer(sides_.size())));
  for (auto& side : sides_)
    if (side->peer.open()) side->poll();
}

http::RecordedStream* Back::stream() {
  if (sides_.empty() || sides_.back()->h2.streams.empty()) return nullptr;
  return sides_.back()->h2.streams.rbegin()->second.get();
}

std::size_t Back::requests() {
  std::size_t count = 0;
  for (std::size_t i = 0; !http2_ && i < raw_.connections(); ++i) {
    const std::string& text = raw_.peer(i).received();
    for (std::size_t at = text.find("POST /"); at != std::string::npos;
         at = text.find("POST /", at + 1))
      ++count;
  }
  for (auto& side : sides_)
    for (auto& [id, stream] : side->h2.streams) count += stream->request != nullptr ? 1 : 0;
  return count;
}

void Back::begin_again() {
  if (cut_side_ != nullptr) send_rest(*cut_side_, rest_of_head_);
  cut_side_ = nullptr;
  next_ = 1;
}

bool Back::heard_head() {
  if (!connected()) return false;
  if (http2_) return stream() != nullptr && stream()->request != nullptr;
  return peer().received().find("\r\n\r\n") != std::string::npos;
}

std::string Back::heard_body() {
  if (!heard_head()) return {};
  return http2_ ? stream()->body : body_of(peer().received());
}

bool Back::heard_end() {
  return heard_body().size() == 2 * kHalf.size();
}

void Back::go_to(Phase phase) {
  for (; next_ <= static_cast<int>(phase); ++next_) send(static_cast<Phase>(next_));
}

void Back::send(Phase phase) {
  http::Http2Session* session = http2_ ? side().h2.session : nullptr;
  switch (phase) {
    case Phase::kConnected:
      return;
    case Phase::kHalfHead:
      if (http2_) {
        auto* head = stream()->arena().make<http::ResponseHead>(stream()->arena());
        head->headers.add("content-length", "8");
        session->send_head(*stream(), *head, false);
        send_first_half(side(), rest_of_head_);
        cut_side_ = &side();
      } else {
        peer().send(kResponse.substr(0, kResponse.size() / 2));
      }
      return;
    case Phase::kHead:
      if (http2_)
        send_rest(side(), rest_of_head_);
      else
        peer().send(kResponse.substr(kResponse.size() / 2));
      return;
    case Phase::kHalfBody:
    case Phase::kEnd:
      if (!http2_) {
        peer().send(kHalf);
        return;
      }
      session->send_body(*stream(), kHalf);
      if (phase == Phase::kEnd) session->send_end(*stream(), nullptr);
  }
}

}  // namespace pillion::component
