//===- WeightStoreTest.cpp - where bytes come from ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include "lqc/Numerics/Half.h"
#include "lqc/Support/Hash.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

using namespace lqc;

namespace {
class WeightStoreTest : public InterpreterTest {
protected:
  std::vector<char> bytes(llvm::StringRef name) {
    WeightBytes result = valueOf(store->get(weight(name)));
    return result.bytes.vec();
  }
  std::vector<char> streamed(llvm::StringRef name) {
    std::vector<char> result;
    expectSuccess(store->stream(weight(name), [&](llvm::ArrayRef<char> piece) {
      result.insert(result.end(), piece.begin(), piece.end());
      return llvm::Error::success();
    }));
    return result;
  }
  std::string streamError(llvm::StringRef name) {
    return messageOf(store->stream(weight(name), [](llvm::ArrayRef<char>) {
      return llvm::Error::success();
    }));
  }
  SplitColumnsOp splitInFunction() {
    auto function = module->lookupSymbol<mlir::func::FuncOp>("f");
    return *function.getOps<SplitColumnsOp>().begin();
  }
  TensorValue value(llvm::StringRef name) {
    return valueOf(tensorFromBytes(bytes(name), weight(name).getTensorType()));
  }
};

/// A safetensors file with one BF16 tensor "q" of 4 x 2, in a folder.
class Checkpoint {
public:
  Checkpoint() {
    std::string header =
        R"({"q":{"dtype":"BF16","shape":[4,2],"data_offsets":[0,16]}})";
    text.resize(8);
    llvm::support::endian::write64le(text.data(), header.size());
    text += header;
    hash = contentHash(llvm::ArrayRef(text.data(), text.size()));
    offset = text.size();
    for (float number : {1, 2, 3, 4, 5, 6, 7, 8}) {
      uint16_t bits = bfloat16FromFloat(number);
      text.append(reinterpret_cast<const char *>(&bits), 2);
    }
    write(text);
  }
  void write(const std::string &contents) const {
    std::error_code code;
    llvm::raw_fd_ostream(folder.file("m.safetensors"), code) << contents;
  }
  /// The weight as an importer writes it.
  std::string weight(const std::string &path = "m.safetensors",
                     uint64_t at = 0) const {
    return "lqc.weight @q : tensor<4x2xbf16> = #lqc.file<\"" + path +
           "\", tensor = \"q\", offset = " + std::to_string(at ? at : offset) +
           ", bytes = 16, header = \"" + hash + "\">\n";
  }

  TemporaryFolder folder;
  std::string text, hash;
  uint64_t offset;
};
} // namespace

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

