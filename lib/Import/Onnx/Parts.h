//===- Parts.h - what operators of several families share -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX Runtime's operators are fused ones of ONNX. They are built of the same
// parts, so that raising finds in both the same norms, linears and attentions.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_PARTS_H
#define LQC_LIB_IMPORT_ONNX_PARTS_H

#include "lib/Import/Onnx/NodeBuilder.h"

#include <functional>

namespace lqc {

//===----------------------------------------------------------------------===//
// Activations and norms
//===----------------------------------------------------------------------===//

/// x/2 (1 + erf(x / sqrt 2)), or with a tanh of a cubic in its place, written
/// out as exporters do.
Tensor gelu(NodeBuilder &n, const Tensor &a, bool isTanh);
/// x / (1 + exp(-alpha x))
Tensor swish(NodeBuilder &n, const Tensor &a, double alpha);

using ActivationFunction =
    std::function<mlir::Value(const Arith &, mlir::Value)>;
/// One of the activations that recurrent operators name ("Relu", in any case),
/// with its alpha and beta if they are given.
ActivationFunction activationFunction(NodeBuilder &n, llvm::StringRef name,
                                      std::optional<double> alpha,
                                      std::optional<double> beta);

/// Tensors that are left out are not added, or not given.
struct LayerNormResult {
  Tensor result, mean, inverse;
};
/// (a - mean) / sqrt(variance + epsilon) * gain + bias over the dimensions from
/// `axis` on, the quotient in float32 (or double) whatever the input.
LayerNormResult layerNorm(NodeBuilder &n, const Tensor &a, int64_t axis,
                          double epsilon, const Tensor &gain,
                          const Tensor &bias);
/// a / sqrt(mean of squares + epsilon) * gain, likewise.
Tensor rmsNorm(NodeBuilder &n, const Tensor &a, int64_t axis, double epsilon,
               const Tensor &gain);

//===----------------------------------------------------------------------===//
// Products and rows
//===----------------------------------------------------------------------===//

/// Gemm of the node: alpha A' B' + beta C.
Tensor gemm(NodeBuilder &n);
/// Conv of the node, with its bias.
Tensor convolution(NodeBuilder &n);
/// AveragePool of the node, of `a`.
Tensor averagePool(NodeBuilder &n, const Tensor &a);
/// Rows of a table (rows, columns) at checked int64 indices.
Tensor lookUpRows(NodeBuilder &n, const Tensor &table, const Tensor &indices);

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// (batch, heads, tokens, size) of (batch, tokens, heads * size), and back.
Tensor splitHeads(NodeBuilder &n, const Tensor &a, int64_t heads);
Tensor joinHeads(NodeBuilder &n, const Tensor &a);

/// Cosines and sines of the tokens' angles, (batch, tokens, pairs) each.
struct RotaryAngles {
  Tensor cosines, sines;
};
/// The rows of tables (positions, pairs) at `places` (batch, tokens), int64 and
/// checked. Tables that are stored and hold cosines and sines of position times
/// frequency are computed: so a decoder is recognised, and no table is kept.
RotaryAngles lookUpAngles(NodeBuilder &n, const Tensor &cosines,
                          const Tensor &sines, const Tensor &places);
/// Turns pairs of numbers of each head of `a` (batch, heads, tokens, size): the
/// two halves of the first 2 * pairs, or neighbours.
Tensor rotate(NodeBuilder &n, const Tensor &a, const RotaryAngles &angles,
              bool isInterleaved);

/// Bools (queries, keys): whether a query, which follows `past` keys, sees a
/// key: not one behind it, and only the last `window` ones if that is not
/// negative.
Tensor causalMask(NodeBuilder &n, Size queries, Size keys, Size past,
                  int64_t window);
/// Scores where the mask is true, minus infinity elsewhere.
Tensor hide(NodeBuilder &n, const Tensor &mask, const Tensor &scores);
/// cap * tanh(scores / cap); the scores themselves if the cap is 0.
Tensor capped(NodeBuilder &n, const Tensor &scores, double cap);
/// scale * q k^T; heads of k are shared by groups of those of q.
Tensor attentionScores(NodeBuilder &n, const Tensor &q, const Tensor &k,
                       double scale);
/// weights v, with shared heads of v likewise.
Tensor mixValues(NodeBuilder &n, const Tensor &weights, const Tensor &v);

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

/// Real numbers as (code - zero) * scale, with one scale and zero point for all
/// or one for each place along `axis`. The zero point may be left out.
struct CodedReals {
  Tensor codes, scale, zero;
  std::optional<int64_t> axis;
};
/// Whether these are float32 numbers of codes of 8 bits with one scale.
bool haveOneScale(const Tensor &tensor);
/// Whether both are float32 numbers of codes of 8 bits, `a` with one scale, `b`
/// with one or with one along `axis`: the integer kernels' case.
bool areCodes(const Tensor &a, const Tensor &b, int64_t axis);

/// Real numbers as exact int32 sums of products of codes, times a scale that
/// goes with them: one for all, or one for each channel. As ONNX Runtime does,
/// rounding multiplies the sums once, by the quotient of both scales.
struct ScaledSums {
  Tensor sums, scale;
  bool isRectified = false; ///< 0 in place of what is negative
};
/// sums * scale.
Tensor realsOfSums(NodeBuilder &n, const Tensor &sums, const Tensor &scale);
/// round(sums * (their scale / scale)) + zero, half to even and saturating.
Tensor codesOfSums(NodeBuilder &n, const ScaledSums &sums, const Tensor &scale,
                   const Tensor &zero);
/// What is to be added to the sums of products of `a` and `b`: int32 codes of
/// `bias` if they count in the same unit; else left out.
Tensor biasOfSums(NodeBuilder &n, const Tensor &bias, const CodedReals &a,
                  const CodedReals &b);

/// (code - zero) * scale; the zero point may be left out. Scale and zero point
/// are stretched to the codes.
Tensor realsOfCodes(NodeBuilder &n, const Tensor &codes, const Tensor &scale,
                    const Tensor &zero);
/// round(x / scale) + zero, half to even and saturating.
Tensor codesOfReals(NodeBuilder &n, const Tensor &real, const Tensor &scale,
                    const Tensor &zero);
/// A float32 tensor as uint8 with one scale and zero point, chosen by its range
/// (DynamicQuantizeLinear).
struct DynamicCodes {
  Tensor codes, scale, zero;
};
DynamicCodes quantizeDynamically(NodeBuilder &n, const Tensor &a);
/// x - zero point as int32. A vector of zero points has one for each row or
/// each column.
Tensor centeredCodes(NodeBuilder &n, const Tensor &x, const Tensor &zero,
                     bool isRows);
/// A scale of a product's rows or columns, as float32.
Tensor productScale(NodeBuilder &n, const Tensor &scale, bool isRows);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_PARTS_H
