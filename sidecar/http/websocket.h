#pragma once
// What an HTTP/1.1 WebSocket handshake has (RFC 6455 section 4) and extended CONNECT has not (RFC
// 8441 section 5), for requests that change from one to the other on their way. Pure; any thread.

#include <string>
#include <string_view>

#include "sidecar/base/hash.h"
#include "sidecar/http/message.h"

namespace pillion::http {

// Gives a websocket request without sec-websocket-key one.
void complete_websocket_request(RequestHead& head, Random& random);
// Answers the request's sec-websocket-key, where the response does not.
void complete_websocket_response(const RequestHead& request, ResponseHead& head);
// The value of sec-websocket-accept for a key.
std::string websocket_accept(std::string_view key);

}  // namespace pillion::http