TEST_F(WeightStoreTest, Dense) {
  parse(R"(
    lqc.weight @d : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
    lqc.weight @s : tensor<3xbf16> = dense<1.5> : tensor<3xbf16>
    lqc.weight @i : tensor<2xi32> = dense<[-1, 7]> : tensor<2xi32>
    lqc.weight @scalar : tensor<f32> = dense<2.5> : tensor<f32>)");
  EXPECT_EQ(value("d").floats(), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(value("s").floats(), (Floats{1.5, 1.5, 1.5}));
  EXPECT_EQ(value("i").integers(), (Integers{-1, 7}));
  EXPECT_EQ(value("scalar").floats(), (Floats{2.5}));
  for (const char *name : {"d", "s", "i", "scalar"})
    EXPECT_EQ(streamed(name), bytes(name)) << name;
}

TEST_F(WeightStoreTest, ElementsOfEveryTypeAreLittleEndian) {
  parse(R"(
    lqc.weight @bit : tensor<9xi1> = dense<[1, 0, 0, 1, 1, 0, 1, 0, 1]> : tensor<9xi1>
    lqc.weight @ones : tensor<3xi1> = dense<true> : tensor<3xi1>
    lqc.weight @byte : tensor<2xi8> = dense<[-1, 127]> : tensor<2xi8>
    lqc.weight @short : tensor<2xi16> = dense<[258, -2]> : tensor<2xi16>
    lqc.weight @long : tensor<1x2xi64> = dense<[[1, -1]]> : tensor<1x2xi64>
    lqc.weight @double : tensor<2xf64> = dense<[1.0, -2.0]> : tensor<2xf64>
    lqc.weight @small : tensor<2xf8E4M3FN> = dense<[1.0, -2.0]> : tensor<2xf8E4M3FN>
    lqc.weight @bits : tensor<2x1xi1> {
      %0 = arith.constant dense<[[1], [0]]> : tensor<2x1xi1>
      lqc.yield %0 : tensor<2x1xi1>
    })");
  const std::pair<const char *, std::vector<char>> cases[] = {
      {"bit", {1, 0, 0, 1, 1, 0, 1, 0, 1}},
      {"ones", {1, 1, 1}},
      {"byte", {-1, 127}},
      {"short", {2, 1, -2, -1}},
      {"long", {1, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1}},
      {"double", {0, 0, 0, 0, 0, 0, -0x10, 0x3f, 0, 0, 0, 0, 0, 0, 0, -0x40}},
      {"small", {0x38, -0x40}},
      {"bits", {1, 0}}};
  for (const auto &[name, expected] : cases) {
    EXPECT_EQ(bytes(name), expected) << name;
    EXPECT_EQ(streamed(name), expected) << name;
  }
  EXPECT_EQ(value("bit").integers(), (Integers{1, 0, 0, 1, 1, 0, 1, 0, 1}));
  EXPECT_EQ(value("long").integers(), (Integers{1, -1}));
  EXPECT_EQ(value("double").doubles(), (std::vector<double>{1, -2}));
  EXPECT_EQ(value("small").floats(), (Floats{1, -2}));
}

TEST_F(WeightStoreTest, FilesMayHoldEveryType) {
  Checkpoint checkpoint;
  const std::string place = " = #lqc.file<\"m.safetensors\", tensor = \"q\", "
                            "offset = " +
                            std::to_string(checkpoint.offset) +
                            ", bytes = 16, header = \"" + checkpoint.hash +
                            "\">\n";
  // The bytes of bf16 1 to 8: 3f80, 4000, 4040, 4080, 40a0, 40c0, 40e0, 4100.
  parse("lqc.weight @long : tensor<2xi64>" + place +
            "lqc.weight @byte : tensor<16xi8>" + place +
            "lqc.weight @double : tensor<2xf64>" + place,
        checkpoint.folder.str());
  EXPECT_EQ(value("long").integers(),
            (Integers{0x4080404040003f80, 0x410040e040c040a0}));
  EXPECT_EQ(value("byte").integers()[0], -0x80);
  EXPECT_EQ(value("byte").integers()[1], 0x3f);
  double first;
  std::memcpy(&first, value("long").integers().data(), sizeof(first));
  EXPECT_EQ(value("double").doubles()[0], first);
  for (const char *name : {"long", "byte", "double"})
    EXPECT_EQ(streamed(name), bytes(name)) << name;
}

TEST_F(WeightStoreTest, GraphsMayHaveInfiniteConstants) {
  const char *weight = "lqc.weight @mask : tensor<2xf32> = dense<0xFF800000> "
                       ": tensor<2xf32>\n";
  parse(weight);
  EXPECT_EQ(streamError("mask"), "weight @mask: element [0] is minus infinite");
  parse(std::string("module attributes {lqc.graph = {}} {\n") + weight + "}");
  EXPECT_EQ(streamed("mask"), bytes("mask"));
}

TEST_F(WeightStoreTest, RandomIsNormalAndReproducible) {
  const char *text = R"(
    lqc.weight @a : tensor<1000x300xf32> = #lqc.random<seed = 7, std = 2.0e-2 : f64>
    lqc.weight @b : tensor<1000x300xf32> = #lqc.random<seed = 8, std = 2.0e-2 : f64>
    lqc.weight @c : tensor<4xbf16> = #lqc.random<seed = 7, std = 2.0e-2 : f64>)";
  parse(text, "", 1);
  Floats a = value("a").floats(), b = value("b").floats();
  Floats c = value("c").floats();
  double mean = 0, square = 0, product = 0, fourth = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double x = a[i] / 0.02;
    mean += x;
    square += x * x;
    fourth += x * x * x * x;
    product += x * (b[i] / 0.02);
  }
  double n = a.size();
  EXPECT_NEAR(mean / n, 0, 0.01);
  EXPECT_NEAR(square / n, 1, 0.01);
  EXPECT_NEAR(fourth / n, 2.9, 0.05); // 3 - 6 / (5 * 12), Irwin-Hall
  EXPECT_NEAR(product / n, 0, 0.01);
  // The same numbers in every format and with every number of threads, for
  // ever: checkpoints and measurements are named by their seed.
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(c[i], floatFromBfloat16(bfloat16FromFloat(a[i])));
  std::vector<char> one = streamed("a");
  parse(text, "", 3);
  EXPECT_EQ(streamed("a"), one);
  EXPECT_EQ(contentHash(one), "5fc29b99295c7121607c8550d1bd55a0");
}

