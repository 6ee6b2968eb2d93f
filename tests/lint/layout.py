#!/usr/bin/env python3
"""Layout rules of ARCHITECTURE.md that a compiler cannot check.

    layout.py ROOT        prints one line for each breach, exit code 1 if there is any

Who may include whom, which folder may name which third-party header, how long a file or a function
may be, and that nothing in the tree names this machine, a package registry or unfinished work.
"""

import re
import sys
from pathlib import Path

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 70
MAX_BYTES = 400_000

# folder -> folders of the tree whose headers it may include, besides its own.
SIDECAR = ["base", "io", "metrics", "tls", "http", "config", "net", "format", "filter", "route",
           "upstream", "proxy", "server"]
_LEAF = {"base"}
_MAY_INCLUDE = {
    "base": set(),
    "io": _LEAF, "metrics": _LEAF, "config": _LEAF,
    "tls": _LEAF | {"config"},  # contexts are compiled from their config
    "http": _LEAF | {"config"},  # matchers are compiled from their config
    "net": _LEAF | {"io", "tls"},
    "format": _LEAF | {"http", "config"},
    "filter": _LEAF | {"format", "http", "config", "metrics"},
    "route": _LEAF | {"format", "http", "config"},
    "upstream": _LEAF | {"io", "tls", "net", "http", "config", "metrics"},
    "proxy": set(SIDECAR) - {"server"},
    "server": set(SIDECAR),
}
MAY_INCLUDE = {f"sidecar/{k}": {f"sidecar/{v}" for v in may} for k, may in _MAY_INCLUDE.items()}
MAY_INCLUDE["filters"] = {f"sidecar/{v}" for v in
                                    ("filter", "format", "http", "config", "metrics", "base")} | {"xds"}
MAY_INCLUDE["xds"] = {f"sidecar/{v}" for v in
                      ("io", "net", "tls", "http", "config", "base", "filter", "format")}

# Third-party headers -> where they may be named (a prefix of the file's path).
CONTAINED = [
    (r"uv\.h", ["sidecar/io/"]),
    (r"prometheus/", ["sidecar/metrics/"]),
    (r"openssl/", ["sidecar/tls/"]),
    (r"llhttp\.h", ["sidecar/http/http1"]),
    (r"nghttp2/", ["sidecar/http/http2"]),
    (r"ares", ["sidecar/upstream/"]),
    (r"spdlog/", ["sidecar/base/log"]),
    (r"CLI/", ["sidecar/server/options"]),
    (r"yaml-cpp/", ["xds/"]),
    (r"(google/protobuf|envoy|xds|udpa|validate)/.*", ["xds/", "filters/", "control-api/"]),
    (r"(google/rpc|google/api)/", ["xds/", "filters/", "control-api/"]),
    (r"CLI/", ["sidecar/server/", "control-api/"]),
    (r"spdlog/", ["sidecar/base/log"]),
    (r"sqlite3\.h", ["control-api/"]),
]

CODE_FOLDERS = ["sidecar", "filters", "xds", "control-api", "k8s", "tests", "perf", "demo"]
PRODUCTION = ("sidecar/", "filters/", "xds/", "control-api/", "k8s/")
BUILD_FILES = ("scripts/", "cmake/", "third_party/", ".ci/")
SKIPPED = {".git", "build", "__pycache__", ".pytest_cache"}

UNFINISHED = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|DISABLED_|GTEST_SKIP|pytest\.(mark\.(skip|skipif|xfail)|skip|xfail|importorskip)\b"
    r"|\b([Ff]or now|[Nn]ot implemented yet|[Pp]laceholder)\b")
MACHINE = re.compile(r"(^|[^A-Za-z0-9_.])/(work|root)/[a-z]")
REGISTRY = re.compile(
    r"\b(pypi|pythonhosted|crates|npmjs|yarnpkg|maven|debian)[a-z.]*\.(org|io|com|dev)\b"
    r"|\b(proxy|sum|pkg)\.golang[a-z.]*\.(org|dev)\b")
