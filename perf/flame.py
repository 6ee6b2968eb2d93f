"""perf/flame: where the time of a proxied HTTP/1.1 request goes, as a flame graph.

Samples one Pillion worker under wrk's load with perf(1), prints the tree of what took at least one
per cent, and writes the whole graph to build/perf/flame.svg.
"""

import argparse
import collections
import html
import os
import re
import subprocess
import sys
import tempfile
import threading

import measure
from peers import ROOT, Origin, Peer, compile_tools, pause

WIDTH, ROW = 1200, 17


class Node:
    def __init__(self):
        self.samples = 0
        self.children = collections.defaultdict(Node)

    def add(self, stack):
        node = self
        node.samples += 1
        for frame in stack:
            node = node.children[frame]
            node.samples += 1


def short(name):
    """A function's name without its arguments, templates and linker's suffixes."""
    name = re.sub(r"\(anonymous namespace\)::|non-virtual thunk to |pillion::", "", name)
    name = re.sub(r"\.(lto_priv|part|constprop|isra|cold)\.?\d*", "", name)
    while (plain := re.sub(r"<[^<>]*>", "", name)) != name:
        name = plain
    return name.split("(")[0].strip() or "?"


def read(data):
    """The tree of all samples: outermost caller first."""
    text = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym"], check=True, capture_output=True, text=True).stdout
    root = Node()
    for sample in text.split("\n\n"):
        frames = [short(line.strip().partition(" ")[2]) for line in sample.splitlines() if line.strip()]
        # What stands below the loop is the same in every sample; frames whose name is lost say nothing.
        kept = [frame for frame in reversed(frames) if frame not in ("?", "[unknown]")]
        if kept:
            root.add(kept)
    return root


def print_tree(node, total, least, depth=0):
    for name, child in sorted(node.children.items(), key=lambda item: -item[1].samples):
        share = 100.0 * child.samples / total
        if share >= least:
            print("%5.1f %%  %s%s" % (share, "  " * depth, name))
            print_tree(child, total, least, depth + 1)


def rows(node):
    return 1 + max((rows(child) for child in node.children.values()), default=0)


def draw(node, total, x, y, out):
    for name, child in sorted(node.children.items()):
        width = WIDTH * child.samples / total
        if width >= 0.5:
            label = "%s (%.1f %%)" % (html.escape(name), 100.0 * child.samples / total)
            shade = 180 + hash(name) % 60
            out.append('<g><title>%s</title><rect x="%.1f" y="%d" width="%.1f" height="%d" fill="rgb(250,%d,90)" stroke="#fff"/>'
                       % (label, x, y, width, ROW - 1, shade))
            if width > 40:
                shown = html.escape(name[: int(width / 7)])
                out.append('<text x="%.1f" y="%d" font-size="11" font-family="monospace">%s</text>' % (x + 2, y + 12, shown))
            out.append("</g>")
            draw(child, total, x, y + ROW, out)
        x += width


def record(seconds, data):
    """Samples the worker's core while wrk loads it."""
    with tempfile.TemporaryDirectory(prefix="pillion-flame-") as folder:
        origin = Origin("1")
        try:
            peer = Peer("pillion", origin.port, folder)
            try:
                load = threading.Thread(target=measure.wrk, args=(peer.port, seconds + 3))
                load.start()
                pause(1.5)
                subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "5000", "-g", "-p", str(peer.process.pid),
                                "-o", data, "--", "sleep", str(seconds)], check=True)
                load.join()
            finally:
                peer.stop()
        finally:
            origin.stop()


def main():
    parser = argparse.ArgumentParser(prog="perf/flame", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--least", type=float, default=1.0, help="per cent below which the printed tree leaves a branch out")
    chosen = parser.parse_args()
    compile_tools()
    data = str(ROOT / "build/perf/flame.data")
    record(chosen.seconds, data)
    root = read(data)
    if root.samples == 0:
        sys.exit("perf/flame: no samples; perf(1) needs root or kernel.perf_event_paranoid <= 1")
    print_tree(root, root.samples, chosen.least)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d">' % (WIDTH, rows(root) * ROW)]
    draw(root, root.samples, 0, 0, out)
    path = ROOT / "build/perf/flame.svg"
    path.write_text("\n".join(out) + "\n</svg>\n")
    print("\n%d samples; the whole graph: %s" % (root.samples, os.path.relpath(path)))


if __name__ == "__main__":
    main()