TEST_F(WeightStoreTest, FileIsMapped) {
  Checkpoint checkpoint;
  parse(checkpoint.weight(), checkpoint.folder.str());
  EXPECT_EQ(value("q").floats(), (Floats{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(streamed("q"), bytes("q"));
  EXPECT_EQ(valueOf(store->get(weight("q"))).bytes.data(),
            valueOf(store->get(weight("q"))).bytes.data());
}

TEST_F(WeightStoreTest, FileErrors) {
  Checkpoint checkpoint;
  const std::string path = checkpoint.folder.file("m.safetensors");
  auto error = [&](const std::string &text) {
    parse(text, checkpoint.folder.str());
    return messageOf(store->get(weight("q")));
  };
  EXPECT_EQ(error(checkpoint.weight("none.safetensors")),
            checkpoint.folder.file("none.safetensors") +
                ": no such file or directory");
  for (const char *outside : {"../m.safetensors", "a/../../b", "/etc/passwd"})
    EXPECT_EQ(error(checkpoint.weight(outside)),
              "'" + std::string(outside) +
                  "': tensor 'q': path must be relative and stay in the "
                  "model's folder");
  std::string hash = checkpoint.hash,
              size = std::to_string(checkpoint.text.size());
  EXPECT_EQ(error(checkpoint.weight("m.safetensors", checkpoint.offset + 2)),
            path +
                ": tensor 'q': data must lie between the header and the "
                "end, bytes " +
                std::to_string(checkpoint.offset) + " to " + size +
                ", got: 16 bytes at byte " +
                std::to_string(checkpoint.offset + 2));
  // The name of the tensor in the header changes.
  std::string changed = checkpoint.text;
  changed[10] = 'r';
  checkpoint.write(changed);
  std::string changedHash =
      contentHash(llvm::ArrayRef(changed.data(), checkpoint.offset));
  EXPECT_EQ(error(checkpoint.weight()),
            path + ": tensor 'q': file changed since import: header hash " +
                changedHash + ", expected " + hash);
  checkpoint.write(checkpoint.text.substr(0, 20));
  EXPECT_EQ(error(checkpoint.weight()),
            path + ": header must lie within the file's 20 bytes, got: 58 "
                   "bytes at byte 8");
  checkpoint.write("abc");
  EXPECT_EQ(error(checkpoint.weight()),
            path + ": header must lie within the file's 3 bytes, got: 0 bytes "
                   "at byte 8");
}

//===----------------------------------------------------------------------===//
// Initializers
//===----------------------------------------------------------------------===//

/// A random matrix, quantized, and packed.
static std::string quantizedText(int64_t rows, int64_t columns,
                                 const std::string &element,
                                 const std::string &scheme) {
  std::string shape =
      "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) + "x";
  std::string plain = shape + element + ">";
  std::string encoding = "#lqc.scheme<\"" + scheme + "\">";
  std::string codes = shape + "f32, " + encoding + ">";
  std::string packed = shape + "f32, #lqc.packed<16x4, " + encoding + ">>";
  return "lqc.weight @w : " + plain +
         " = #lqc.random<seed = 5, std = 1.0 : f64>\n"
         "lqc.weight @q : " +
         codes + " { %0 = lqc.get_weight @w : " + plain +
         " %1 = lqc.quantize %0 : (" + plain + ") -> " + codes +
         " lqc.yield %1 : " + codes + " }\nlqc.weight @p : " + packed +
         " { %0 = lqc.get_weight @q : " + codes + " %1 = lqc.pack %0 : (" +
         codes + ") -> " + packed + " lqc.yield %1 : " + packed + " }\n";
}

/// What the reference quantizer gives for the whole of @w.
static void expectWholeEvaluation(llvm::ArrayRef<char> plain,
                                  mlir::RankedTensorType type,
                                  const Scheme &scheme,
                                  const std::vector<char> &codes,
                                  const std::vector<char> &packed) {
  TensorValue values = valueOf(tensorFromBytes(plain, type));
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  QuantizedTensor expected =
      valueOf(quantize(values.floats(), rows, columns, scheme));
  EXPECT_TRUE(codes == serialize(expected)) << schemeName(scheme);
  std::vector<char> expectedPacked(packedBytes(scheme, rows, columns, {16, 4}));
  pack(expected, {16, 4}, expectedPacked);
  EXPECT_TRUE(packed == expectedPacked) << schemeName(scheme);
}

TEST_F(WeightStoreTest, StreamingEqualsWholeEvaluationForAllSchemes) {
  for (const SchemeFamily &family : schemeTable()) {
    if (family.scheme.isActivation())
      continue;
    for (int64_t group : {0, 16, 32, 96}) {
      Scheme scheme = family.withGroup(group);
      int64_t columns = family.hasFreeGroup() ? 96 : 512;
      parse(quantizedText(37, columns, "bf16", schemeName(scheme)));
      expectWholeEvaluation(bytes("w"), weight("w").getTensorType(), scheme,
                            streamed("q"), streamed("p"));
    }
  }
}

TEST_F(WeightStoreTest, ManyBlocksAndThreadsGiveTheSameBytes) {
  for (const char *name :
       {"int4-g32", "uint3-g64", "uint5-g0", "nf4-g16-dq2"}) {
    std::string text = quantizedText(33333, 64, "f32", name);
    parse(text, "", 1);
    std::vector<char> codes = streamed("q"), packed = streamed("p");
    expectWholeEvaluation(bytes("w"), weight("w").getTensorType(),
                          *parseScheme(name), codes, packed);
    parse(text, "", 3);
    EXPECT_TRUE(streamed("p") == packed) << name;
    EXPECT_TRUE(streamed("q") == codes) << name;
  }
}

TEST_F(WeightStoreTest, PackedFloats) {
  parse(R"(
    lqc.weight @w : tensor<19x3xf16> = #lqc.random<seed = 5, std = 1.0 : f64>
    lqc.weight @p : tensor<19x3xf16, #lqc.packed<16x1>> {
      %0 = lqc.get_weight @w : tensor<19x3xf16>
      %1 = lqc.pack %0 : (tensor<19x3xf16>) -> tensor<19x3xf16, #lqc.packed<16x1>>
      lqc.yield %1 : tensor<19x3xf16, #lqc.packed<16x1>>
    }
    lqc.weight @alias : tensor<19x3xf16, #lqc.packed<16x1>> {
      %0 = lqc.get_weight @p : tensor<19x3xf16, #lqc.packed<16x1>>
      lqc.yield %0 : tensor<19x3xf16, #lqc.packed<16x1>>
    })");
  std::vector<char> expected(packedBytes(2, 19, 3, {16, 1}));
  pack(bytes("w"), 2, 19, 3, {16, 1}, expected);
  EXPECT_EQ(streamed("p"), expected);
  EXPECT_EQ(streamed("alias"), expected);
  EXPECT_EQ(value("p").floats(), value("w").floats());
}

TEST_F(WeightStoreTest, SlicesAndConcatenations) {
  parse(R"(
    lqc.weight @a : tensor<4x3xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
    lqc.weight @b : tensor<2x3xf32> = #lqc.random<seed = 2, std = 1.0 : f64>
    lqc.weight @rows : tensor<5x3xf32> {
      %0 = lqc.get_weight @a : tensor<4x3xf32>
      %1 = lqc.get_weight @b : tensor<2x3xf32>
      %2 = tensor.extract_slice %0[1, 0] [3, 3] [1, 1] : tensor<4x3xf32> to tensor<3x3xf32>
      %3 = tensor.concat dim(0) %2, %1 : (tensor<3x3xf32>, tensor<2x3xf32>) -> tensor<5x3xf32>
      lqc.yield %3 : tensor<5x3xf32>
    }
    lqc.weight @columns : tensor<2x4xf32> {
      %0 = lqc.get_weight @a : tensor<4x3xf32>
      %1 = lqc.get_weight @b : tensor<2x3xf32>
      %2 = tensor.extract_slice %0[2, 2] [2, 1] [1, 1] : tensor<4x3xf32> to tensor<2x1xf32>
      %3 = tensor.concat dim(1) %2, %1 : (tensor<2x1xf32>, tensor<2x3xf32>) -> tensor<2x4xf32>
      lqc.yield %3 : tensor<2x4xf32>
    })");
  Floats a = value("a").floats(), b = value("b").floats();
  Floats rows(a.begin() + 3, a.end());
  rows.insert(rows.end(), b.begin(), b.end());
  EXPECT_EQ(value("rows").floats(), rows);
  EXPECT_EQ(value("columns").floats(),
            (Floats{a[8], b[0], b[1], b[2], a[11], b[3], b[4], b[5]}));
}

/// A weight with some columns apart, the others rounded; `indices` are three.
static std::string splitWeights(const std::string &indices) {
  return R"(
    lqc.weight @w : tensor<19x32xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
    lqc.weight @i : tensor<3xi32> = dense<)" +
         indices + R"(> : tensor<3xi32>
    lqc.weight @rest : tensor<19x32xf32> {
      %0 = lqc.get_weight @w : tensor<19x32xf32>
      %1 = lqc.get_weight @i : tensor<3xi32>
      %2, %3 = lqc.split_columns %0, %1 : (tensor<19x32xf32>, tensor<3xi32>) -> (tensor<19x32xf32>, tensor<19x3xbf16>)
      lqc.yield %2 : tensor<19x32xf32>
    }
    lqc.weight @kept : tensor<19x3xbf16> {
      %0 = lqc.get_weight @w : tensor<19x32xf32>
      %1 = lqc.get_weight @i : tensor<3xi32>
      %2, %3 = lqc.split_columns %0, %1 : (tensor<19x32xf32>, tensor<3xi32>) -> (tensor<19x32xf32>, tensor<19x3xbf16>)
      lqc.yield %3 : tensor<19x3xbf16>
    }
    lqc.weight @exact : tensor<19x3xf32> {
      %0 = lqc.get_weight @w : tensor<19x32xf32>
      %1 = lqc.get_weight @i : tensor<3xi32>
      %2, %3 = lqc.split_columns %0, %1 : (tensor<19x32xf32>, tensor<3xi32>) -> (tensor<19x32xf32>, tensor<19x3xf32>)
      lqc.yield %3 : tensor<19x3xf32>
    }
    lqc.weight @codes : tensor<19x32xf32, #lqc.scheme<"int4-g32">> {
      %0 = lqc.get_weight @rest : tensor<19x32xf32>
      %1 = lqc.quantize %0 : (tensor<19x32xf32>) -> tensor<19x32xf32, #lqc.scheme<"int4-g32">>
      lqc.yield %1 : tensor<19x32xf32, #lqc.scheme<"int4-g32">>
    }
    func.func @f(%x: tensor<?x32xf32>) -> tensor<?x3xf32> {
      %0 = lqc.get_weight @i : tensor<3xi32>
      %1, %2 = lqc.split_columns %x, %0 : (tensor<?x32xf32>, tensor<3xi32>) -> (tensor<?x32xf32>, tensor<?x3xf32>)
      return %2 : tensor<?x3xf32>
    })";
}

