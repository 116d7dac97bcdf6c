"""Shows what conformance.py reads from files and counts, without a compiler."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import conformance


def message(*pairs):
    """(field, value) with values that are numbers, texts or messages, as protobuf."""
    data = b""
    for number, value in pairs:
        if isinstance(value, int):
            data += bytes([number << 3]) + encode(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            data += bytes([number << 3 | 2]) + encode(len(value)) + value
    return data


def encode(value):
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


class ConformanceTest(unittest.TestCase):
    def test_fields(self):
        data = message((1, 300), (2, "name"), (3, message((1, 7))))
        self.assertEqual(
            list(conformance.fields(data)), [(1, 300), (2, b"name"), (3, bytes([8, 7]))]
        )

    def test_operators_of_a_model(self):
        node = [(1, message((1, "x"), (4, name))) for name in ("Relu", "Constant", "Add", "Relu")]
        node += [(1, message((4, "Gelu"), (7, domain))) for domain in ("com.microsoft", "ai.onnx")]
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder, "model.onnx")
            model.write_bytes(message((1, 8), (7, message(*node, (2, "graph")))))
            self.assertEqual(
                conformance.operators_of(model), ["Add", "Gelu", "Relu", "com.microsoft.Gelu"]
            )

    def test_types_of_inputs(self):
        with tempfile.TemporaryDirectory() as folder:
            data = pathlib.Path(folder, "test_data_set_0")
            data.mkdir()
            (data / "input_0.pb").write_bytes(message((1, 3), (2, 1)))
            (data / "input_1.pb").write_bytes(message((1, 3), (2, 7)))
            (data / "output_0.pb").write_bytes(message((1, 3), (2, 9)))
            self.assertEqual(conformance.types_of(pathlib.Path(folder)), ["float", "int64"])

    def test_what_counts(self):
        row = {"test": "node/test_a", "status": "import", "reason": "string tensors"}
        self.assertFalse(conformance.counts(row))
        self.assertTrue(conformance.counts({**row, "status": "pass"}))
        self.assertTrue(conformance.counts({**row, "reason": "no such operator"}))

    def test_the_sample_names_tests_once(self):
        sample = conformance.SAMPLE.read_text().split()
        self.assertEqual(len(sample), 150)
        self.assertEqual(len(set(sample)), 150)


if __name__ == "__main__":
    unittest.main()
