"""Writes small tests of ONNX Runtime's own operators (domain com.microsoft) with the
results of ONNX Runtime, as ONNX keeps its tests: model.onnx and test_data_set_0.

Needs PyPI's onnx and onnxruntime, and is only run by hand:

    python3 -m venv venv && venv/bin/pip install onnx onnxruntime
    venv/bin/python tools/dev/golden/contrib_ops.py      # test/golden/contrib

What ONNX Runtime has for GPUs alone is computed here, by numpy or of other operators.
"""

import math
import pathlib
import shutil

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "test" / "golden" / "contrib"
CASES = {}
random = np.random.default_rng(7)


def normal(*shape, scale=1.0, dtype=np.float32):
    return (random.normal(size=shape) * scale).astype(dtype)


def codes(*shape, dtype=np.uint8):
    info = np.iinfo(dtype)
    return random.integers(info.min, info.max + 1, shape).astype(dtype)


def real(number):
    return np.array(number, np.float32)


def code(number, dtype=np.uint8):
    return np.array(number, dtype)


def case(name, op, inputs, outputs=1, constants=(), results=None, domain="com.microsoft", **attributes):
    """`op`: an operator, or nodes; `inputs`: (name, array) or None; `constants`: those that the model holds; `outputs`:
    their number, or the names with "" for those left out; `results`: of numpy."""
    CASES[name] = (op, inputs, outputs, constants, results, domain, attributes)


def model_of(op, inputs, outputs, constants, domain, attributes):
    given = [pair for pair in inputs if pair is not None]
    names = ["" if pair is None else pair[0] for pair in inputs]
    nodes = op
    if isinstance(op, str):
        nodes = [helper.make_node(op, names, outputs, name="node", domain=domain, **attributes)]
    dynamic = [pair for pair in given if pair[0] not in constants]
    graph = helper.make_graph(
        nodes,
        op if isinstance(op, str) else "graph",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
            )
            for name, value in dynamic
        ],
        [helper.make_tensor_value_info(name, 0, None) for name in outputs if name],
        [numpy_helper.from_array(value, name) for name, value in given if name in constants],
    )
    for value in graph.output:  # ONNX Runtime finds the types
        value.ClearField("type")
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), dynamic


def run_model(model, inputs):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(inputs))


def run(op, inputs, **attributes):
    return run_model(*model_of(op, inputs, ["y"], (), "com.microsoft", attributes))


def write(name):
    op, inputs, outputs, constants, results, domain, attributes = CASES[name]
    if isinstance(outputs, int):
        outputs = [f"y{i}" for i in range(outputs)]
    model, dynamic = model_of(op, inputs, outputs, constants, domain, attributes)
    if results is None:
        results = run_model(model, dynamic)
    for value, result in zip(model.graph.output, results):
        value.CopyFrom(
            helper.make_tensor_value_info(
                value.name, helper.np_dtype_to_tensor_dtype(result.dtype), result.shape
            )
        )
    folder = FOLDER / name
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    for kind, values in ("input", dynamic), ("output", zip(outputs_given(outputs), results)):
        for i, (value_name, value) in enumerate(values):
            tensor = numpy_helper.from_array(np.asarray(value), value_name)
            (data / f"{kind}_{i}.pb").write_bytes(tensor.SerializeToString())


def outputs_given(outputs):
    return [name for name in outputs if name]


#
# Activations, products, norms
#

x = normal(2, 3, 8)
case("fast_gelu", "FastGelu", [("x", x)])
case("fast_gelu_bias", "FastGelu", [("x", x), ("b", normal(8))], constants="b")
case("gelu", "Gelu", [("x", x)])
case("quick_gelu", "QuickGelu", [("x", x)])
case("quick_gelu_alpha", "QuickGelu", [("x", x)], alpha=1.0)
case("bias_gelu", "BiasGelu", [("x", x), ("b", normal(8))])


def gelu(a):
    return a / 2 * (1 + np.vectorize(math.erf)(a / math.sqrt(2)))


def gelu_tanh(a):
    return a / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)))