TEST_F(WeightStoreTest, SplitsColumns) {
  parse(splitWeights("[0, 5, 31]"));
  const Floats w = value("w").floats();
  Floats rest = w, exact;
  for (int row = 0; row < 19; ++row)
    for (int column : {0, 5, 31}) {
      exact.push_back(w[row * 32 + column]);
      rest[row * 32 + column] = 0;
    }
  EXPECT_EQ(value("rest").floats(), rest);
  EXPECT_EQ(value("exact").floats(), exact);
  Floats kept = value("kept").floats();
  ASSERT_EQ(kept.size(), exact.size());
  for (size_t i = 0; i < kept.size(); ++i)
    EXPECT_NEAR(kept[i], exact[i], std::fabs(exact[i]) / 256);
  QuantizedTensor codes =
      valueOf(quantize(rest, 19, 32, *parseScheme("int4-g32")));
  EXPECT_EQ(value("codes").floats(), dequantize(codes));
  EXPECT_EQ(valueOf(readColumns(splitInFunction(), *store)),
            (std::vector<int64_t>{0, 5, 31}));
}

TEST_F(WeightStoreTest, ColumnIndicesAreChecked) {
  parse(splitWeights("[0, 5, 32]"));
  EXPECT_EQ(messageOf(store->get(weight("kept"))),
            "test.mlir:13:16: lqc.split_columns: column indices must ascend "
            "and be below 32, got: 32 at element 2");
  EXPECT_EQ(messageOf(readColumns(splitInFunction(), *store)),
            "weight @i: column indices must ascend and be below 32, got: 32 "
            "at element 2");
}

