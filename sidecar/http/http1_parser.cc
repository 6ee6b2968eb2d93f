#include "sidecar/http/http1_parser.h"

#include <llhttp.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "sidecar/base/text.h"

namespace pillion::http {

// llhttp's state, kept out of the header so that only this file knows the library.
struct Http1Parser::Llhttp {
  llhttp_t state;

  static Http1Parser& of(llhttp_t* p) { return *static_cast<Http1Parser*>(p->data); }
  static const llhttp_settings_t* settings();
  template <Token Http1Parser::*Member>
  static int text(llhttp_t* p, const char* at, std::size_t size) {
    Http1Parser& self = of(p);
    return self.on_head_text({at, size}, self.*Member);
  }
};

const llhttp_settings_t* Http1Parser::Llhttp::settings() {
  static const llhttp_settings_t table = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_message_begin = [](llhttp_t* p) { return of(p).on_begin(); };
    s.on_url = &text<&Http1Parser::target_>;
    s.on_header_field = &text<&Http1Parser::name_>;
    s.on_header_value = &text<&Http1Parser::value_>;
    s.on_header_value_complete = [](llhttp_t* p) { return of(p).on_header_complete(); };
    s.on_headers_complete = [](llhttp_t* p) { return of(p).on_head_complete(); };
    s.on_protocol = [](llhttp_t* p, const char* at, std::size_t size) {
      return of(p).on_protocol({at, size});
    };
    s.on_status = [](llhttp_t* p, const char*, std::size_t size) {
      return of(p).count_head_bytes(size) ? 0 : -1;
    };
    s.on_chunk_extension_name = [](llhttp_t* p, const char*, std::size_t size) {
      return of(p).on_chunk_extension(size);
    };
    s.on_chunk_extension_value = s.on_chunk_extension_name;
    s.on_body = [](llhttp_t* p, const char* at, std::size_t size) {
      return of(p).on_body({at, size});
    };
    s.on_message_complete = [](llhttp_t* p) { return of(p).on_complete(); };
    s.on_url_complete = [](llhttp_t* p) {
      of(p).close_token();
      return 0;
    };
    s.on_header_field_complete = s.on_url_complete;
    return s;
  }();
  return &table;
}

Http1Parser::Http1Parser(Role role, CodecEvents& events, CodecLimits limits)
    : role_(role), events_(events), limits_(limits), parser_(new Llhttp) {
  llhttp_init(&parser_->state, role == Role::kServer ? HTTP_REQUEST : HTTP_RESPONSE,
              Llhttp::settings());
  parser_->state.data = this;
  if (limits.allow_chunked_length) llhttp_set_lenient_chunked_length(&parser_->state, 1);
}

Http1Parser::~Http1Parser() = default;

Result<std::size_t> Http1Parser::feed(std::string_view bytes) {
  if (tunnel_) {
    if (!bytes.empty()) events_.on_body(0, bytes);
    return bytes.size();
  }
  if (paused_ || bytes.empty()) return std::size_t{0};
  llhttp_t* p = &parser_->state;
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  llhttp_errno_t code = llhttp_execute(p, at, bytes.size());
  if (code == HPE_OK) {
    keep_tokens();
    return bytes.size();
  }
  if (code == HPE_PAUSED || code == HPE_PAUSED_UPGRADE) {
    at = llhttp_get_error_pos(p);
    // The peer has left HTTP and the owner has not followed: what comes cannot be read.
    if (!tunnel_) paused_ = true;
    if (tunnel_ && at < end) {
      events_.on_body(0, {at, static_cast<std::size_t>(end - at)});
      at = end;
    }
    return static_cast<std::size_t>(at - bytes.data());
  }
  if (!refused()) explain(code);
  return fail({Code::kProtocol, role_ == Role::kServer ? Origin::kDownstream : Origin::kUpstream,
               false, "malformed HTTP/1 message"});
}

void Http1Parser::explain(int code) {
  bool in_value = !name_.text.empty() && open_token_ != &name_;
  const llhttp_t& p = parser_->state;
  bool known_version = p.http_major == 1 && p.http_minor <= 1;  // then what follows it is wrong
  if (code == HPE_INVALID_VERSION && role_ == Role::kServer && !known_version)
    error_ = {426, "low_version"};
  else if (code == HPE_INVALID_TRANSFER_ENCODING && !content_length_)
    error_ = {501, "http1.invalid_transfer_encoding"};
  else if (code == HPE_INVALID_TRANSFER_ENCODING ||
           (code == HPE_INVALID_CONTENT_LENGTH && chunked_ && !head_done_))
    error_ = {400, "http1.content_length_and_chunked_not_allowed"};
  else if (code == HPE_INVALID_HEADER_TOKEN && in_value)
    error_ = {400, "http1.invalid_characters"};
}

