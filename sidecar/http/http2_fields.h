#pragma once
// The fields of an HTTP/2 head or trailers on their way in: pseudo-header fields to members, the
// rest to Headers, with the bounds of both and what the library does not check. Only for
// sidecar/http/http2_*.cc.

#include <string_view>

#include "sidecar/http/codec.h"
#include "sidecar/http/message.h"

namespace pillion::http {

// False when the message is malformed (RFC 9113 section 8.1.1). Names are lower-case and values
// free of control characters already.
bool take_request_field(RequestHead& head, std::string_view name, std::string_view value,
                        bool& has_host);
bool take_response_field(ResponseHead& head, std::string_view name, std::string_view value);
void take_trailer(Headers& trailers, std::string_view name, std::string_view value);

// Completes a request's head when all fields are there: cookies become one field (section 8.2.3),
// extended CONNECT becomes what an HTTP/1 upgrade looks like. The error's status is 0 when all is
// well.
ProtocolError complete_request(RequestHead& head);

}  // namespace pillion::http