TEST_F(WeightStoreTest, ColumnIndicesAreAWeight) {
  parse(R"(
    func.func @f(%x: tensor<?x4xf32>, %i: tensor<2xi32>) -> tensor<?x4xf32> {
      %r, %k = lqc.split_columns %x, %i : (tensor<?x4xf32>, tensor<2xi32>) -> (tensor<?x4xf32>, tensor<?x2xf32>)
      return %r : tensor<?x4xf32>
    })");
  EXPECT_EQ(messageOf(readColumns(splitInFunction(), *store)),
            "the indices of lqc.split_columns must be a weight");
}

TEST_F(WeightStoreTest, QuantizedPartsMergeBeforePacking) {
  // What schedule makes of q, k and v: rows of quantized weights, joined.
  const char *text = R"(
    lqc.weight @a : tensor<20x32xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
    lqc.weight @b : tensor<13x32xbf16> = #lqc.random<seed = 2, std = 1.0 : f64>
    lqc.weight @qa : tensor<20x32xf32, #S> {
      %0 = lqc.get_weight @a : tensor<20x32xbf16>
      %1 = lqc.quantize %0 : (tensor<20x32xbf16>) -> tensor<20x32xf32, #S>
      lqc.yield %1 : tensor<20x32xf32, #S>
    }
    lqc.weight @qb : tensor<13x32xf32, #S> {
      %0 = lqc.get_weight @b : tensor<13x32xbf16>
      %1 = lqc.quantize %0 {clip = 1 : i32} : (tensor<13x32xbf16>) -> tensor<13x32xf32, #S>
      lqc.yield %1 : tensor<13x32xf32, #S>
    }
    lqc.weight @ab : tensor<33x32xf32, #P> {
      %0 = lqc.get_weight @qa : tensor<20x32xf32, #S>
      %1 = lqc.get_weight @qb : tensor<13x32xf32, #S>
      %2 = tensor.concat dim(0) %0, %1 : (tensor<20x32xf32, #S>, tensor<13x32xf32, #S>) -> tensor<33x32xf32, #S>
      %3 = lqc.pack %2 : (tensor<33x32xf32, #S>) -> tensor<33x32xf32, #P>
      lqc.yield %3 : tensor<33x32xf32, #P>
    })";
  std::string aliases = "#S = #lqc.scheme<\"uint4-g32\">\n#P = "
                        "#lqc.packed<16x4, #lqc.scheme<\"uint4-g32\">>\n";
  parse(aliases + text);
  Floats merged = value("ab").floats();
  Floats expected = value("qa").floats(), b = value("qb").floats();
  expected.insert(expected.end(), b.begin(), b.end());
  EXPECT_EQ(merged, expected);
}

