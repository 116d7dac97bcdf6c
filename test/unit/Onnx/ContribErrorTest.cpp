//===- ContribErrorTest.cpp - ONNX Runtime's operators, given wrongly -----===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Onnx/Fixture.h"

#include "gmock/gmock.h"
#include <gtest/gtest.h>

using namespace lqc::test;
using testing::HasSubstr;

static constexpr int kFloat = onnx::TensorProto::FLOAT;
static constexpr int kHalf = onnx::TensorProto::FLOAT16;
static constexpr int kUint8 = onnx::TensorProto::UINT8;
static constexpr int kInt8 = onnx::TensorProto::INT8;
static constexpr int kInt32 = onnx::TensorProto::INT32;
static constexpr int kInt64 = onnx::TensorProto::INT64;

namespace {
/// One node of the domain com.microsoft; each input is an argument, "" is left
/// out.
class Contrib {
public:
  explicit Contrib(const std::string &op) {
    onnx::OperatorSetIdProto *set = model.model.add_opset_import();
    set->set_domain("com.microsoft");
    set->set_version(1);
    model.node(op, {}, {"y"}).set_domain("com.microsoft");
    model.output("y");
  }

  Contrib &input(const std::string &name, int type = kFloat,
                 const std::vector<int64_t> &dims = {}) {
    node().add_input(name);
    if (!name.empty())
      model.input(name, type, Dims(dims.begin(), dims.end()));
    return *this;
  }
  Contrib &skip(int count = 1) {
    for (; count > 0; --count)
      input("");
    return *this;
  }
  Contrib &output(const std::string &name) {
    node().add_output(name);
    return *this;
  }
  Contrib &integer(const std::string &name, int64_t value) {
    setInteger(node(), name, value);
    return *this;
  }
  Contrib &integers(const std::string &name,
                    const std::vector<int64_t> &values) {
    setIntegers(node(), name, values);
    return *this;
  }
  Contrib &real(const std::string &name, float value) {
    onnx::AttributeProto *attribute = node().add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::FLOAT);
    attribute->set_f(value);
    return *this;
  }
  Contrib &text(const std::string &name, const std::string &value) {
    setText(node(), name, value);
    return *this;
  }

  /// The error without "m.onnx: node 'y' (OP): ", or the IR.
  std::string import() {
    std::string result = model.import();
    std::string begin = "m.onnx: node 'y' (" + node().op_type() + "): ";
    return result.find(begin) == 0 ? result.substr(begin.size()) : result;
  }

  onnx::NodeProto &node() { return *model.graph().mutable_node(0); }

  OnnxModel model;
};
} // namespace

//===----------------------------------------------------------------------===//
// MatMulNBits
//===----------------------------------------------------------------------===//

/// 24 rows of 64 columns in blocks of 32 codes of 4 bits.
static Contrib blocks(int type = kFloat) {
  Contrib node("MatMulNBits");
  node.integer("N", 24).integer("K", 64);
  return node.input("a", type, {3, 64}).input("b", kUint8, {24, 2, 16});
}

static Contrib wholeBlocks() {
  return blocks().input("s", kFloat, {24, 2}).integer("block_size", 32);
}

TEST(ContribError, MatMulNBitsAttributes) {
  auto with = [](int64_t bits, int64_t block) {
    return blocks()
        .input("s", kFloat, {24, 2})
        .integer("bits", bits)
        .integer("block_size", block)
        .import();
  };
  EXPECT_EQ(with(3, 32), "bits must be 2, 4 or 8, got: 3");
  EXPECT_EQ(with(4, 24),
            "block_size must be a power of two and at least 16, got: 24");
  EXPECT_EQ(with(4, 8),
            "block_size must be a power of two and at least 16, got: 8");
  Contrib empty("MatMulNBits");
  empty.integer("N", 0).integer("K", 64).integer("block_size", 32);
  empty.input("a", kFloat, {3, 64}).input("b", kUint8).input("s");
  EXPECT_EQ(empty.import(), "N and K must be positive");
}

