#include "sidecar/http/http2_session.h"

#include <algorithm>
#include <utility>

#include "sidecar/base/check.h"
#include "sidecar/http/http2_native.h"

namespace pillion::http {

namespace {

// Header blocks cut into more CONTINUATION frames than this are abuse: at 16 KiB a frame, the
// largest block that the limits of fields allow fits several times.
constexpr std::size_t kMaxContinuations = 16;
// What a head may take on the wire when it is sent; what came in was bounded on its way.
constexpr std::size_t kMaxSentHead = 4 * 1024 * 1024;

struct Callbacks {
  nghttp2_session_callbacks* table = nullptr;
  Callbacks() {
    nghttp2_session_callbacks_new(&table);
    Http2Receiver::register_in(table);
    Http2Sender::register_in(table);
  }
  ~Callbacks() { nghttp2_session_callbacks_del(table); }
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;
};

struct Options {
  nghttp2_option* option = nullptr;
  explicit Options(const config::Http2Protocol& config) {
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    // Closed streams matter to RFC 7540's priorities only.
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_send_header_block_length(option, kMaxSentHead);
    nghttp2_option_set_max_continuations(option, kMaxContinuations);
    // Http2Limits counts these, with a stat each.
    nghttp2_option_set_max_outbound_ack(option, config.max_outbound_control_frames + 1);
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX, UINT64_MAX);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, config.hpack_table_size);
    // Until the peer's SETTINGS say otherwise: the least that RFC 9113 section 6.5.2 recommends, so
    // that a burst on a new connection is not refused.
    nghttp2_option_set_peer_max_concurrent_streams(option,
                                                   std::min(config.max_concurrent_streams, 100u));
  }
  ~Options() { nghttp2_option_del(option); }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
};

}  // namespace

Http2Stream::~Http2Stream() {
  if (session_ != nullptr) session_->reset(*this, Http2Error::kCancel);
}

Http2Session::Http2Session(Role role, Http2Events& events, const config::Http2Protocol& config,
                           CodecLimits limits, std::size_t stream_share)
    : role_(role),
      events_(events),
      config_(config),
      limits_(limits),
      abuse_(config, role == Role::kServer),
      stream_share_(stream_share) {
  static const Callbacks callbacks;
  Options options(config);
  int error = role == Role::kServer ? nghttp2_session_server_new3(&native_, callbacks.table, this,
                                                                  options.option, http2_memory())
                                    : nghttp2_session_client_new3(&native_, callbacks.table, this,
                                                                  options.option, http2_memory());
  CHECK(error == 0);
  nghttp2_settings_entry entries[5];
  std::size_t count = 0;
  if (role == Role::kServer) {
    entries[count++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, config.max_concurrent_streams};
    if (config.allow_connect) entries[count++] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
  } else {
    entries[count++] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  }
  entries[count++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, first_window()};
  if (config.hpack_table_size != NGHTTP2_DEFAULT_HEADER_TABLE_SIZE)
    entries[count++] = {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, config.hpack_table_size};
  nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, entries, count);
  nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(config.connection_window));
}

Http2Session::~Http2Session() {
  // Streams may outlive the session; they have nothing to say to it any more.
  streams_.for_each([](Http2Stream& stream) { stream.session_ = nullptr; });
  nghttp2_session_del(native_);
}

void Http2Session::attach(Http2Stream& stream, int32_t id) {
  stream.session_ = this;
  stream.id_ = id;
  streams_.push_back(stream);
  ++stream_count_;
}

void Http2Session::detach(Http2Stream& stream, bool peer_ended) {
  if (stream.session_ == nullptr) return;
  if (role_ == Role::kServer) closed_.add(stream.id_, peer_ended || stream.remote_ended_);
  stream.session_ = nullptr;
  if (heading_ == &stream) heading_ = nullptr;
  stream.TaggedNode<Http2Stream>::unlink();
  --stream_count_;
  buffered_ -= stream.out_.size();
  stream.out_.clear();
  nghttp2_session_set_stream_user_data(native_, stream.id_, nullptr);
  // What was received and never read must not shrink the connection's window for ever.
  uint32_t rest = std::exchange(stream.unconsumed_, 0);
  if (rest > 0 && role_ == Role::kServer) {
    nghttp2_session_consume_connection(native_, rest);
    want_output();
  }
}

