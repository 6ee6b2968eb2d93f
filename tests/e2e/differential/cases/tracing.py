"""Request ids, and what in them says whether a request is traced."""

from harness.config import TYPE, access_log, bootstrap, cluster, hcm, listener, route, vhost

from ..case import Group, get

ID = "11111111-2222-%s333-8444-555555555555"
# Cut, since the normaliser takes whole UUIDs for random ones.
CUT = "%REQ(X-REQUEST-ID):20%"


def addresses(prefix):
    return {"use_remote_address": True, "internal_address_config": {"cidr_ranges": [{"address_prefix": prefix, "prefix_len": 8}]}}


INSIDE = addresses("127.0.0.0")
OUTSIDE = {**addresses("10.0.0.0"), "preserve_external_request_id": True}
NO_PACKING = {"request_id_extension": {"typed_config": {
    "@type": TYPE + "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", "pack_trace_reason": False}}}
CHOICES = {
    "none": {},
    "all": {"tracing": {}},
    "no-random": {"tracing": {"random_sampling": {"value": 0}}},
    "no-client": {"tracing": {"client_sampling": {"value": 0}}},
    "nothing": {"tracing": {"overall_sampling": {"value": 0}}},
    "unpacked": {"tracing": {}, **NO_PACKING},
}


def config(env):
    log = access_log(env.log(), json_format={
        "code": "%RESPONSE_CODE%", "id": CUT, "stream": "%STREAM_ID%", "told": "%RESP(X-REQUEST-ID):20%", "trace": "%TRACE_ID%"})
    forced = {**access_log(env.log(), text="forced\n"), "filter": {"traceable_filter": {}}}
    own = {"random_sampling": {"numerator": 0}, "overall_sampling": {"numerator": 100}}
    hosts = [vhost("v", ["*"], [route("/own", "a", tracing=own), route("/", "a")])]
    listeners = [
        listener("%s-%s" % (choice, side), hcm(hosts, log=[log, forced], prefix="%s_%s" % (choice.replace("-", "_"), side), **fields, **where))
        for choice, fields in CHOICES.items() for side, where in (("in", INSIDE), ("out", OUTSIDE))
    ]
    return bootstrap(listeners, [cluster("a", env.port("a"))])


def sent(letter):
    return ("x-request-id", ID % letter)


REQUESTS = {
    "untraced": [sent("4")], "sampled before": [sent("9")], "forced before": [sent("a")], "client before": [sent("b")], "other version": [sent("1")],
    "no uuid": [("x-request-id", "abc")], "forced": [sent("4"), ("x-envoy-force-trace", "1")], "forced, empty": [sent("4"), ("x-envoy-force-trace", "")],
    "client": [sent("4"), ("x-client-trace-id", "c")], "forced and client": [sent("4"), ("x-client-trace-id", "c"), ("x-envoy-force-trace", "1")],
}
# The forced ones log a second line.
CASES = [get("%s-%s %s" % (choice, side, name), "/", headers, listener="%s-%s" % (choice, side), settle=0.1)
         for choice in CHOICES for side in ("in", "out") for name, headers in REQUESTS.items()]
CASES += [get("route's own %s" % name, "/own", headers, listener="all-in", settle=0.1) for name, headers in REQUESTS.items()]

GROUPS = [Group("trace-reasons", config, CASES)]
