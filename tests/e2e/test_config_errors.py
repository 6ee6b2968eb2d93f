"""What is wrong in a configuration is said once for each mistake, with the file and the path of the field."""

import json
import re
import subprocess

import pytest
import yaml
from harness.config import access_log
from harness.proxy import Dumper, binary

pytestmark = pytest.mark.pillion_only


def validate(path, *flags):
    done = subprocess.run([binary("pillion"), "-c", str(path), "--mode", "validate", *flags], capture_output=True, timeout=20, check=False)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.fixture
def written(tmp_path):
    """Writes a config as YAML and returns its path."""

    def write(config, name="bootstrap.yaml"):
        path = tmp_path / name
        path.write_text(config if isinstance(config, str) else yaml.dump(config, Dumper=Dumper, sort_keys=False))
        return path

    return write


def manager_of(config):
    return config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


MANAGER_PATH = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config"


def test_good_file_is_said_to_be_good(plain, written):
    code, output = validate(written(plain(1)))
    assert code == 0 and "OK" in output


def test_validating_leaves_no_log_behind(plain, written, tmp_path):
    config = plain(1, manager={"log": access_log(tmp_path / "access.log")})
    config["admin"]["access_log"] = [access_log(tmp_path / "admin.log")]
    code, output = validate(written(config))
    assert code == 0, output
    assert not list(tmp_path.glob("*.log"))
    config["admin"]["access_log"] = [access_log(tmp_path / "no" / "such" / "admin.log")]
    code, output = validate(written(config))
    assert code == 1 and "admin.log" in output


def test_json_file_is_taken(plain, written):
    code, output = validate(written(json.dumps(plain(1)), "bootstrap.json"))
    assert code == 0, output


def test_field_that_is_not_supported_names_file_and_path(plain, written):
    config = plain(1)
    manager_of(config)["route_config"]["virtual_hosts"][0]["routes"][0]["route"]["hedge_policy"] = {"hedge_on_per_try_timeout": True}
    path = written(config)
    code, output = validate(path)
    assert code == 1
    assert str(path) in output
    assert MANAGER_PATH + ".route_config.virtual_hosts[0].routes[0].route.hedge_policy" in output


@pytest.mark.parametrize("field,value", [
    ("tracing", {"provider": {"name": "envoy.tracers.zipkin"}}),
    ("rds", {"route_config_name": "r", "config_source": {"ads": {}}}),
    ("original_ip_detection_extensions", [{"name": "x"}]),
])
def test_unsupported_manager_fields_are_errors(plain, written, field, value):
    config = plain(1)
    if field == "rds":
        del manager_of(config)["route_config"]
    manager_of(config)[field] = value
    code, output = validate(written(config))
    assert code == 1 and MANAGER_PATH + "." + field in output


@pytest.mark.parametrize("field,value", [
    ("outlier_detection", {"consecutive_5xx": 3}),
    ("health_checks", [{"timeout": "1s", "interval": "1s", "unhealthy_threshold": 1, "healthy_threshold": 1, "http_health_check": {"path": "/"}}]),
    ("lb_policy", "RING_HASH"),
    ("transport_socket", {"name": "envoy.transport_sockets.tls"}),
])
def test_unsupported_cluster_fields_are_errors(plain, written, field, value):
    config = plain(1)
    config["static_resources"]["clusters"][0][field] = value
    code, output = validate(written(config))
    assert code == 1 and "static_resources.clusters[0]." + field in output


def test_unknown_field_is_an_error_unless_allowed(plain, written):
    config = plain(1)
    config["static_resources"]["clusters"][0]["no_such_field"] = 1
    path = written(config)
    code, output = validate(path)
    assert code == 1 and "no_such_field" in output and str(path) in output
    code, output = validate(path, "--allow-unknown-static-fields")
    assert code == 0, output


def test_wrong_type_names_the_path(plain, written):
    config = plain(1)
    config["static_resources"]["clusters"][0]["connect_timeout"] = {"x": 1}
    code, output = validate(written(config))
    assert code == 1 and "connect_timeout" in output


def test_broken_yaml_names_file_and_line(written):
    path = written("static_resources:\n  listeners: [\n")
    code, output = validate(path)
    assert code == 1 and re.search(re.escape(str(path)) + r": \d+:\d+: ", output), output


def test_empty_file_is_an_error_or_an_empty_proxy_like_envoy(written):
    code, output = validate(written(""))
    assert code in (0, 1) and (code == 0) == ("OK" in output)


def test_ten_mistakes_are_ten_lines(plain, written):
    config = plain(1)
    manager = manager_of(config)
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    mistakes = {
        "routes[1].match.safe_regex": {"match": {"safe_regex": {"regex": "("}}, "route": {"cluster": "a"}},
        "routes[2].route.cluster": {"match": {"prefix": "/u"}, "route": {"cluster": "unknown-cluster"}},
        "routes[3].match": {"match": {}, "route": {"cluster": "a"}},
        "routes[4].redirect": {"match": {"prefix": "/r"}, "redirect": {"path_redirect": "/a", "prefix_rewrite": "/b"}},
        "routes[5].direct_response.status": {"match": {"prefix": "/d"}, "direct_response": {"status": 42}},
        "routes[6].request_headers_to_add": {"match": {"prefix": "/h"}, "route": {"cluster": "a"},
                                             "request_headers_to_add": [{"header": {"key": "x", "value": "%NOPE%"}}]},
        "routes[7].route.weighted_clusters": {"match": {"prefix": "/w"}, "route": {"weighted_clusters": {"clusters": []}}},
    }
    # One wrong member of a oneof is what the parser itself sees; the rest only a second look shows.
    mistakes.pop("routes[4].redirect")
    mistakes["routes[4].route.retry_policy"] = {"match": {"prefix": "/p"}, "route": {
        "cluster": "a", "retry_policy": {"retry_on": "5xx", "retry_back_off": {"base_interval": "5s", "max_interval": "1s"}}}}
    routes.extend(mistakes[name] for name in sorted(mistakes))
    config["static_resources"]["clusters"].append({**config["static_resources"]["clusters"][0]})
    config["static_resources"]["clusters"].append({"name": "eds", "type": "EDS", "connect_timeout": "1s"})
    manager["route_config"]["virtual_hosts"].append({"name": "again", "domains": ["*"], "routes": []})
    code, output = validate(written(config))
    assert code == 1
    for name in mistakes:
        assert name in output, "%s is not named in:\n%s" % (name, output)
    for path in ("static_resources.clusters[1]", "static_resources.clusters[2]", "virtual_hosts[1].domains"):
        assert path in output, "%s is not named in:\n%s" % (path, output)
    assert len(output.strip().splitlines()) == 10, output


def test_serving_a_bad_file_exits_1_without_listening(plain, written):
    config = plain(1)
    manager_of(config)["route_config"]["virtual_hosts"][0]["routes"][0]["route"]["cluster"] = "unknown-cluster"
    done = subprocess.run([binary("pillion"), "-c", str(written(config))], capture_output=True, timeout=20, check=False)
    assert done.returncode == 1 and b"unknown-cluster" in done.stdout + done.stderr
