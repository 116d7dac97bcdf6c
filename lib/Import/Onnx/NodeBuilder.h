//===- NodeBuilder.h - what builders of ONNX operators use ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A builder turns one node into operations. It is a function that reads like
// the formula in the specification:
//
//   void buildMatMulInteger(NodeBuilder &n) {
//     Tensor a = n.sub(n.cast(n.input(0), OnnxType::Int32), …);
//     …
//     n.set(0, n.matmul(a, b));
//   }
//
// Errors are sticky: the first one is kept, every function goes on with some
// tensor that is valid, and the importer throws away what was built. So a
// builder checks with failed() only before it indexes by what it has read.
// Functions here check everything that MLIR would assert on.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_NODEBUILDER_H
#define LQC_LIB_IMPORT_ONNX_NODEBUILDER_H

#include "lib/Import/Onnx/Arith.h"
#include "lib/Import/Onnx/SizeMath.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/FormatVariadic.h"

#include <memory>

namespace onnx {
class AttributeProto;
class GraphProto;
class NodeProto;
class TensorProto;
} // namespace onnx

namespace lqc {

class GraphImporter;
struct CodedReals;
struct ScaledSums;

/// A value of the graph. Its size may be unknown now, its rank never is.
struct Tensor {
  OnnxType element = OnnxType::Undefined; ///< Undefined: left out
  Sizes dims;
  /// Null for a small integer tensor that nobody has wanted as a tensor yet.
  mlir::Value value;
  /// Of small integer and bool tensors, where they are computed from sizes and
  /// constants: the elements, row-major.
  std::optional<Sizes> elements;
  /// Of weights: the stored tensor that `value` is made of when it is asked
  /// for.
  const onnx::TensorProto *stored = nullptr;
  /// Of what DequantizeLinear gives: what it was given. Products of such
  /// tensors are products of their codes.
  std::shared_ptr<const CodedReals> codes;
  /// Of what such a product gives: what QuantizeLinear rounds at once.
  std::shared_ptr<const ScaledSums> sums;

  int64_t rank() const { return int64_t(dims.size()); }
  explicit operator bool() const { return element != OnnxType::Undefined; }
};

/// Elements of a tensor that are followed one by one.
inline constexpr int64_t kMaxFoldedElements = 256;

class NodeBuilder {
public:
  using Value = mlir::Value;
  /// The body of an elementwise operation.
  using ScalarFunction =
      llvm::function_ref<Value(const Arith &, llvm::ArrayRef<Value>)>;

  NodeBuilder(GraphImporter &importer, const onnx::NodeProto &node,
              llvm::ArrayRef<Tensor> inputs, int64_t version);

  //===--------------------------------------------------------------------===//
  // The node
  //===--------------------------------------------------------------------===//

  /// Of the operator set that the node's domain is imported with.
  int64_t version() const { return opset; }
  llvm::StringRef op() const;
  unsigned inputCount() const { return inputs.size(); }
  unsigned outputCount() const;
  bool has(unsigned input) const {
    return input < inputs.size() && bool(inputs[input]);
  }
  /// Whether somebody wants this output.
  bool wants(unsigned output) const;

  /// Keeps the first error: "rule, got: value".
  template <typename... Ts> void fail(const char *format, Ts &&...values) {
    keep(llvm::formatv(format, std::forward<Ts>(values)...).str());
  }
  /// Keeps an error of a node inside this one's subgraph.
  void failInside(llvm::Error error);
  bool failed() const { return !message.empty(); }
  llvm::StringRef error() const { return message; }
  /// The error is a whole line already.
  bool isInsideError() const { return isInside; }

  //===--------------------------------------------------------------------===//
  // Attributes: of another type than asked for, they are an error
  //===--------------------------------------------------------------------===//

  bool hasAttribute(llvm::StringRef name) const;
  int64_t integer(llvm::StringRef name, int64_t otherwise);
  double real(llvm::StringRef name, double otherwise);
  std::string text(llvm::StringRef name, llvm::StringRef otherwise);
  llvm::SmallVector<int64_t> integers(llvm::StringRef name,
                                      llvm::ArrayRef<int64_t> otherwise = {});
  llvm::SmallVector<double> reals(llvm::StringRef name);
  llvm::SmallVector<std::string> texts(llvm::StringRef name);
  /// An attribute that must be there.
  int64_t requiredInteger(llvm::StringRef name);
  const onnx::GraphProto *graph(llvm::StringRef name);
  const onnx::TensorProto *tensor(llvm::StringRef name);
  /// One of ONNX's element types, in an integer attribute.
  OnnxType elementAttribute(llvm::StringRef name, OnnxType otherwise);

  //===--------------------------------------------------------------------===//
  // Inputs
  //===--------------------------------------------------------------------===//

