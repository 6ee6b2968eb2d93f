"""Every group of cases, through Envoy and through the subject."""

import json
import os

import pytest

from . import cases
from .known_differences import all_explained, unexplained
from .pair import Pair

GROUPS = {group.name: group for group in cases.GROUPS}


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        # Where tests run in several processes, a group stays in one of them, with its pair of proxies.
        chosen = [
            pytest.param(group.name, case, id="%s/%s" % (group.name, case.name), marks=pytest.mark.xdist_group(group.name))
            for group in cases.GROUPS for case in group.cases
        ]
        metafunc.parametrize("pair,case", chosen, indirect=["pair"], scope="module")


@pytest.fixture(scope="module")
def pair(request, subject, tmp_path_factory):
    """One pair of proxies a group; pytest keeps the cases of a group together."""
    group = GROUPS[request.param]
    running = Pair(group, subject, tmp_path_factory.mktemp(group.name))
    running.start()
    running.group = group.name
    yield running
    running.stop()


def test_same_as_envoy(pair, case, subject):
    name = "%s/%s" % (pair.group, case.name)
    def play():
        if subject == "pillion":
            return unexplained(name, pair.difference(case, lambda different: all_explained(name, different)))
        return pair.difference(case)

    # What a mistake makes differ differs again; which of two packets or log lines comes first does not.
    left = play() and play()
    if left:
        report(name, left)
        lines = ["%s:\n    Envoy:   %r\n    %s: %r" % (key, a, subject, b) for key, (a, b) in left.items()]
        pytest.fail("%s differs\n  %s" % (name, "\n  ".join(lines)), pytrace=False)


def report(name, different):
    """Appends to a machine-readable report when one is asked for."""
    path = os.environ.get("PILLION_DIFFERENCES")
    if path:
        with open(path, "a") as out:
            out.write(json.dumps({"case": name, "different": {k: [repr(a), repr(b)] for k, (a, b) in different.items()}}) + "\n")