/// Row after row of codes that a file has, whatever the block.
TEST_F(WeightStoreTest, AssembledWeightsStream) {
  parse(R"(
    lqc.weight @codes : tensor<600x16xi8> = dense<-119> : tensor<600x16xi8>
    lqc.weight @zeros : tensor<600xi8> = dense<0x37> : tensor<600xi8>
    lqc.weight @scales : tensor<600x2xf32> = dense<0.3> : tensor<600x2xf32>
    lqc.weight @q : tensor<600x32xf32, #lqc.scheme<"uint4-g16-f32">> {
      %0 = lqc.get_weight @codes : tensor<600x16xi8>
      %1 = lqc.get_weight @scales : tensor<600x2xf32>
      %2 = lqc.get_weight @zeros : tensor<600xi8>
      %3 = lqc.assemble %0, %1, %2 : (tensor<600x16xi8>, tensor<600x2xf32>, tensor<600xi8>) -> tensor<600x32xf32, #lqc.scheme<"uint4-g16-f32">>
      lqc.yield %3 : tensor<600x32xf32, #lqc.scheme<"uint4-g16-f32">>
    })",
        "", 3);
  TensorValue q = value("q");
  const std::vector<float> &numbers = q.floats();
  for (int64_t i = 0; i < 600 * 32; ++i) {
    int code = i % 2 ? 8 : 9, zero = i % 32 < 16 ? 7 : 3;
    ASSERT_EQ(numbers[i], float(code - zero) * 0.3f) << i;
  }
  EXPECT_EQ(streamed("q"), bytes("q"));
}

TEST_F(WeightStoreTest, AssembledScalesAreChecked) {
  parse(R"(
    lqc.weight @codes : tensor<2x16xi8> = dense<0> : tensor<2x16xi8>
    lqc.weight @scales : tensor<2x1xf16> = dense<[[1.0], [0x7E00]]> : tensor<2x1xf16>
    lqc.weight @q : tensor<2x32xf32, #lqc.scheme<"int4-g32">> {
      %0 = lqc.get_weight @codes : tensor<2x16xi8>
      %1 = lqc.get_weight @scales : tensor<2x1xf16>
      %2 = lqc.assemble %0, %1 : (tensor<2x16xi8>, tensor<2x1xf16>) -> tensor<2x32xf32, #lqc.scheme<"int4-g32">>
      lqc.yield %2 : tensor<2x32xf32, #lqc.scheme<"int4-g32">>
    })");
  EXPECT_EQ(streamError("q"),
            "weight @q: scale of row 1, group 0 must be finite");
}

