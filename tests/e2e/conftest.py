"""Options and fixtures shared by all end-to-end tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from differential.known_differences import KNOWN  # noqa: E402
from harness.config import bootstrap, cluster, hcm, listener, route, vhost  # noqa: E402
from harness.origin import Origin  # noqa: E402
from harness.pki import Authority  # noqa: E402
from harness.proxy import Proxy  # noqa: E402
from harness.tcp import Server  # noqa: E402


def pytest_addoption(parser):
    parser.addoption(
        "--subject", choices=("pillion", "envoy"), default="pillion",
        help="what is tested; envoy proves that the tests themselves are right",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "xdist_group(name): what pytest-xdist keeps in one process")
    config.addinivalue_line("markers", "pillion_only: about something that Envoy does not do, or does otherwise")


def pytest_collection_modifyitems(config, items):
    """With Envoy as the subject, what only Pillion promises is left out, and counted as deselected."""
    if config.getoption("--subject") != "envoy":
        return
    left_out = [item for item in items if item.get_closest_marker("pillion_only")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("pillion_only")]


# Which known differences the processes of this run have met, by their place in the list.
MET = set()


def met_here():
    return [index for index, known in enumerate(KNOWN) if known.used]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """With pytest-xdist, on the process that shares out the tests: one of the others has finished."""
    MET.update(getattr(node, "workeroutput", {}).get("known_differences", []))


def is_whole_run(config):
    here = Path(__file__).resolve().parent
    whole = {here, here / "differential"}
    narrowing = ("keyword", "markexpr", "collectonly", "maxfail", "deselect", "ignore", "ignore_glob")
    return not any(config.getoption(option, None) for option in narrowing) and any(Path(arg).resolve() in whole for arg in config.args)


def pytest_sessionfinish(session, exitstatus):
    """A listed difference that was mended has to leave the list; that shows when every case has run."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["known_differences"] = met_here()
        return
    finished = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if config.getoption("--subject") != "pillion" or not finished or not is_whole_run(config):
        return
    MET.update(met_here())
    stale = ["%s %s" % (known.case, known.key) for index, known in enumerate(KNOWN) if index not in MET and not known.sometimes]
    if stale:
        where = "differential/known_differences.py"
        said = "listed, but no longer different:\n  " + "\n  ".join(stale)
        report = pytest.TestReport(where + "::KNOWN", (where, None, "KNOWN"), {}, "failed", said, "call")
        config.hook.pytest_runtest_logreport(report=report)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def subject(request):
    return request.config.getoption("--subject")


@pytest.fixture
def launch(subject, tmp_path):
    """Starts the subject from a bootstrap; what a test leaves running is stopped after it."""
    running = []

    def start(config, **fields):
        proxy = Proxy(subject, config, tmp_path / ("proxy-%d" % len(running)), **fields)
        running.append(proxy)
        return proxy.start()

    yield start
    for proxy in running:
        proxy.kill()


@pytest.fixture
def origin():
    made = Origin("a")
    yield made
    made.stop()


@pytest.fixture
def origins():
    """Makes as many origins as a test asks for."""
    made = []

    def make(name, **fields):
        made.append(Origin(name, **fields))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def serve():
    """Starts TCP servers, each from a function that is given its connections."""
    made = []

    def start(function):
        made.append(Server(function))
        return made[-1]

    yield start
    for server in made:
        server.stop()


@pytest.fixture
def plain():
    """A bootstrap with one listener and one cluster over the given ports."""

    def make(*ports, manager=None, route_fields=None, cluster_fields=None, **fields):
        action = {"route": {"cluster": "a", **(route_fields or {})}}
        made = hcm([vhost("all", ["*"], [route("/", action)])], **(manager or {}))
        return bootstrap([listener("main", made)], [cluster("a", *ports, **(cluster_fields or {}))], **fields)

    return make


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority with a server's and a client's certificate."""
    made = Authority(tmp_path_factory.mktemp("pki"))
    made.server = made.issue("server", "DNS:server.test,URI:spiffe://mesh.test/server")
    made.client = made.issue("client", "URI:spiffe://mesh.test/client")
    return made
