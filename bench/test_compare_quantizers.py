"""Shows what compare_quantizers.py does without the tools: windows, bits, verdicts."""

import json
import pathlib
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import compare_quantizers
import quantizer_tools


def row(tool, kl, bits=4.25, scheme="int4-g64"):
    return {"tool": tool, "method": "m", "scheme": scheme, "bits": bits, "KL": kl,
            "perplexity": 14.0, "top-1": 0.9, "seconds": None}  # fmt: skip


class CompareQuantizersTest(unittest.TestCase):
    def test_random_numbers_are_those_of_the_standard(self):
        # [rand.predef]: the 10000th value of a default-constructed mt19937_64.
        random = compare_quantizers.MersenneTwister64(5489)
        values = [random() for _ in range(10000)]
        self.assertEqual(values[-1], 9981545732273789042)

    def test_windows(self):
        tokens = list(range(1000))
        windows = compare_quantizers.draw_windows(tokens, 50, 10, 0)
        self.assertEqual(len(windows), 50)
        for window in windows:
            self.assertEqual(window, list(range(window[0], window[0] + 10)))
        self.assertGreater(len({window[0] for window in windows}), 40)
        whole = compare_quantizers.draw_windows(tokens, 2, 1000, 0)
        self.assertEqual(whole, [tokens, tokens])

    def test_tokens_are_little_endian(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "ids.u16"
            path.write_bytes(b"\x01\x00\x00\x02")
            self.assertEqual(compare_quantizers.read_tokens(path), [1, 512])

    def test_real_bits(self):
        self.assertEqual(compare_quantizers.real_bits(4, 64, False), 4.25)
        self.assertEqual(compare_quantizers.real_bits(4, 64, True), 4.3125)
        self.assertEqual(compare_quantizers.scheme_name(3, 64, True), "int3-g64")
        self.assertEqual(compare_quantizers.scheme_name(2, 32, False), "uint2-g32")

    def test_verdict(self):
        verdict = lambda *rows: compare_quantizers.verdict("int4-g64", rows)
        ours, better, worse = row("LQC", 0.02), row("a", 0.01), row("b", 0.03)
        self.assertTrue(verdict(ours, worse).endswith("LQC is no worse"))
        self.assertTrue(verdict(ours, worse, better).endswith("LQC is WORSE"))
        self.assertIn("a m 0.01000", verdict(ours, worse, better))
        # Fewer bits than LQC's are an advantage.
        self.assertTrue(verdict(ours, row("c", 0.03, 4.0)).endswith("LQC is WORSE"))
        alone = "int4-g64: nothing to compare"
        elsewhere = row("a", 0.01, scheme="int3-g64")
        self.assertEqual(verdict(ours, row("check", 0.0), elsewhere), alone)

    def test_table(self):
        rows = [row("LQC", 0.02), row("other", 0.01) | {"suspect": True}]
        head, first, second = compare_quantizers.table(rows).splitlines()
        self.assertEqual(head.split(), compare_quantizers.COLUMNS)
        self.assertEqual(first.split()[:5], ["LQC", "m", "int4-g64", "4.25", "0.02000"])
        self.assertTrue(second.endswith(" !"))

    def test_metadata(self):
        header = json.dumps({"__metadata__": {"digest": "d"}}).encode()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "w.safetensors"
            path.write_bytes(struct.pack("<Q", len(header)) + header)
            self.assertEqual(quantizer_tools.metadata_of(path), {"digest": "d"})


if __name__ == "__main__":
    unittest.main()
