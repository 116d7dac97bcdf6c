"""Makes a copy of a checkpoint with one thing wrong.

    make_broken.py KIND SOURCE TARGET    KIND: a function below
"""

import json
import pathlib
import shutil
import sys

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
NORM = "model.norm.weight"


def read_header(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_header(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def edit_header(edit):
    def make(folder):
        header, data = read_header(folder / FILE)
        write_header(folder / FILE, edit(header) or header, data)

    return make


def edit_config(**changes):
    def make(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))

    return make


def truncated(folder):
    data = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(data[: len(data) - 100])


def header_beyond_file(folder):
    data = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes((1 << 40).to_bytes(8, "little") + data[8:])


@edit_header
def offsets_out_of_range(header):
    begin, end = header[NORM]["data_offsets"]
    header[NORM]["data_offsets"] = [begin + (1 << 40), end + (1 << 40)]


@edit_header
def wrong_dtype(header):
    header[NORM]["dtype"] = {"F32": "I32", "BF16": "I16", "F16": "I16"}[header[NORM]["dtype"]]


@edit_header
def wrong_shape(header):
    header[NORM]["shape"] = [1] + header[NORM]["shape"]


@edit_header
def missing_tensor(header):
    header["model.another.weight"] = header.pop(NORM)


@edit_header
def extra_tensor(header):
    header["model.empty.weight"] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}


@edit_header
def overlapping(header):
    header[NORM]["data_offsets"] = [offset - 1 for offset in header[NORM]["data_offsets"]]


@edit_header
def negative_shape(header):
    header[NORM]["shape"] = [-32]


@edit_header
def huge_shape(header):
    header[NORM]["shape"] = [1 << 40, 1 << 40]


@edit_header
def large_shape(header):
    header[NORM]["shape"] = [1 << 40]


def duplicate_tensor(folder):
    header, data = read_header(folder / FILE)
    text = json.dumps(header)[:-1] + f', "{NORM}": {{}}}}'
    (folder / FILE).write_bytes(len(text).to_bytes(8, "little") + text.encode() + data)


def escaping_shard(folder):
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"][NORM] = "../model-00002-of-00003.safetensors"
    (folder / INDEX).write_text(json.dumps(index))


def missing_shard(folder):
    (folder / "model-00002-of-00003.safetensors").unlink()


def broken_json(folder):
    (folder / "config.json").write_text('{"model_type": "llama", ')


def deep_json(folder):
    (folder / "config.json").write_text("[" * 50000)


def deep_header(folder):
    text = b'{"a":' * 50000
    (folder / FILE).write_bytes(len(text).to_bytes(8, "little") + text)


def huge_json(folder):
    """A hole: it takes no space on the disk."""
    with open(folder / "config.json", "r+b") as file:
        file.truncate(1 << 36)


def duplicate_key(folder):
    text = (folder / "config.json").read_text().rstrip()[:-1]
    (folder / "config.json").write_text(text + ', "vocab_size": 65}')


def broken_header(folder):
    text = b'{"model.norm.weight": '
    (folder / FILE).write_bytes(len(text).to_bytes(8, "little") + text)


def first_element(value):
    """The first element of a weight becomes `value`, four bytes of an f32."""

    def make(folder):
        header, data = read_header(folder / FILE)
        begin = header["model.layers.0.mlp.up_proj.weight"]["data_offsets"][0]
        write_header(folder / FILE, header, data[:begin] + value + data[begin + 4 :])

    return make


nan = first_element(b"\xff" * 4)
infinite = first_element(b"\x00\x00\x80\xff")


def broken_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{")


many_layers = edit_config(num_hidden_layers=100000)
wide = edit_config(hidden_size=1 << 30, intermediate_size=(1 << 31) - 1, head_dim=1 << 16)
large_vocabulary = edit_config(vocab_size=(1 << 31) - 1)
long_context = edit_config(max_position_embeddings=(1 << 31) - 1)
unknown_architecture = edit_config(model_type="mamba", architectures=["MambaForCausalLM"])


def main():
    kind, source, target = sys.argv[1:]
    folder = pathlib.Path(target)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    globals()[kind](folder)


if __name__ == "__main__":
    main()