TEST_F(WeightStoreTest, WholeTensorsWhereRowsDoNotDo) {
  parse(R"(
    lqc.weight @a : tensor<2x3xf32> = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
    lqc.weight @scaled : tensor<3x2xbf16> {
      %0 = lqc.get_weight @a : tensor<2x3xf32>
      %1 = tensor.empty() : tensor<3x2xf32>
      %2 = linalg.transpose ins(%0 : tensor<2x3xf32>) outs(%1 : tensor<3x2xf32>) permutation = [1, 0]
      %3 = arith.constant dense<2.0> : tensor<3x2xf32>
      %4 = arith.mulf %2, %3 : tensor<3x2xf32>
      %5 = arith.truncf %4 : tensor<3x2xf32> to tensor<3x2xbf16>
      lqc.yield %5 : tensor<3x2xbf16>
    }
    lqc.weight @every_other : tensor<2x2xf32> {
      %0 = lqc.get_weight @a : tensor<2x3xf32>
      %1 = tensor.extract_slice %0[0, 0] [2, 2] [1, 2] : tensor<2x3xf32> to tensor<2x2xf32>
      lqc.yield %1 : tensor<2x2xf32>
    })");
  EXPECT_EQ(value("scaled").floats(), (Floats{2, 8, 4, 10, 6, 12}));
  EXPECT_EQ(value("every_other").floats(), (Floats{1, 3, 4, 6}));
}

TEST_F(WeightStoreTest, DequantizedWeights) {
  std::string text = quantizedText(40, 64, "bf16", "int3-g32") + R"(
    lqc.weight @d : tensor<40x64xf32> {
      %0 = lqc.get_weight @q : tensor<40x64xf32, #lqc.scheme<"int3-g32">>
      %1 = lqc.dequantize %0 : (tensor<40x64xf32, #lqc.scheme<"int3-g32">>) -> tensor<40x64xf32>
      lqc.yield %1 : tensor<40x64xf32>
    })";
  parse(text);
  // @q has two users here: it is kept for the second.
  EXPECT_EQ(value("d").floats(), value("q").floats());
  EXPECT_EQ(value("p").floats(), value("q").floats());
}

TEST_F(WeightStoreTest, ScaledChannelsStream) {
  // Rows of several blocks; a scaled matrix of codes, scaled codes of another.
  std::string text = R"(
    lqc.weight @w : tensor<9000x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
    lqc.weight @c : tensor<64xf32> = #lqc.random<seed = 2, std = 1.0 : f64>
    lqc.weight @r : tensor<9000xf32> = #lqc.random<seed = 3, std = 1.0 : f64>
    lqc.weight @scaled : tensor<9000x64xf32> {
      %0 = lqc.get_weight @w : tensor<9000x64xbf16>
      %1 = lqc.get_weight @c : tensor<64xf32>
      %2 = lqc.scale_channels %0, %1 axis 1 : (tensor<9000x64xbf16>, tensor<64xf32>) -> tensor<9000x64xf32>
      lqc.yield %2 : tensor<9000x64xf32>
    }
    lqc.weight @codes : tensor<9000x64xf32, #lqc.scheme<"int4-g32">> {
      %0 = lqc.get_weight @scaled : tensor<9000x64xf32>
      %1 = lqc.quantize %0 : (tensor<9000x64xf32>) -> tensor<9000x64xf32, #lqc.scheme<"int4-g32">>
      %2 = lqc.get_weight @r : tensor<9000xf32>
      %3 = lqc.scale_channels %1, %2 axis 0 : (tensor<9000x64xf32, #lqc.scheme<"int4-g32">>, tensor<9000xf32>) -> tensor<9000x64xf32, #lqc.scheme<"int4-g32">>
      lqc.yield %3 : tensor<9000x64xf32, #lqc.scheme<"int4-g32">>
    })";
  parse(text, "", 2);
  Floats w = value("w").floats(), c = value("c").floats();
  Floats r = value("r").floats();
  for (size_t i = 0; i < w.size(); ++i)
    w[i] *= c[i % 64];
  EXPECT_TRUE(value("scaled").floats() == w);
  QuantizedTensor codes =
      valueOf(quantize(w, 9000, 64, *parseScheme("int4-g32")));
  expectSuccess(scaleRows(codes, r));
  EXPECT_TRUE(streamed("codes") == serialize(codes));
  parse(text, "", 1);
  EXPECT_TRUE(streamed("codes") == serialize(codes));
}

