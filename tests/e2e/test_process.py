"""Signals, exit codes and flags of the program itself."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest
from harness.client import connect, fetch, request
from harness.config import access_log
from harness.origin import respond, send
from harness.proxy import binary
from harness.wait import wait_until

pytestmark = pytest.mark.pillion_only


def run(*arguments, timeout=20):
    """Runs the program to its end; (exit code, what it printed)."""
    done = subprocess.run([binary("pillion"), *map(str, arguments)], capture_output=True, timeout=timeout, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


class Gate:
    """An act of an origin that waits until the test says so."""

    verb = "delay"

    def __init__(self):
        self.opened = threading.Event()

    @property
    def value(self):
        assert self.opened.wait(20), "the test never opened the gate"
        return 0


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_sigterm_lets_a_request_in_flight_finish_and_exits_0(launch, plain, origin):
    proxy = launch(plain(origin.port), extra_args=["--drain-time-s", "10"])
    gate = Gate()
    origin.script([gate, send(respond(200, body=b"late"))])
    wire = connect(proxy.port())
    wire.send(request())
    wait_until(lambda: origin.requests)
    proxy.signal(signal.SIGTERM)
    wait_until(lambda: refuses(proxy.port()))
    assert proxy.process.poll() is None
    gate.opened.set()
    answer = wire.read_response()
    assert answer.status == 200 and answer.body == b"late"
    assert answer.header("connection") == "close"
    assert wire.wait_closed(5) == "eof"
    assert proxy.wait(10) == 0


def test_sigterm_closes_idle_connections_and_exits_at_once(launch, plain, origin):
    proxy = launch(plain(origin.port), extra_args=["--drain-time-s", "30"])
    wire = connect(proxy.port())
    wire.send(request())
    assert wire.read_response().status == 200
    proxy.signal(signal.SIGTERM)
    assert wire.wait_closed(5) == "eof"
    assert proxy.wait(5) == 0


def test_drain_time_bounds_a_request_that_never_ends(launch, plain, origin):
    proxy = launch(plain(origin.port, route_fields={"timeout": "0s"}), extra_args=["--drain-time-s", "1"])
    gate = Gate()
    origin.script([gate, send(respond())])
    wire = connect(proxy.port())
    wire.send(request())
    wait_until(lambda: origin.requests)
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(5) == 0
    gate.opened.set()


def test_sigint_twice_exits_at_once(launch, plain, origin):
    proxy = launch(plain(origin.port, route_fields={"timeout": "0s"}), extra_args=["--drain-time-s", "30"])
    gate = Gate()
    origin.script([gate, send(respond())])
    wire = connect(proxy.port())
    wire.send(request())
    wait_until(lambda: origin.requests)
    proxy.signal(signal.SIGINT)
    wait_until(lambda: refuses(proxy.port()))
    assert proxy.process.poll() is None
    proxy.signal(signal.SIGINT)
    proxy.wait(3)
    gate.opened.set()


def test_sighup_reopens_the_access_log(launch, plain, origin, tmp_path):
    log = tmp_path / "access.log"
    proxy = launch(plain(origin.port, manager={"log": access_log(log, text="%REQ(:PATH)%\n")}))
    fetch(proxy.port(), "/before")
    wait_until(lambda: log.exists() and log.read_text() == "/before\n")
    log.rename(tmp_path / "access.log.1")
    proxy.signal(signal.SIGHUP)
    wait_until(log.exists)
    fetch(proxy.port(), "/after")
    wait_until(lambda: log.read_text() == "/after\n")
    assert (tmp_path / "access.log.1").read_text() == "/before\n"


def test_port_in_use_is_named_and_nothing_is_half_started(plain, origin, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = plain(origin.port)
        config["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] = port
        path = tmp_path / "c.json"
        path.write_text(json.dumps(config))
        code, output = run("-c", path, "--admin-address-path", tmp_path / "admin")
    assert code == 1
    assert "127.0.0.1:%d" % port in output and "in use" in output.lower()


@pytest.mark.parametrize("shares", (True, False), ids=("shares", "alone"))
def test_a_port_that_its_holder_shares_is_shared_unless_wanted_alone(launch, plain, origin, tmp_path, shares):
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        config = plain(origin.port)
        listener = config["static_resources"]["listeners"][0]
        listener["address"]["socket_address"]["port_value"] = port
        if shares:
            assert launch(config).port() == port
            return
        listener["enable_reuse_port"] = False
        path = tmp_path / "c.json"
        path.write_text(json.dumps(config))
        code, output = run("-c", path)
    assert code == 1 and "127.0.0.1:%d" % port in output and "in use" in output.lower()


def test_admin_port_in_use_is_named(plain, origin, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = plain(origin.port)
        config["admin"]["address"]["socket_address"]["port_value"] = port
        path = tmp_path / "c.json"
        path.write_text(json.dumps(config))
        code, output = run("-c", path)
    assert code == 1
    assert str(port) in output and "in use" in output.lower() and "admin" in output.lower()


def test_missing_file_is_named(tmp_path):
    code, output = run("-c", tmp_path / "nowhere.yaml")
    assert code == 1 and "nowhere.yaml" in output and "No such file" in output


def test_unreadable_file_is_named(tmp_path):
    code, output = run("-c", tmp_path)
    assert code == 1 and str(tmp_path) in output


def test_no_configuration_at_all_is_an_error():
    code, output = run()
    assert code == 1 and "-c" in output


def test_out_of_file_descriptors_is_a_clear_error(plain, origin, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(plain(origin.port)))
    done = subprocess.run(["/bin/sh", "-c", "ulimit -n 8; exec %s -c %s" % (binary("pillion"), path)], capture_output=True, timeout=20, check=False)
    output = (done.stdout + done.stderr).decode()
    assert done.returncode == 1, output
    assert "file" in output.lower() and ("descriptor" in output.lower() or "too many open files" in output.lower())


def test_access_log_that_cannot_be_opened_is_named(plain, origin, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(plain(origin.port, manager={"log": access_log(tmp_path / "no" / "such" / "dir.log")})))
    code, output = run("-c", path)
    assert code == 1 and "dir.log" in output


def test_version_is_printed():
    code, output = run("--version")
    assert code == 0 and "pillion" in output.lower() and re.search(r"\d+\.\d+\.\d+", output)


def test_help_lists_every_flag():
    code, output = run("--help")
    assert code == 0
    for flag in ("--config-path", "--config-yaml", "--mode", "--concurrency", "--log-level", "--log-format", "--service-node",
                 "--service-cluster", "--drain-time-s", "--drain-strategy", "--admin-address-path", "--local-address-ip-version",
                 "--file-flush-interval-msec", "--allow-unknown-static-fields", "--version"):
        assert flag in output, flag


def test_unknown_flag_is_an_error():
    code, output = run("--no-such-flag")
    assert code == 1 and "no-such-flag" in output


def test_bad_flag_value_is_an_error(plain, origin, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(plain(origin.port)))
    for flags in (["--concurrency", "many"], ["--mode", "dance"], ["-l", "loud"], ["--drain-strategy", "never"]):
        code, output = run("-c", path, *flags)
        assert code == 1 and flags[1] in output, flags


def test_envoys_flags_without_meaning_here_are_taken(plain, origin, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(plain(origin.port)))
    code, output = run(
        "-c", path, "--mode", "validate", "--base-id", "7", "--disable-hot-restart", "--parent-shutdown-time-s", "5",
        "--use-dynamic-base-id", "--service-node", "n", "--service-cluster", "c", "--drain-time-s", "3", "--drain-strategy", "immediate",
        "--local-address-ip-version", "v4", "--log-level", "info", "--log-format", "%v", "--concurrency", "1",
    )
    assert code == 0, output


def test_config_yaml_flag_alone_and_merged_over_the_file(launch, plain, origin, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(plain(origin.port)))
    code, output = run("--config-yaml", json.dumps(plain(origin.port)), "--mode", "validate")
    assert code == 0, output
    proxy = launch(plain(origin.port), extra_args=["--config-yaml", "node: {id: from-flag}"])
    info = json.loads(proxy.admin.get("/server_info"))
    assert info["node"]["id"] == "from-flag" and info["node"]["cluster"] == "e2e"


def test_service_node_and_cluster_fill_the_node(launch, plain, origin):
    config = plain(origin.port)
    del config["node"]
    proxy = launch(config, extra_args=["--service-node", "n-7", "--service-cluster", "c-7"])
    info = json.loads(proxy.admin.get("/server_info"))
    assert (info["node"]["id"], info["node"]["cluster"]) == ("n-7", "c-7")


def test_json_log_format(launch, plain, origin):
    proxy = launch(plain(origin.port), log_level="info", extra_args=["--log-format", "json"])
    lines = [line for line in proxy.log().splitlines() if line.strip()]
    assert lines
    for line in lines:
        entry = json.loads(line)
        assert {"time", "level", "message"} <= set(entry)


def test_text_log_format_with_operators(launch, plain, origin):
    proxy = launch(plain(origin.port), log_level="info", extra_args=["--log-format", "<%l> %v"])
    lines = [line for line in proxy.log().splitlines() if line.strip()]
    assert lines and all(line.startswith("<info> ") or line.startswith("<warning> ") for line in lines)


def test_admin_address_path_holds_the_bound_address(launch, plain, origin):
    proxy = launch(plain(origin.port))
    text = (proxy.workdir / "admin").read_text().strip()
    assert text == "127.0.0.1:%d" % proxy.admin.port


def test_two_workers_share_the_connections(launch, plain, origin):
    proxy = launch(plain(origin.port), concurrency=2)
    wires = [connect(proxy.port()) for _ in range(64)]
    for wire in wires:
        wire.send(request())
        assert wire.read_response().status == 200
    assert proxy.admin.stat("http.ingress.downstream_cx_active") == 64
    threads = len(os.listdir("/proc/%d/task" % proxy.process.pid))
    assert threads >= 3, "two workers and the control thread"
    for wire in wires:
        wire.close()
