"""A network namespace of the test's own, for the thread that runs it and the programs that it starts."""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
APPLICATION_USER = 65534

libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), "%s: %s; these tests need root" % (what, os.strerror(ctypes.get_errno())))


@contextlib.contextmanager
def own_network(*addresses):
    """The loopback interface is up and has `addresses` too."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        _checked(libc.unshare(CLONE_NEWNET), "unshare")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for address in addresses:
            subprocess.run(["ip", "addr", "add", address, "dev", "lo"] + (["nodad"] if ":" in address else []), check=True)
        yield
    finally:
        _checked(libc.setns(before, CLONE_NEWNET), "setns")
        os.close(before)


def nft(rules):
    done = subprocess.run(["nft", "-f", "-"], input=rules, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def as_application():
    """Sockets that are made meanwhile belong to another user than the proxy's."""
    os.seteuid(APPLICATION_USER)
    try:
        yield
    finally:
        os.seteuid(0)