  /// The input, with its value built. One that was left out, or is not there,
  /// is an error and gives a float scalar.
  Tensor input(unsigned index);
  /// The input as it is: its value may not be built.
  const Tensor &raw(unsigned index);
  /// The elements of an integer tensor of rank 0 or 1 (or any rank, row-major),
  /// read while the program runs if they are not known now. The number of them
  /// must be known.
  Sizes elements(unsigned index);
  Sizes elementsOf(const Tensor &tensor, llvm::StringRef what);
  /// The numbers, if all of them are known now.
  std::optional<llvm::SmallVector<int64_t>> knownIntegers(unsigned index);
  std::optional<llvm::SmallVector<double>> knownReals(unsigned index);
  /// The same of floats.
  std::optional<llvm::SmallVector<double>> knownReals(const Tensor &tensor);
  /// Numbers that must be known: sizes or axes that decide a rank.
  llvm::SmallVector<int64_t> requiredIntegers(unsigned index,
                                              llvm::StringRef what);
  /// `axis` counted from the front; negative ones count from the back.
  int64_t axis(int64_t axis, int64_t rank);
  /// The same for several, which must differ; in ascending order if `sorted`.
  llvm::SmallVector<int64_t> axes(llvm::ArrayRef<int64_t> axes, int64_t rank,
                                  bool sorted = true);
  /// Axes that are an attribute before opset `since` and input `index` after
  /// it.
  std::optional<llvm::SmallVector<int64_t>>
  axesArgument(int64_t since, unsigned index, llvm::StringRef name = "axes");

  /// Errors with the rule unless it holds.
  void require(bool holds, llvm::StringRef rule);
  void requireRank(const Tensor &tensor, int64_t rank, llvm::StringRef what);
  void requireFloat(const Tensor &tensor);
  /// Both of one element type.
  void requireSame(const Tensor &a, const Tensor &b);
  /// The sizes are equal: an error now if they are known and are not, else
  /// checked by the program. Gives the one that is known, if one is.
  Size requireEqual(Size a, Size b, llvm::StringRef what);
  /// The size, after the program has checked that it is not negative. What is
  /// known is checked where it becomes the size of a tensor.
  Size checkedSize(Size size, llvm::StringRef what);
  /// Ends the program with "node 'n' (Op): rule" unless the i1 holds.
  void check(Value condition, llvm::StringRef rule);

  //===--------------------------------------------------------------------===//
  // Outputs
  //===--------------------------------------------------------------------===//

  void set(unsigned output, Tensor tensor);
  llvm::MutableArrayRef<Tensor> results() { return outputs; }

  //===--------------------------------------------------------------------===//
  // Making tensors
  //===--------------------------------------------------------------------===//

  /// A value as a tensor of the graph; the type must say the same as `dims`
  /// where both know.
  Tensor make(Value value, OnnxType element, llvm::ArrayRef<Size> dims);
  Tensor make(Value value, OnnxType element);
  /// A rank-0 constant.
  Tensor scalar(double number, OnnxType element);
  Tensor integerScalar(int64_t number, OnnxType element);
  /// The same number everywhere.
  Tensor full(Value scalar, OnnxType element, llvm::ArrayRef<Size> dims);
  Tensor zeros(OnnxType element, llvm::ArrayRef<Size> dims);
  /// A rank-0 or rank-1 integer tensor of elements.
  Tensor fromElements(llvm::ArrayRef<Size> elements, OnnxType element,
                      bool isScalar = false);
  /// Memory whose contents do not matter.
  Value empty(OnnxType element, llvm::ArrayRef<Size> dims);
  /// The tensor with its value built.
  Tensor built(const Tensor &tensor);
  /// What a rank-0 tensor holds.
  Value extract(const Tensor &tensor);
  /// A rank-0 tensor of a scalar.
  Tensor rank0(Value scalar, OnnxType element);

  //===--------------------------------------------------------------------===//
  // Shapes
  //===--------------------------------------------------------------------===//

  /// The shape that both can be stretched to (ONNX's multidirectional
  /// broadcasting).
  Sizes broadcastDims(llvm::ArrayRef<Tensor> tensors);
  Tensor broadcast(const Tensor &tensor, llvm::ArrayRef<Size> dims);
  /// `dims` must hold as many elements; the program checks what is not known.
  Tensor reshape(const Tensor &tensor, llvm::ArrayRef<Size> dims);
  Tensor transpose(const Tensor &tensor, llvm::ArrayRef<int64_t> permutation);
  /// Adds dimensions of size 1 at these places of the result.
  Tensor unsqueeze(const Tensor &tensor, llvm::ArrayRef<int64_t> axes);
  /// Drops dimensions of size 1.
  Tensor squeeze(const Tensor &tensor, llvm::ArrayRef<int64_t> axes);
  /// Makes the last dimensions those of `axis` and so on: the dimensions before
  /// `axis` as one, and those from it as one.
  Tensor flatten(const Tensor &tensor, int64_t axis);
  /// Offsets and sizes must lie inside.
  Tensor slice(const Tensor &tensor, llvm::ArrayRef<Size> offsets,
               llvm::ArrayRef<Size> sizes, llvm::ArrayRef<Size> strides = {});
  Tensor sliceAxis(const Tensor &tensor, int64_t axis, Size offset, Size size);
  /// `part` written over `tensor` at `offsets`.
  Tensor insert(const Tensor &part, const Tensor &tensor,
                llvm::ArrayRef<Size> offsets);
  Tensor concat(llvm::ArrayRef<Tensor> tensors, int64_t axis);
  /// With `value` (a rank-0 tensor) around it; no negative padding.
  Tensor pad(const Tensor &tensor, llvm::ArrayRef<Size> low,
             llvm::ArrayRef<Size> high, const Tensor &value);

