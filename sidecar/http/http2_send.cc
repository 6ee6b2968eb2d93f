// The way out: messages to the library, and its callbacks while frames are written.

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "sidecar/http/http2_native.h"

namespace pillion::http {

namespace {

// A head's fields for the library, which copies them before the call returns. Most fit here.
class Fields {
 public:
  void add(std::string_view name, std::string_view value, uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
    nghttp2_nv field{native_bytes(name), native_bytes(value), name.size(), value.size(), flags};
    if (size_ < few_.size() && many_.empty()) {
      few_[size_++] = field;
      return;
    }
    if (many_.empty()) many_.assign(few_.begin(), few_.end());
    many_.push_back(field);
    size_ = many_.size();
  }
  void add_all(const Headers& headers) {
    for (const Header& h : headers) {
      // Connection-specific fields have no place in HTTP/2 (RFC 9113 section 8.2.2).
      if (is_connection_specific(h)) continue;
      // A value that is never the same twice would only push others out of the peer's table.
      add(h.name(), h.value(),
          h.id == HeaderId::kRequestId ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
    }
  }
  [[nodiscard]] const nghttp2_nv* data() const {
    return many_.empty() ? few_.data() : many_.data();
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static bool is_connection_specific(const Header& h) {
    switch (h.id) {
      case HeaderId::kConnection:
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kTransferEncoding:
      case HeaderId::kUpgrade:
        return true;
      case HeaderId::kTe:
        return h.value() != "trailers";
      default:
        return false;
    }
  }
  std::array<nghttp2_nv, 40> few_;
  std::vector<nghttp2_nv> many_;
  std::size_t size_ = 0;
};

struct StatusText {
  explicit StatusText(int status)
      : digits{static_cast<char>('0' + status / 100 % 10),
               static_cast<char>('0' + status / 10 % 10), static_cast<char>('0' + status % 10)} {}
  char digits[3];
  [[nodiscard]] std::string_view text() const { return {digits, 3}; }
};

void add_request(Fields& fields, const RequestHead& head, bool tunnel) {
  bool extended = tunnel && head.method != Method::kConnect;
  fields.add(":method", extended ? "CONNECT" : head.method_text);
  if (extended) fields.add(":protocol", head.protocol);
  if (head.method != Method::kConnect) {
    fields.add(":scheme", head.scheme.empty() ? std::string_view("http") : head.scheme);
    fields.add(":path", head.path);
  }
  fields.add(":authority", head.authority);
  fields.add_all(head.headers);
}

}  // namespace

// Grants the file's functions access to session and stream.
struct Http2Sending {
  static Http2Session& session(void* user_data) { return *static_cast<Http2Session*>(user_data); }

  // Says how much of the stream's body goes into the next DATA frame; write_data() puts it there.
  static ssize_t read_body(nghttp2_session* native, int32_t id, uint8_t*, std::size_t room,
                           uint32_t* flags, nghttp2_data_source*, void*) {
    Http2Stream* stream = stream_of(native, id);
    if (stream == nullptr) return NGHTTP2_ERR_DEFERRED;  // it was reset
    std::size_t have = stream->out_.size() + stream->direct_.size();
    if (have == 0 && !stream->end_) {
      stream->deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (have > room || !stream->end_) return static_cast<ssize_t>(std::min(have, room));
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (const Headers* trailers = std::exchange(stream->trailers_out_, nullptr)) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      Fields fields;
      fields.add_all(*trailers);
      nghttp2_submit_trailer(native, id, fields.data(), fields.size());
    }
    return static_cast<ssize_t>(have);
  }

