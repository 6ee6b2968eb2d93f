// HTTP/2 from arbitrary peers, in either role. Properties: however the network cuts the bytes up,
// the streams see the same events before a GOAWAY; bytes that wait are accounted for to the last;
// nothing that was received is read after its buffer is gone. The first byte of an input chooses
// role and limits, the second how bytes are cut; a server's input begins after the preface.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

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
  std::string whole = run(data[0], bytes, SIZE_MAX);
  std::string pieces = run(data[0], bytes, 1 + data[1] % 40);
  if (whole == pieces) return 0;
  std::fprintf(stderr, "whole:\n%s\nin pieces:\n%s\n", whole.c_str(), pieces.c_str());
  std::abort();
}
