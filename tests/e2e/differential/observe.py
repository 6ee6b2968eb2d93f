"""Turns what happened on one side into flat key/value pairs that can be compared."""

import hashlib
import json
import re

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HTTP_DATE = re.compile(r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
DATE_LINE = re.compile(rb"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n")
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CLIENT = re.compile(r"127\.0\.0\.1:(\d{4,5})\b")
# Levels, compared as they stand; everything else only counts up and is compared by its growth.
GAUGE = re.compile(
    r"(_active|_open|_buffered|membership_(healthy|total|degraded|excluded)|max_host_weight|version"
    r"|remaining_\w+|warming_state|upstream_rq_pending_active|downstream_\w+_active)$"
)
# What is compared: the families dashboards use. Times and sizes that depend on the moment, and the
# admin endpoint's own traffic (each look at the stats changes it), are left out.
STAT_SCOPE = re.compile(r"^(cluster|http|http2|tcp|tls_inspector|http_inspector|proxy_proto|listener|vhost|[\w.]+\.http_local_rate_limit)\.")
STAT_NOISE = re.compile(
    r"^(http\.admin|listener\.admin)\.|_bytes_buffered$|^(cluster\.(?!tcp)|http\.).*_bytes_total$|_length_ms$|_connect_ms$|flow_control_|\.worker_\d+\.|\.nghttp2_\w+_connections$"
)


class Normalizer:
    """Replaces what must differ between two runs (ports, ids, times) by names."""

    def __init__(self, ports):
        self.ports = {str(port): name for name, port in ports.items()}
        self.port_pattern = re.compile(r"\b(%s)\b" % "|".join(self.ports)) if self.ports else None

    def text(self, value):
        if self.port_pattern:
            value = self.port_pattern.sub(lambda match: "<%s>" % self.ports[match.group(1)], value)
        value = UUID.sub("<uuid>", value)
        value = ISO_TIME.sub("<iso-time>", value)
        return CLIENT.sub("127.0.0.1:<client>", value)

    def header(self, name, value):
        lower = name.lower()
        if lower == "date" and HTTP_DATE.match(value):
            return "<date>"
        if lower == "x-envoy-upstream-service-time" and value.isdigit():
            return "<ms>"
        if lower == "x-envoy-expected-rq-timeout-ms" and value.isdigit():
            # What is left of a timeout shrinks as a request ages, on a busy machine by a lot.
            step = 1000 if int(value) > 2000 else 100
            return str(-(-int(value) // step) * step)
        if lower == "grpc-timeout" and re.fullmatch(r"\d{1,8}[munSMH]", value):
            # The same time can be written in several units; to the millisecond it has to agree.
            return "%d ms" % round(int(value[:-1]) * {"n": 1e-6, "u": 1e-3, "m": 1, "S": 1e3, "M": 6e4, "H": 3.6e6}[value[-1]])
        return self.text(value)


def _body(data):
    if len(data) > 2000:
        return "%d bytes, sha256 %s" % (len(data), hashlib.sha256(data).hexdigest()[:16])
    return data.decode("latin-1")


def _headers(out, prefix, headers, normalizer):
    for name, value in headers:
        out.setdefault("%s.%s" % (prefix, name), []).append(normalizer.header(name, value))


def observe_client(out, result, normalizer):
    out["client.responses"] = len(result.responses)
    for index, response in enumerate(result.responses):
        key = "client.%d" % index
        out[key + ".start_line"] = response.start_line
        _headers(out, key + ".header", response.headers, normalizer)
        out[key + ".body"] = normalizer.text(_body(response.body))
        out[key + ".body_ended"] = response.body_ended
        out[key + ".trailers"] = response.trailers
        for number, (line, headers) in enumerate(response.interim):
            out["%s.interim.%d" % (key, number)] = (line, sorted(headers))
    out["client.interim"] = result.interim
    out["client.tunnel"] = result.tunnel
    for name, fact in result.facts.items():
        out["client." + name] = fact
    out["client.leftover"] = DATE_LINE.sub(b"\r\ndate: <date>\r\n", result.leftover)
    # A reset and a clean close differ only in whether unread bytes were left in the kernel.
    out["client.ended"] = "closed" if result.ended in ("eof", "reset") else result.ended
    out["client.error"] = "closed" if result.error in ("eof", "reset") else result.error


def observe_origin(out, origin, normalizer):
    with origin.lock:
        requests, aborted = list(origin.requests), len(origin.aborted)
    out["origin.%s.requests" % origin.name] = len(requests)
    out["origin.%s.aborted" % origin.name] = aborted
    for index, seen in enumerate(requests):
        key = "origin.%s.%d" % (origin.name, index)
        out[key + ".line"] = normalizer.text(seen.start_line)
        _headers(out, key + ".header", seen.headers, normalizer)
        out[key + ".body"] = _body(seen.body)
        out[key + ".trailers"] = seen.trailers
        if seen.server_name:
            out[key + ".server_name"] = seen.server_name
        if seen.start_line in ("bytes", "HTTP/2"):
            out[key + ".ended"] = seen.body_ended


def observe_log(out, lines, normalizer):
    out["log.lines"] = len(lines)
    for index, line in enumerate(lines):
        key = "log.%d" % index
        try:
            fields = json.loads(line)
        except ValueError:
            out[key] = normalizer.text(line)
            continue
        for name, value in fields.items():
            if name.endswith("_ms") and str(value).lstrip("-").isdigit():
                value = "<ms>"
            if isinstance(value, int) and str(value) in normalizer.ports:
                value = str(value)
            out["%s.%s" % (key, name)] = normalizer.text(value) if isinstance(value, str) else value


def observe_stats(out, before, after):
    for name, value in after.items():
        if STAT_NOISE.search(name) or not STAT_SCOPE.match(name):
            continue
        if not GAUGE.search(name):
            value -= before.get(name, 0)
        if value:
            out["stat." + name] = value


def compare(reference, subject):
    """The keys on which two observations differ, with both values; absent is None."""
    different = {}
    for key in sorted(set(reference) | set(subject)):
        left, right = reference.get(key), subject.get(key)
        if left != right:
            different[key] = (left, right)
    return different
