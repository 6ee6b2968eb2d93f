"""Where scripts/deps has put the programs that it built from Go modules."""

import os
from pathlib import Path


def go_tool(name):
    base = os.environ.get("PILLION_CACHE")
    if base is None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pillion"
    path = Path(base) / "go-tools" / name
    assert path.exists(), "%s is missing: run scripts/deps test" % path
    return str(path)