bool Http1Parser::finish() {
  if (tunnel_ || !in_message_) return true;
  // Completes a body that ends here, by way of on_complete().
  llhttp_finish(&parser_->state);
  return !in_message_;
}

void Http1Parser::resume() {
  if (!paused_) return;
  paused_ = false;
  llhttp_t* p = &parser_->state;
  llhttp_resume(p);
  if (p->upgrade != 0) {
    // The pause before the upgrade's own; step over it without consuming anything.
    if (llhttp_execute(p, "", 0) == HPE_PAUSED_UPGRADE) llhttp_resume_after_upgrade(p);
  }
}

void Http1Parser::start_tunnel() {
  tunnel_ = true;
  paused_ = false;
  in_message_ = false;
}

int Http1Parser::refuse(int status, std::string_view details) {
  error_ = {status, details};
  return -1;
}

int Http1Parser::on_begin() {
  in_message_ = true;
  head_done_ = in_trailers_ = chunked_ = leaves_http_ = false;
  fields_ = 0;
  chunk_overhead_ = 0;
  content_length_.reset();
  trailers_ = nullptr;
  target_ = name_ = value_ = Token{};
  open_token_ = nullptr;
  if (interim_) {
    // Interim heads belong to the response that they precede: they take turns in one object and
    // share its budget of bytes, so that a peer cannot fill the arena with them.
    interim_ = false;
    response_->headers.remove_if([](const Header&) { return true; });
    return 0;
  }
  arena_ = &events_.on_message_begin(0);
  head_bytes_ = 0;
  if (role_ == Role::kServer)
    request_ = arena_->make<RequestHead>(*arena_);
  else
    response_ = arena_->make<ResponseHead>(*arena_);
  return 0;
}

int Http1Parser::on_protocol(std::string_view piece) {
  // llhttp reads RTSP and ICE as well.
  return std::none_of(piece.begin(), piece.end(), [](char c) { return c == 'R' || c == 'I'; }) ? 0
                                                                                               : -1;
}

bool Http1Parser::count_head_bytes(std::size_t size) {
  head_bytes_ += static_cast<uint32_t>(size);
  if (head_bytes_ <= limits_.max_header_bytes) return true;
  refuse(431, "http1.headers_too_large");
  return false;
}

int Http1Parser::on_chunk_extension(std::size_t size) {
  // Extensions may be ignored (RFC 9112 section 7.1.1) but not without end: beyond this allowance
  // they may not outweigh the body.
  chunk_overhead_ += size;
  return chunk_overhead_ <= kMaxChunkOverhead ? 0 : -1;
}

int Http1Parser::on_body(std::string_view data) {
  chunk_overhead_ -= std::min<uint64_t>(chunk_overhead_, data.size());
  events_.on_body(0, data);
  return 0;
}

Headers& Http1Parser::headers_at_hand() {
  if (in_trailers_) return *trailers_;
  return role_ == Role::kServer ? request_->headers : response_->headers;
}

int Http1Parser::on_head_text(std::string_view piece, Token& token) {
  if (!count_head_bytes(piece.size()))
    return &token == &target_ ? refuse(414, "http1.uri_too_long") : -1;
  open_token_ = &token;
  if (token.text.empty()) {
    token = {piece, false};
  } else if (!token.kept && token.text.data() + token.text.size() == piece.data()) {
    token.text = {token.text.data(), token.text.size() + piece.size()};
  } else {
    if (!token.kept) fragment_ = std::make_unique<std::string>(token.text);
    fragment_->append(piece);
    token = {*fragment_, true};
  }
  return 0;
}

void Http1Parser::close_token() {
  // fragment_ is about to serve the next token.
  if (open_token_ != nullptr && open_token_->kept)
    open_token_->text = arena_->copy(open_token_->text);
  open_token_ = nullptr;
}

void Http1Parser::keep_tokens() {
  // The read buffer is about to be used again.
  if (!in_message_) return;
  for (Token* token : {&target_, &name_, &value_}) {
    if (token->kept || token->text.empty()) continue;
    if (token == open_token_) {
      fragment_ = std::make_unique<std::string>(token->text);
      token->text = *fragment_;
    } else {
      token->text = arena_->copy(token->text);
    }
    token->kept = true;
  }
}

int Http1Parser::on_header_complete() {
  open_token_ = nullptr;
  if (head_done_ && !in_trailers_) {
    in_trailers_ = true;
    fields_ = 0;
    trailers_ = arena_->make<Headers>(*arena_);
  }
  if (++fields_ > limits_.max_header_count) return refuse(431, "http1.too_many_headers");
  constexpr std::size_t kColonSpaceCrlf = 4;
  if (!count_head_bytes(kColonSpaceCrlf)) return -1;
  if (name_.text.size() > Headers::kMaxNameSize) return refuse(431, "http1.headers_too_large");
  add_field(name_.text, trim(value_.text));
  name_ = value_ = Token{};
  return refused() ? -1 : 0;
}