  //===--------------------------------------------------------------------===//
  // Arithmetic
  //===--------------------------------------------------------------------===//

  /// Stretches the operands to one shape and applies `body` to whole tensors.
  /// The operands are of `kind` or Undefined for the first one's; `select`'s
  /// condition is why they may differ.
  Tensor elementwise(llvm::ArrayRef<Tensor> operands, OnnxType result,
                     ScalarFunction body);
  /// The same as one linalg.generic with a body of scalars.
  Tensor map(llvm::ArrayRef<Tensor> operands, OnnxType result,
             ScalarFunction body);
  /// A tensor whose element at some indices (of type index) is what `body`
  /// computes of them.
  Tensor compute(llvm::ArrayRef<Size> dims, OnnxType element,
                 ScalarFunction body);
  /// The element at these indices, for bodies.
  Value load(const Arith &a, const Tensor &tensor,
             llvm::ArrayRef<Value> indices);
  /// Folds the dimensions `axes` (ascending) with `body(accumulator, element)`
  /// beginning with `init`. They are dropped, or kept with size 1.
  Tensor reduce(const Tensor &tensor, llvm::ArrayRef<int64_t> axes, bool keep,
                llvm::function_ref<Value(const Arith &)> init,
                ScalarFunction body);
  Tensor sum(const Tensor &tensor, llvm::ArrayRef<int64_t> axes, bool keep);
  Tensor max(const Tensor &tensor, llvm::ArrayRef<int64_t> axes, bool keep);
  Tensor mean(const Tensor &tensor, llvm::ArrayRef<int64_t> axes, bool keep);
  /// Sum of products: `a` and `b` indexed by maps of one iteration space, whose
  /// dimensions that the result lacks are summed over. For any product.
  Tensor contract(const Tensor &a, mlir::AffineMap mapA, const Tensor &b,
                  mlir::AffineMap mapB, llvm::ArrayRef<Size> dims,
                  mlir::AffineMap mapResult, OnnxType element);

  Tensor add(const Tensor &a, const Tensor &b);
  Tensor sub(const Tensor &a, const Tensor &b);
  Tensor mul(const Tensor &a, const Tensor &b);
  Tensor div(const Tensor &a, const Tensor &b);
  Tensor cast(const Tensor &tensor, OnnxType element);
  /// Like numpy.matmul: batches are stretched, vectors are rows and columns.
  Tensor matmul(const Tensor &a, const Tensor &b);
  Tensor softmax(const Tensor &tensor, int64_t axis);

  //===--------------------------------------------------------------------===//
  // Loops, one iteration after the other
  //===--------------------------------------------------------------------===//

  /// Goes through the indices of a shape in row-major order. `body` gets the
  /// indices and the carried values and gives their next values.
  llvm::SmallVector<Value>
  loops(llvm::ArrayRef<Size> dims, llvm::ArrayRef<Value> carried,
        llvm::function_ref<llvm::SmallVector<Value>(llvm::ArrayRef<Value>,
                                                    llvm::ArrayRef<Value>)>
            body);

  /// What `body` gives if the i1 holds, else the values given; an scf.if.
  llvm::SmallVector<Value>
  branch(Value condition, llvm::ArrayRef<Value> otherwise,
         llvm::function_ref<llvm::SmallVector<Value>()> body);

  //===--------------------------------------------------------------------===//
  // Indices
  //===--------------------------------------------------------------------===//

  /// Ends the program unless all elements of an integer tensor are from -size
  /// to size - 1; gives them as int64.
  Tensor checkedIndices(const Tensor &indices, Size size);
  /// For bodies: an element of checked indices as index, negative ones counted
  /// from the end.
  Value normalized(const Arith &a, Value index, Value size);

  //===--------------------------------------------------------------------===//
  // The rest
  //===--------------------------------------------------------------------===//

  mlir::OpBuilder &builder();
  mlir::Location loc() const;
  SizeMath &sizes();
  GraphImporter &graphImporter() { return importer; }
  const onnx::NodeProto &node() const { return proto; }
  Arith scalars(OnnxType kind);

private:
  void keep(std::string text);
  const onnx::AttributeProto *find(llvm::StringRef name, int type);
  Value castTo(Value value, mlir::RankedTensorType type);
  mlir::RankedTensorType typeOf(OnnxType element, llvm::ArrayRef<Size> dims);
  Tensor expandGroups(const Tensor &tensor, llvm::ArrayRef<Size> dims);

  GraphImporter &importer;
  const onnx::NodeProto &proto;
  llvm::SmallVector<Tensor> inputs;
  llvm::SmallVector<Tensor> outputs;
  int64_t opset;
  std::string message;
  bool isInside = false;
};

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_NODEBUILDER_H
