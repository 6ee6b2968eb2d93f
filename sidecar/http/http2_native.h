#pragma once
// What the parts of a session share of nghttp2, so that no other header knows the library. Only for
// sidecar/http/http2_*.cc.

#include <nghttp2/nghttp2.h>

#include <cstring>

#include "sidecar/http/http2_session.h"

namespace pillion::http {

// The library's callbacks while bytes are read (http2_receive.cc).
struct Http2Receiver {
  static void register_in(nghttp2_session_callbacks* callbacks);
};

// The library's callbacks while frames are written (http2_send.cc).
struct Http2Sender {
  static void register_in(nghttp2_session_callbacks* callbacks);
};

inline uint8_t* native_bytes(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

inline std::string_view text_of(nghttp2_rcbuf* buffer) {
  nghttp2_vec v = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(v.base), v.len};
}

inline Http2Stream* stream_of(nghttp2_session* native, int32_t id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(native, id));
}

// The allocator for sessions: blocks of a few sizes, recycled per thread (http2_memory.cc).
nghttp2_mem* http2_memory();

}  // namespace pillion::http