TEST(ContribError, MatMulNBitsInputs) {
  EXPECT_EQ(blocks(kInt32)
                .input("s", kFloat, {24, 2})
                .integer("block_size", 32)
                .import(),
            "must be a tensor of floats, got: int32");
  EXPECT_EQ(
      blocks().input("s", kFloat, {24, 3}).integer("block_size", 32).import(),
      "scales must have 48 elements, got: 72");
  EXPECT_EQ(
      blocks().input("s", kHalf, {24, 2}).integer("block_size", 32).import(),
      "inputs must have one element type, got: float and float16");
  EXPECT_EQ(blocks()
                .input("s", kFloat, {24, 4})
                .integer("block_size", 32)
                .integer("bits", 8)
                .import(),
            "B must have 1536 elements, got: 768");
  EXPECT_EQ(wholeBlocks().input("z", kUint8, {24, 2}).import(),
            "zero_points must have 24 elements, got: 48");
  EXPECT_EQ(wholeBlocks().input("z", kFloat, {24}).import(),
            "zero_points must have 48 elements, got: 24");
  EXPECT_EQ(wholeBlocks().skip().input("g", kInt64, {64}).import(),
            "g_idx must be int32");
  EXPECT_EQ(wholeBlocks().skip().input("g", kInt32, {32}).import(),
            "g_idx must have 64 elements, got: 32");
  EXPECT_EQ(wholeBlocks().skip().input("g", kInt32, {64}).import(),
            "g_idx must be constant, because the rank or size of the result "
            "depends on it");
  EXPECT_EQ(wholeBlocks().skip(2).input("bias", kFloat, {23}).import(),
            "the bias must have 24 elements, got: 23");
  Contrib typed("MatMulNBits");
  typed.integer("N", 24).integer("K", 64).integer("block_size", 32);
  typed.input("a", kFloat, {64}).input("b", kInt8).input("s");
  EXPECT_EQ(typed.import(), "A must have at least 2 dimensions");
  Contrib bytes("MatMulNBits");
  bytes.integer("N", 24).integer("K", 64).integer("block_size", 32);
  bytes.input("a", kFloat, {3, 64}).input("b", kInt8).input("s");
  EXPECT_EQ(bytes.import(), "B must be uint8, got: int8");
  Contrib turned("MatMulNBits");
  turned.integer("N", 24).integer("K", 64).integer("block_size", 32);
  turned.input("a", kFloat, {3, 64}).input("b", kUint8, {16, 2, 24});
  turned.input("s", kFloat, {24, 2});
  EXPECT_EQ(turned.import(), "B must begin with its 24 rows");
  Contrib wide("MatMulNBits");
  wide.integer("N", 24).integer("K", 64).integer("block_size", 32);
  wide.input("a", onnx::TensorProto::DOUBLE, {3, 64});
  wide.input("b", kUint8, {24, 2, 16});
  wide.input("s", onnx::TensorProto::DOUBLE, {24, 2});
  EXPECT_EQ(wide.import(), "scales must be float, float16 or bfloat16");
  Contrib narrow("MatMulNBits");
  narrow.integer("N", 24).integer("K", 64).integer("block_size", 32);
  narrow.input("a", kFloat, {3, 60}).input("b", kUint8, {24, 2, 16});
  narrow.input("s", kFloat, {24, 2});
  EXPECT_EQ(narrow.import(), "K and columns of A must be equal, got: 60 != 64");
}

TEST(ContribError, MatMulNBitsOrder) {
  Contrib node = wholeBlocks().skip();
  node.node().add_input("g");
  onnx::TensorProto &order = node.model.integers("g", std::vector<int64_t>(64));
  order.clear_int64_data();
  order.set_data_type(kInt32);
  for (int i = 0; i < 64; ++i)
    order.add_int32_data(i == 5 ? 2 : 0);
  EXPECT_EQ(node.import(), "g_idx must be 0 to 1, got: 2");
}

