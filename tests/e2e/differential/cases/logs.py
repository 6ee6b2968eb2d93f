"""Access logs: the operators, text and JSON, and the default format."""

from harness.client import Abort, Pause, Recv, request
from harness.config import access_log, bootstrap, cluster, hcm, listener, route, to, vhost
from harness.origin import close, delay, reply, respond, send

from ..case import Case, Group, get

BASIC = [
    "%PROTOCOL%", "%UPSTREAM_PROTOCOL%", "%RESPONSE_CODE%", "%RESPONSE_CODE_DETAILS%", "%RESPONSE_FLAGS%", "%RESPONSE_FLAGS_LONG%",
    "%BYTES_RECEIVED%", "%BYTES_SENT%", "%ROUTE_NAME%", "%UPSTREAM_HOST%", "%UPSTREAM_CLUSTER%", "%UPSTREAM_CLUSTER_RAW%",
    "%UPSTREAM_REMOTE_ADDRESS%", "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%UPSTREAM_REMOTE_PORT%", "%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
    "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "%DOWNSTREAM_REMOTE_ADDRESS%",
    "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_LOCAL_ADDRESS%",
    "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_LOCAL_PORT%", "%REQ(:METHOD)%", "%REQ(:PATH)%", "%REQ(:AUTHORITY)%",
    "%REQ(:SCHEME)%", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "%REQ(USER-AGENT)%", "%REQ(USER-AGENT):5%", "%REQ(X-ABSENT)%",
    "%REQ(X-ABSENT?USER-AGENT)%", "%REQ(X-REPEATED)%", "%REQ(X-QUOTED)%", "%RESP(SERVER)%", "%RESP(X-ORIGIN)%", "%RESP(X-ABSENT)%",
    "%RESP(:STATUS)%", "%TRAILER(X-T)%", "%REQ(X-REQUEST-ID)%", "%REQUESTED_SERVER_NAME%", "%HOSTNAME%", "%FILTER_CHAIN_NAME%",
    "%START_TIME(%Y)%", "100%%", "plain", "%REQ(:METHOD)% %PROTOCOL% mixed",
]
DURATIONS = ["%DURATION%", "%REQUEST_DURATION%", "%REQUEST_TX_DURATION%", "%RESPONSE_DURATION%", "%RESPONSE_TX_DURATION%"]
MORE = [
    "%ENVIRONMENT(PILLION_E2E_UNSET)%", "%GRPC_STATUS%", "%GRPC_STATUS_NUMBER%", "%CONNECTION_TERMINATION_DETAILS%",
    "%ACCESS_LOG_TYPE%", "%UPSTREAM_HOST_NAME%", "%PATH(WQ:ORIG)%", "%PATH(NQ:PATH)%", "%QUERY_PARAM(a)%",
    "%VIRTUAL_CLUSTER_NAME%", "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%", "%STREAM_ID%", "%LOCAL_REPLY_BODY%", "%DYNAMIC_METADATA(x:y)%",
    "%FILTER_STATE(x)%", "%METADATA(ROUTE:x:y)%", "%METADATA(CLUSTER:x:y)%", "%DOWNSTREAM_DETECTED_CLOSE_TYPE%",
    "%UPSTREAM_DETECTED_CLOSE_TYPE%", "%DOWNSTREAM_LOCAL_CLOSE_REASON%", "%UPSTREAM_LOCAL_CLOSE_REASON%", "%DOWNSTREAM_CX_RTT%",
    "%ROUTE_RESOLUTION_COUNT%", "%DOWNSTREAM_DIRECT_LOCAL_ADDRESS%", "%DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT(8)%",
    "%DOWNSTREAM_DIRECT_LOCAL_PORT%", "%DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID%", "%CUSTOM_FLAGS%", "%TRACE_ID%", "%SPAN_ID%",
    "%BYTES_RETRANSMITTED%", "%PACKETS_RETRANSMITTED%", "%LISTENER_NAME%", "%UPSTREAM_SERVER_NAME%", "%UPSTREAM_TLS_VERSION%",
    "%DOWNSTREAM_TLS_CIPHER%", "%TLS_JA3_FINGERPRINT%", "%DOWNSTREAM_PEER_SUBJECT%", "%DOWNSTREAM_PEER_CERT_V_START%",
    "%DOWNSTREAM_HANDSHAKE_DURATION%", "%ROUNDTRIP_DURATION%", "%RESP(CONNECTION)%", "%RESPONSE_TRAILERS_BYTES%",
    '%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": "x-absent"}, '
    '{"command": "REQ", "param": ":authority", "max_length": 7}, "PROTOCOL"]}):5%',
    '%COALESCE({"operators": [{"command": "RESP", "param": "x-absent"}, "RESPONSE_CODE"]})%',
    '%COALESCE({"operators": ["ROUTE_NAME", "REQUESTED_SERVER_NAME"]})%',
]
POINTS = ["DS_CX_BEG", "DS_CX_END", "DS_RX_END", "US_CX_BEG", "US_HS_END", "US_RX_BEG", "US_RX_BODY_BEG", "US_RX_END", "DS_TX_BEG", "DS_TX_END", "OWN"]
SIZES = [
    "%UPSTREAM_WIRE_BYTES_SENT%", "%UPSTREAM_WIRE_BYTES_RECEIVED%", "%UPSTREAM_HEADER_BYTES_SENT%",
    "%UPSTREAM_HEADER_BYTES_RECEIVED%", "%DOWNSTREAM_WIRE_BYTES_SENT%", "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
    "%DOWNSTREAM_HEADER_BYTES_SENT%", "%DOWNSTREAM_HEADER_BYTES_RECEIVED%", "%UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT%",
    "%UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED%", "%DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT%",
    "%DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED%", "%REQUEST_HEADERS_BYTES%", "%RESPONSE_HEADERS_BYTES%",
]


