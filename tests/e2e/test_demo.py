"""The README's first command shows what it says: spread, and no failed request when an origin dies."""

import os
import re
import signal
import subprocess
import sys

from harness.proxy import ROOT, binary
from harness.wait import wait_until


def start(subject):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "demo/tour.py"), binary(subject)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}, text=True,
    )


def children(pid):
    """Processes of the demo: its own, and those in sessions of their own below it."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as found:
        return [int(child) for child in found.read().split()]


def test_demo_ends_well_and_says_so(subject):
    demo = start(subject)
    output = demo.communicate(timeout=60)[0]
    assert demo.returncode == 0, output
    assert re.search(r"[1-9]\d+ requests, 0 failed", output), output
    shares = [int(share) for share in re.findall(r"^   (?:one|two|three) .* 100 +(\d+) %$", output, re.MULTILINE)]
    assert shares == [33, 33, 33], output
    assert "envoy_cluster_upstream_rq_total" in output


def test_ctrl_c_leaves_nothing_running(subject):
    demo = start(subject)
    line = ""
    while "ready after" not in line:
        line = demo.stdout.readline()
        assert line, "the demo ended early"
    started = children(demo.pid)
    assert len(started) == 4
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=20)
    assert demo.returncode == 130
    wait_until(lambda: not any(os.path.exists("/proc/%d" % pid) for pid in started))
