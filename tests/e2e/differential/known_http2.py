"""Known differences of HTTP/2."""

from .known import Known, each

SAYS_WHY = "A connection that ends for an error says so in a GOAWAY (RFC 9113 section 5.4.1), which is counted."
NOT_WANTED = "CANCEL says what happened: the answer is not wanted any more (RFC 9113 section 7). Nothing here has failed."
UNPROCESSED = "A request that the endpoint has surely not looked at is sent again at once, whatever the retry policy (RFC 9113 section 8.7)."
KEY = "An upgrade to websocket in HTTP/1.1 needs its key and the answer to it (RFC 6455 section 4); HTTP/2 carries neither (RFC 8441 section 5)."
PREFACE = "The version is decided by the whole preface, not by its beginning."
NO_SPACE = "A value neither begins nor ends with white space (RFC 9113 section 8.2.1)."
GROUPS = ("h2", "h2-client-faults", "h2-origin-faults", "h2-tunnels", "grpc")


def malformed(case, reason):
    return Known("h2-fields/" + case, ".*", reason, {r"log\.0\.details": r"http2\.invalid\.header\.field"})


HTTP2 = [
    *[Known(group + "/*", r"client\.goaway|stat\.http2\.goaway_sent", SAYS_WHY, {r"client\.goaway": r"\[\(\d+, '[A-Z_]+'\)\]"})
      for group in ("h2-fields", "h2-client-faults", "h2-tunnels")],
    *each("h2-client-faults", ["broken: *"], Known, r"stat\.http2\.goaway_sent", SAYS_WHY),
    Known("h2-origin-faults/bad answer: *", r"stat\.cluster\.h2\.http2\.goaway_sent", SAYS_WHY),
    *[Known(group + "/*", r"origin\.h2\.\d\.ended", NOT_WANTED, {r"origin\.h2\.\d\.ended": "(end )?reset CANCEL"}) for group in GROUPS],
    Known("h2-fields/trailers that do not end", r"origin\.h2\.0\.ended", NOT_WANTED, {r"origin\.h2\.0\.ended": "reset CANCEL"}),
    Known("h2-origin-faults/goaway that leaves the stream out", ".*", UNPROCESSED, {r"origin\.h2\.requests": "2"}),
    Known("h2-origin-faults/goaway with an error", ".*", UNPROCESSED, {r"origin\.h2\.requests": "2"}),
    Known("h2-origin-faults/retry refused streams: not answered at goaway", r"log\.0\.attempts|stat\.cluster\.h2\.upstream_rq_retry\w*", UNPROCESSED),
    *each("h2-tunnels", ["websocket to http/1.1*", "http/1.1 websocket to h2*"], Known,
          r"origin\.a\.0\.header\.sec-websocket-key|client\.0\.header\.sec-websocket-accept", KEY),
    Known("h2/half a preface", r"client\.leftover|stat\.http\.main\.downstream_cx_http2_total", PREFACE),
    Known("h2/a preface that turns", ".*", PREFACE, {r"client\.0\.start_line": "HTTP/1.1 426 Upgrade Required"}),
    Known("h2/http/1.1 where only h2 is spoken", r"client\.leftover", "A server's first words are its SETTINGS, whatever comes (RFC 9113 section 3.4)."),
    *each("h2", ["options star", "options star, http/1.1 origin"], Known,
          r"log\.0\.(details|flags)|stat\.http\.main\.(downstream_rq_non_relative_path|no_route|rq_total)",
          "OPTIONS * is a request like others (RFC 9110 section 9.3.7); a route may match it, and here none does."),
    Known("h2/empty data ends it, http/1.1 origin", r"origin\.a\.0\.header\.(content-length|transfer-encoding)",
          "A body that is known to be empty is announced as such; the message is the same."),
    *each("h2", ["once a connection", "once a connection, twice"], Known, r"stat\.cluster\.once\.upstream_cx_protocol_error",
          "To close a connection after its last request is no error of the endpoint's."),
    malformed("host and authority differ", "A Host that differs from :authority is malformed (RFC 9113 section 8.3.1): what routes and what the origin sees must agree."),
    malformed("value with spaces around", NO_SPACE),
    Known("grpc/in time:  1S", ".*", NO_SPACE, {r"log\.0\.details": r"http2\.invalid\.header\.field"}),
    Known("h2-fields/authority with user", ".*", "An authority that is no host and port is answered 400, as in HTTP/1.1.", {r"client\.0\.start_line": "HTTP/2 400"}),
    Known("h2-fields/underscore rejected", ".*", "A name that is refused is answered 400, as in HTTP/1.1; a reset says nothing.", {r"client\.0\.start_line": "HTTP/2 400"}),
    *each("h2-fields", ["body longer than its length*", "body shorter than its length"], Known, r"log\.0\.(details|received)",
          "The client has reset nothing: its message broke the rules.", {r"log\.0\.details": r"http2\.violation\.of\.messaging\.rule"}),
    Known("h2-origin-faults/origin resets after an interim head", r"log\.0\.details|stat\.cluster\.h2\.\S+", "An interim head is no response yet.",
          {r"log\.0\.details": r"upstream_reset_before_response_started\{remote_reset\}"}),
    Known("h2-origin-faults/answer, then the request is not wanted", r"stat\.cluster\.h2\.http2\.rx_reset", "A reset of a stream that is over resets nothing.", sometimes=True),
    Known("h2-client-faults/headers timeout", r"stat\.http2\.goaway_sent", SAYS_WHY),
    Known("h2-origin-faults/goaway before the answer", r"stat\.cluster\.h2\.upstream_cx_protocol_error", "To say GOAWAY and finish what was begun is no error."),
    Known("h2-origin-faults/bad answer: data first", r"stat\.cluster\.h2\.upstream_cx_destroy_(local_)?with_active_rq", "The connection did end with a request on it."),
    Known("h2-origin-faults/bad answer: body too short", r"client\.0\.body|log\.0\.sent", "What came of a body is passed on before its end shows that it is too short.",
          {r"client\.0\.body": "less"}),
    Known("h2-client-faults/client cancels with no error", r"log\.0\.(details|flags)", "A request that its client resets is reset, whatever the code.",
          {r"log\.0\.flags": "DR"}),
    Known("h2-client-faults/client says goaway", r"client\.ended|stat\.http\.main\.downstream_cx_destroy_(local|remote)",
          "When the client has said GOAWAY and its last stream is done, neither side has more to say."),
    *[Known("h2-client-faults/" + name, r"log\.0\.details", "The details say which protocol was broken, not that a function of a library has failed.",
            {r"log\.0\.details": r"http2\.protocol_error"})
      for name in ("broken: bad header block", "broken: head after the end", "broken: data after the end", "headers timeout")],
    Known("h2-client-faults/broken: head after the end", r"stat\.http2\.stream_refused_errors", "What was refused is counted."),
    *each("h2-tunnels", ["another protocol", "websocket without upgrade_configs"], Known, r"client\.goaway|stat\.http2\.goaway_sent",
          "That one tunnel is refused is no reason to end the connection, and with it all other streams."),
    *[Known("h2-tunnels/" + name, ".*", "Extended CONNECT is for endpoints that have said that they take it (RFC 8441 section 3).", {r"log\.0\.code": "502"})
      for name in ("websocket to an origin that has not announced it", "websocket to a cluster that may not", "http/1.1 websocket to h2, not announced")],
    Known("h2-tunnels/connect without a port", ".*", "CONNECT names a host and a port (RFC 9113 section 8.5).", {r"client\.0\.start_line": "HTTP/2 400"}),
    Known("h2-tunnels/websocket to http/1.1", r"client\.\S+|log\.0\.\w+|stat\.\S+",
          "The end of the client's half reaches the origin (RFC 8441 section 5), whose own end then ends the tunnel.", {r"client\.0\.body_ended": "end"}),
    Known("h2-tunnels/websocket to http/1.1, origin closes", r"client\.0\.body_ended", "An orderly close is END_STREAM in HTTP/2 (RFC 8441 section 5)."),
    Known("h2-tunnels/websocket to h2, origin ends first", r"client\.0\.body_ended|stat\.http2\.tx_reset",
          "A client whose own end is on its way is not reset.", {r"client\.0\.body_ended": "end"}),
    Known("grpc/direct 301", r"client\.0\.header\.location", "Envoy adds a Location to every 3xx of its own, here to what is no 3xx any more."),
    Known("grpc/redirect", ".*", "A route that redirects says 301 to whoever asks; to a gRPC client that is the status UNKNOWN as well.",
          {r"client\.0\.start_line": "HTTP/2 301"}),
    Known("grpc/head", r"client\.0\.header\.grpc-message", "A response to HEAD has the fields that its body would have had (RFC 9110 section 9.3.2)."),
]