def config_with(host_fields=None, **log_fields):
    """A bootstrap whose one access log has the given format."""
    def config(env):
        routes = [
            route("/direct", {"direct_response": {"status": 200, "body": {"inline_string": "direct"}}}, name="direct"),
            route("/quick", to("a", timeout="0.1s"), name="quick"),
            route("/refused", "refusing"),
            route("/retry", to("a", retry_policy={"retry_on": "5xx", "num_retries": 1}), name="retry"),
            route("/rewrite", to("a", prefix_rewrite="/new"), name="rewrite"),
            route("/ok", "a", name="ok"),
        ]
        manager = hcm([vhost("v", ["*"], routes, **(host_fields or {}))], log=access_log(env.log(), **log_fields), http_protocol_options={"enable_trailers": True})
        made = listener("main", manager)
        made["filter_chains"][0]["name"] = "chain-1"
        return bootstrap([made], [cluster("a", env.port("a"), alt_stat_name="a_alt"), cluster("refusing", env.refusing)])

    return config


def json_of(operators):
    return {operator.replace("%", "").replace(" ", "_"): operator for operator in operators}


EXTRA = [("user-agent", "agent/1.0"), ("x-repeated", "one"), ("x-repeated", "two"), ("x-quoted", 'a"b\\c\td')]


def requests():
    """The outcomes a log line can have; new objects each time, since the groups must not share them."""
    return [
        get("ok", "/ok?a=b", EXTRA),
        get("ok chunked with trailers", "/ok", EXTRA, origin={"a": [reply(200, chunks=[b"abc"], trailers=[("x-t", "tr")])]}),
        get("post", "/ok", EXTRA, method="POST", body=b"12345"),
        get("head", "/ok", method="HEAD"),
        get("direct", "/direct"),
        get("no route", "/none"),
        get("refused", "/refused"),
        get("timeout", "/quick", origin={"a": [[delay(0.3), close()]]}, settle=1),
        get("retried", "/retry", origin={"a": [reply(503), reply(200)]}, settle=0.3),
        get("rewritten", "/rewrite/x?a=1"),
        get("origin resets", "/ok", origin={"a": [[close()]]}),
        get("body cut", "/ok", origin={"a": [[send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"), close()]]}),
        get("not ascii", "/ok/\xe9", [("user-agent", "caf\xe9")]),
        Case("client leaves", [request("GET", "/ok"), Pause(0.3), Abort()], origin={"a": [[delay(1.5), send(respond())]]}, log_lines=1),
        Case("malformed", [b"GET / HTTP/1.1\r\nbad\r\n\r\n", Recv()]),
        Case("two on one connection", [request("GET", "/ok/1"), Recv(), request("GET", "/ok/2"), Recv()]),
    ]


TEXT = "".join("%s|" % operator for operator in BASIC) + "\n"

GROUPS = [
    Group("log-json", config_with(json_format=json_of(BASIC)), requests()),
    Group("log-json-typed", config_with(json_format={
        "code": "%RESPONSE_CODE%", "bytes": "%BYTES_SENT%", "mixed": "%RESPONSE_CODE% x", "nested": {"deep": "%PROTOCOL%", "list": ["%REQ(:METHOD)%", "lit"]},
        "number": 5, "truth": True, "nothing": "%REQ(X-ABSENT)%", 'quote"d': "%REQ(X-QUOTED)%",
    }), requests()[:7]),
    Group("log-text", config_with(text=TEXT), requests()),
    Group("log-durations", config_with(json_format={operator.strip("%").lower() + "_ms": operator for operator in DURATIONS}), requests()),
    # Of a point before the other there is nothing to log; so the earliest point is first in all but one.
    Group("log-points", config_with(json_format={
        **{"to_%s_ms" % point.lower(): "%%COMMON_DURATION(DS_CX_BEG:%s:ms)%%" % point for point in POINTS},
        "backwards_ms": "%COMMON_DURATION(DS_TX_END:DS_CX_BEG:ms)%",
    }), requests()),
    Group("log-more", config_with(json_format=json_of(MORE)), requests()),
    # Envoy counts the header bytes of a retried request now with the first attempt, now without it.
    # A time has now one digit and now two.
    Group("log-sizes", config_with({"response_headers_to_remove": ["x-envoy-upstream-service-time"]}, json_format=json_of(SIZES)),
          [case for case in requests() if case.name != "retried"]),
]