  static int write_data(nghttp2_session* native, nghttp2_frame* frame, const uint8_t* head,
                        std::size_t size, nghttp2_data_source*, void* user_data) {
    constexpr std::size_t kFrameHead = 9;
    Http2Session& s = session(user_data);
    Http2Stream* stream = stream_of(native, frame->hd.stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Buffer& out = *s.out_;
    out.append({reinterpret_cast<const char*>(head), kFrameHead});
    std::size_t before = stream->out_.size();
    if (size == before) {
      out.append(std::move(stream->out_));
    } else {
      std::size_t left = size;
      while (left > 0 && !stream->out_.empty()) {
        std::string_view piece = stream->out_.front().substr(0, left);
        out.append(piece);
        left -= piece.size();
        stream->out_.drain(piece.size());
      }
      out.append(stream->direct_.substr(0, left));
      stream->direct_.remove_prefix(left);
    }
    s.account(before, *stream);
    if (stream->over_ && stream->out_.size() <= s.stream_share_ / 2) s.drained_any_ = true;
    return out.size() < s.most_ ? 0 : NGHTTP2_ERR_PAUSE;
  }

  // A client that makes this side reset its streams costs as much as one that resets them itself.
  static void on_reset_sent(Http2Session& s, uint32_t code) {
    s.count(Http2Count::kTxReset);
    if (code != NGHTTP2_PROTOCOL_ERROR && code != NGHTTP2_FLOW_CONTROL_ERROR &&
        code != NGHTTP2_STREAM_CLOSED && code != NGHTTP2_FRAME_SIZE_ERROR)
      return;
    if (auto what = s.abuse_.on_reset(s.now_)) s.flood(*what);
  }

  static int on_sent(nghttp2_session* native, const nghttp2_frame* frame, void* user_data) {
    Http2Session& s = session(user_data);
    const nghttp2_frame_hd& head = frame->hd;
    bool control = head.type == NGHTTP2_PING || head.type == NGHTTP2_SETTINGS ||
                   head.type == NGHTTP2_RST_STREAM;
    s.abuse_.on_frame_written(control, head.type == NGHTTP2_DATA);
    if (head.type == NGHTTP2_RST_STREAM) on_reset_sent(s, frame->rst_stream.error_code);
    if (head.type == NGHTTP2_GOAWAY) {
      // The announcement of a drain is not yet the GOAWAY that counts.
      constexpr int32_t kNoticeId = 0x7fffffff;
      bool notice = s.role_ == Role::kServer && frame->goaway.last_stream_id == kNoticeId;
      if (!notice) s.count(Http2Count::kGoawaySent);
      // For an error of the peer's: whatever it still says is not read.
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR) s.over_ = true;
    }
    if ((head.type == NGHTTP2_DATA || head.type == NGHTTP2_HEADERS) &&
        (head.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      Http2Stream* stream = stream_of(native, head.stream_id);
      if (stream == nullptr) return 0;
      stream->end_written_ = true;
      if (stream->unwanted_ && !stream->remote_ended_) s.cut_off(*stream);
    }
    return 0;
  }
};

void Http2Sender::register_in(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_send_data_callback(callbacks, Http2Sending::write_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Http2Sending::on_sent);
}

bool Http2Session::open(Http2Stream& stream, const RequestHead& head, bool end, bool tunnel) {
  Fields fields;
  add_request(fields, head, tunnel);
  nghttp2_data_provider body{{.ptr = nullptr}, Http2Sending::read_body};
  int32_t id = nghttp2_submit_request(native_, nullptr, fields.data(), fields.size(),
                                      end ? nullptr : &body, &stream);
  if (id < 0) return false;
  abuse_.on_stream();
  attach(stream, id);
  stream.window_ = first_window();
  stream.local_ended_ = stream.end_ = end;
  want_output();
  return true;
}

void Http2Session::send_head(Http2Stream& stream, const ResponseHead& head, int status, bool end) {
  if (stream.session_ == nullptr) return;
  Fields fields;
  StatusText digits(status);
  fields.add(":status", digits.text());
  fields.add_all(head.headers);
  nghttp2_data_provider body{{.ptr = nullptr}, Http2Sending::read_body};
  nghttp2_submit_response(native_, stream.id_, fields.data(), fields.size(), end ? nullptr : &body);
  stream.local_ended_ = stream.end_ = end;
  want_output();
}

void Http2Session::send_interim(Http2Stream& stream, const ResponseHead& head) {
  if (stream.session_ == nullptr) return;
  Fields fields;
  StatusText status(head.status);
  fields.add(":status", status.text());
  fields.add_all(head.headers);
  nghttp2_submit_headers(native_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, fields.data(),
                         fields.size(), nullptr);
  want_output();
}

void Http2Session::wake(Http2Stream& stream) {
  if (std::exchange(stream.deferred_, false)) nghttp2_session_resume_data(native_, stream.id_);
  want_output();
}

void Http2Session::send_body(Http2Stream& stream, std::string_view data) {
  if (stream.session_ == nullptr || stream.end_ || data.empty()) return;
  stream.out_.append(data);
  buffered_ += data.size();
  wake(stream);
}

void Http2Session::send_body(Http2Stream& stream, std::string_view data, Buffer& out,
                             std::size_t most) {
  if (stream.session_ == nullptr || stream.end_ || data.empty()) return;
  if (feeding_ || out_ != nullptr || over_) {
    send_body(stream, data);
    return;
  }
  stream.direct_ = data;
  wake(stream);
  // An error shows again in the flush that follows.
  Result<Unit> written = write_frames(out, most);
  if (!written) over_ = true;
  std::string_view rest = std::exchange(stream.direct_, {});
  if (stream.session_ != nullptr && !rest.empty()) {
    stream.out_.append(rest);
    buffered_ += rest.size();
  }
}

void Http2Session::send_end(Http2Stream& stream, const Headers* trailers) {
  if (stream.session_ == nullptr || stream.end_) return;
  stream.end_ = stream.local_ended_ = true;
  if (trailers != nullptr && !trailers->empty()) stream.trailers_out_ = trailers;
  wake(stream);
}

void Http2Session::finish(Http2Stream& stream) {
  if (stream.session_ == nullptr || stream.remote_ended_) return;
  stream.unwanted_ = true;
  if (stream.end_written_) cut_off(stream);
}

void Http2Session::cut_off(Http2Stream& stream) {
  nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_NO_ERROR);
  abuse_.on_control_queued();
  want_output();
}

}  // namespace pillion::http