bias, skip = normal(8), normal(2, 3, 8)
left, right = np.split((x + bias).astype(np.float64), 2, axis=-1)
case("bias_split_gelu", "BiasSplitGelu", [("x", x), ("b", bias)],
     results=[(left * gelu(right)).astype(np.float32)])  # fmt: skip
case("bias_add", "BiasAdd", [("x", x), ("b", bias), ("s", skip)], results=[x + bias + skip])
w, b = normal(8, 4), normal(4)
case("gemm_fast_gelu", "GemmFastGelu", [("x", x), ("w", w), ("b", b)],
     results=[gelu_tanh((x @ w + b).astype(np.float64)).astype(np.float32)])  # fmt: skip

a = normal(3, 5)
for activation, numbers in {
    "Relu": {}, "Tanh": {}, "Sigmoid": {}, "LeakyRelu": {"activation_alpha": 0.3},
}.items():  # fmt: skip
    case(f"fused_gemm_{activation.lower()}", "FusedGemm",
         [("a", a), ("b", normal(4, 5)), ("c", normal(4))], transB=1, alpha=0.5, beta=2.0,
         activation=activation, **numbers)  # fmt: skip
for activation, numbers in {
    "Relu": [], "LeakyRelu": [0.2], "Clip": [-0.5, 0.75], "HardSigmoid": [0.3, 0.4],
}.items():  # fmt: skip
    parameters = {"activation_params": numbers} if numbers else {}
    case(f"fused_conv_{activation.lower()}", "FusedConv",
         [("x", normal(1, 2, 5, 5)), ("w", normal(3, 2, 3, 3)), ("b", normal(3))],
         activation=activation, pads=[1, 1, 1, 1], **parameters)  # fmt: skip
case("fused_conv_sum", "FusedConv",
     [("x", normal(1, 2, 5, 5)), ("w", normal(3, 2, 3, 3)), None, ("z", normal(1, 3, 3, 3))],
     activation="Relu")  # fmt: skip
case("fused_matmul", "FusedMatMul", [("a", normal(2, 5, 3)), ("b", normal(2, 4, 5))],
     transA=1, transB=1, alpha=0.25)  # fmt: skip
case("fused_matmul_batch", "FusedMatMul", [("a", normal(3, 2, 4, 5)), ("b", normal(2, 4, 5, 6))],
     transBatchA=1)  # fmt: skip
case("fused_matmul_batches", "FusedMatMul", [("a", normal(5, 2, 3)), ("b", normal(5, 2, 4))],
     transBatchA=1, transA=1, transBatchB=1)  # fmt: skip
case("transpose_matmul", "TransposeMatMul", [("a", normal(5, 3)), ("b", normal(5, 4))], transA=1)
case("trilu", "Trilu", [("x", normal(2, 4, 5)), ("k", np.array(1, np.int64))], upper=0)

gain = normal(8)
case("simplified_layer_norm", "SimplifiedLayerNormalization", [("x", x), ("g", gain)],
     domain="", axis=-1, epsilon=1e-5)  # fmt: skip
case("skip_simplified_layer_norm", "SkipSimplifiedLayerNormalization",
     [("x", x), ("s", skip), ("g", gain)], ["y", "", "", "sum"], constants="g",
     epsilon=1e-5)  # fmt: skip
case("skip_simplified_layer_norm_bias", "SkipSimplifiedLayerNormalization",
     [("x", x), ("s", skip), ("g", gain), ("b", bias)], epsilon=1e-6)  # fmt: skip
case("skip_layer_norm", "SkipLayerNormalization",
     [("x", x), ("s", skip), ("g", gain), ("c", normal(8)), ("b", bias)],
     ["y", "", "", "sum"], constants="gcb", epsilon=1e-5)  # fmt: skip
case("skip_layer_norm_plain", "SkipLayerNormalization",
     [("x", x), ("s", normal(3, 8)), ("g", gain)])  # fmt: skip
