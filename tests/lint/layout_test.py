#!/usr/bin/env python3
"""Each rule of layout.py on a tree that breaks it and on one that does not."""

import tempfile
import unittest
from pathlib import Path

import layout


def breaches_of(path, text):
    with tempfile.TemporaryDirectory() as root:
        file = Path(root) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return list(layout.breaches(root))


class Layout(unittest.TestCase):
    def refused(self, path, text, why):
        found = breaches_of(path, text)
        self.assertEqual(len(found), 1, found)
        self.assertIn(why, found[0])

    def accepted(self, path, text):
        self.assertEqual(breaches_of(path, text), [])

    def test_include_direction(self):
        self.refused("sidecar/base/a.cc", '#include "sidecar/http/b.h"\n', "may not include")
        self.refused("filters/a.cc", '#include "sidecar/proxy/b.h"\n', "may not include")
        self.refused("xds/a.cc", '#include "filters/b.h"\n', "may not include")
        self.accepted("sidecar/proxy/a.cc", '#include "sidecar/http/b.h"\n')
        self.accepted("sidecar/main.cc", '#include "xds/b.h"\n')

    def test_third_party_headers_stay_in_their_folder(self):
        self.refused("sidecar/net/a.cc", "#include <uv.h>\n", "belongs to sidecar/io")
        self.refused("sidecar/http/http2.cc", "#include <llhttp.h>\n", "belongs to")
        self.refused("sidecar/route/a.cc", "#include <google/protobuf/any.pb.h>\n", "belongs to")
        self.refused("sidecar/server/a.cc", '#include "envoy/type/v3/http.pb.h"\n', "belongs to")
        self.refused("sidecar/server/a.cc", "#include <prometheus/registry.h>\n", "belongs to")
        self.accepted("sidecar/http/http1_parser.cc", "#include <llhttp.h>\n")
        self.accepted("xds/a.cc", "#include <yaml-cpp/yaml.h>\n")

    def test_size_of_files_and_functions(self):
        self.accepted("sidecar/a.cc", "int x;\n" * 600)
        self.refused("sidecar/a.cc", "int x;\n" * 601, "601 lines")
        self.accepted("sidecar/a.cc", "int f() {\n" + "  g();\n" * 68 + "}\n")
        self.refused("sidecar/a.cc", "int f() {\n" + "  g();\n" * 69 + "}\n", "71 lines")
        self.refused("tests/fuzz/corpus/a/b", "x" * 400_001, "400001 bytes")

    def test_headers(self):
        self.refused("sidecar/a.h", "// What it is.\nint x;\n", "#pragma once")
        self.refused("sidecar/a.h", "#pragma once\nint x;\n", "says on top")
        self.accepted("sidecar/a.h", "#pragma once\n\n// What it is.\nint x;\n")

    def test_names(self):
        self.refused("sidecar/Foo.cc", "", "snake_case")
        self.refused("sidecar/a.cc", "class FooManager {};\n", "in a type's name")

    def test_unfinished_work(self):
        self.refused("sidecar/a.cc", "// TODO: rest\n", "unfinished")
        self.refused("tests/unit/a_test.cc", "TEST(A, DISABLED_B) {}\n", "unfinished")
        self.refused("tests/e2e/test_a.py", "@pytest.mark.skip\n", "unfinished")
        self.refused("tests/e2e/test_a.py", "@pytest.mark.skipif(True, reason='x')\n", "unfinished")
        self.refused("tests/e2e/test_a.py", "pytest.skip('x')\n", "unfinished")
        self.accepted("sidecar/a.cc", '// 501 Not Implemented is what RFC 9110 asks for.\n')

    def test_hosts_and_paths(self):
        # Put together here, or this file would be one that names such a path.
        self.refused("README.md", "cd %swork/main\n" % "/", "path of one machine")
        self.refused("scripts/x", "curl https://files.invalid/a.tar\n", "names a host")
        self.refused("third_party/x.lock", "registry+https://index.crates.io/\n", "names a host")
        self.accepted("scripts/x", "curl http://127.0.0.1:80/ http://localhost/\n")


if __name__ == "__main__":
    unittest.main(verbosity=0)
