"""Load over several origins: how it spreads, and what a client sees when one of them dies."""

import threading
from collections import Counter

import pytest
from harness.client import connect, fetch, request
from harness.config import cluster, endpoint
from harness.origin import close, delay, respond, send
from harness.wait import wait_until

RETRY = {"retry_policy": {
    "retry_on": "connect-failure,reset,gateway-error", "num_retries": 6,
    "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.01s"},
}}
ROOMY = {"circuit_breakers": {"thresholds": [{"max_retries": 1000}]}}


class Load:
    """Several keep-alive clients that send GETs until told to stop, and count what comes back."""

    def __init__(self, port, clients=8):
        self.port = port
        self.statuses = Counter()
        self.origins = Counter()
        self.errors = []
        self.stop_now = threading.Event()
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _client(self):
        wire = connect(self.port)
        while not self.stop_now.is_set():
            try:
                wire.send(request())
                answer = wire.read_response()
            except Exception as error:  # noqa: BLE001: every kind of failure is a finding
                self.errors.append(repr(error))
                return
            self.statuses[answer.status] += 1
            if answer.status != 200:
                self.errors.append("%d %r" % (answer.status, answer.body))
            self.origins[answer.header("x-origin")] += 1
        wire.close()

    def wait_for(self, count):
        wanted = sum(self.statuses.values()) + count
        ticks = threading.Event()
        for _ in range(1000):
            if sum(self.statuses.values()) >= wanted or self.errors:
                return
            ticks.wait(0.02)
        raise AssertionError("no progress: %s" % self.statuses)

    def finish(self):
        self.stop_now.set()
        for thread in self.threads:
            thread.join(15)


# Without this, real Envoy can meet the dead origin many times in a row: each retry takes the next
# turn, and other clients' turns in between bring the circle round again.
AVOID = {
    "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"}}],
    "host_selection_retry_max_attempts": 5,
}


@pytest.mark.parametrize("policy,extra", [
    ("ROUND_ROBIN", {"num_retries": 3, **AVOID}),
    ("LEAST_REQUEST", {"num_retries": 3, **AVOID}),
    ("RANDOM", {"num_retries": 15}),
])
def test_no_request_fails_when_an_origin_dies_under_load(launch, plain, origins, policy, extra):
    three = [origins(name) for name in ("one", "two", "three")]
    retry = {"retry_policy": {**RETRY["retry_policy"], **extra}}
    proxy = launch(plain(*(o.port for o in three), route_fields=retry, cluster_fields={"lb_policy": policy, **ROOMY}))
    load = Load(proxy.port())
    load.wait_for(500)
    three[1].stop()
    load.wait_for(1000)
    load.finish()
    assert not load.errors
    assert set(load.statuses) == {200}, load.statuses
    assert proxy.admin.stat("cluster.a.upstream_rq_retry") > 0
    assert load.origins["one"] > 0 and load.origins["three"] > 0


def test_an_origin_that_closes_idle_connections_costs_no_request(launch, plain, origin):
    """Each response is followed by a close that the origin did not announce."""
    origin.default = [send(respond(200, [("x-origin", "a")])), close()]
    proxy = launch(plain(origin.port, route_fields=RETRY, cluster_fields=ROOMY))
    load = Load(proxy.port(), clients=4)
    load.wait_for(500)
    load.finish()
    assert not load.errors and set(load.statuses) == {200}, load.statuses


@pytest.mark.pillion_only
def test_a_connection_found_closed_is_retried_without_a_policy(launch, plain, origin):
    """Evidence: the peer closed before it can have read a byte, so even a POST may go again."""
    proxy = launch(plain(origin.port))
    failures = 0
    for _ in range(100):
        origin.script([send(respond()), close()])
        wire = connect(proxy.port())
        wire.send(request("GET") + request("POST", "/", body=b"x"))
        statuses = [wire.read_response().status, wire.read_response("POST").status]
        failures += statuses != [200, 200]
        wire.close()
        wait_until(lambda: proxy.admin.stat("http.ingress.downstream_cx_active") == 0)
    assert failures == 0


def spread(proxy, count):
    seen = Counter(fetch(proxy.port()).header("x-origin") for _ in range(count))
    return {name: seen[name] / count for name in seen}


def test_round_robin_is_even(launch, plain, origins):
    three = [origins(name) for name in "xyz"]
    proxy = launch(plain(*(o.port for o in three)))
    shares = spread(proxy, 90)
    assert all(abs(share - 1 / 3) < 0.02 for share in shares.values()) and len(shares) == 3, shares


@pytest.mark.parametrize("policy", ["ROUND_ROBIN", "LEAST_REQUEST"])
def test_weights_are_followed(launch, plain, origins, policy):
    light, heavy = origins("light"), origins("heavy")
    config = plain(light.port, cluster_fields={"lb_policy": policy})
    config["static_resources"]["clusters"] = [cluster(
        "a", endpoint(light.port, weight=1), endpoint(heavy.port, weight=3), lb_policy=policy)]
    proxy = launch(config)
    shares = spread(proxy, 400)
    assert 0.65 < shares["heavy"] < 0.85, shares


def test_random_reaches_all(launch, plain, origins):
    three = [origins(name) for name in "xyz"]
    proxy = launch(plain(*(o.port for o in three), cluster_fields={"lb_policy": "RANDOM"}))
    shares = spread(proxy, 300)
    assert len(shares) == 3 and all(0.2 < share < 0.47 for share in shares.values()), shares


def test_least_request_avoids_the_busy_one(launch, plain, origins):
    slow, quick = origins("slow"), origins("quick")
    slow.default = [delay(0.2), send(respond(200, [("x-origin", "slow")]))]
    proxy = launch(plain(slow.port, quick.port, cluster_fields={"lb_policy": "LEAST_REQUEST"}))
    load = Load(proxy.port(), clients=8)
    load.wait_for(400)
    load.finish()
    assert load.origins["quick"] > 2 * load.origins["slow"], load.origins


def test_weighted_clusters_split_the_traffic(launch, plain, origins):
    stable, canary = origins("stable"), origins("canary")
    config = plain(stable.port)
    config["static_resources"]["clusters"] = [cluster("stable", stable.port), cluster("canary", canary.port)]
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"] = {"weighted_clusters": {"clusters": [
        {"name": "stable", "weight": 80}, {"name": "canary", "weight": 20}]}}
    proxy = launch(config)
    shares = spread(proxy, 500)
    assert 0.12 < shares["canary"] < 0.28, shares


def test_runtime_fraction_lets_through_its_share(launch, plain, origin):
    config = plain(origin.port)
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["route_config"]["virtual_hosts"][0]["routes"].insert(0, {
        "match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": 30}}}, "direct_response": {"status": 204}})
    proxy = launch(config)
    hits = sum(fetch(proxy.port()).status == 204 for _ in range(500))
    assert 100 < hits < 200, hits
