#include "sidecar/format/formatter.h"

#include <utility>

#include "sidecar/format/operator.h"

namespace pillion::format {

Formatter::Formatter() = default;
Formatter::Formatter(Formatter&&) noexcept = default;
Formatter& Formatter::operator=(Formatter&&) noexcept = default;
Formatter::~Formatter() = default;

Result<Formatter, Problem> Formatter::parse(std::string_view text, bool omit_empty_values) {
  Formatter out;
  TRY(out.pieces_, parse_pieces(text));
  out.pieces_.shrink_to_fit();
  out.omit_empty_ = omit_empty_values;
  return out;
}

void Formatter::append_to(std::string& out, const Context& context) const {
  for (const Piece& piece : pieces_) {
    if (piece.append == nullptr) {
      out += piece.text;
    } else if (!append_limited(out, piece, context) && !omit_empty_) {
      out += '-';
    }
  }
}

void Formatter::append_header_value(std::string& out, const Context& context) const {
  for (const Piece& piece : pieces_) {
    if (piece.append == nullptr) {
      out += piece.text;
    } else {
      append_limited(out, piece, context);
    }
  }
}

bool Formatter::is_literal() const {
  return pieces_.empty() || (pieces_.size() == 1 && pieces_[0].append == nullptr);
}

std::string_view Formatter::literal() const {
  return is_literal() && !pieces_.empty() ? std::string_view(pieces_[0].text) : std::string_view{};
}

std::string_view default_access_log_format() {
  return "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
         "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
         "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
         "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";
}

}  // namespace pillion::format
