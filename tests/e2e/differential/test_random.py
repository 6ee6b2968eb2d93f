"""Random requests and random origin answers through both proxies: what no one thought of writing down.

PILLION_E2E_SEED chooses another sequence; a failure prints the bytes that were sent.
"""

import os
import random

import pytest
from harness.client import Recv, chunked
from harness.origin import close, reply, respond, send

from .case import Case, Group
from .cases.found import config
from .known_differences import all_explained, unexplained
from .pair import Pair

SEED = int(os.environ.get("PILLION_E2E_SEED", "20261120"))
COUNT = int(os.environ.get("PILLION_E2E_RANDOM", "150"))

METHODS = ["GET"] * 6 + ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]
SEGMENTS = ["a", "api", "v1", "x.json", "..", ".", "", "%2f", "%41", "a%20b", "user", "~", "a;b=c", "*", "@", "a:b"]
QUERIES = ["", "", "?", "?a=1", "?a=1&b=2", "?x", "?a=%20", "?q=v#frag", "?&&=", "?a=b?c=d"]
NAMES = ["x-a", "X-B", "accept", "cookie", "te", "connection", "keep-alive", "x-forwarded-for", "x-forwarded-proto", "user-agent",
         "content-type", "via", "x-request-id", "upgrade", "trailer", "x_under", "expect", "range", "if-none-match", "proxy-connection",
         "x-envoy-max-retries", "x-envoy-upstream-rq-timeout-ms", "authorization", "x-pick"]
VALUES = ["1", "", "value", "a, b", "close", "keep-alive", "trailers", "  spaced  ", "1.2.3.4", "http", "https", "x-a", "gzip", "\"q\"", "a=b; c=d",
          "one", "two", "100-continue", "caf\xe9", "a\tb"]
HOSTS = ["test.local", "a.example", "A.Example:80", "b.example:8080", "x.deep.example", "1.2.3.4", "[::1]:80"]
ANSWER_NAMES = ["x-r", "set-cookie", "server", "date", "connection", "keep-alive", "x-envoy-upstream-service-time", "content-type", "etag", "via", "trailer",
                "x-envoy-ratelimited", "location", "vary", "upgrade", "proxy-connection"]


def random_request(rng):
    """One request; most are sound, so that they get as far as the origin."""
    method = rng.choice(METHODS)
    target = "/" + "/".join(rng.choice(SEGMENTS) for _ in range(rng.randint(0, 4))) + rng.choice(QUERIES)
    if rng.random() < 0.04:
        target = "http://" + rng.choice(HOSTS) + target
    lines = ["%s %s HTTP/1.1" % (method, target), "host: " + rng.choice(HOSTS)]
    for _ in range(rng.randint(0, 6)):
        name = rng.choice(NAMES)
        # What an odd scheme does has cases of its own; here it would hide everything else.
        lines.append("%s: %s" % (name, rng.choice(("http", "https") if name == "x-forwarded-proto" else VALUES)))
    body = b""
    if method in ("POST", "PUT", "PATCH") or rng.random() < 0.1:
        data = bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 10, 300])))
        if rng.random() < 0.5:
            lines.append("content-length: %d" % len(data))
            body = data
        else:
            lines.append("transfer-encoding: chunked")
            body = chunked(*([data] if data else []))
    raw = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
    if rng.random() < 0.12:
        # A mutation: one byte of the head becomes another.
        at = rng.randrange(raw.index(b"\r\n\r\n"))
        raw = raw[:at] + bytes([rng.choice([9, 10, 13, 32, 58, 200, 40])]) + raw[at + 1:]
    return method, raw


def random_answer(rng):
    status = rng.choice([200] * 8 + [201, 204, 206, 301, 304, 400, 404, 418, 500, 502, 503, 504])
    headers = [(rng.choice(ANSWER_NAMES), rng.choice(VALUES)) for _ in range(rng.randint(0, 4))]
    data = bytes(rng.randrange(32, 127) for _ in range(rng.choice([0, 5, 100])))
    kind = rng.random()
    if status in (204, 304):
        return reply(status, headers, b"")
    if kind < 0.6:
        return reply(status, headers, data)
    if kind < 0.85:
        return reply(status, headers, chunks=[data] if data else [])
    if kind < 0.95:
        return [send(respond(status, headers, data, length=False)), close()]
    return [close()]


def random_cases():
    rng = random.Random(SEED)
    cases = []
    for number in range(COUNT):
        method, raw = random_request(rng)
        cases.append(Case("%d-%d" % (SEED, number), [raw, Recv(method, timeout=0.6)], origin={"a": [random_answer(rng)]}))
    return cases


@pytest.fixture(scope="module")
def pair(subject, tmp_path_factory):
    running = Pair(Group("random", config, [], origins=("a",)), subject, tmp_path_factory.mktemp("random"))
    running.start()
    yield running
    running.stop()


@pytest.mark.xdist_group("random")
@pytest.mark.parametrize("case", random_cases(), ids=lambda case: case.name)
def test_random_exchange_is_the_same(pair, case, subject):
    name = "random/" + case.name
    if subject == "pillion":
        left = unexplained(name, pair.difference(case, lambda different: all_explained(name, different)))
    else:
        left = pair.difference(case)
    lines = ["%s: Envoy %r, %s %r" % (key, a, subject, b) for key, (a, b) in left.items()]
    assert not left, "sent %r\nthe origin answers %r\n  %s" % (case.steps[0], case.origin["a"], "\n  ".join(lines))