void Http2Session::flood(Http2Count what) {
  if (flooded_) return;
  count(what);
  end_abused();
}

void Http2Session::end_abused() {
  if (std::exchange(flooded_, true)) return;
  nghttp2_session_terminate_session(native_, NGHTTP2_ENHANCE_YOUR_CALM);
  want_output();
}

void Http2Session::refuse(Http2Stream& stream, std::string_view details, bool reset) {
  count(Http2Count::kMessagingError);
  int32_t id = stream.id_;
  detach(stream, false);
  if (!config_.reset_malformed_streams) {
    malformed_ = true;
    nghttp2_session_terminate_session(native_, NGHTTP2_PROTOCOL_ERROR);
  } else {
    if (!reset) nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
    abuse_.on_control_queued();
  }
  stream.on_closed({Http2Error::kProtocol, false, false, false, details});
}

ssize_t Http2Session::take(std::string_view bytes) {
  return nghttp2_session_mem_recv(native_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                  bytes.size());
}

ssize_t Http2Session::take_from_client(std::string_view bytes) {
  std::size_t scanned = 0;
  while (scanned < bytes.size()) {
    int32_t stream = 0;
    std::size_t size = frame_heads_.advance(bytes.substr(scanned), stream);
    scanned += size;
    if (stream == 0) continue;
    // All that precedes the frame counts, and nothing of it: the library waits for its last byte.
    std::size_t before = scanned - 1;
    if (ssize_t taken = take(bytes.substr(0, before)); taken < 0) return taken;
    if (!expects(stream)) return NGHTTP2_ERR_CALLBACK_FAILURE;
    bytes.remove_prefix(before);
    scanned = 1;
  }
  return take(bytes);
}

bool Http2Session::expects(int32_t id) {
  if (role_ != Role::kServer || id <= 0 || id > last_id_ || id % 2 == 0) return true;
  if (stream_of(native_, id) != nullptr) return true;
  using Verdict = Http2ClosedStreams::Verdict;
  Verdict verdict = closed_.of(id);
  if (verdict == Verdict::kExpected) return true;
  count(Http2Count::kMessagingError);
  nghttp2_session_terminate_session(
      native_, verdict == Verdict::kClosed ? NGHTTP2_STREAM_CLOSED : NGHTTP2_PROTOCOL_ERROR);
  return false;
}

Result<Unit> Http2Session::feed(std::string_view bytes, Time now) {
  now_ = now;
  if (over_) return Unit{};
  feeding_ = true;
  ssize_t taken = role_ == Role::kServer ? take_from_client(bytes) : take(bytes);
  feeding_ = false;
  if (taken == NGHTTP2_ERR_FLOODED) flood(Http2Count::kOutboundControlFlood);
  if (taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) flood(Http2Count::kContinuationFlood);
  if (taken >= 0)
    if (auto what = abuse_.check_queued(nghttp2_session_get_outbound_queue_size(native_)))
      flood(*what);
  if (taken < 0 || flooded_ || malformed_) {
    over_ = true;
    return fail({Code::kProtocol, role_ == Role::kServer ? Origin::kDownstream : Origin::kUpstream,
                 false, "HTTP/2 connection error"});
  }
  if (nghttp2_session_want_write(native_) != 0 || nghttp2_session_want_read(native_) == 0)
    want_output();
  return Unit{};
}

Result<Unit> Http2Session::write_frames(Buffer& out, std::size_t most) {
  submit_goaway();
  out_ = &out;
  most_ = most;
  ssize_t size = 0;
  while (out.size() < most) {
    const uint8_t* frame = nullptr;
    std::size_t before = out.size();
    size = nghttp2_session_mem_send(native_, &frame);
    if (size > 0)
      out.append({reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size)});
    written_ += out.size() - before;
    if (size <= 0) break;
  }
  out_ = nullptr;
  if (size < 0) {
    over_ = true;
    return fail({Code::kProtocol, Origin::kSelf, false, "HTTP/2 frames could not be written"});
  }
  return Unit{};
}

