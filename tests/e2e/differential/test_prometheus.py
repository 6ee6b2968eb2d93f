"""The Prometheus page after the same traffic: names, labels, types and values, as dashboards read them."""

import re
import time

import pytest

from . import cases
from .known_differences import all_explained, unexplained
from .observe import compare
from .pair import Pair

CHOSEN = ("clusters", "counted", "retries", "breakers", "fault", "local-ratelimit", "cors", "response-bodies", "bad-lengths")
GROUPS = {group.name: group for group in cases.GROUPS}
SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SCOPE = re.compile(r"^envoy_(cluster|http|listener|vhost)")
# Moments and sizes differ between any two runs; the admin page's own traffic is its own affair.
NOISE = re.compile(r"_bytes|flow_control|_length_ms|_connect_ms|_time(_|$)|_bucket$|_sum$|listener_admin|worker|_headers_size|_body_size")


def series_of(text):
    """Every series that is in scope and not zero, by name and labels, and the type of each name."""
    values, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
            continue
        match = SERIES.match(line)
        if not match:
            assert not line or line.startswith("#"), "no series and no comment: %r" % line
            continue
        name, labels, value = match.groups()
        if not SCOPE.match(name) or NOISE.search(name) or 'admin"' in (labels or "") or "worker_id" in (labels or ""):
            continue
        if types.get(name.removesuffix("_count")) == "histogram":
            continue  # Envoy merges its histograms every 5 s: a count depends on the moment.
        if float(value):
            key = "prometheus.%s{%s}" % (name, ",".join("%s=%s" % pair for pair in sorted(LABEL.findall(labels or ""))))
            values[key] = float(value)
            values["prometheus.type.%s" % name] = types.get(name)
    return values


@pytest.mark.parametrize("name", CHOSEN)
def test_same_series_as_envoy(name, subject, tmp_path):
    pair = Pair(GROUPS[name], subject, tmp_path)
    pair.start()
    try:
        for case in GROUPS[name].cases:
            pair.both(lambda side, case=case: side.prepare(case))
            pair.both(lambda side, case=case: side.run(case))
        deadline = time.monotonic() + 3
        while True:
            reference, found = pair.both(lambda side: series_of(side.proxy.admin.get("/stats/prometheus")))
            different = compare(reference, found)
            settled = all_explained("prometheus/" + name, different) if subject == "pillion" else not different
            if settled or time.monotonic() > deadline:
                break
            time.sleep(0.1)
    finally:
        pair.stop()
    left = unexplained("prometheus/" + name, different) if subject == "pillion" else different
    lines = ["%s: Envoy %r, %s %r" % (key, a, subject, b) for key, (a, b) in left.items()]
    assert not left, "%d series differ\n  %s" % (len(lines), "\n  ".join(lines))
    assert len(reference) > 20
