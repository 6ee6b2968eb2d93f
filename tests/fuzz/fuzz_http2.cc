// HTTP/2 from arbitrary peers, in either role. Properties: however the network cuts the bytes up,
// the streams see the same events before a GOAWAY; bytes that wait are accounted for to the last;
// nothing that was received is read after its buffer is gone; no event reaches a stream that has
// left. The first byte of an input chooses role and limits, and whether owners act between the
// pieces (then what streams see depends on these); the second how bytes are cut. A server's input
// begins after the preface.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/http/http2_peers.h"

namespace {

using pillion::http::CodecLimits;
using pillion::http::Http2Peer;
using pillion::http::RecordedStream;
using pillion::http::ResponseHead;
using pillion::http::Role;

// Answers every request as soon as it is known, so that frames go both ways.
void answer(Http2Peer& peer) {
  for (auto& [id, stream] : peer.streams) {
    if (stream->gone || stream->request == nullptr || stream->local_ended()) continue;
    ResponseHead head(stream->arena());
    peer.session->send_head(*stream, head, false);
    peer.session->send_body(*stream, "hello");
    peer.session->send_end(*stream, nullptr);
    peer.session->finish(*stream);
  }
}

// What an owner may do at any time, as the next byte on the wire says.
void act(Http2Peer& peer, uint8_t what) {
  std::vector<RecordedStream*> live;
  for (auto& [id, stream] : peer.streams)
    if (stream->attached()) live.push_back(stream.get());
  for (auto& stream : peer.made)
    if (stream->attached()) live.push_back(stream.get());
  if (live.empty()) return;
  RecordedStream& stream = *live[(what >> 3) % live.size()];
  switch (what & 7) {
    case 0:
      peer.session->pause(stream);
      return;
    case 1:
      peer.session->resume(stream);
      return;
    case 2:
      peer.session->reset(stream, pillion::http::Http2Error::kCancel);
      stream.gone = true;
      return;
    case 3:
      answer(peer);
      return;
    case 4:
      if (peer.session->role() == Role::kClient) peer.session->send_body(stream, "some more");
      return;
    case 5:
      if (peer.session->role() == Role::kClient) peer.session->send_end(stream, nullptr);
      return;
    case 6:
      peer.take(64);
      return;
    default:
      std::erase_if(peer.streams, [&](auto& entry) { return entry.second.get() == &stream; });
      std::erase_if(peer.made, [&](auto& made) { return made.get() == &stream; });
  }
}

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

std::string run(uint8_t choice, std::string_view bytes, std::size_t piece) {
  Role role = (choice & 1) != 0 ? Role::kClient : Role::kServer;
  CodecLimits limits = (choice & 2) != 0 ? CodecLimits{256, 8} : CodecLimits{};
  pillion::config::Http2Protocol protocol;
  protocol.allow_connect = (choice & 4) != 0;
  Http2Peer peer(role, protocol, limits);
  if (role == Role::kServer) {
    peer.feed(pillion::http::kPreface);
  } else {
    for (const char* method : {"GET", "HEAD", "POST"}) peer.open("/", method[0] != 'P', method);
    peer.take();
  }
  bool alive = true;
  while (alive && !bytes.empty()) {
    std::string_view next = bytes.substr(0, piece);
    bytes.remove_prefix(next.size());
    alive = peer.feed(next);
    if ((choice & 8) != 0 && alive) act(peer, static_cast<uint8_t>(next.front()));
  }
  if (role == Role::kServer) answer(peer);
  peer.take();
  std::string log;
  std::size_t waiting = 0;
  std::size_t attached = 0;
  auto take_down = [&](RecordedStream& stream) {
    log += stream.log + stream.body + "\n";
    waiting += stream.unsent();
    attached += stream.attached() ? 1 : 0;
  };
  for (auto& [id, stream] : peer.streams) take_down(*stream);
  for (auto& stream : peer.made) take_down(*stream);
  check(waiting == peer.session->buffered(), "waiting bytes are not accounted for");
  check(attached == peer.session->streams(), "streams are not accounted for");
  // A client that has said GOAWAY is not read any further from the next piece on.
  return peer.goaways > 0 ? "" : log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  if ((data[0] & 8) != 0) {
    run(data[0], bytes, 1 + data[1] % 40);
    return 0;
  }
  std::string whole = run(data[0], bytes, SIZE_MAX);
  std::string pieces = run(data[0], bytes, 1 + data[1] % 40);
  if (whole == pieces) return 0;
  std::fprintf(stderr, "whole:\n%s\nin pieces:\n%s\n", whole.c_str(), pieces.c_str());
  std::abort();
}
