"""Where Pillion knowingly does not do what Envoy does, each with the reason why ours is better.

An entry that no longer matches anything fails the run: a difference that was mended leaves the list.
"""

import re

from .known import Known, each
from .known_connections import CONNECTIONS
from .known_http2 import HTTP2


def refused(case, reason, status="400 Bad Request"):
    """Envoy passes on what we refuse: all that follows from that differs."""
    return Known(case, ".*", reason, {r"client\.0\.start_line": "HTTP/1.1 " + re.escape(status)})


STRICT_LINES = (
    "Lines end with CRLF and nothing else (RFC 9112 section 2.2); a lenient reader and a strict one behind it "
    "disagree on where a request ends, which is how requests are smuggled."
)
STRICT_CHUNKS = (
    "A chunk is exactly as long as its size line says, and its lines are held to the same grammar as a head's "
    "(RFC 9112 section 7.1); guessing is how bodies are smuggled."
)
STRICT_HOST = (
    "A Host that is no host and port, or is there twice, is a 400 (RFC 9112 section 3.2): virtual hosts of two "
    "servers must not read it differently."
)
STRICT_LINE = "The request line has single spaces between its three parts (RFC 9112 section 3)."
STRICT_ORIGIN = "What an origin sends is held to the same grammar; a response that can be read in two ways is not passed on."
SAID_AT_START = "A mistake that Envoy finds out at run time, or never, is said when the file is read."
VERSIONS = "What does not say HTTP/1.x is no message of HTTP/1 at all, and is refused as malformed."
UNUSED = (
    "Series exist once a cluster is used, not once it is configured: with 10 000 clusters that is the difference "
    "between a scrape of kilobytes and one of megabytes."
)
HALF_CLOSE = (
    "After a response that ends the connection we say so at once, by closing our side, and wait for the client's; Envoy "
    "says nothing until its delayed-close timer has run out, so a client that waits for the end waits a second."
)


NEVER_OPENED = (
    "A limit of 0 lets nothing through: its breaker is open and says so. Envoy's gauge is set only by requests that are let through."
)


def accepted_by_envoy_only(name):
    return Known("acceptance/" + name, "acceptance", SAID_AT_START)


