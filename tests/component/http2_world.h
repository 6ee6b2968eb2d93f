#pragma once
// A world whose clients and origin speak HTTP/2.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/component/http2_peers.h"
#include "tests/component/world.h"

namespace pillion::component {

class Http2World : public World {
 protected:
  explicit Http2World(config::Http2Protocol of_origin = {}) : h2_origin_(of_origin) {
    also_step_.emplace_back([this] { h2_origin_.poll(); });
    also_step_.emplace_back([this] {
      for (auto& side : sides_) side->poll();
    });
  }
  // The proxy with an origin that speaks HTTP/2. `options`: of its Http2ProtocolOptions.
  void start_to_h2(Scene scene = {}, const std::string& options = {}) {
    if (scene.cluster_http.empty())
      scene.cluster_http = "explicit_http_config: {http2_protocol_options: {" + options + "}}";
    scene.endpoints = {h2_origin_.port()};
    start(std::move(scene));
  }
  Http2Side& connect_h2(config::Http2Protocol protocol = {}, int receive_buffer = 0) {
    sides_.push_back(
        std::make_unique<Http2Side>(http::Role::kClient, connect(receive_buffer), protocol));
    return *sides_.back();
  }
  http::RecordedStream& open_websocket(Http2Side& client) {
    http::RecordedStream& stream = client.h2.make();
    auto* head = stream.arena().make<http::RequestHead>(stream.arena());
    head->method_text = "GET";
    head->path = "/chat";
    head->authority = "a.example";
    head->scheme = "http";
    head->protocol = "websocket";
    client.h2.session->open(stream, *head, false, true);
    return stream;
  }
  void until_gone(const http::RecordedStream& stream) {
    until([&] { return stream.gone; }, "the stream ends");
  }
  http::RecordedStream& get_h2(Http2Side& client, std::string_view path = "/") {
    http::RecordedStream& stream = client.h2.open(path);
    until_gone(stream);
    return stream;
  }

  Http2Origin h2_origin_;
  std::vector<std::unique_ptr<Http2Side>> sides_;
};

}  // namespace pillion::component
