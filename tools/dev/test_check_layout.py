"""Shows that check_layout.py finds each kind of violation, and nothing else."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_layout

LICENCE = "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n"
GOOD = {
    ".ci/run": "exec ./dev test\n",
    "README.md": "./dev demo, ./dev test\n",
    "lib/Numerics/README.md": "# Numerics\n",
    "lib/Numerics/Scheme.cpp": LICENCE + '#include "lqc/Support/Json.h"\n',
    "include/lqc/Numerics/Scheme.h": LICENCE + "#include <cstdint>\n",
    "dialects/LQC/README.md": "# lqc\n",
    "dialects/LQC/Ops.td": LICENCE + 'def LQC_LinearOp : LQC_TensorOp<"linear"> {}\n',
    "test/dialect/linear.mlir": "",
    "passes/Quantize/README.md": "# Quantize\n",
    "passes/Quantize/Passes.td": LICENCE
    + 'def FoldScalesPass : Pass<"lqc-fold-scales", "ModuleOp"> {}\n',
    "passes/Quantize/FoldScales.cpp": LICENCE + '#include "dialects/LQC/LQC.h"\n',
    "test/passes/Quantize/fold-scales.mlir": "",
}


def include(path):
    return LICENCE + f'#include "{path}"\n'


class CheckLayoutTest(unittest.TestCase):
    def violations(self, changes=None, removed=()):
        """What is found in the good tree after these changes."""
        files = {**GOOD, **(changes or {})}
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                if name in removed:
                    continue
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return check_layout.violations(root)

    def expect(self, fragment, changes=None, removed=()):
        found = self.violations(changes, removed)
        self.assertEqual(len(found), 1, found)
        self.assertIn(fragment, found[0])

    def test_good_tree(self):
        self.assertEqual(self.violations(), [])

    def test_include_upwards(self):
        file = "lib/Numerics/Scheme.cpp"
        self.expect(
            "Numerics must not include dialects",
            {file: include("dialects/LQC/LQC.h")},
        )
        self.expect(
            "Numerics must not include Driver",
            {"include/lqc/Numerics/Scheme.h": include("lqc/Driver/Compile.h")},
        )

    def test_dialect_may_not_know_passes(self):
        self.expect(
            "dialects must not include passes",
            {"dialects/LQC/Ops.cpp": include("passes/Quantize/Passes.h")},
        )

    def test_runtime_stands_apart(self):
        readme = {"lib/Runtime/README.md": "# Runtime\n"}
        self.expect(
            "Runtime must not include Support",
            {**readme, "lib/Runtime/Main.cpp": include("lqc/Support/Json.h")},
        )
        self.expect(
            "Runtime must not know llvm",
            {**readme, "lib/Runtime/Main.cpp": include("llvm/ADT/StringRef.h")},
        )
        own = {**readme, "lib/Runtime/Main.cpp": include("lqc/Runtime/Model.h")}
        self.assertEqual(self.violations(own), [])

    def test_numerics_has_no_ir(self):
        self.expect(
            "Numerics must not know mlir",
            {"lib/Numerics/Scheme.cpp": include("mlir/IR/Value.h")},
        )

    def test_private_header(self):
        self.expect(
            "private to Numerics",
            {"passes/Quantize/FoldScales.cpp": include("lib/Numerics/Tables.h")},
        )

    def test_parent_folder(self):
        self.expect(
            "never '..'",
            {"passes/Quantize/FoldScales.cpp": include("../Common/Tiles.h")},
        )

    def test_phase_includes_phase(self):
        file = "passes/Quantize/FoldScales.cpp"
        self.expect(
            "share it in passes/Common",
            {file: include("passes/Schedule/Tiles.h")},
        )
        common = {file: include("passes/Common/Tiles.h")}
        self.assertEqual(self.violations(common), [])

    def test_pass_without_test(self):
        self.expect(
            "pass lqc-fold-scales has no test",
            removed=["test/passes/Quantize/fold-scales.mlir"],
        )

    def test_pass_without_file(self):
        self.expect(
            "missing: passes/Quantize/FoldScales.cpp",
            removed=["passes/Quantize/FoldScales.cpp"],
        )

    def test_pass_with_another_name(self):
        record = LICENCE + 'def ScaleFolder : Pass<"lqc-fold-scales"> {}\n'
        self.expect("expected: FoldScalesPass", {"passes/Quantize/Passes.td": record})

    def test_op_without_test(self):
        self.expect("op lqc.linear has no test", removed=["test/dialect/linear.mlir"])
        # A longer op's test is not the shorter one's.
        others = {"test/dialect/linearity.mlir": ""}
        self.expect("op lqc.linear", others, removed=["test/dialect/linear.mlir"])
        numbered = {"test/dialect/linear_c1.mlir": ""}
        self.assertEqual(self.violations(numbered, ["test/dialect/linear.mlir"]), [])

    def test_readme_missing(self):
        self.expect("lib/Numerics: no README.md", removed=["lib/Numerics/README.md"])

    def test_readme_too_long(self):
        long = {"lib/Numerics/README.md": "line\n" * 31}
        self.expect("at most 30 lines, got: 31", long)

    def test_licence_missing(self):
        bare = {"passes/Quantize/FoldScales.cpp": "int x;\n"}
        self.expect("the licence line is missing", bare)

    def test_entry_points(self):
        self.expect(".ci/run: must name ./dev test", {".ci/run": "make\n"})
        self.expect("README.md: must name ./dev demo", {"README.md": "./dev test\n"})


if __name__ == "__main__":
    unittest.main()