tables = [("words", normal(11, 8)), ("places", normal(6, 8)), ("parts", normal(2, 8))]
ids = np.array([[1, 10, 0, 4], [3, 3, 7, 9]], np.int32)
case("embed_layer_norm", "EmbedLayerNormalization",
     [("ids", ids), ("seg", np.array([[0, 0, 1, 1], [0, 1, 1, 1]], np.int32)), *tables,
      ("g", gain), ("b", bias), ("mask", np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32))],
     ["y", "mask_index", "sum"], epsilon=1e-6)  # fmt: skip
case("embed_layer_norm_positions", "EmbedLayerNormalization",
     [("ids", ids), None, tables[0], tables[1], None, ("g", gain), ("b", bias), None,
      ("position_ids", np.array([[5, 0, 1, 2]] * 2, np.int32))],
     ["y", "mask_index"])  # fmt: skip

#
# Rotary positions and attention
#


def tables_of(positions, pairs, theta=10000.0):
    """As exporters make them: products of float32."""
    frequencies = (1 / theta ** (np.arange(pairs) / pairs)).astype(np.float32)
    angles = np.arange(positions, dtype=np.float32)[:, None] * frequencies
    return [("cos", np.cos(angles)), ("sin", np.sin(angles))]


tables = tables_of(32, 4)
noise = [("cos", normal(32, 4)), ("sin", normal(32, 4))]
ids = np.array([[3, 4, 5], [0, 31, 2]], np.int64)
heads = normal(2, 3, 16)
for name, given in ("tables", tables), ("noise", noise):
    case(f"rotary_{name}", "RotaryEmbedding", [("x", heads), ("ids", ids), *given],
         constants=["cos", "sin"])  # fmt: skip
case("rotary_interleaved", "RotaryEmbedding", [("x", heads), ("ids", ids), *tables], interleaved=1)
case("rotary_offset", "RotaryEmbedding",
     [("x", normal(2, 2, 3, 8)), ("ids", np.array([7], np.int64)), *tables],
     constants=["cos", "sin"])  # fmt: skip
case("rotary_partial", "RotaryEmbedding",
     [("x", normal(2, 3, 24)), ("ids", ids), *tables], num_heads=2, rotary_embedding_dim=8)  # fmt: skip

q, k, v = normal(2, 3, 8), normal(2, 5, 8), normal(2, 5, 6)
case("mha", "MultiHeadAttention", [("q", q), ("k", k), ("v", v)], num_heads=2)
case("mha_bias_mask", "MultiHeadAttention",
     [("q", q), ("k", k), ("v", v), ("b", normal(22)),
      ("mask", np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], np.int32))], num_heads=2)  # fmt: skip
case("mha_lengths", "MultiHeadAttention",
     [("q", q), ("k", k), ("v", v), None, ("mask", np.array([2, 4], np.int32))],
     num_heads=2, mask_filter_value=-1e9)  # fmt: skip
case("mha_attention_bias", "MultiHeadAttention",
     [("q", q), ("k", k), ("v", v), None, None, ("bias", normal(1, 2, 3, 5))],
     num_heads=2, scale=0.3)  # fmt: skip
case("mha_past", "MultiHeadAttention",
     [("q", normal(2, 3, 8)), ("k", normal(2, 3, 8)), ("v", normal(2, 3, 8)), None, None, None,
      ("pk", normal(2, 2, 4, 4)), ("pv", normal(2, 2, 4, 4))],
     3, num_heads=2, unidirectional=1)  # fmt: skip
case("mha_cross", "MultiHeadAttention",
     [("q", q), ("k", normal(2, 2, 5, 4)), ("v", normal(2, 2, 5, 4))], num_heads=2)  # fmt: skip
packed = normal(2, 3, 2, 3, 4)
q, k, v = (packed[:, :, :, i].reshape(2, 3, 8) for i in range(3))
plain = run("MultiHeadAttention", [("q", q), ("k", k), ("v", v)], num_heads=2)
case("mha_packed_kv", "MultiHeadAttention", [("q", q), ("kv", packed[:, :, :, 1:].copy())],
     num_heads=2, results=plain)  # fmt: skip