KNOWN = [
    *each("bad-lines", [
        "bare LF everywhere", "bare LF after a header", "bare LF after the request line", "bare LF at the end", "bare CR in value",
        "CR CR LF", "obs-fold space", "obs-fold tab",
    ], refused, STRICT_LINES),
    *each("bad-chunks", [
        "size with space after", "data ends with LF", "data too long", "data too short", "extension with NUL", "trailer with bare LF",
        "trailer obs-fold", "trailer content-length",
    ], refused, STRICT_CHUNKS),
    *each("bad-hosts", [
        "two hosts", "two equal hosts", "host a@b", "host user@a:80", "host a:b", "host [[]::1", "host ::1",
    ], refused, STRICT_HOST),
    *each("bad-request-lines", ["tab separators", "space after the version"], refused, STRICT_LINE),
    *each("broken-origin", ["origin obs-fold", "origin bare LF", "origin switches without being asked"], refused, STRICT_ORIGIN, "502 Bad Gateway"),
    refused("broken-origin/origin status 99", STRICT_ORIGIN, "502 Bad Gateway"),
    Known("broken-origin/origin chunk too long", ".*", STRICT_ORIGIN, {r"log\.0\.flags": "UPE"}),
    refused("found/host with an empty port after a port", STRICT_HOST),
    refused("shapes/absolute form with user", "Credentials in a target are not for an origin to see (RFC 9110 section 4.2.4)."),
    Known("*", r"stat\.http\.\w+\.downstream_cx_(delayed_close_timeout|destroy_(local|remote))", HALF_CLOSE,
          {r"stat\.http\.\w+\.downstream_cx_delayed_close_timeout": "None"}),
    Known("*", r"stat\.cluster\.[\w-]+\.(membership_(healthy|total|change)|max_host_weight|update_\w+|default\.total_match_count)", UNUSED),
    Known("tcp/*", r"stat\.cluster\.(full|no-pending)\.circuit_breakers\.default\.(cx|rq_pending)_open", NEVER_OPENED),
    Known("breakers/*", r"stat\.cluster\.[\w-]+\.circuit_breakers\.\w+\.rq_(pending_|retry_)?open", NEVER_OPENED,
          {r"stat\.cluster\.(no-\w+|budget|high)\.circuit_breakers\.\w+\.rq_(pending_|retry_)?open": "1"}),
    Known("breakers/*", r"stat\.cluster\.remaining\.circuit_breakers\.default\.remaining_\w+", UNUSED,
          {r"stat\.cluster\.remaining\.circuit_breakers\.default\.remaining_rq": "None"}),
    Known("breakers/remaining tracked", r"stat\.cluster\.remaining\.circuit_breakers\.default\.remaining_cx_pools",
          "Pools have no limit here; what is left of that is just a large number."),
    Known("breakers/no pending allowed", r"log\.0\.host", "The endpoint had been chosen; which one it was is worth a log line."),
    Known("prometheus/breakers", r"prometheus\.(type\.)?envoy_cluster_circuit_breakers_\w+_rq_(pending_|retry_)?open(\{.*)?", NEVER_OPENED),
    Known("prometheus/breakers", r"prometheus\.envoy_cluster_circuit_breakers_default_remaining_cx_pools\{.*",
          "Pools have no limit here; what is left of that is just a large number."),
    Known("tunnels/origin answers 200", r"client\.0\.(body|header\.content-length)|log\.0\.(details|sent)|stat\.cluster\.a\.(external\.)?upstream_rq_\w+",
          "A server may ignore Upgrade and answer as usual (RFC 9110 section 7.8); the client gets that answer, with its body.",
          {r"client\.0\.body": "plain"}),
    Known("tunnels/connect not configured", r"client\.0\.header\.content-length", "A 2xx to CONNECT has no content-length (RFC 9110 section 9.3.6)."),
    Known("prometheus/*", r"prometheus\.(type\.)?envoy_http_downstream_cx_(delayed_close_timeout|destroy_(local|remote))(\{.*)?", HALF_CLOSE),
    Known("prometheus/*", r"prometheus\.(type\.)?envoy_cluster_(default_total_match_count|membership_\w+)(\{.*)?", UNUSED),
    refused("limits/default url of 70 KB", "A target that is too long is a 414, which says more than 431 (RFC 9110 section 15.5.15).", "414 URI Too Long"),
    refused("limits/small url too large", "A target that is too long is a 414, which says more than 431 (RFC 9110 section 15.5.15).", "414 URI Too Long"),
    Known("interim/103 then 200, proxied", r"client\.0\.interim\.0", "103 has a reason phrase, Early Hints (RFC 8297)."),
    Known("direct-responses//304", r"client\.0\.header\.location", "Envoy adds a Location to every 3xx of its own; a 304 has none (RFC 9110 section 15.4.5)."),
    Known("response-bodies/origin hop-by-hop", r"client\.0\.header\.x-hop", "A field that Connection names ends here (RFC 9110 section 7.6.1)."),
    Known("bad-lines/bare CR ends the line", ".*", STRICT_LINES, {r"client\.0\.start_line": "HTTP/1.1 400 Bad Request"}),
    Known("old-versions/http/2 preface", r"client\.leftover", "SETTINGS leave out what is the protocol's default (RFC 9113 section 6.5.2)."),
    *each("old-versions", ["http/0.9", "http/2.0 in text", "http/0.9 accepted"], refused, VERSIONS),
    refused("bad-request-lines/no version", VERSIONS),
    refused("old-versions/http/1.0 chunked post", "Transfer-Encoding in HTTP/1.0 is faulty framing (RFC 9112 section 6.1)."),
    Known("health-check/*", r"stat\.http\.\w+\.tracing\.health_check", "Nothing is traced, so nothing is counted as left out of tracing."),
    Known("log-more/*", r"log\.0\.LOCAL_REPLY_BODY", "The body that was sent is what someone who logs it wants to read; Envoy logs nothing."),
    Known("log-more/client leaves", r"log\.0\.DOWNSTREAM_(DETECTED_CLOSE_TYPE|CX_RTT)",
          "The client did reset its connection, which is what the type is for; of a closed one there is no time to be had.",
          {r"log\.0\.DOWNSTREAM_DETECTED_CLOSE_TYPE": "RemoteReset"}),
    Known("log-text/refused", r"log\.0", "The address that refused the connection is the first thing to know about the failure."),
    Known("log-json/refused", r"log\.0\.UPSTREAM_REMOTE_(ADDRESS|ADDRESS_WITHOUT_PORT|PORT)",
          "The address that refused the connection is the first thing to know about the failure."),
    Known("shapes/custom method with dash", ".*", "M-SEARCH is a method; what it means is for the origin to say.", {r"client\.0\.start_line": "HTTP/1.1 200 OK"}),
    Known("shapes/absolute form, query only", ".*", "A target without a path is one for / (RFC 9112 section 3.2.1).", {r"client\.0\.start_line": "HTTP/1.1 200 OK"}),
    Known("forwarded/* forwarded proto ", ".*", "An empty x-forwarded-proto says nothing, which is no reason for a 404.", {r"client\.0\.start_line": "HTTP/1.1 200 OK"}),
    *[Known(name, r"origin\.a\.\d+\.header\.(content-length|transfer-encoding)", "A body that is known to be empty is announced as such; the message is the same.")
      for name in ("request-bodies/chunked empty", "bad-lengths/transfer-encoding with trailing space", "found/empty chunked body *", "random/*")],
    *[Known(name, r"origin\.a\.\d+\.header\.te", "TE ends at each hop but for trailers (RFC 9110 section 10.1.4); an empty one asks for nothing.",
            {r"origin\.a\.\d+\.header\.te": "None"}) for name in ("found/empty te", "random/*")],
    *[Known(name, r"log\.0\.details", "The answer is the same 400; which rule is said to be broken depends on the order of the checks.",
            {r"log\.0\.details": "http1.codec_error"})
      for name in ("bad-lines/NUL in name", "bad-lines/NUL in target", "bad-request-lines/target with DEL")],
    Known("timeouts/idle connection", r"client\.ended|stat\.http\.idle\.downstream_cx_destroy_(local|remote)", HALF_CLOSE),
    *[Known("paths/" + name, r"log\.0\.path", "The log shows the path as the client sent it, which is what was refused.")
      for name in ("reject /a%2fb", "reject /a%2Fb%5cc", "unescape-redirect /a%2fb", "unescape-redirect /a%2Fb%5cc")],
    *[Known(case, r"log\.0\.(method|path|protocol)|stat\.http\.\w+\.downstream_(cx_protocol_error|rq_response_before_rq_complete|rq_rx_reset)",
            "The head was read whole before it was refused: the log says what was asked for, and no stream was cut.")
      for case in ("limits/underscore rejected", "old-versions/http/1.0 refused", "shapes/connection names x-forwarded-proto")],
    Known("shapes/absolute form not allowed", r"log\.0\.path", "The path is the target's path, whatever form the target has."),
    Known("shapes/options star", r"log\.0\.(details|flags)|stat\.http\.main\.(downstream_rq_non_relative_path|no_route|rq_total)",
          "OPTIONS * is a request like others (RFC 9110 section 9.3.7); a route may match it, and here none does."),
    Known("bad-request-lines/version 01.1", ".*", "A version that is not 1.0 or 1.1 is answered 426.", {r"client\.0\.start_line": "HTTP/1.1 426 Upgrade Required"}),
    # The random exchanges hit the same rules under names that say nothing.
    Known("random/*", ".*", STRICT_LINES, {r"log\.0\.details": r"http1?\.(codec_error|invalid_url|invalid_authority)", r"log\.0\.code": "400"}),
    Known("random/*", r"client\.0\.interim\.0|stat\..*downstream_rq_(1xx|completed)",
          "A request without a body is not told to continue (RFC 9110 section 10.1.1).", {r"client\.0\.interim\.0": "None"}),
    Known("random/*", r"(origin\.a|client)\.\d+\.header\.(accept|authorization|content-type|etag|location|user-agent|vary|via|x-b|x-r)",
          "Field lines that came apart go on apart; Envoy joins those that it knows (RFC 9110 section 5.3: it means the same)."),
    *[Known(name, r"log\.0\.cluster|client\.0\.header\.x-code",
            "A path that is refused leads nowhere; Envoy looks its route up after all, if x-forwarded-proto is there.", {r"log\.0\.cluster": "None"})
      for name in ("found/fragment *", "random/*")],
    *[accepted_by_envoy_only(name) for name in (
        "no router", "both spellings of one field", "vhost with empty domain", "rewrite group that is not there", "retry on nothing known",
        "upgrade without type", "listener twice", "listener chain without filters", "listener prefix length 33", "mutation of pseudo header",
    )],
]


KNOWN += CONNECTIONS + HTTP2


def explaining(case, different):
    """The entries that explain something of one case's differences, by the key that they explain."""
    return {key: [known for known in KNOWN if known.covers(case, key, different)] for key in different}


def unexplained(case, different):
    """What is left of the differences of one case when the known ones are taken away."""
    entries = explaining(case, different)
    for found in entries.values():
        for known in found:
            known.used = True
    return {key: values for key, values in different.items() if not entries[key]}


def all_explained(case, different):
    """Whether nothing would be left, should these be a case's final differences."""
    return all(explaining(case, different).values())
