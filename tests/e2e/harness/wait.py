"""Waiting for another process to reach a state."""

import threading


def wait_until(condition, timeout=10.0, what=""):
    """Polls: the state belongs to another process, so there is nothing to be woken by."""
    ticks = threading.Event()
    for _ in range(int(timeout / 0.02)):
        result = condition()
        if result:
            return result
        ticks.wait(0.02)
    raise AssertionError("timed out after %s s waiting for %s" % (timeout, what or condition))
