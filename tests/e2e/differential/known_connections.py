"""Known differences before there is HTTP: listeners, filter chains, the TCP proxy."""

from .known import Known, each

UNREAD = (
    "The first bytes are read before they are judged, not looked at and left unread; so a connection that is turned "
    "down ends with FIN instead of RST, and the client loses nothing that was said to it."
)
NO_TLS = "Bytes that are no TLS are no failure of TLS, and a name that cannot be read is one that was not given."
EARLY = (
    "No timer stands before a server that speaks first: while the client is silent, the connection that silence leads "
    "to is made (ARCHITECTURE.md, from accept to codec)."
)


def unread(case):
    return Known(case, r"client\.end", UNREAD, {r"client\.end": "eof"})


CONNECTIONS = [
    *each("tcp", ["listener log, no header", "listener log, no such name"], unread),
    unread("proxy-protocol/*"),
    unread("sniffing/*"),
    Known("proxy-protocol/none, short", r"client\.(end|ended|error)|stat\.(listener|proxy_proto)\..*",
          "What cannot become a header any more is refused at once, not when its sender gives up.",
          {r"stat\.proxy_proto\.not_found_disallowed": "1"}),
    Known("sniffing/*", r"log\.0\.downstream_failure", NO_TLS, {r"log\.0\.downstream_failure": "None"}),
    Known("sniffing/*", r"origin\.tcp\.\S+|stat\.cluster\.tcp\.upstream_\w+|stat\.listener\.\S+\.detection_early_connect(_unused)?", EARLY,
          {r"stat\.listener\.\S+\.detection_early_connect": "1"}),
    Known("sniffing/name without an inspector", ".*",
          "Chains that ask for names get the inspector that they need, and a warning; without it none of them could ever match.",
          {r"log\.0\.chain": "exact"}),
    Known("sniffing/http without a version", r"stat\.http_inspector\.\w+", "HTTP/0.9 is no HTTP/1.0 (RFC 9112 section 2.3).",
          {r"stat\.http_inspector\.http_not_found": "1"}),
    Known("tcp/listener log, malformed http", r"log\.1\.local_close",
          "We do not wait for the client once it has been told, so there is no timer that could have closed the connection."),
    *each("tls-upstream", ["alpn-*"], Known, r"stat\.cluster\.alpn-\w+\.upstream_cx_total", "One connection was made, and is counted once."),
]
