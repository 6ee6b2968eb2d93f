// The way in: the library's callbacks while bytes are read, to events of streams.

#include <utility>

#include "sidecar/http/http2_fields.h"
#include "sidecar/http/http2_native.h"

namespace pillion::http {

namespace {

constexpr std::string_view kMessaging = "http2.violation.of.messaging.rule";
constexpr std::string_view kTooManyHeaders = "http2.too_many_headers";
constexpr std::string_view kHeadersTooLarge = "http2.header_list_size_too_large";
constexpr std::string_view kRemoteReset = "http2.remote_reset";
constexpr std::string_view kRemoteRefuse = "http2.remote_refuse";
constexpr std::string_view kInvalidField = "http2.invalid.header.field";

bool ends_stream(const nghttp2_frame_hd& head) {
  return (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

}  // namespace

// Grants the file's functions access to session and stream.
struct Http2Fields {
  static Http2Session& session(void* user_data) { return *static_cast<Http2Session*>(user_data); }

  // The stream leaves because of what the peer sent; the library resets it. `by_peer`: it counts as
  // the peer's own reset, as in Envoy.
  static void drop(Http2Session& session, Http2Stream& stream, std::string_view details,
                   bool by_peer = false) {
    session.detach(stream, false);
    session.abuse_.on_control_queued();
    stream.on_closed({Http2Error::kProtocol, false, by_peer, false, details});
  }

  static int on_begin_frame(nghttp2_session* /*native*/, const nghttp2_frame_hd* head,
                            void* user_data) {
    Http2Session& s = session(user_data);
    std::optional<Http2Count> what;
    if (head->type == NGHTTP2_HEADERS && !s.expects(head->stream_id))
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    switch (head->type) {
      case NGHTTP2_DATA:
      case NGHTTP2_HEADERS:
        what = s.abuse_.on_payload_frame(head->length == 0 && !ends_stream(*head));
        break;
      case NGHTTP2_CONTINUATION:
        what = s.abuse_.on_payload_frame(head->length == 0 &&
                                         (head->flags & NGHTTP2_FLAG_END_HEADERS) == 0);
        break;
      case NGHTTP2_PRIORITY:
        what = s.abuse_.on_priority();
        break;
      case NGHTTP2_WINDOW_UPDATE:
        what = s.abuse_.on_window_update();
        break;
      default:
        break;
    }
    if (what) s.flood(*what);
    return 0;
  }

  static int on_begin_headers(nghttp2_session* native, const nghttp2_frame* frame,
                              void* user_data) {
    Http2Session& s = session(user_data);
    int32_t id = frame->hd.stream_id;
    s.heading_ = nullptr;
    if (s.flooded_) return 0;
    if (s.role_ == Role::kServer && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      s.abuse_.on_stream();
      s.last_id_ = id;
      Http2Stream* stream = s.events_.on_stream(static_cast<StreamId>(id));
      if (stream == nullptr) {
        s.count(Http2Count::kStreamRefused);
        s.closed_.add(id, false);
        nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
        s.abuse_.on_control_queued();
        return 0;
      }
      s.attach(*stream, id);
      s.heading_ = stream;
      nghttp2_session_set_stream_user_data(native, id, stream);
      Arena& arena = stream->arena();
      stream->request_ = arena.make<RequestHead>(arena);
      return 0;
    }
    Http2Stream* stream = stream_of(native, id);
    if (stream == nullptr) return 0;
    s.heading_ = stream;
    Arena& arena = stream->arena();
    if (stream->head_done_) {
      if (s.role_ == Role::kServer) s.count(Http2Count::kTrailers);
      stream->trailers_in_ = arena.make<Headers>(arena);
      stream->header_bytes_ = stream->header_count_ = 0;
    } else if (stream->response_ == nullptr) {
      stream->response_ = arena.make<ResponseHead>(arena);
    } else {
      // Interim heads take turns in one object and share its budget of bytes, so that a peer
      // cannot fill the arena with them.
      stream->response_->headers.remove_if([](const Header&) { return true; });
      stream->header_count_ = 0;
    }
    return 0;
  }

  static int on_header(nghttp2_session* /*native*/, const nghttp2_frame* /*frame*/,
                       nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t /*flags*/,
                       void* user_data) {
    Http2Session& s = session(user_data);
    Http2Stream* stream = s.heading_;
    if (stream == nullptr) return 0;
    std::string_view field = text_of(name);
    std::string_view text = text_of(value);
    stream->header_bytes_ += static_cast<uint32_t>(field.size() + text.size());
    ++stream->header_count_;
    bool too_large =
        stream->header_bytes_ > s.limits_.max_header_bytes || field.size() > Headers::kMaxNameSize;
    if (too_large || stream->header_count_ > s.limits_.max_header_count) {
      s.count(too_large ? Http2Count::kHeaderListTooLarge : Http2Count::kHeaderOverflow);
      drop(s, *stream, too_large ? kHeadersTooLarge : kTooManyHeaders, true);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    bool good = true;
    if (stream->head_done_)
      take_trailer(*stream->trailers_in_, field, text);
    else if (s.role_ == Role::kServer)
      good = take_request_field(*stream->request_, field, text, stream->has_host_);
    else
      good = take_response_field(*stream->response_, field, text);
    if (!good) s.refuse(*stream, kInvalidField);
    return 0;
  }

  // A field that the library would leave out makes the message malformed, as RFC 9113 section 8.2.1
  // wants it.
  static int on_invalid_header(nghttp2_session* native, const nghttp2_frame* frame, nghttp2_rcbuf*,
                               nghttp2_rcbuf*, uint8_t, void* user_data) {
    if (Http2Stream* stream = stream_of(native, frame->hd.stream_id))
      session(user_data).refuse(*stream, kInvalidField);
    return 0;
  }

  static int on_invalid_frame(nghttp2_session* native, const nghttp2_frame* frame, int error,
                              void* user_data) {
    Http2Session& s = session(user_data);
    if (error == NGHTTP2_ERR_REFUSED_STREAM || error == NGHTTP2_ERR_STREAM_CLOSED) {
      s.count(Http2Count::kStreamRefused);
      s.abuse_.on_control_queued();
      // What follows the refused head was on its way.
      if (s.role_ == Role::kServer) s.closed_.add(frame->hd.stream_id, false);
      return 0;
    }
    Http2Stream* stream = stream_of(native, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (error == NGHTTP2_ERR_HTTP_HEADER || error == NGHTTP2_ERR_HTTP_MESSAGING)
      s.refuse(*stream, error == NGHTTP2_ERR_HTTP_HEADER ? kInvalidField : kMessaging, true);
    else
      drop(s, *stream, kMessaging);
    return 0;
  }

  static int on_data(nghttp2_session* native, uint8_t /*flags*/, int32_t id, const uint8_t* data,
                     std::size_t size, void* user_data) {
    Http2Session& s = session(user_data);
    Http2Stream* stream = stream_of(native, id);
    if (stream == nullptr) {
      nghttp2_session_consume(native, id, size);
      return 0;
    }
    // Streams that nobody reads must not use up what an endpoint may send for others.
    if (s.role_ == Role::kClient) nghttp2_session_consume_connection(native, size);
    stream->unconsumed_ += static_cast<uint32_t>(size);
    stream->on_body({reinterpret_cast<const char*>(data), size});
    // The stream may have been paused or have left, which takes its bytes along.
    if (stream->paused_ || stream->session_ != &s) return 0;
    s.credit(*stream, std::exchange(stream->unconsumed_, 0));
    return 0;
  }

  static int on_frame(nghttp2_session* native, const nghttp2_frame* frame, void* user_data) {
    Http2Session& s = session(user_data);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        if (Http2Stream* stream = stream_of(native, frame->hd.stream_id))
          on_message_frame(s, *stream, frame->hd);
        return 0;
      case NGHTTP2_RST_STREAM:
        return on_reset(s, stream_of(native, frame->hd.stream_id), frame->rst_stream.error_code);
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) return 0;
        s.abuse_.on_control_queued();
        s.events_.on_settings();
        return 0;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
          s.events_.on_ping_ack();
        else
          s.abuse_.on_control_queued();
        return 0;
      case NGHTTP2_GOAWAY:
        s.events_.on_goaway(static_cast<Http2Error>(frame->goaway.error_code));
        return 0;
      default:
        return 0;
    }
  }

  static void on_message_frame(Http2Session& s, Http2Stream& stream, const nghttp2_frame_hd& head) {
    bool end = ends_stream(head);
    Headers* trailers = std::exchange(stream.trailers_in_, nullptr);
    if (end) stream.remote_ended_ = true;
    if (head.type == NGHTTP2_HEADERS) {
      if (trailers == nullptr) deliver_head(s, stream, end);
    }
    if (end && stream.session_ == &s) stream.on_message_end(trailers);
  }

  static void deliver_head(Http2Session& s, Http2Stream& stream, bool end) {
    if (s.role_ == Role::kClient) {
      ResponseHead& head = *stream.response_;
      head.version = Version::kHttp2;
      stream.head_done_ = head.status >= 200;
      stream.on_response(head, end);
      return;
    }
    stream.head_done_ = true;
    if (ProtocolError error = complete_request(*stream.request_); error.status != 0) {
      s.count(Http2Count::kMessagingError);
      stream.on_refused(error);
      return;
    }
    stream.on_request(*stream.request_, end);
  }

  static int on_reset(Http2Session& s, Http2Stream* stream, uint32_t code) {
    if (auto what = s.abuse_.on_reset(s.now_)) s.flood(*what);
    if (stream == nullptr) return 0;
    s.count(Http2Count::kRxReset);
    auto error = static_cast<Http2Error>(code);
    bool refused = error == Http2Error::kRefusedStream;
    bool complete = stream->remote_ended_ && stream->end_written_;
    s.detach(*stream, true);
    stream->on_closed({error, complete, true, refused && !stream->remote_ended_,
                       refused ? kRemoteRefuse : kRemoteReset});
    return 0;
  }

  // The library has let the stream go: it is complete, or the peer's GOAWAY was below it, or a
  // reset of its own has been written.
  static int on_close(nghttp2_session* native, int32_t id, uint32_t code, void* user_data) {
    Http2Stream* stream = stream_of(native, id);
    if (stream == nullptr) return 0;
    Http2Session& s = session(user_data);
    auto error = static_cast<Http2Error>(code);
    bool complete = stream->remote_ended_ && stream->end_written_;
    bool refused = error == Http2Error::kRefusedStream;
    s.detach(*stream, false);
    stream->on_closed({error, complete, refused, refused, refused ? kRemoteRefuse : kMessaging});
    return 0;
  }
};

void Http2Receiver::register_in(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, Http2Fields::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Http2Fields::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, Http2Fields::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks,
                                                            Http2Fields::on_invalid_header);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks,
                                                               Http2Fields::on_invalid_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Http2Fields::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Http2Fields::on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Http2Fields::on_close);
}

}  // namespace pillion::http
