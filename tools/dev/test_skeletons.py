"""Shows that ./dev new-pass and new-op write what the layout check and TableGen
accept, and refuse what they must. That the skeletons also build and pass their
tests is shown by using them."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_layout

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPIED = ["tools/dev", "passes", "dialects"]
CLANG_FORMAT = "/usr/lib/llvm-22/bin/clang-format"


class SkeletonTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in COPIED:
            shutil.copytree(ROOT / name, self.root / name)
        shutil.copy(ROOT / ".clang-format", self.root)

    def run_script(self, script, *arguments):
        command = [sys.executable, str(self.root / "tools" / "dev" / script)]
        return subprocess.run([*command, *arguments], capture_output=True, text=True)

    def violations_about(self, name):
        return [line for line in check_layout.violations(self.root) if name in line]

    def test_new_pass(self):
        result = self.run_script("new_pass.py", "Simplify", "fuse-zebras")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.violations_about("fuse-zebras"), [])
        cmake = (self.root / "passes/Simplify/CMakeLists.txt").read_text()
        self.assertIn(" FuseZebras.cpp ", cmake)
        page = (self.root / "docs/reference/passes-simplify.md").read_text()
        self.assertTrue("`-lqc-fuse-zebras`" in page)
        source = self.root / "passes/Simplify/FuseZebras.cpp"
        formatted = subprocess.run([CLANG_FORMAT, "-n", "-Werror", str(source)])
        self.assertEqual(formatted.returncode, 0)

    def test_new_op(self):
        result = self.run_script("new_op.py", "zebra_cap")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.violations_about("zebra_cap"), [])
        page = (self.root / "docs/reference/dialect.md").read_text()
        self.assertTrue("`lqc.zebra_cap` (::lqc::ZebraCapOp)" in page)

    def test_nothing_is_overwritten(self):
        self.assertEqual(self.run_script("new_op.py", "zebra_cap").returncode, 0)
        again = self.run_script("new_op.py", "zebra_cap")
        self.assertEqual(again.returncode, 1)
        self.assertIn("has an op lqc.zebra_cap already", again.stderr)

    def test_names(self):
        for script, arguments, message in [
            ("new_pass.py", ["Simplify", "FuseZebras"], "named like fuse-norms"),
            ("new_pass.py", ["Simplified", "fuse-zebras"], "no phase is called"),
            ("new_op.py", ["zebra-cap"], "named like soft_cap"),
            ("new_op.py", ["zebra_cap", "--family", "Zoo"], "no family is called"),
        ]:
            result = self.run_script(script, *arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn(message, result.stderr)


if __name__ == "__main__":
    unittest.main()
