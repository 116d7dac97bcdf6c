"""Shows that synthetic_llama.py writes checkpoints that can be read."""

import json
import pathlib
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import synthetic_llama

SMALL = "--dim 64 --layers 2 --heads 4 --kv-heads 2 --ffn 96 --vocab 128".split()
PARAMETERS = 2 * 128 * 64 + 64 + 2 * (2 * 64 + 64 * 64 * 2 + 2 * 32 * 64 + 3 * 64 * 96)


class SyntheticLlamaTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, *options, name="model"):
        arguments = [str(self.folder / name), *SMALL, *options]
        args = synthetic_llama.parse_arguments(arguments)
        return synthetic_llama.write_model(args)

    def read(self, name):
        """{tensor: bytes} of one safetensors file."""
        data = (self.folder / name).read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__")
        body = data[8 + length :]
        tensors = {}
        for tensor, entry in header.items():
            begin, end = entry["data_offsets"]
            values = 1
            for extent in entry["shape"]:
                values *= extent
            self.assertEqual(end - begin, 2 * values, tensor)
            tensors[tensor] = body[begin:end]
        self.assertEqual(sum(map(len, tensors.values())), len(body))
        return tensors

    def test_one_file(self):
        self.assertEqual(self.write(), PARAMETERS)
        tensors = self.read("model/model.safetensors")
        self.assertEqual(len(tensors), 2 * 9 + 3)
        self.assertEqual(tensors["model.norm.weight"], b"\x80\x3f" * 64)
        config = json.loads((self.folder / "model" / "config.json").read_text())
        self.assertEqual(config["num_key_value_heads"], 2)

    def test_weights_are_normal(self):
        self.write()
        data = self.read("model/model.safetensors")["model.embed_tokens.weight"]
        bits = struct.unpack(f"<{len(data) // 2}H", data)
        values = [struct.unpack("<f", struct.pack("<I", b << 16))[0] for b in bits]
        mean = sum(values) / len(values)
        deviation = (sum(v * v for v in values) / len(values)) ** 0.5
        self.assertLess(abs(mean), 0.001)
        self.assertAlmostEqual(deviation, 0.02, delta=0.001)

    def test_same_seed_same_bytes(self):
        for name, seed in [("a", "1"), ("b", "1"), ("c", "2")]:
            self.write("--seed", seed, name=name)
        a, b, c = (self.read(f"{name}/model.safetensors") for name in "abc")
        self.assertEqual(a, b)
        self.assertNotEqual(a, c)

    def test_shards(self):
        self.write("--shards", "3", "--tied")
        index = json.loads(
            (self.folder / "model" / "model.safetensors.index.json").read_text()
        )
        files = sorted(set(index["weight_map"].values()))
        self.assertEqual(len(files), 3)
        for file in files:
            for tensor in self.read(f"model/{file}"):
                self.assertEqual(index["weight_map"][tensor], file)
        self.assertNotIn("lm_head.weight", index["weight_map"])

    def test_sparse(self):
        self.write("--sparse")
        tensors = self.read("model/model.safetensors")
        self.assertFalse(any(map(any, tensors.values())))


if __name__ == "__main__":
    unittest.main()
