"""Several listeners, and filter chains chosen by where a connection comes from and goes to."""

import socket

import pytest
from harness.client import Wire, request
from harness.config import bootstrap, hcm, listener, vhost


def answering(name):
    """A filter that answers every request with its own name."""
    return hcm([vhost("v", ["*"], [{"match": {"prefix": "/"}, "direct_response": {
        "status": 200, "body": {"inline_string": name}}}])], prefix=name.replace("-", "_"))


def chain(name, **match):
    made = {"name": name, "filters": [answering(name)]}
    if match:
        made["filter_chain_match"] = match
    return made


def prefix(address, length):
    return [{"address_prefix": address, "prefix_len": length}]


def ask(port, host="127.0.0.1", source=None):
    """The name of the chain that answers, or how the connection ended."""
    sock = socket.create_connection((host, port), timeout=5, source_address=(source, 0) if source else None)
    wire = Wire(sock)
    try:
        wire.send(request())
        return wire.read_response().body.decode()
    except Exception:  # noqa: BLE001: a refusal shows as a close, a reset or a broken pipe
        return "closed"
    finally:
        wire.close()


def on_any_address(*chains, **fields):
    made = listener("main", None, **fields)
    made["address"]["socket_address"]["address"] = "0.0.0.0"
    made["filter_chains"] = list(chains)
    return made


def test_two_listeners_have_their_own_routes(launch):
    proxy = launch(bootstrap([listener("one", answering("one")), listener("two", answering("two"))], []))
    assert (ask(proxy.port("one")), ask(proxy.port("two"))) == ("one", "two")


def test_destination_prefix_most_specific_wins(launch):
    proxy = launch(bootstrap([on_any_address(
        chain("wide", prefix_ranges=prefix("127.0.0.0", 8)), chain("narrow", prefix_ranges=prefix("127.0.0.2", 32)),
        chain("middle", prefix_ranges=prefix("127.0.1.0", 24)),
    )], []))
    port = proxy.port()
    assert [ask(port, host) for host in ("127.0.0.1", "127.0.0.2", "127.0.1.9")] == ["wide", "narrow", "middle"]


def test_source_prefix(launch):
    proxy = launch(bootstrap([on_any_address(
        chain("inside", source_prefix_ranges=prefix("127.0.0.3", 32)), chain("others"),
    )], []))
    assert (ask(proxy.port(), source="127.0.0.3"), ask(proxy.port(), source="127.0.0.4")) == ("inside", "others")


def test_destination_counts_before_source(launch):
    proxy = launch(bootstrap([on_any_address(
        chain("by-source", source_prefix_ranges=prefix("127.0.0.3", 32)),
        chain("by-destination", prefix_ranges=prefix("127.0.0.2", 32)),
    )], []))
    assert ask(proxy.port(), "127.0.0.2", source="127.0.0.3") == "by-destination"
    assert ask(proxy.port(), "127.0.0.1", source="127.0.0.3") == "by-source"


def test_source_type(launch):
    proxy = launch(bootstrap([on_any_address(chain("local", source_type="SAME_IP_OR_LOOPBACK"), chain("external", source_type="EXTERNAL"))], []))
    assert ask(proxy.port()) == "local"


def test_source_port(launch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    proxy = launch(bootstrap([on_any_address(chain("that-port", source_ports=[port]), chain("any-port"))], []))
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.connect(("127.0.0.1", proxy.port()))
    wire = Wire(sock)
    wire.send(request())
    assert wire.read_response().body == b"that-port"
    assert ask(proxy.port()) == "any-port"
    wire.close()


def test_destination_port(launch):
    for _ in range(10):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        made = on_any_address(chain("this-port", destination_port=port), chain("another-port", destination_port=port ^ 1))
        made["address"]["socket_address"]["port_value"] = port
        proxy = launch(bootstrap([made], []))
        assert ask(port) == "this-port"
        proxy.stop()
        return


def test_no_chain_matches_closes_and_counts(launch):
    proxy = launch(bootstrap([on_any_address(chain("elsewhere", prefix_ranges=prefix("10.0.0.0", 8)))], []))
    assert ask(proxy.port()) == "closed"
    name = [name for name in proxy.admin.stats() if name.endswith("no_filter_chain_match")]
    assert name and proxy.admin.wait_for_stat(name[0], 1) == 1


def test_default_filter_chain_takes_the_rest(launch):
    made = on_any_address(chain("elsewhere", prefix_ranges=prefix("10.0.0.0", 8)), default_filter_chain=chain("default"))
    proxy = launch(bootstrap([made], []))
    assert ask(proxy.port()) == "default"


def test_ipv6_listener(launch):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.fail("this machine has no IPv6 loopback, which the tests need")
    made = listener("main", answering("six"))
    made["address"]["socket_address"]["address"] = "::1"
    proxy = launch(bootstrap([made], []))
    assert ask(proxy.port(), "::1") == "six"


def test_listener_connection_limit_of_the_kernel_backlog_is_not_reached_by_a_burst(launch):
    proxy = launch(bootstrap([listener("main", answering("burst"))], []))
    wires = [Wire(socket.create_connection(("127.0.0.1", proxy.port()), timeout=5)) for _ in range(500)]
    for wire in wires:
        wire.send(request())
    assert all(wire.read_response().body == b"burst" for wire in wires)
    for wire in wires:
        wire.close()