TEST(ContribError, GatherBlockQuantized) {
  auto table = [](int type, std::vector<int64_t> dims) {
    return Contrib("GatherBlockQuantized")
        .integer("block_size", 32)
        .input("d", type, dims)
        .input("i", kInt64, {3})
        .input("s", kFloat, {9, 2});
  };
  EXPECT_EQ(table(kUint8, {9, 2, 16}).import(),
            "data must have 2 dimensions, got: 3");
  EXPECT_EQ(table(kInt8, {9, 32}).import(), "data must be uint8, got: int8");
  EXPECT_EQ(table(kUint8, {9, 40}).import(),
            "data must have whole blocks of columns");
  EXPECT_EQ(table(kUint8, {0, 32}).import(), "the sizes of data must be known");
  EXPECT_EQ(table(kUint8, {9, 32}).integer("gather_axis", 1).import(),
            "rows must be gathered, and columns be in blocks");
  EXPECT_EQ(table(kUint8, {9, 32}).input("z", kFloat, {9, 2}).import(),
            "zero_points must be uint8");
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static Contrib rotary(const std::vector<int64_t> &dims) {
  return Contrib("RotaryEmbedding").input("x", kFloat, dims);
}

TEST(ContribError, RotaryEmbedding) {
  auto tables = [](Contrib node, std::vector<int64_t> ids) {
    return node.input("ids", kInt64, ids)
        .input("c", kFloat, {32, 4})
        .input("s", kFloat, {32, 4});
  };
  EXPECT_EQ(tables(rotary({3, 16}), {1}).import(),
            "the input must have 3 or 4 dimensions");
  EXPECT_EQ(tables(rotary({2, 3, 16}), {1}).real("scale", 2).import(),
            "scale must be 1");
  EXPECT_EQ(
      tables(rotary({2, 3, 16}), {1}).integer("is_packed_batching", 1).import(),
      "packed batches are not supported");
  EXPECT_EQ(tables(rotary({2, 3, 16}), {2}).import(),
            "position_ids must have 1 or 2 dimensions");
  EXPECT_EQ(tables(rotary({2, 3, 16}), {2, 4}).import(),
            "the numbers of tokens must be equal, got: 4 != 3");
  EXPECT_EQ(tables(rotary({2, 3, 6}), {1}).import(),
            "the number of heads must be given for 3 dimensions");
  EXPECT_EQ(tables(rotary({2, 3, 12}), {1}).integer("num_heads", 3).import(),
            "the sizes of heads and tables must be known and fit");
  EXPECT_EQ(rotary({2, 3, 16})
                .input("ids", kInt64, {1})
                .input("c", kFloat, {32, 4})
                .input("s", kFloat, {32, 5})
                .import(),
            "the tables' sizes must be equal, got: 4 != 5");
}

static Contrib multiHead(int64_t heads = 2) {
  Contrib node("MultiHeadAttention");
  return node.integer("num_heads", heads).input("q", kFloat, {2, 3, 8});
}

TEST(ContribError, MultiHeadAttention) {
  auto whole = [] {
    return multiHead()
        .input("k", kFloat, {2, 5, 8})
        .input("v", kFloat, {2, 5, 8});
  };
  EXPECT_EQ(multiHead(0).import(), "num_heads must be positive");
  EXPECT_EQ(multiHead()
                .input("k", kFloat, {2, 8})
                .input("v", kFloat, {2, 5, 8})
                .import(),
            "key and value must have 3 or 4 dimensions");
  EXPECT_EQ(whole().skip(5).input("length", kInt32, {}).import(),
            "shared buffers are not supported");
  EXPECT_EQ(whole().output("").output("").output("qk").import(),
            "the scores are not given");
  EXPECT_EQ(whole().input("bias", kFloat, {23}).import(),
            "the sizes of the bias and of queries, keys and values must be "
            "equal, got: 24 != 23");
  EXPECT_EQ(multiHead()
                .input("k", kFloat, {2, 2, 5, 4})
                .input("v", kFloat, {2, 2, 5, 4})
                .input("bias", kFloat, {24})
                .import(),
            "a bias needs keys and values of 3 dimensions");
  EXPECT_EQ(whole().skip().input("mask", kFloat, {2, 5}).import(),
            "the mask must be integers");
  EXPECT_EQ(whole().skip().input("mask", kInt32, {2, 1, 5, 5}).import(),
            "the mask must have 1 to 3 dimensions");
  EXPECT_EQ(whole().skip().input("mask", kInt32, {8}).import(),
            "the batches of the mask and of the scores must be equal, got: 8 "
            "!= 2");
}

static Contrib merged(const std::vector<int64_t> &weights) {
  return Contrib("Attention")
      .integer("num_heads", 2)
      .input("x", kFloat, {2, 3, 6})
      .input("w", kFloat, weights);
}

TEST(ContribError, Attention) {
  Contrib open("Attention");
  open.integer("num_heads", 2).input("x", kFloat, {2, 3, 6});
  open.node().add_input("w");
  open.model.input("w", kFloat, {int64_t(6), "columns"});
  EXPECT_EQ(open.import(), "the columns of the weights must be known");
  EXPECT_EQ(merged({6, 24}).integer("do_rotary", 1).import(),
            "do_rotary is not supported");
  EXPECT_EQ(merged({6, 24}).integer("past_present_share_buffer", 1).import(),
            "shared buffers are not supported");
  EXPECT_EQ(merged({24}).import(),
            "the weights must have 2 dimensions, got: 1");
  EXPECT_EQ(merged({6, 24}).integers("qkv_hidden_sizes", {8, 8}).import(),
            "qkv_hidden_sizes must have 3 numbers");
  EXPECT_EQ(merged({6, 24}).integers("qkv_hidden_sizes", {8, 8, -4}).import(),
            "qkv_hidden_sizes must be positive and fit the weights");
  EXPECT_EQ(merged({6, 24}).integers("qkv_hidden_sizes", {8, 8, 4}).import(),
            "the weights must have a column for each number of queries, keys "
            "and values, got: 24 != 20");
  EXPECT_EQ(
      merged({6, 24}).skip(2).input("past", kFloat, {3, 2, 2, 4, 4}).import(),
      "past must be keys and values");
}

/// Up to its past.
static Contrib grouped(int64_t heads = 4, int64_t shared = 2) {
  return Contrib("GroupQueryAttention")
      .integer("num_heads", heads)
      .integer("kv_num_heads", shared)
      .input("q", kFloat, {2, 1, 64})
      .input("k", kFloat, {2, 1, 32})
      .input("v", kFloat, {2, 1, 32});
}

static Contrib withPast() {
  return grouped()
      .input("pk", kFloat, {2, 2, 5, 16})
      .input("pv", kFloat, {2, 2, 5, 16});
}

TEST(ContribError, GroupQueryAttention) {
  auto whole = [] {
    return withPast().input("lengths", kInt32, {2}).input("total", kInt32, {});
  };
  EXPECT_EQ(grouped(4, 3).import(),
            "num_heads must be a multiple of kv_num_heads");
  EXPECT_EQ(grouped().input("pk", kFloat, {2, 2, 5, 16}).import(),
            "past keys and values must be given together");
  EXPECT_EQ(withPast().input("lengths", kFloat, {2}).import(),
            "seqlens_k must be integers");
  EXPECT_EQ(withPast().import(), "input 5 must be given");
  EXPECT_EQ(whole().skip(5).input("scale", kFloat, {1}).import(),
            "quantized keys and values are not supported");
  EXPECT_EQ(whole().integer("sliding_window_cache", 1).import(),
            "windows of the cache and padded chunks are not supported");
  EXPECT_EQ(whole().output("").output("").output("qk").import(),
            "the scores are not given");
  EXPECT_EQ(whole().integer("local_window_size", 0).import(),
            "local_window_size must be positive, or -1 for none");
  EXPECT_EQ(whole().skip(4).input("sink", kFloat, {2, 2}).import(),
            "head_sink must have 1 dimensions, got: 2");
  Contrib open("GroupQueryAttention");
  open.integer("num_heads", 4).integer("kv_num_heads", 2);
  open.node().add_input("q");
  open.model.input("q", kFloat, {int64_t(2), int64_t(1), "columns"});
  EXPECT_EQ(open.import(), "the size of heads must be known");
  EXPECT_EQ(Contrib("GroupQueryAttention")
                .integer("num_heads", 4)
                .integer("kv_num_heads", 2)
                .input("q", kFloat, {2, 1, 60})
                .import(),
            "a packed query must hold 8 heads, got: 60 columns");
  EXPECT_EQ(Contrib("GroupQueryAttention")
                .integer("num_heads", 4)
                .integer("kv_num_heads", 2)
                .input("q", kFloat, {2, 1, 64})
                .input("k", kFloat, {2, 1, 32})
                .import(),
            "key and value must be given together");
  // Lengths that differ end the program.
  EXPECT_THAT(whole().import(),
              HasSubstr("node 'y' (GroupQueryAttention): seqlens_k must be the "
                        "past and new tokens less 1, the same for all "
                        "sequences"));
}

//===----------------------------------------------------------------------===//
// Fused operators and codes
//===----------------------------------------------------------------------===//

TEST(ContribError, FusedOperators) {
  EXPECT_EQ(Contrib("FastGelu").input("x", kInt32, {3}).import(),
            "must be a tensor of floats, got: int32");
  EXPECT_EQ(Contrib("BiasSplitGelu")
                .input("x", kFloat, {2, 3})
                .input("b", kFloat, {3})
                .import(),
            "the last size must be known and even");
  EXPECT_EQ(Contrib("FusedMatMul")
                .input("a", kFloat, {3})
                .input("b", kFloat, {3, 4})
                .integer("transA", 1)
                .import(),
            "what is transposed must be matrices");
  EXPECT_EQ(Contrib("FusedGemm")
                .input("a", kFloat, {2, 3})
                .input("b", kFloat, {3, 4})
                .text("activation", "Sine")
                .import(),
            "activation must be one of the specification's, got: 'Sine'");
  EXPECT_EQ(Contrib("SkipLayerNormalization")
                .input("x", kFloat, {8})
                .input("s", kFloat, {8})
                .input("g", kFloat, {8})
                .import(),
            "the input must be rows");
  EXPECT_EQ(Contrib("SkipSimplifiedLayerNormalization")
                .input("x", kFloat, {2, 8})
                .input("s", kFloat, {2, 8})
                .input("g", kFloat, {8})
                .output("mean")
                .import(),
            "mean and deviation are not given");
}

TEST(ContribError, EmbedLayerNormalization) {
  auto node = [](std::vector<int64_t> ids, int64_t positions) {
    return Contrib("EmbedLayerNormalization")
        .input("ids", kInt32, ids)
        .skip()
        .input("words", kFloat, {9, 8})
        .input("places", kFloat, {positions, 8})
        .skip()
        .input("g", kFloat, {8})
        .input("b", kFloat, {8});
  };
  EXPECT_EQ(node({4}, 6).import(), "input_ids must have 2 dimensions, got: 1");
  EXPECT_EQ(node({2, 7}, 6).import(),
            "there must be as many positions as tokens");
  EXPECT_EQ(node({2, 4}, 6).input("m", kFloat, {2, 4}).output("index").import(),
            "the mask must be integers");
}

TEST(ContribError, Codes) {
  auto pool = [](std::vector<int64_t> dims, int zero) {
    return Contrib("QLinearGlobalAveragePool")
        .input("x", kUint8, dims)
        .input("xs", kFloat, {})
        .input("xz", kUint8, {})
        .input("ys", kFloat, {})
        .input("yz", zero, {})
        .import();
  };
  EXPECT_EQ(pool({2, 3}, kUint8), "the input must have channels and positions");
  EXPECT_EQ(pool({2, 3, 4}, kFloat), "the zero point must be an integer");
  auto add = [](int type, std::vector<int64_t> scale, int scaleType) {
    return Contrib("QLinearAdd")
        .input("a", type, {4})
        .input("as", scaleType, scale)
        .skip()
        .input("b", type, {4})
        .input("bs", kFloat, {})
        .skip()
        .input("ys", kFloat, {})
        .import();
  };
  EXPECT_EQ(add(kUint8, {2}, kFloat), "scales and zero points must be scalars");
  EXPECT_EQ(add(kFloat, {}, kFloat), "operands must be integers");
  EXPECT_EQ(add(kUint8, {}, kInt8), "scales must be float");
  EXPECT_EQ(Contrib("QLinearConcat")
                .integer("axis", 0)
                .input("ys", kFloat, {})
                .input("yz", kUint8, {})
                .input("a", kUint8, {2})
                .input("as", kFloat, {})
                .import(),
            "each tensor must have a scale and a zero point");
  EXPECT_EQ(Contrib("QLinearWhere")
                .input("c", kUint8, {4})
                .input("a", kUint8, {4})
                .input("as", kFloat, {})
                .input("az", kUint8, {})
                .input("b", kUint8, {4})
                .input("bs", kFloat, {})
                .input("bz", kUint8, {})
                .input("ys", kFloat, {})
                .input("yz", kUint8, {})
                .import(),
            "the condition must be bool");
  EXPECT_EQ(Contrib("DynamicQuantizeMatMul")
                .input("a", kInt32, {2, 3})
                .input("b", kInt8, {3, 4})
                .input("bs", kFloat, {})
                .import(),
            "the input must be float");
}
