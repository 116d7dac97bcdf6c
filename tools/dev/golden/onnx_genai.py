"""Writes the decoders of test/golden/tiny-biases and tiny-llama3-rope as onnxruntime-genai's
model builder lays them out: GroupQueryAttention with rotary tables,
SkipSimplifiedLayerNormalization, and products with or without 4-bit codes.

Needs PyPI's onnx and is only run by hand:

    python3 -m venv venv && venv/bin/pip install onnx
    venv/bin/python tools/dev/golden/onnx_genai.py      # test/golden/onnx/decoder-genai*.onnx

Codes are those of LQC's `int4-g32`, so that the same model comes of the checkpoint with
`--quantize=int4-g32`.
"""

import json
import pathlib
import struct

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / "test" / "golden"
BLOCK = 32


def read_tensors(path):
    """The tensors of a safetensors file of float32 or bfloat16 numbers, as float32."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        part = data[8 + size + begin : 8 + size + end]
        if entry["dtype"] == "BF16":
            part = (np.frombuffer(part, np.uint16).astype(np.uint32) << 16).tobytes()
        yield name, np.frombuffer(part, np.float32).reshape(entry["shape"])


def read_checkpoint(folder):
    """The configuration and the tensors."""
    config = json.loads((folder / "config.json").read_text())
    config.setdefault("head_dim", config["hidden_size"] // config["num_attention_heads"])
    tensors = {}
    for path in folder.glob("*.safetensors"):
        tensors.update(read_tensors(path))
    tensors.setdefault("lm_head.weight", tensors["model.embed_tokens.weight"])
    return config, tensors


def frequencies_of(config):
    """Of each pair of a head, as transformers computes them."""
    size = config["head_dim"]
    exponents = np.arange(0, size, 2, dtype=np.int64).astype(np.float32) / np.float32(size)
    powers = np.power(np.float64(config["rope_theta"]), exponents).astype(np.float32)
    frequencies = np.float32(1) / powers
    scaling = config.get("rope_scaling")
    if not scaling:
        return frequencies
    assert scaling["rope_type"] == "llama3"
    before = np.float32(scaling["original_max_position_embeddings"])
    low, high = np.float32(scaling["low_freq_factor"]), np.float32(scaling["high_freq_factor"])
    factor = np.float32(scaling["factor"])
    # A number over a tensor is its reciprocal times the number in PyTorch.
    lengths = 1 / frequencies * np.float32(2 * np.pi)
    smooth = (1 / lengths * before - low) / (high - low)
    between = (1 - smooth) * frequencies / factor + smooth * frequencies
    is_slow, is_fast = lengths > before / low, lengths < before / high
    return np.where(is_slow, frequencies / factor, np.where(is_fast, frequencies, between))


def quantized(matrix):
    """Packed codes (rows, blocks, bytes) and scales (rows, blocks) of int4-g32."""
    groups = matrix.reshape(len(matrix), -1, BLOCK)
    places = np.abs(groups).argmax(-1)[..., None]
    largest = np.take_along_axis(groups, places, -1)
    scales = (largest / np.float32(-8)).astype(np.float16).astype(np.float32)
    codes = np.clip(np.rint(groups / scales), -8, 7).astype(np.int8) + 8
    codes = codes.astype(np.uint8)
    return codes[..., ::2] | codes[..., 1::2] << 4, scales[..., 0]


class Builder:
    def __init__(self, config, tensors, is_quantized, has_coded_head=False):
        self.config, self.tensors, self.is_quantized = config, tensors, is_quantized
        self.has_coded_head = has_coded_head  # and embedding
        self.nodes, self.initializers = [], []
        self.heads = config["num_attention_heads"]
        self.shared = config["num_key_value_heads"]
        self.size = config["head_dim"]

    def constant(self, name, value):
        if name not in (tensor.name for tensor in self.initializers):
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op, inputs, outputs, domain="", **attributes):
        outputs = [outputs] if isinstance(outputs, str) else outputs
        name = next(filter(None, outputs)).rsplit("/", 1)[0]
        node = helper.make_node(op, inputs, outputs, name=name, domain=domain, **attributes)
        self.nodes.append(node)
        return outputs[0]

    def contrib(self, op, inputs, outputs, **attributes):
        return self.node(op, inputs, outputs, "com.microsoft", **attributes)

    def product(self, x, name, matrix, bias, is_quantized):
        """x times the transpose of a matrix (outputs, inputs), plus a bias."""
        if is_quantized:
            codes, scales = quantized(matrix)
            inputs = [x, self.constant(f"{name}.qweight", codes),
                      self.constant(f"{name}.scales", scales)]  # fmt: skip
            rows, columns = matrix.shape
            result = self.contrib("MatMulNBits", inputs, f"/{name}/output_0", bits=4,
                                  block_size=BLOCK, N=rows, K=columns)  # fmt: skip
        else:
            weight = self.constant(f"{name}.weight", matrix.T)
            result = self.node("MatMul", [x, weight], f"/{name}/output_0")
        if bias is None:
            return result
        bias = self.constant(f"{name}.bias", bias)
        return self.node("Add", [result, bias], f"/{name}/Add/output_0")

    def linear(self, x, *names, is_head=False):
        """Linears of the checkpoint that read one input, side by side."""
        tensors = self.tensors
        matrix = np.concatenate([tensors[f"{name}.weight"] for name in names])
        bias = None
        if f"{names[0]}.bias" in tensors:
            bias = np.concatenate([tensors[f"{name}.bias"] for name in names])
        name = names[0] if len(names) == 1 else names[0].replace("q_proj", "qkv_proj")
        return self.product(x, name, matrix, bias, self.has_coded_head if is_head else self.is_quantized)

    def norm(self, stream, added, name):
        """The norm of stream + added, and that sum."""
        gain = self.constant(f"{name}.weight", self.tensors[f"{name}.weight"])
        epsilon = self.config["rms_norm_eps"]
        if added is None:
            normal = self.node("SimplifiedLayerNormalization", [stream, gain],
                               f"/{name}/output_0", axis=-1, epsilon=epsilon)  # fmt: skip
            return normal, stream
        outputs = [f"/{name}/output_0", "", "", f"/{name}/output_3"]
        self.contrib("SkipSimplifiedLayerNormalization", [stream, added, gain], outputs,
                     epsilon=epsilon)  # fmt: skip
        return outputs[0], outputs[3]

    def mask(self):
        """What GroupQueryAttention wants to know of the attention mask."""
        one = self.constant("one", np.array([1], np.int64))
        total = self.node("ReduceSum", ["attention_mask", one], "/mask/sum/output_0", keepdims=0)
        lengths = self.node("Sub", [total, one], "/mask/sub/output_0")
        self.node("Cast", [lengths], "/mask/seqlens_k/output_0", to=TensorProto.INT32)
        shape = self.node("Shape", ["attention_mask"], "/mask/shape/output_0")
        second = self.constant("second", np.array(1, np.int64))
        size = self.node("Gather", [shape, second], "/mask/size/output_0", axis=0)
        self.node("Cast", [size], "/mask/total/output_0", to=TensorProto.INT32)

    def tables(self):
        positions = np.arange(self.config["max_position_embeddings"], dtype=np.float32)
        angles = positions[:, None] * frequencies_of(self.config).astype(np.float32)
        return (self.constant("cos_cache", np.cos(angles)), self.constant("sin_cache", np.sin(angles)))

    def attention(self, x, i, is_packed):
        prefix = f"model.layers.{i}.self_attn"
        names = [f"{prefix}.{kind}_proj" for kind in "qkv"]
        if is_packed:
            qkv = [self.linear(x, *names), "", ""]
        else:
            qkv = [self.linear(x, name) for name in names]
        inputs = [*qkv, f"past_key_values.{i}.key", f"past_key_values.{i}.value",
                  "/mask/seqlens_k/output_0", "/mask/total/output_0", *self.tables()]  # fmt: skip
        outputs = [f"/{prefix}/output_0", f"present.{i}.key", f"present.{i}.value"]
        mixed = self.contrib("GroupQueryAttention", inputs, outputs, num_heads=self.heads,
                             kv_num_heads=self.shared, scale=self.size**-0.5, do_rotary=1,
                             rotary_interleaved=0, local_window_size=-1)  # fmt: skip
        return self.linear(mixed, f"{prefix}.o_proj")

    def gated(self, x, i):
        prefix = f"model.layers.{i}.mlp"
        gate = self.linear(x, f"{prefix}.gate_proj")
        up = self.linear(x, f"{prefix}.up_proj")
        active = self.node("Sigmoid", [gate], f"/{prefix}/act/Sigmoid/output_0")
        active = self.node("Mul", [gate, active], f"/{prefix}/act/Mul/output_0")
        product = self.node("Mul", [active, up], f"/{prefix}/Mul/output_0")
        return self.linear(product, f"{prefix}.down_proj")

    def embedding(self):
        name, output = "model.embed_tokens", "/model/embed_tokens/output_0"
        table = self.tensors[f"{name}.weight"]
        if not self.has_coded_head:
            return self.node("Gather", [self.constant(f"{name}.weight", table), "input_ids"], output)
        codes, scales = quantized(table)
        inputs = [self.constant(f"{name}.qweight", codes.reshape(len(table), -1)), "input_ids",
                  self.constant(f"{name}.scales", scales)]  # fmt: skip
        return self.contrib("GatherBlockQuantized", inputs, output, bits=4, block_size=BLOCK,
                            gather_axis=0, quantize_axis=1)  # fmt: skip

    def model(self, is_packed):
        self.mask()
        stream, added = self.embedding(), None
        layers = range(self.config["num_hidden_layers"])
        for i in layers:
            x, stream = self.norm(stream, added, f"model.layers.{i}.input_layernorm")
            added = self.attention(x, i, is_packed)
            x, stream = self.norm(stream, added, f"model.layers.{i}.post_attention_layernorm")
            added = self.gated(x, i)
        x, _ = self.norm(stream, added, "model.norm")
        self.nodes.append(helper.make_node("Identity", [self.linear(x, "lm_head", is_head=True)], ["logits"]))
        return self.finish(layers)

    def finish(self, layers):
        value = helper.make_tensor_value_info
        past = ["batch_size", self.shared, "past_sequence_length", self.size]
        present = ["batch_size", self.shared, "total_sequence_length", self.size]
        kinds = [f"{i}.{kind}" for i in layers for kind in ("key", "value")]
        inputs = [
            value("input_ids", TensorProto.INT64, ["batch_size", "sequence_length"]),
            value("attention_mask", TensorProto.INT64, ["batch_size", "total_sequence_length"]),
            *(value(f"past_key_values.{k}", TensorProto.FLOAT, past) for k in kinds),
        ]
        vocabulary = self.config["vocab_size"]
        outputs = [
            value("logits", TensorProto.FLOAT, ["batch_size", "sequence_length", vocabulary]),
            *(value(f"present.{k}", TensorProto.FLOAT, present) for k in kinds),
        ]
        graph = helper.make_graph(self.nodes, "main_graph", inputs, outputs, self.initializers)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10,
                                 producer_name="onnxruntime-genai")  # fmt: skip


def main():
    for name, folder, is_packed, *coded in [
        ("decoder-genai", "tiny-biases", True, False),
        ("decoder-genai-int4", "tiny-biases", True, True),
        ("decoder-genai-apart", "tiny-biases", False, True),
        ("decoder-genai-llama3", "tiny-llama3-rope", True, True, True),
    ]:
        config, tensors = read_checkpoint(GOLDEN / folder)
        model = Builder(config, tensors, *coded).model(is_packed)
        onnx.save(model, GOLDEN / "onnx" / f"{name}.onnx")


if __name__ == "__main__":
    main()
