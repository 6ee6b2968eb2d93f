"""Files as people write them: each starts both proxies and serves."""

import json
from pathlib import Path

import pytest
import yaml
from harness.client import fetch
from harness.proxy import Proxy

FOLDER = Path(__file__).parent / "bootstraps"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".yaml", ".json"))

# Where a file does not serve every path.
PATHS = {"front_proxy.yaml": "/service/1"}


def free_ports(node, origin_port, inside_cluster=False):
    """Listeners and the admin endpoint get any free port, endpoints the origin's; all else stays as written."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("port_value", "portValue"):
                node[key] = origin_port if inside_cluster else 0
            else:
                free_ports(value, origin_port, inside_cluster or key == "clusters")
    elif isinstance(node, list):
        for item in node:
            free_ports(item, origin_port, inside_cluster)


@pytest.mark.parametrize("kind", ["envoy", "subject"])
@pytest.mark.parametrize("name", FILES)
def test_file_serves(name, kind, subject, origin, tmp_path):
    text = (FOLDER / name).read_text()
    config = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
    free_ports(config, origin.port)
    for entry in config.get("static_resources", {}).get("listeners", []):
        entry.setdefault("name", "unnamed")
    with Proxy(subject if kind == "subject" else "envoy", config, tmp_path) as proxy:
        port = next(iter(proxy.ports.values()))
        assert fetch(port, PATHS.get(name, "/v1/x"), host="api.example").status == 200
        assert origin.requests[0].header("host")
        assert proxy.admin.get("/ready") == "LIVE\n"


def test_there_are_files():
    assert len(FILES) >= 6