namespace {

// Fields that frame, route or belong to the connection have no place in trailers (RFC 9110 section
// 6.5.1).
bool may_be_trailer(HeaderId id) {
  switch (id) {
    case HeaderId::kHost:
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kTransferEncoding:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kUpgrade:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
      return false;
    default:
      return true;
  }
}

}  // namespace

void Http1Parser::add_field(std::string_view name, std::string_view value) {
  char lowered[64];
  HeaderId id = HeaderId::kOther;
  if (name.size() <= sizeof(lowered)) {
    lower_into(lowered, name);
    id = header_id({lowered, name.size()});
  }
  Headers& headers = headers_at_hand();
  if (in_trailers_) {
    if (!may_be_trailer(id)) return;
  } else {
    if (id == HeaderId::kTransferEncoding) {
      if (chunked_ || !equals_ignore_case(value, "chunked"))
        refuse(501, "http1.invalid_transfer_encoding");
      chunked_ = true;
      return;
    }
    if (id == HeaderId::kHost && role_ == Role::kServer) {
      if (request_->authority.data() != nullptr)
        refuse(400, "http1.multiple_host_headers");
      else
        request_->authority = value.empty() ? std::string_view{"", 0} : arena_->copy(value);
      return;
    }
    if (id == HeaderId::kContentLength) {
      if (headers.has(id)) return;  // llhttp refuses a second one that differs in framing
      content_length_ = parse_number<uint64_t>(value);
    }
  }
  if (id != HeaderId::kOther)
    headers.add_view(id, arena_->copy(value));
  else
    headers.add(name, value);
}

bool Http1Parser::set_target(std::string_view target) {
  RequestHead& head = *request_;
  if (head.method == Method::kConnect) {
    // A port is required (RFC 9110 section 9.3.6); with one, nothing but an authority is left.
    std::size_t colon = target.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || !is_digit(target.back()) ||
        !is_valid_authority(target))
      return false;
    head.authority = arena_->copy(target);
    head.path = {};
    return true;
  }
  if (target == "*") {
    head.path = "*";
    return head.method == Method::kOptions;
  }
  if (target.empty()) return false;
  if (target.front() == '/') {
    head.path = arena_->copy(target);
    return true;
  }
  // absolute-form (RFC 9112 section 3.2.2): the target's authority wins over Host.
  std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return false;
  std::string_view scheme = target.substr(0, scheme_end);
  if (!equals_ignore_case(scheme, "http") && !equals_ignore_case(scheme, "https")) {
    refuse(400, "http1.invalid_scheme");
    return false;
  }
  std::string_view rest = target.substr(scheme_end + 3);
  std::size_t path_at = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, path_at);
  if (authority.empty() || !is_valid_authority(authority)) return false;
  head.authority = arena_->copy(authority);
  head.scheme = equals_ignore_case(scheme, "https") ? "https" : "http";
  if (path_at == std::string_view::npos)
    head.path = head.method == Method::kOptions ? "*" : "/";
  else if (rest[path_at] == '?')
    head.path = arena_->concat("/", rest.substr(path_at));
  else
    head.path = arena_->copy(rest.substr(path_at));
  return true;
}

int Http1Parser::finish_request() {
  llhttp_t* p = &parser_->state;
  RequestHead& head = *request_;
  head.method_text = llhttp_method_name(static_cast<llhttp_method_t>(p->method));
  head.method = method_of(head.method_text);
  head.version = p->http_minor == 0 ? Version::kHttp10 : Version::kHttp11;
  if (p->http_major != 1) return refuse(400, "http1.codec_error");
  bool host_given = head.authority.data() != nullptr;
  if (host_given && !is_valid_authority(head.authority))
    return refuse(400, "http.invalid_authority");
  if (!set_target(target_.text)) return refused() ? -1 : refuse(400, "http1.invalid_url");
  target_ = Token{};
  if (chunked_ && content_length_ && limits_.allow_chunked_length) {
    // RFC 9112 section 6.3: the coding overrides the length, which must not go on.
    content_length_.reset();
    head.headers.remove(HeaderId::kContentLength);
  }
  bool end = !chunked_ && content_length_.value_or(0) == 0;
  if (chunked_ && head.version == Version::kHttp10)
    return refuse(400, "http1.transfer_encoding_not_allowed");
  // llhttp must see the same framing as we do.
  if (chunked_ && (content_length_ || (p->flags & F_CHUNKED) == 0))
    return refuse(501, "http1.invalid_transfer_encoding");
  if (head.method == Method::kConnect) {
    if (chunked_) return refuse(501, "http1.invalid_transfer_encoding");
    if (!end) return refuse(400, "http1.body_disallowed");
    head.headers.remove(HeaderId::kContentLength);
  } else if (p->upgrade != 0 && head.version == Version::kHttp11) {
    head.protocol = head.headers.value(HeaderId::kUpgrade);
    // The server might decline and then take the body for the next request, since a head that asks
    // for a tunnel is sent without framing. (The h2c upgrade is never asked for: RFC 9113 section
    // 3.1.)
    if (!end && !equals_ignore_case(head.protocol, "h2c"))
      return refuse(400, "http1.body_disallowed");
  }
  events_.on_request(0, head, end);
  return 0;
}