URL = re.compile(r"https?://(?!127\.0\.0\.1|localhost|\[::1\]|[a-z.]*example)")

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
# The HTTP connection manager keeps the name that it has in the API.
VAGUE_NAMES = re.compile(
    r"\b(class|struct)\s+(?!HttpConnectionManager\b)\w+(Impl|Base|Manager|Helper|Util|Utils)\b")
SNAKE_CASE = re.compile(r"^[a-z0-9_]+\.(h|cc|py)$")


def folder_of(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "sidecar" and len(parts) > 2 else parts[0]


def check_includes(path, lines):
    folder = folder_of(path)
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header = match.group(2)
        for pattern, homes in CONTAINED:
            if re.match(pattern, header) and path.startswith(PRODUCTION) \
                    and path != "sidecar/main.cc" and not path.startswith(tuple(homes)):
                yield f"{path}:{number}: <{header}> belongs to {' and '.join(homes)} only"
        if folder in MAY_INCLUDE and header.startswith(("sidecar/", "filters/", "xds/", "tests/")):
            target = folder_of(header)
            if target != folder and target not in MAY_INCLUDE[folder]:
                yield f"{path}:{number}: {folder} may not include {target}"


def check_functions(path, lines):
    """clang-format leaves the first line and the closing brace of a function in column 0; classes
    close with "};" and namespaces with a comment."""
    start = 0
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z~]", line):
            start = number
        elif line == "}" and number - start + 1 > MAX_FUNCTION_LINES:
            yield (f"{path}:{start}: a function of {number - start + 1} lines, "
                   f"{MAX_FUNCTION_LINES} are allowed")


def check_code(path, lines):
    if len(lines) > MAX_FILE_LINES:
        yield f"{path}: {len(lines)} lines, {MAX_FILE_LINES} are allowed; split it by concept"
    if path.endswith(".h") and "#pragma once" not in lines[:12]:
        yield f"{path}: a header starts with #pragma once"
    if path.endswith(".h") and path.startswith(PRODUCTION) \
            and not any(line.startswith("//") for line in lines[:4]):
        yield f"{path}: a header says on top what it is, who owns it and on which thread"
    yield from check_includes(path, lines)
    if path.startswith(PRODUCTION):
        yield from check_functions(path, lines)
        for number, line in enumerate(lines, 1):
            if VAGUE_NAMES.search(line):
                yield f"{path}:{number}: no Impl, Base, Manager, Helper or Util in a type's name"


def check_text(path, lines):
    is_build = path.startswith(BUILD_FILES) or path.endswith(("CMakeLists.txt", ".cmake"))
    for number, line in enumerate(lines, 1):
        if MACHINE.search(line):
            yield f"{path}:{number}: names a path of one machine"
        if REGISTRY.search(line) or (is_build and URL.search(line)):
            yield f"{path}:{number}: names a host; packages come through their ordinary clients"
        if path.startswith((*CODE_FOLDERS, "scripts")) and UNFINISHED.search(line):
            yield f"{path}:{number}: unfinished work: {line.strip()[:80]}"


def check_file(path, data):
    if len(data) > MAX_BYTES:
        yield f"{path}: {len(data)} bytes; generated or foreign files are not committed"
    name = path.rsplit("/", 1)[-1]
    if path.endswith((".h", ".cc", ".py")) and not SNAKE_CASE.match(name):
        yield f"{path}: file names are snake_case"
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        return  # a binary file: fuzz corpus, key material of a test
    if path.startswith(tuple(f"{folder}/" for folder in CODE_FOLDERS)) \
            and path.endswith((".h", ".cc")):
        yield from check_code(path, lines)
    # The rules cannot be written down without the words that they forbid; a corpus holds anything.
    if not path.startswith(("tests/lint/", "tests/fuzz/corpus/")) and path != "LICENSE":
        yield from check_text(path, lines)


def breaches(root):
    root = Path(root)
    for file in sorted(root.rglob("*")):
        relative = file.relative_to(root)
        if SKIPPED.isdisjoint(relative.parts) and file.is_file():
            yield from check_file(relative.as_posix(), file.read_bytes())


def main():
    found = list(breaches(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found) if found else "layout: no breach")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