case("mha_packed_qkv", "MultiHeadAttention", [("qkv", packed)], num_heads=2, results=plain)

x, w, b = normal(2, 3, 6), normal(6, 24, scale=0.5), normal(24)
case("attention", "Attention", [("x", x), ("w", w), ("b", b)], constants="wb", num_heads=2)
case("attention_causal_past", "Attention",
     [("x", x), ("w", w), ("b", b), None, ("past", normal(2, 2, 2, 4, 4))],
     2, num_heads=2, unidirectional=1)  # fmt: skip
case("attention_mask", "Attention",
     [("x", x), ("w", w), ("b", b), ("mask", np.array([[1, 1, 0], [1, 0, 0]], np.int32))],
     num_heads=2)  # fmt: skip
case("attention_mask_3d", "Attention",
     [("x", x), ("w", w), ("b", b), ("mask", random.integers(0, 2, (2, 3, 3)).astype(np.int32))],
     num_heads=2)  # fmt: skip
case("attention_sizes", "Attention",
     [("x", x), ("w", normal(6, 20)), ("b", normal(20)), None, None,
      ("bias", normal(2, 2, 3, 3))], num_heads=2, qkv_hidden_sizes=[8, 8, 4])  # fmt: skip


def grouped(name, tokens, past, heads=4, shared=2, size=16, packed=False, extra=(), constants=(), **more):
    # ONNX Runtime takes several tokens after others of one sequence alone.
    batch, total = 1 if tokens > 1 and past else 2, tokens + past
    if packed:
        qkv = [("q", normal(batch, tokens, (heads + 2 * shared) * size)), None, None]
    else:
        qkv = [(n, normal(batch, tokens, h * size)) for n, h in (("q", heads), ("k", shared), ("v", shared))]
    before = [(n, normal(batch, shared, past, size)) for n in ("past_k", "past_v")]
    lengths = [("lengths", np.full(batch, total - 1, np.int32)), ("total", np.array(total, np.int32))]
    case(name, "GroupQueryAttention", [*qkv, *before, *lengths, *extra], 3,
         constants=constants, num_heads=heads, kv_num_heads=shared, **more)  # fmt: skip


grouped("gqa_prompt", 4, 0)
grouped("gqa_step", 1, 5)
grouped("gqa_chunk", 3, 5)
grouped("gqa_rotary", 1, 6, extra=tables_of(32, 8), constants=["cos", "sin"], do_rotary=1)
grouped("gqa_rotary_prompt", 5, 0, extra=tables_of(32, 8), do_rotary=1)
grouped("gqa_packed", 1, 5, packed=True, extra=tables_of(32, 8), constants=["cos", "sin"], do_rotary=1,
        scale=0.5)  # fmt: skip
grouped("gqa_positions", 2, 3, extra=[*tables_of(32, 8), ("ids", np.array([[3, 4]], np.int64))],
        do_rotary=1, rotary_interleaved=1)  # fmt: skip
grouped("gqa_window", 6, 0, local_window_size=3)
grouped("gqa_softcap", 3, 0, softcap=1.5)
grouped("gqa_bias", 3, 0, extra=[None, None, None, ("bias", normal(2, 4, 3, 3))])
grouped("gqa_smooth", 3, 0, smooth_softmax=1)
grouped("gqa_sink", 3, 0, extra=[None, None, None, None, ("sink", normal(4))])
grouped("gqa_one_shared", 2, 0, heads=2, shared=1, extra=tables_of(32, 8), constants=["cos", "sin"],
        do_rotary=1)  # fmt: skip

#
# Codes
#

