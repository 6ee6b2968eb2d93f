#pragma once
// One HTTP/2 stream as its owner sees it: the owner derives from it, gets the stream's events, and
// sends through the session. Holds the output that flow control keeps back. Owned by the owner,
// which may destroy it at any time outside of the session's callbacks; single thread.

#include <cstdint>
#include <string_view>

#include "sidecar/base/buffer.h"
#include "sidecar/base/list.h"
#include "sidecar/http/codec.h"
#include "sidecar/http/message.h"

namespace pillion::http {

class Http2Session;

// RFC 9113 section 7.
enum class Http2Error : uint32_t {
  kNoError = 0,
  kProtocol = 1,
  kInternal = 2,
  kFlowControl = 3,
  kStreamClosed = 5,
  kFrameSize = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompression = 9,
  kConnect = 10,
  kEnhanceYourCalm = 11
};

// How a stream left its session.
struct Http2End {
  Http2Error code = Http2Error::kNoError;
  // Request and response have both passed whole; nothing of what follows matters then.
  bool complete = false;
  // The peer's reset, rather than this side's over what the peer sent.
  bool remote = false;
  // The peer has surely not begun to work on it (REFUSED_STREAM, or above GOAWAY's last stream).
  bool unprocessed = false;
  std::string_view details;  // %RESPONSE_CODE_DETAILS%
};

class Http2Stream : public TaggedNode<Http2Stream> {
 public:
  Http2Stream() = default;
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;
  // Resets what is not complete.
  virtual ~Http2Stream();

  [[nodiscard]] StreamId id() const { return id_; }
  // In a session: not closed, and not reset.
  [[nodiscard]] bool attached() const { return session_ != nullptr; }
  [[nodiscard]] bool local_ended() const { return local_ended_; }    // handed to the session
  [[nodiscard]] bool end_written() const { return end_written_; }    // ... and written
  [[nodiscard]] bool remote_ended() const { return remote_ended_; }  // END_STREAM has come
  // Body that waits for flow control or for the connection.
  [[nodiscard]] std::size_t unsent() const { return out_.size(); }

  // Events, from inside Http2Session::feed() or flush(). None may feed, flush or destroy the
  // session, nor destroy the stream.
  virtual Arena& arena() = 0;
  virtual void on_request(RequestHead& /*head*/, bool /*end*/) {}
  // Interim (1xx) responses come here too, with end == false.
  virtual void on_response(ResponseHead& /*head*/, bool /*end*/) {}
  // The request's head can be answered, but not served.
  virtual void on_refused(const ProtocolError& /*error*/) {}
  virtual void on_body(std::string_view data) = 0;
  // Called after a head with end == true as well.
  virtual void on_message_end(Headers* trailers) = 0;
  // The stream has left the session; no event follows.
  virtual void on_closed(const Http2End& end) = 0;
  // Clients: how much more than the first window may be on its way to this stream. Asked again and
  // again as bytes are taken; a smaller answer narrows the window as they are.
  virtual std::size_t wider_window() { return 0; }
  // unsent() has fallen below half of the session's share of a stream after having been above.
  virtual void on_drained() {}

 private:
  friend class Http2Session;
  friend struct Http2Fields;
  friend struct Http2Sending;
  Http2Session* session_ = nullptr;
  Buffer out_;
  std::string_view direct_;  // a caller's piece that goes after out_, during send_body() alone
  const Headers* trailers_out_ = nullptr;
  RequestHead* request_ = nullptr;
  ResponseHead* response_ = nullptr;
  Headers* trailers_in_ = nullptr;
  int32_t id_ = 0;
  uint32_t unconsumed_ = 0;  // received, and not credited to the peer yet
  uint32_t window_ = 0;      // clients: that the peer was granted
  uint32_t taken_ = 0;       // ... and of which so much was taken since wider_window() was asked
  uint32_t header_bytes_ = 0;
  uint16_t header_count_ = 0;
  bool head_done_ = false;  // the final head has been received
  bool end_ = false;        // nothing follows out_
  bool deferred_ = false;   // the library waits for resume_data
  bool paused_ = false;
  bool over_ = false;  // on_drained is owed
  bool local_ended_ = false;
  bool remote_ended_ = false;
  bool end_written_ = false;  // END_STREAM has been written
  bool has_host_ = false;
  bool unwanted_ = false;  // the response is whole; what is left of the request is not read
};

}  // namespace pillion::http
