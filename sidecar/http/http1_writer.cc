#include "sidecar/http/http1_writer.h"

#include <cstring>
#include <string>

#include "sidecar/base/text.h"

namespace pillion::http {

namespace {

char* put(char* to, std::string_view text) {
  if (text.empty()) return to;  // an empty value may be a null pointer
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

// "x-request-id" as "X-Request-Id".
char* put_proper_case(char* to, std::string_view name) {
  bool upper = true;
  for (char c : name) {
    *to++ = upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = c == '-';
  }
  return to;
}

// The fixed fields of a tail, at their longest, with the empty line.
constexpr std::size_t kTailRoom = 128;

char* put_field(char* to, std::string_view name, std::string_view value, bool proper_case) {
  to = proper_case ? put_proper_case(to, name) : put(to, name);
  *to++ = ':';
  *to++ = ' ';
  to = put(to, value);
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

char* put_tail(char* to, const Http1Tail& tail) {
  bool proper = tail.proper_case;
  if (tail.content_length_zero) to = put_field(to, "content-length", "0", proper);
  if (tail.close) {
    to = put_field(to, "connection", "close", proper);
  } else if (tail.keep_alive) {
    to = put_field(to, "connection", "keep-alive", proper);
  }
  if (tail.chunked) to = put_field(to, "transfer-encoding", "chunked", proper);
  return put(to, "\r\n");
}

// Writes start line, fields and tail; the number of bytes. One contiguous reservation when they fit
// a block, which they nearly always do; else piece by piece.
template <std::size_t N>
std::size_t write(Buffer& out, const std::string_view (&start)[N], const Headers& headers,
                  const Http1Tail& tail) {
  std::size_t size = headers.byte_size() + kTailRoom;
  for (std::string_view piece : start) size += piece.size();
  if (size <= Buffer::kMaxReserve) {
    char* begin = out.reserve(size);
    char* to = begin;
    for (std::string_view piece : start) to = put(to, piece);
    for (const Header& h : headers) to = put_field(to, h.name(), h.value(), tail.proper_case);
    to = put_tail(to, tail);
    auto written = static_cast<std::size_t>(to - begin);
    out.commit(written);
    return written;
  }
  std::size_t before = out.size();
  for (std::string_view piece : start) out.append(piece);
  // A name, too, may be longer than a block.
  std::string piece;
  for (const Header& h : headers) {
    piece.resize(h.name_size);
    if (tail.proper_case)
      put_proper_case(piece.data(), h.name());
    else
      put(piece.data(), h.name());
    out.append(piece);
    out.append(": ");
    out.append(h.value());
    out.append("\r\n");
  }
  piece.resize(kTailRoom);
  piece.resize(static_cast<std::size_t>(put_tail(piece.data(), tail) - piece.data()));
  out.append(piece);
  return out.size() - before;
}

constexpr std::size_t kEmptyLine = 2;

}  // namespace

std::size_t write_head(Buffer& out, const RequestHead& head, const Http1Tail& tail) {
  std::string_view target = head.method == Method::kConnect ? head.authority : head.path;
  std::string_view host_name = tail.proper_case ? " HTTP/1.1\r\nHost: " : " HTTP/1.1\r\nhost: ";
  std::size_t written = write(
      out, {head.method_text, " ", target, host_name, head.authority, "\r\n"}, head.headers, tail);
  constexpr std::size_t kAroundTarget = std::string_view("  HTTP/1.1\r\n").size();
  return written - head.method_text.size() - target.size() - kAroundTarget - kEmptyLine;
}

std::size_t write_head(Buffer& out, const ResponseHead& head, const Http1Tail& tail) {
  char status[4] = {static_cast<char>('0' + head.status / 100 % 10),
                    static_cast<char>('0' + head.status / 10 % 10),
                    static_cast<char>('0' + head.status % 10), ' '};
  std::string_view version = tail.http10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  std::string_view phrase = reason_phrase(head.status);
  std::size_t written = write(out, {version, {status, 4}, phrase, "\r\n"}, head.headers, tail);
  return written - version.size() - sizeof(status) - phrase.size() - 2 - kEmptyLine;
}

void write_chunk_size(Buffer& out, std::size_t size) {
  char text[18];
  char* at = text + sizeof(text);
  *--at = '\n';
  *--at = '\r';
  do {
    *--at = "0123456789abcdef"[size & 0xf];
    size >>= 4;
  } while (size != 0);
  out.append({at, static_cast<std::size_t>(text + sizeof(text) - at)});
}

void write_chunk(Buffer& out, std::string_view data) {
  if (data.empty()) return;  // an empty chunk would end the body
  write_chunk_size(out, data.size());
  out.append(data);
  out.append("\r\n");
}

void write_last_chunk(Buffer& out, const Headers* trailers) {
  out.append("0\r\n");
  if (trailers != nullptr) {
    for (const Header& h : *trailers) {
      out.append(h.name());
      out.append(": ");
      out.append(h.value());
      out.append("\r\n");
    }
  }
  out.append("\r\n");
}

}  // namespace pillion::http
