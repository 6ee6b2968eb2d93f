#include "tests/component/http2_peers.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace pillion::component {

void Http2Side::poll() {
  peer.poll();
  std::string bytes = std::exchange(peer.received(), {});
  if (!bytes.empty() && alive) alive = h2.feed(bytes);
  if (silent || !peer.open()) return;
  std::string out = h2.take();
  if (!out.empty()) peer.send(out);
}

Http2Origin::Http2Origin(config::Http2Protocol protocol)
    : protocol_(protocol),
      listening_(std::move(*net::listen_on(*Address::parse_ip("127.0.0.1", 0), {}))),
      port_(net::local_address(listening_.number()).port()) {}

void Http2Origin::poll() {
  for (;;) {
    int fd = ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peers_.push_back(std::make_unique<Peer>(net::Fd(fd)));
    if (tls_) peers_.back()->secure(tls_());
    sides_.push_back(std::make_unique<Http2Side>(http::Role::kServer, *peers_.back(), protocol_));
  }
  for (auto& side : sides_) {
    side->poll();
    for (auto& [id, stream] : side->h2.streams) {
      bool ready = stream->request != nullptr && (eager_ || stream->remote_ended());
      bool known = std::find(served_.begin(), served_.end(), stream.get()) != served_.end();
      if (!ready || known || stream->gone) continue;
      served_.push_back(stream.get());
      if (steps_.empty()) {
        answer(*side, *stream, 200, "ok");
        continue;
      }
      Step step = std::move(steps_.front());
      steps_.pop_front();
      step(*side, *stream);
    }
    side->poll();
  }
}

void answer(Http2Side& side, http::RecordedStream& stream, int status, std::string_view body,
            const std::vector<std::pair<std::string, std::string>>& trailers) {
  auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
  head->status = status;
  side.h2.session->send_head(stream, *head, body.empty() && trailers.empty());
  side.h2.session->send_body(stream, body);
  http::Headers* fields = nullptr;
  if (!trailers.empty()) {
    fields = stream.arena().make<http::Headers>(stream.arena());
    for (const auto& [name, value] : trailers) fields->add(name, value);
  }
  side.h2.session->send_end(stream, fields);
}

}  // namespace pillion::component