int Http1Parser::finish_response() {
  llhttp_t* p = &parser_->state;
  ResponseHead& head = *response_;
  head.status = p->status_code;
  head.version = p->http_minor == 0 ? Version::kHttp10 : Version::kHttp11;
  if (p->http_major != 1 || head.status < 100) return refuse(502, "http1.codec_error");
  if (chunked_ && (content_length_ || (p->flags & F_CHUNKED) == 0))
    return refuse(502, "http1.invalid_transfer_encoding");
  interim_ = head.status < 200 && head.status != 101;
  bool connected = expected_ == ExpectedBody::kTunnel && head.status >= 200 && head.status < 300;
  leaves_http_ = connected || head.status == 101;
  if (connected) {
    // RFC 9110 section 9.3.6: these say nothing about a tunnel.
    head.headers.remove(HeaderId::kContentLength);
  } else if (head.status < 200 || head.status == 204) {
    // RFC 9112 section 6.1, RFC 9110 section 8.6: neither has a body, so one of the two is a lie.
    if (chunked_ || content_length_.value_or(0) != 0) return refuse(502, "http1.codec_error");
    head.headers.remove(HeaderId::kContentLength);
  }
  bool bodiless = expected_ == ExpectedBody::kNone || head.status == 204 || head.status == 304;
  bool end = !interim_ && !leaves_http_ &&
             (bodiless || (!chunked_ && content_length_ && *content_length_ == 0));
  events_.on_response(0, head, end);
  if (connected) return 2;
  return expected_ == ExpectedBody::kNone && !interim_ ? 1 : 0;
}

int Http1Parser::on_head_complete() {
  head_done_ = true;
  open_token_ = nullptr;
  fragment_.reset();
  keep_alive_ = llhttp_should_keep_alive(&parser_->state) != 0;
  return role_ == Role::kServer ? finish_request() : finish_response();
}

int Http1Parser::on_complete() {
  in_message_ = false;
  if (interim_ || tunnel_ || leaves_http_) return 0;
  // Only here does llhttp know of a body that was skipped or that ended with the connection.
  bool persists = llhttp_should_keep_alive(&parser_->state) != 0;
  if (role_ == Role::kServer)
    keep_alive_ = keep_alive_ && persists;
  else  // RFC 9112 section 6.1: HTTP/1.0 has no transfer codings; do not trust what follows.
    keep_alive_ = persists && !(chunked_ && response_->version == Version::kHttp10);
  paused_ = true;
  events_.on_message_end(0, in_trailers_ ? trailers_ : nullptr);
  return HPE_PAUSED;
}

bool is_valid_authority(std::string_view authority) {
  enum Kind : uint8_t { kBad, kPlain, kColon, kBracket };
  static constexpr auto kKinds = [] {
    std::array<Kind, 256> table{};
    for (unsigned char c :
         std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          "-._~!$&'()*+,;=%"))
      table[c] = kPlain;
    table[':'] = kColon;
    table['['] = table[']'] = kBracket;
    return table;
  }();
  std::size_t colon = std::string_view::npos;  // the first one, outside of brackets
  std::size_t i = 0;
  if (authority.starts_with('[')) {
    std::size_t close = authority.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    for (i = 1; i < close; ++i)
      if (Kind kind = kKinds[static_cast<unsigned char>(authority[i])];
          kind == kBad || kind == kBracket)
        return false;
    i = close + 1;
    if (i < authority.size() && authority[i] != ':') return false;
  }
  for (; i < authority.size(); ++i) {
    Kind kind = kKinds[static_cast<unsigned char>(authority[i])];
    if (kind == kBad || kind == kBracket) return false;
    if (kind == kColon) {
      colon = i;
      break;
    }
  }
  if (colon == std::string_view::npos) return true;
  std::string_view port = authority.substr(colon + 1);
  return port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

}  // namespace pillion::http