xs, ys = [real(0.02), real(0.05)]
for dtype in np.uint8, np.int8:
    kind = dtype.__name__
    zero = 120 if dtype == np.uint8 else -3
    x = [("x", codes(2, 3, 4, dtype=dtype)), ("xs", real(0.02)), ("xz", code(zero, dtype))]
    other = [("o", codes(3, 4, dtype=dtype)), ("os", real(0.03)), ("oz", code(zero - 5, dtype))]
    y = [("ys", real(0.05)), ("yz", code(zero + 7, dtype))]
    case(f"qlinear_add_{kind}", "QLinearAdd", [*x, *other, *y])
    case(f"qlinear_mul_{kind}", "QLinearMul", [*x, *other, *y])
    case(f"qlinear_sigmoid_{kind}", "QLinearSigmoid", [*x, ("ys", real(1 / 256)), y[1]])
    case(f"qlinear_leaky_relu_{kind}", "QLinearLeakyRelu", [*x, *y], alpha=0.1)
    case(f"qlinear_softmax_{kind}", "QLinearSoftmax", [*x, ("ys", real(1 / 256)), y[1]], opset=13)
    image = [("x", codes(1, 2, 5, 4, dtype=dtype)), *x[1:]]
    case(f"qlinear_average_pool_{kind}", "QLinearAveragePool", [*image, ("ys", real(0.047)), y[1]],
         kernel_shape=[2, 2], pads=[1, 0, 0, 1], strides=[2, 1])  # fmt: skip
    case(f"qlinear_global_average_pool_{kind}", "QLinearGlobalAveragePool", [*image, *y])
    case(f"qlinear_concat_{kind}", "QLinearConcat",
         [*y, *x, ("o", codes(2, 1, 4, dtype=dtype)), *other[1:]], axis=1)  # fmt: skip
    case(f"qlinear_where_{kind}", "QLinearWhere",
         [("c", random.integers(0, 2, (2, 3, 4)).astype(bool)), *x, *other, *y])  # fmt: skip
case("qlinear_softmax_old", "QLinearSoftmax",
     [("x", codes(2, 3, 4)), ("xs", real(0.02)), ("xz", code(9)), ("ys", real(1 / 256)), ("yz", code(0))],
     opset=11, axis=1)  # fmt: skip
case("qlinear_average_pool_last", "QLinearAveragePool",
     [("x", codes(1, 5, 4, 2)), ("xs", real(0.02)), ("xz", code(9)), ("ys", real(0.03)), ("yz", code(3))],
     kernel_shape=[3, 2], channels_last=1)  # fmt: skip
case("qlinear_global_average_pool_last", "QLinearGlobalAveragePool",
     [("x", codes(1, 5, 4, 2)), ("xs", real(0.02)), ("xz", code(9)), ("ys", real(0.03)), ("yz", code(3))],
     channels_last=1)  # fmt: skip
case("quantize_linear", "QuantizeLinear", [("x", normal(2, 3)), ("s", real(0.01)), ("z", code(128))])
case("quantize_linear_axis", "QuantizeLinear",
     [("x", normal(2, 3)), ("s", np.array([0.01, 0.02], np.float32)), ("z", np.array([100, 90], np.uint8))],
     axis=0)  # fmt: skip
case("dequantize_linear", "DequantizeLinear", [("x", codes(2, 3)), ("s", real(0.01)), ("z", code(128))])
case("dequantize_linear_16", "DequantizeLinear",
     [("x", codes(2, 3, dtype=np.int16)), ("s", real(0.01)), ("z", code(-5, np.int16))])  # fmt: skip
matrix = ("b", codes(6, 4, dtype=np.int8))
case("dynamic_quantize_matmul", "DynamicQuantizeMatMul",
     [("a", normal(3, 6)), matrix, ("bs", real(0.02)), ("bz", code(3, np.int8)), ("bias", normal(4))])  # fmt: skip
case("dynamic_quantize_matmul_columns", "DynamicQuantizeMatMul",
     [("a", normal(2, 3, 6)), matrix, ("bs", normal(4, scale=0.01) ** 2), ("bz", codes(4, dtype=np.int8))])  # fmt: skip
case("matmul_integer_to_float", "MatMulIntegerToFloat",
     [("a", codes(3, 6)), matrix, ("as", real(0.1)), ("bs", real(0.02)), ("az", code(100)),
      ("bz", code(3, np.int8)), ("bias", normal(4))])  # fmt: skip
