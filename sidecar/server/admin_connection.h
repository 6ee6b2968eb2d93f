#pragma once
// One client of the admin server: reads a request, runs the command, sends the answer in pieces as
// the client takes them, and so on until either side closes. Owned by AdminServer; control thread.

#include <string>

#include "sidecar/base/arena.h"
#include "sidecar/format/stream_info.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/io/loop.h"
#include "sidecar/net/connection.h"
#include "sidecar/server/admin_server.h"

namespace pillion::server {

class AdminConnection final : public io::Disposable,
                              private net::ConnectionEvents,
                              private http::CodecEvents {
 public:
  AdminConnection(AdminServer& server, net::Fd fd, const Address& peer);
  ~AdminConnection() override;

 private:
  enum class Phase : uint8_t { kIdle, kReading, kReady, kWriting };

  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_failed(Error error) override;
  void on_drained() override;
  void on_flushed() override;

  Arena& on_message_begin(http::StreamId id) override;
  void on_request(http::StreamId id, http::RequestHead& head, bool end) override;
  void on_body(http::StreamId id, std::string_view data) override;
  void on_message_end(http::StreamId id, http::Headers* trailers) override;

  void process();
  void run_command();
  void refuse(int status, std::string_view text);
  void send_head();
  void send_more();
  // Puts the next piece in the place of the one that was sent; false when there is none.
  bool next_piece();
  void finish_response();
  void enter(Phase phase);
  void on_timeout();
  void close();

  AdminServer& server_;
  net::Connection connection_;
  http::Http1Parser parser_;
  io::Timer timer_;
  Arena arena_;
  Address peer_;
  Address local_;
  StreamInfo info_;
  Phase phase_ = Phase::kIdle;
  bool read_ended_ = false;
  bool close_after_ = false;
  http::RequestHead* request_ = nullptr;
  http::ResponseHead* response_ = nullptr;
  std::size_t body_read_ = 0;
  Buffer unread_;  // what arrived behind the request at hand; reading is paused while there is any
  AdminResponse answer_;
  std::size_t sent_ = 0;       // of the answer's body, or of the piece at hand
  uint64_t body_written_ = 0;  // pieces that are done with
  bool chunked_ = false;
};

}  // namespace pillion::server
