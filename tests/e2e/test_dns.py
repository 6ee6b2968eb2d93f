"""STRICT_DNS and LOGICAL_DNS clusters, against a scripted DNS server."""

import socket

import pytest
from harness.client import fetch
from harness.config import bootstrap, cluster, endpoint, hcm, listener, route, vhost
from harness.dns import A, DnsServer, resolver
from harness.origin import Origin
from harness.wait import wait_until


@pytest.fixture
def dns():
    server = DnsServer()
    yield server
    server.stop()


@pytest.fixture
def twins():
    """Two origins on the same port of two loopback addresses, as DNS gives addresses but no ports."""
    for _ in range(20):
        first = Origin("first")
        try:
            second = Origin("second", host="127.0.0.2", port=first.port)
        except OSError:
            first.stop()
            continue
        yield first, second
        first.stop()
        second.stop()
        return
    raise AssertionError("no port is free on both addresses")


def config(dns, port, kind="STRICT_DNS", name="svc.test", **fields):
    named = cluster(
        "named", endpoint(port, name), kind=kind, dns_lookup_family="V4_ONLY", typed_dns_resolver_config=resolver(dns.port),
        **{"dns_refresh_rate": "0.2s", "dns_failure_refresh_rate": {"base_interval": "0.1s", "max_interval": "0.2s"}, **fields},
    )
    return bootstrap([listener("main", hcm([vhost("v", ["*"], [route("/", "named")])]))], [named])


def served_by(proxy, count=20):
    """The names of the origins that answered."""
    return {fetch(proxy.port()).body.decode().split()[-1] for _ in range(count)}


def test_strict_dns_uses_every_address(launch, dns, twins):
    dns.records["svc.test"] = ["127.0.0.1", "127.0.0.2"]
    proxy = launch(config(dns, twins[0].port))
    assert served_by(proxy) == {"first", "second"}
    assert proxy.admin.stat("cluster.named.membership_total") == 2


def test_strict_dns_follows_changes(launch, dns, twins):
    dns.records["svc.test"] = ["127.0.0.1"]
    proxy = launch(config(dns, twins[0].port))
    assert served_by(proxy) == {"first"}
    dns.records["svc.test"] = ["127.0.0.2"]
    wait_until(lambda: served_by(proxy, 1) == {"second"})
    assert served_by(proxy) == {"second"}
    assert proxy.admin.stat("cluster.named.update_success") >= 2


def test_logical_dns_uses_the_first_address_only(launch, dns, twins):
    dns.records["svc.test"] = ["127.0.0.2", "127.0.0.1"]
    proxy = launch(config(dns, twins[0].port, kind="LOGICAL_DNS"))
    assert served_by(proxy) == {"second"}
    assert proxy.admin.stat("cluster.named.membership_total") == 1


def test_logical_dns_new_requests_go_to_a_new_address(launch, dns, twins):
    dns.records["svc.test"] = ["127.0.0.1"]
    proxy = launch(config(dns, twins[0].port, kind="LOGICAL_DNS"))
    assert served_by(proxy) == {"first"}
    dns.records["svc.test"] = ["127.0.0.2"]
    wait_until(lambda: twins[1].connections > 0 or served_by(proxy, 1) == {"second"}, what="the new address")


def test_failed_refresh_keeps_the_addresses(launch, dns, twins):
    dns.records["svc.test"] = ["127.0.0.1"]
    proxy = launch(config(dns, twins[0].port))
    assert served_by(proxy) == {"first"}
    dns.silent = True
    asked = len(dns.questions)
    wait_until(lambda: len(dns.questions) > asked, what="a refresh")
    assert served_by(proxy) == {"first"}


def test_unknown_name_answers_503_without_healthy_upstream(launch, dns, twins):
    proxy = launch(config(dns, twins[0].port, name="nowhere.test"))
    answer = fetch(proxy.port())
    assert (answer.status, answer.body) == (503, b"no healthy upstream")
    dns.records["nowhere.test"] = ["127.0.0.1"]
    wait_until(lambda: fetch(proxy.port()).status == 200, what="the name to appear")


def test_ttl_decides_when_asked_to(launch, dns, twins):
    dns.records["svc.test"] = ["127.0.0.1"]
    dns.ttl = 1
    proxy = launch(config(dns, twins[0].port, respect_dns_ttl=True, dns_refresh_rate="600s"))
    assert served_by(proxy, 1) == {"first"}
    asked = len(dns.questions)
    wait_until(lambda: len(dns.questions) > asked, timeout=5, what="a question after the TTL of 1 s")


def test_a_silent_server_does_not_stop_other_clusters(launch, dns, twins):
    dns.records["svc.test"] = ["127.0.0.1"]
    made = config(dns, twins[0].port)
    made["static_resources"]["clusters"].append(cluster("fixed", endpoint(twins[1].port, "127.0.0.2")))
    routes = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]
    routes["virtual_hosts"][0]["routes"].insert(0, route("/fixed", "fixed"))
    proxy = launch(made)
    dns.silent = True
    asked = len(dns.questions)
    wait_until(lambda: len(dns.questions) > asked, what="an unanswered question")
    for _ in range(50):
        assert fetch(proxy.port(), "/fixed", timeout=1).body == b"origin second\n"


def test_only_ipv4_is_asked_for(launch, dns, twins):
    dns.records["svc.test"] = ["127.0.0.1"]
    launch(config(dns, twins[0].port))
    assert {kind for _, kind in dns.questions} == {A}
    assert {name for name, _ in dns.questions} == {"svc.test"}


def test_name_from_the_hosts_file(launch, twins):
    assert socket.gethostbyname("localhost") == "127.0.0.1"
    named = cluster("named", endpoint(twins[0].port, "localhost"), kind="STRICT_DNS", dns_lookup_family="V4_ONLY")
    proxy = launch(bootstrap([listener("main", hcm([vhost("v", ["*"], [route("/", "named")])]))], [named]))
    assert served_by(proxy, 2) == {"first"}