case("matmul_integer_to_float_columns", "MatMulIntegerToFloat",
     [("a", codes(3, 6)), matrix, ("as", real(0.1)), ("bs", np.abs(normal(4, scale=0.02))), None,
      ("bz", codes(4, dtype=np.int8))])  # fmt: skip


def blocks(name, bits, size, zeros=None, columns=64, rows=24, dtype=np.float32, order=None, bias=False,
           constants=("b", "s", "z", "g")):  # fmt: skip
    count = -(-columns // size)
    inputs = [
        ("a", normal(2, 3, columns, dtype=dtype)),
        ("b", codes(rows, count, size * bits // 8)),
        ("s", np.abs(normal(rows, count, scale=0.1, dtype=dtype))),
        None, None, None,
    ]  # fmt: skip
    if zeros == "packed":
        inputs[3] = ("z", codes(rows, -(-count * bits // 8)))
    elif zeros:
        inputs[3] = ("z", (normal(rows, count) + 2 ** (bits - 1)).astype(dtype))
    if order is not None:
        inputs[4] = ("g", order.astype(np.int32))
    if bias:
        inputs[5] = ("bias", normal(rows, dtype=dtype))
    while inputs[-1] is None:
        inputs.pop()
    # Level 1: ONNX Runtime must not round A to 8 bits.
    case(f"matmul_nbits_{name}", "MatMulNBits", inputs, constants=constants, K=columns, N=rows,
         bits=bits, block_size=size, accuracy_level=1)  # fmt: skip


for bits in 2, 4, 8:
    blocks(f"{bits}", bits, 16)
    blocks(f"{bits}_zeros", bits, 32, zeros="packed")
blocks("4_block64", 4, 64, zeros="packed", columns=128)
blocks("4_block256", 4, 256, columns=256, rows=8)
blocks("4_bias", 4, 32, bias=True)
blocks("4_half", 4, 32, zeros="packed", dtype=np.float16)
blocks("4_float_zeros", 4, 32, zeros="float")
blocks("4_short_block", 4, 32, zeros="packed", columns=40)
blocks("4_order", 4, 32, order=np.arange(64)[::-1] // 32)
blocks("4_in_order", 4, 32, order=np.arange(64) // 32)
blocks("8_computed", 8, 32, zeros="packed", constants=())


for bits in 4, 8:
    for zeros in False, True:
        table = [("d", codes(9, 64 * bits // 8)), ("i", np.array([[0, 8], [3, -1]], np.int64)),
                 ("s", np.abs(normal(9, 2, scale=0.1)))]  # fmt: skip
        if zeros:
            table.append(("z", codes(9, bits // 4)))
        case(f"gather_block_quantized_{bits}{'_zeros' if zeros else ''}", "GatherBlockQuantized", table,
             constants="dsz", bits=bits, block_size=32)  # fmt: skip
case("gather_block_quantized_computed", "GatherBlockQuantized", table, bits=8, block_size=32)

#
# Loops of ONNX itself whose sizes grow, until a condition ends them
#


def until(limit):
    """Carries x, twice as long each time, and gives its sums, while they are below `limit`."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Concat", ["before", "before"], ["after"], axis=0),
        helper.make_node("ReduceSum", ["after"], ["sum"], keepdims=0),
        helper.make_node("Constant", [], ["limit"], value_float=limit),
        helper.make_node("Less", ["sum", "limit"], ["goes_on"]),
    ]
    return helper.make_graph(
        nodes, "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []),
         value("before", TensorProto.FLOAT, ["n"])],
        [value("goes_on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, ["m"]),
         value("sum", TensorProto.FLOAT, [])],
    )  # fmt: skip


case("loop_until", "Loop", [None, ("go", np.array(True)), ("x", np.abs(normal(3)))], 2,
     domain="", body=until(40.0))  # fmt: skip
case("loop_times", "Loop", [("times", np.array(4, np.int64)), None, ("x", np.abs(normal(3)))], 2,
     domain="", body=until(1e9))  # fmt: skip

#
# Products of bytes with weights, as quantizers write them
#

node = helper.make_node


def scales_of(count, scale):
    return (np.abs(normal(count)) + 0.5).astype(np.float32) * np.float32(scale)


def qdq_conv(name, x, w, zero, bias=True, w_zero=None, results=("real", "y"), unit=0.25, bias_unit=0.02,
             **attributes):
    """Dequantized input, weight (a scale for each output) and bias; quantized result."""
    outputs = w.shape[0]
    inputs = [("x", x), ("xs", real(0.02)), ("xz", code(zero, x.dtype)), ("w", w),
              ("ws", scales_of(outputs, 0.01)), ("ys", real(unit)), ("yz", code(117))]  # fmt: skip
    zeros = ["wz"] if w_zero is not None else []
    if zeros:
        inputs.append(("wz", np.full(outputs, w_zero, w.dtype)))
    nodes = [node("DequantizeLinear", ["x", "xs", "xz"], ["xr"]),
             node("DequantizeLinear", ["w", "ws", *zeros], ["wr"], axis=0)]  # fmt: skip
    if bias:
        inputs += [("b", codes(outputs, dtype=np.int16).astype(np.int32)),
                   ("bs", inputs[4][1] * np.float32(bias_unit))]  # fmt: skip
        nodes.append(node("DequantizeLinear", ["b", "bs"], ["br"], axis=0))
    nodes += [node("Conv", ["xr", "wr", *["br"] * bias], ["real"], **attributes),
              node("QuantizeLinear", ["real", "ys", "yz"], ["y"])]  # fmt: skip
    case(name, nodes, inputs, list(results), constants=[n for n, _ in inputs[1:]], domain="")


qdq_conv("qdq_conv", codes(2, 3, 9, 8), codes(20, 3, 3, 3, dtype=np.int8), 131, pads=[1, 1, 0, 1],
         strides=[2, 1])  # fmt: skip
qdq_conv("qdq_conv_signed", codes(1, 8, 5, 7, dtype=np.int8), codes(18, 8, 1, 1, dtype=np.int8), -7)
qdq_conv("qdq_conv_unsigned_weight", codes(1, 4, 6, 6), codes(6, 4, 2, 2), 0, bias=False, w_zero=128,
         dilations=[2, 2])  # fmt: skip
qdq_conv("qdq_conv_depthwise", codes(1, 6, 8, 8), codes(6, 1, 3, 3, dtype=np.int8), 90, group=6,
         pads=[1, 1, 1, 1])  # fmt: skip
qdq_conv("qdq_conv_sequence", codes(3, 5, 19), codes(4, 5, 4, dtype=np.int8), 128, strides=[3])
for name, op, more in [("qdq_matmul", "MatMul", {}), ("qdq_gemm", "Gemm", {"transB": 1})]:
    weight = codes(21, 12, dtype=np.int8) if op == "MatMul" else codes(12, 21, dtype=np.int8)
    inputs = [("x", codes(70, 21)), ("xs", real(0.02)), ("xz", code(3)), ("w", weight),
              ("ws", scales_of(12, 0.01))]  # fmt: skip
    nodes = [node("DequantizeLinear", ["x", "xs", "xz"], ["xr"]),
             node("DequantizeLinear", ["w", "ws"], ["wr"], axis=1 if op == "MatMul" else 0),
             node(op, ["xr", "wr"], ["y"], **more)]  # fmt: skip
    case(name, nodes, inputs, ["y"], constants=["xs", "xz", "w", "ws"], domain="")
case("matmul_integer_weight", "MatMulInteger", [("x", codes(5, 64)), ("w", codes(64, 33, dtype=np.int8)),
     ("xz", code(200))], constants=["w", "xz"], domain="")  # fmt: skip
case("conv_integer_weight", "ConvInteger", [("x", codes(1, 4, 7, 7)), ("w", codes(9, 4, 3, 3)), ("xz", code(12)),
     ("wz", code(128))], constants=["w", "xz", "wz"], domain="", pads=[1, 1, 1, 1])  # fmt: skip
case("qlinear_conv_weight", "QLinearConv",
     [("x", codes(1, 4, 7, 7)), ("xs", real(0.02)), ("xz", code(12)), ("w", codes(9, 4, 3, 3, dtype=np.int8)),
      ("ws", scales_of(9, 0.01)), ("wz", np.zeros(9, np.int8)), ("ys", real(0.25)), ("yz", code(120))],
     constants=["xs", "xz", "w", "ws", "wz", "ys", "yz"], domain="")  # fmt: skip
case("qlinear_conv_depthwise", "QLinearConv",
     [("x", codes(2, 20, 7, 7)), ("xs", real(0.02)), ("xz", code(12)), ("w", codes(20, 1, 3, 3, dtype=np.int8)),
      ("ws", scales_of(20, 0.01)), ("wz", np.zeros(20, np.int8)), ("ys", real(0.25)), ("yz", code(120)),
      ("b", codes(20, dtype=np.int16).astype(np.int32))],
     constants=["xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], domain="", group=20, strides=[2, 2],
     pads=[1, 1, 1, 1])  # fmt: skip
# Nothing but the codes is asked for, so that all is done in one kernel.
qdq_conv("qdq_conv_codes", codes(2, 3, 9, 8), codes(20, 3, 3, 3, dtype=np.int8), 131, pads=[1, 1, 0, 1],
         strides=[2, 1], results=["y"], unit=0.2531)  # fmt: skip
qdq_conv("qdq_conv_depthwise_codes", codes(1, 10, 9, 8), codes(10, 1, 3, 3, dtype=np.int8), 131, group=10,
         pads=[1, 1, 0, 1], strides=[2, 1], results=["y"], unit=0.2531)  # fmt: skip
qdq_conv("qdq_conv_depthwise_signed", codes(1, 18, 7, 7, dtype=np.int8), codes(18, 1, 3, 3, dtype=np.int8), -7,
         bias=False, group=18, dilations=[2, 2], results=["y"], unit=0.2531)  # fmt: skip
# The bias counts in another unit than the sums.
qdq_conv("qdq_conv_other_bias", codes(1, 3, 6, 6), codes(8, 3, 3, 3, dtype=np.int8), 131, results=["y"], unit=0.2531,
         bias_unit=0.03)  # fmt: skip
nodes = [node("DequantizeLinear", ["x", "xs", "xz"], ["xr"]),
         node("DequantizeLinear", ["w", "ws"], ["wr"], axis=0),
         node("DequantizeLinear", ["b", "bs"], ["br"], axis=0),
         node("Gemm", ["xr", "wr", "br"], ["product"], transB=1), node("Relu", ["product"], ["real"]),
         node("QuantizeLinear", ["real", "ys", "yz"], ["y"])]  # fmt: skip
scales = scales_of(12, 0.01)
inputs = [("x", codes(5, 21)), ("xs", real(0.02)), ("xz", code(3)), ("w", codes(12, 21, dtype=np.int8)),
          ("ws", scales), ("b", codes(12, dtype=np.int16).astype(np.int32)), ("bs", scales * np.float32(0.02)),
          ("ys", real(0.0731)), ("yz", code(31))]  # fmt: skip
case("qdq_gemm_codes", nodes, inputs, ["y"], constants=[n for n, _ in inputs[1:]], domain="")
nodes = [node("DequantizeLinear", ["x", "xs", "xz"], ["xr"]), node("GlobalAveragePool", ["xr"], ["real"]),
         node("QuantizeLinear", ["real", "ys", "yz"], ["y"])]  # fmt: skip
case("qdq_average_pool", nodes, [("x", codes(2, 6, 4, 5, dtype=np.int8)), ("xs", real(0.02)), ("xz", code(-9, np.int8)),
     ("ys", real(0.0173)), ("yz", code(5, np.int8))], ["y"], constants=["xs", "xz", "ys", "yz"], domain="")  # fmt: skip


def main():
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    for name in CASES:
        write(name)


if __name__ == "__main__":
    main()