Result<Unit> Http2Session::flush(Buffer& out, std::size_t most) {
  CHECK(!feeding_ && out_ == nullptr);
  output_wanted_ = false;
  TRY(Unit done, write_frames(out, most));
  if (nghttp2_session_get_outbound_queue_size(native_) == 0) abuse_.on_queue_empty();
  if (auto what = abuse_.on_batch(written_, out.size())) {
    if (!std::exchange(flooded_, true)) count(*what);
    over_ = true;
    return fail({Code::kOverload, role_ == Role::kServer ? Origin::kDownstream : Origin::kUpstream,
                 false, "too many HTTP/2 frames wait to be read"});
  }
  settle();
  return done;
}

void Http2Session::settle() {
  if (!std::exchange(drained_any_, false)) return;
  streams_.for_each([this](Http2Stream& stream) {
    if (!stream.over_ || stream.out_.size() > stream_share_ / 2) return;
    stream.over_ = false;
    stream.on_drained();
  });
}

void Http2Session::resume(Http2Stream& stream) {
  stream.paused_ = false;
  uint32_t waiting = std::exchange(stream.unconsumed_, 0);
  if (waiting == 0 || stream.session_ == nullptr) return;
  credit(stream, waiting);
  if (nghttp2_session_want_write(native_) != 0) want_output();
}

void Http2Session::credit(Http2Stream& stream, uint32_t size) {
  if (role_ == Role::kServer) {
    nghttp2_session_consume(native_, stream.id_, size);
    return;
  }
  // The connection's part was credited when the bytes came.
  stream.taken_ += size;
  if (stream.taken_ >= stream.window_ / 2 && !stream.remote_ended_) adjust_window(stream);
  nghttp2_session_consume_stream(native_, stream.id_, size);
}

void Http2Session::adjust_window(Http2Stream& stream) {
  stream.taken_ = 0;
  std::size_t wanted = config_.first_window + stream.wider_window();
  auto window = static_cast<uint32_t>(std::min<std::size_t>(wanted, config_.stream_window));
  if (window == stream.window_) return;
  stream.window_ = window;
  nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, stream.id_,
                                        static_cast<int32_t>(window));
}

void Http2Session::reset(Http2Stream& stream, Http2Error code) {
  if (stream.session_ == nullptr) return;
  nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, stream.id_, static_cast<uint32_t>(code));
  abuse_.on_control_queued();
  detach(stream, false);
  want_output();
}

void Http2Session::ping() {
  nghttp2_submit_ping(native_, NGHTTP2_FLAG_NONE, nullptr);
  want_output();
}

void Http2Session::shutdown_notice() {
  nghttp2_submit_shutdown_notice(native_);
  want_output();
}

void Http2Session::goaway(Http2Error code) {
  goaway_due_ = code;
  want_output();
}

// Not before: what is read between the wish and the frame is served, and must not be called
// unprocessed by it.
void Http2Session::submit_goaway() {
  if (!goaway_due_) return;
  int32_t last = role_ == Role::kServer ? nghttp2_session_get_last_proc_stream_id(native_) : 0;
  auto code = static_cast<uint32_t>(*std::exchange(goaway_due_, std::nullopt));
  nghttp2_submit_goaway(native_, NGHTTP2_FLAG_NONE, last, code, nullptr, 0);
}

bool Http2Session::finished() const {
  return !goaway_due_ && nghttp2_session_want_read(native_) == 0 &&
         nghttp2_session_want_write(native_) == 0;
}

bool Http2Session::window_shut(const Http2Stream& stream) const {
  return nghttp2_session_get_remote_window_size(native_) <= 0 ||
         (stream.session_ != nullptr &&
          nghttp2_session_get_stream_remote_window_size(native_, stream.id_) <= 0);
}

bool Http2Session::clogged(Http2Stream& stream) {
  if (stream.out_.size() > stream_share_) stream.over_ = true;
  return stream.over_;
}

uint32_t Http2Session::peer_max_streams() const {
  return nghttp2_session_get_remote_settings(native_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Http2Session::peer_allows_connect() const {
  return nghttp2_session_get_remote_settings(native_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) !=
         0;
}

bool Http2Session::exhausted() const {
  return nghttp2_session_get_next_stream_id(native_) > (uint32_t{1} << 31) - 1024;
}

}  // namespace pillion::http
