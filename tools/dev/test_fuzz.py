"""Tests of fuzz.py with programs that only pretend to fuzz."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import fuzz

SURVIVES = """#!/bin/sh
[ "$LQC_FUZZ_SEEDS" ] && { echo seed >"$LQC_FUZZ_SEEDS/seed-0"; exit 0; }
for last; do :; done
[ -s "$last/seed-0" ] && echo "stat::number_of_executed_units: 42" >&2
"""
FAILS = """#!/bin/sh
[ "$LQC_FUZZ_SEEDS" ] && exit 0
echo "ERROR: AddressSanitizer" >&2
exit 77
"""


class FuzzTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        (self.build / "test" / "fuzz").mkdir(parents=True)

    def add(self, name, script):
        path = self.build / "test" / "fuzz" / ("fuzz-" + name)
        path.write_text(script)
        path.chmod(0o755)

    def fuzz(self, target):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            survived = fuzz.fuzz(self.build, target, 1)
        return survived, output.getvalue()

    def test_lists_targets(self):
        self.add("json", SURVIVES)
        self.add("a-footer", SURVIVES)
        self.assertEqual(fuzz.targets_of(self.build), ["a-footer", "json"])

    def test_counts_inputs_from_the_seeds_on(self):
        self.add("json", SURVIVES)
        self.assertEqual(self.fuzz("json"), (True, "json: 42 inputs in 1 s, no failure\n"))

    def test_shows_a_failure(self):
        self.add("json", FAILS)
        survived, output = self.fuzz("json")
        self.assertFalse(survived)
        self.assertIn("ERROR: AddressSanitizer\n", output)
        self.assertIn("json: FAILED; ", output)


if __name__ == "__main__":
    unittest.main()
