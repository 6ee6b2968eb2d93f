#pragma once
// What the HTTP/1.1 way to another protocol has (RFC 9110 section 7.8; for WebSocket RFC 6455
// section 4) and extended CONNECT has not (RFC 8441 section 5), for requests that change from one
// to the other on their way. Pure; any thread.

#include <string>
#include <string_view>

#include "sidecar/base/hash.h"
#include "sidecar/http/message.h"

namespace pillion::http {

// Where the request does not ask for its protocol by fields, they are added; a websocket request
// without sec-websocket-key gets one.
void complete_upgrade_request(RequestHead& head, Random& random);
// The same for what grants it: fields, and the answer to the request's sec-websocket-key.
void complete_upgrade_response(const RequestHead& request, ResponseHead& head);
// The value of sec-websocket-accept for a key.
std::string websocket_accept(std::string_view key);

}  // namespace pillion::http