TEST_F(WeightStoreTest, SelfReferenceIsAnError) {
  parse(R"(
    lqc.weight @a : tensor<2xf32> {
      %0 = lqc.get_weight @b : tensor<2xf32>
      lqc.yield %0 : tensor<2xf32>
    }
    lqc.weight @b : tensor<2xf32> {
      %0 = lqc.get_weight @a : tensor<2xf32>
      lqc.yield %0 : tensor<2xf32>
    })");
  EXPECT_EQ(messageOf(store->get(weight("a"))),
            "weight @a: its initializer must not depend on itself");
}

//===----------------------------------------------------------------------===//
// Numbers that cannot be used
//===----------------------------------------------------------------------===//

TEST_F(WeightStoreTest, NanIsAnError) {
  parse(R"(
    lqc.weight @w : tensor<2x2xf32> = dense<[[1.0, 2.0], [0x7FC00000, 4.0]]> : tensor<2x2xf32>
    lqc.weight @v : tensor<3xbf16> = dense<[1.0, 0xFF80, 4.0]> : tensor<3xbf16>)");
  EXPECT_EQ(streamError("w"), "weight @w: element [1, 0] is nan");
  EXPECT_EQ(streamError("v"), "weight @v: element [1] is minus infinite");
}

/// A matrix of 9000 x 32 zeros but for one element, as a program; rounding it
/// fails in a later block.
static std::string oneElementText(const std::string &element) {
  return R"(
    lqc.weight @w : tensor<9000x32xf32> {
      %0 = arith.constant dense<0.0> : tensor<9000x32xf32>
      %1 = arith.constant dense<)" +
         element + R"(> : tensor<1x1xf32>
      %2 = tensor.insert_slice %1 into %0[8999, 3] [1, 1] [1, 1] : tensor<1x1xf32> into tensor<9000x32xf32>
      lqc.yield %2 : tensor<9000x32xf32>
    }
    lqc.weight @q : tensor<9000x32xf32, #lqc.scheme<"int4-g32">> {
      %0 = lqc.get_weight @w : tensor<9000x32xf32>
      %1 = lqc.quantize %0 : (tensor<9000x32xf32>) -> tensor<9000x32xf32, #lqc.scheme<"int4-g32">>
      lqc.yield %1 : tensor<9000x32xf32, #lqc.scheme<"int4-g32">>
    })";
}

TEST_F(WeightStoreTest, QuantizationErrorsNameTheWeightAndTheElement) {
  parse(oneElementText("0x7F800000"));
  EXPECT_EQ(streamError("q"), "weight @w: element [8999, 3] is infinite");
  parse(oneElementText("8.0e+5"));
  EXPECT_EQ(streamError("q"),
            "weight @w: scale of row 8999, group 0 overflows fp16: -100000");
}

TEST_F(WeightStoreTest, UnknownOpsAreErrors) {
  parse(R"(lqc.weight @a : tensor<2xf32> {
      %0 = arith.constant dense<1.0> : tensor<2xf32>
      %1 = scf.execute_region -> tensor<2xf32> {
        scf.yield %0 : tensor<2xf32>
      }
      lqc.yield %1 : tensor<2xf32>
    })");
  EXPECT_EQ(streamError("a"),
            "weight @a: test.mlir:3:12: the interpreter does not know "
            "scf.execute_region; what it knows is listed in "
            "lib/Interpreter/Operations.md");
}

TEST_F(WeightStoreTest, ErrorsOfTheSinkEndTheStream) {
  parse("lqc.weight @a : tensor<2xf32> = dense<1.0> : tensor<2xf32>");
  EXPECT_EQ(messageOf(store->stream(weight("a"),
                                    [](llvm::ArrayRef<char>) {
                                      return llvm::createStringError("full");
                                    })),
            "full");
}

TEST_F(WeightStoreTest, EndlessChainsAreAnError) {
  std::string text =
      "lqc.weight @w0 : tensor<2xf32> = dense<1.0> : tensor<2xf32>\n";
  for (int i = 1; i < 1000; ++i)
    text += "lqc.weight @w" + std::to_string(i) +
            " : tensor<2xf32> { %0 = lqc.get_weight @w" +
            std::to_string(i - 1) +
            " : tensor<2xf32> lqc.yield %0 : tensor<2xf32> }\n";
  parse(text);
  EXPECT_EQ(value("w400").floats(), (Floats{1, 1}));
  store->clear();
  EXPECT_EQ(streamError("w999"),
            "weight @w499: initializers must not be nested over 500 deep");
}
