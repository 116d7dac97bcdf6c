//===- LowerGraph.cpp - a graph meets the runtime -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Constants.h"
#include "passes/Lower/CPU/Graph.h"
#include "passes/Lower/CPU/Passes.h"

#include "lqc/Runtime/Graph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstddef>

namespace lqc {
#define GEN_PASS_DEF_LOWERGRAPHPASS
#include "passes/Lower/CPU/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

namespace {
struct LowerGraphPass : lqc::impl::LowerGraphPassBase<LowerGraphPass> {
  void runOnOperation() override;
};
} // namespace

static Type pointerType(MLIRContext *context) {
  return LLVM::LLVMPointerType::get(context);
}

static Type voidType(MLIRContext *context) {
  return LLVM::LLVMVoidType::get(context);
}

static Value constantI64(ImplicitLocOpBuilder &b, int64_t value) {
  return LLVM::ConstantOp::create(b, b.getI64Type(),
                                  b.getI64IntegerAttr(value));
}

/// The place `index` words behind `base`.
static Value wordAt(ImplicitLocOpBuilder &b, Value base, int64_t index) {
  return LLVM::GEPOp::create(
      b, base.getType(), b.getI64Type(), base,
      ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(int32_t(index))});
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static int64_t bytesOf(Type element) {
  if (element.isIndex())
    return 8;
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

static void lowerAlloc(memref::AllocOp alloc, ModuleOp module) {
  ImplicitLocOpBuilder b(alloc.getLoc(), alloc);
  Type pointer = pointerType(b.getContext());
  Type i64 = b.getI64Type();
  MemRefType type = alloc.getType();
  Value dims = stackWords(alloc, type.getRank());
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    Value size = constantI64(b, type.getDimSize(i));
    if (type.isDynamicDim(i)) {
      size = toI64(b, alloc.getDynamicSizes()[sizes.size()]);
      sizes.push_back(size);
    }
    LLVM::StoreOp::create(b, size, wordAt(b, dims, i));
  }
  Value memory = loadField(b, callContext(alloc),
                           offsetof(lqc_graph_call, memory), pointer);
  LLVM::LLVMFuncOp function = runtimeFunction(
      module, "lqc_graph_alloc", pointer, {pointer, i64, i64, pointer});
  Value data =
      LLVM::CallOp::create(
          b, function,
          ValueRange{memory, constantI64(b, bytesOf(type.getElementType())),
                     constantI64(b, type.getRank()), dims})
          .getResult();
  alloc.replaceAllUsesWith(buildContiguous(b, type, data, sizes));
  alloc.erase();
}

static void lowerDealloc(memref::DeallocOp dealloc, ModuleOp module) {
  ImplicitLocOpBuilder b(dealloc.getLoc(), dealloc);
  Type pointer = pointerType(b.getContext());
  Value memory = loadField(b, callContext(dealloc),
                           offsetof(lqc_graph_call, memory), pointer);
  LLVM::CallOp::create(
      b,
      runtimeFunction(module, "lqc_graph_free", voidType(b.getContext()),
                      {pointer, pointer}),
      ValueRange{memory, alignedPointer(b, dealloc.getMemref())});
  dealloc.erase();
}

/// A weight lies in the payload.
static void lowerWeight(memref::GetGlobalOp get, ModuleOp module) {
  memref::GlobalOp global =
      module.lookupSymbol<memref::GlobalOp>(get.getName());
  IntegerAttr offset = global->getAttrOfType<IntegerAttr>(kOffsetAttrName);
  if (!offset)
    return;
  ImplicitLocOpBuilder b(get.getLoc(), get);
  Value weights =
      loadField(b, callContext(get), offsetof(lqc_graph_call, weights),
                pointerType(b.getContext()));
  Value data = LLVM::GEPOp::create(
      b, weights.getType(), b.getI8Type(), weights,
      ArrayRef<LLVM::GEPArg>{constantI64(b, offset.getInt())});
  get.replaceAllUsesWith(buildContiguous(b, get.getType(), data, {}));
  get.erase();
}

/// A view of row-major elements in another shape. Upstream's lowering knows one
/// dynamic size for each dimension that is taken apart, and reshapes have more.
static void lowerExpand(memref::ExpandShapeOp expand) {
  if (!expand.getSrcType().getLayout().isIdentity())
    return;
  ImplicitLocOpBuilder b(expand.getLoc(), expand);
  SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
  SmallVector<OpFoldResult> strides(sizes.size());
  OpFoldResult stride = b.getIndexAttr(1);
  auto valueOf = [&](OpFoldResult number) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), number);
  };
  for (size_t i = sizes.size(); i-- > 0;) {
    strides[i] = stride;
    std::optional<int64_t> size = getConstantIntValue(sizes[i]);
    std::optional<int64_t> known = getConstantIntValue(stride);
    // As the type has it: static up to the first dynamic size.
    if (size && known && !expand.getResultType().isDynamicDim(i))
      stride = b.getIndexAttr(*size * *known);
    else
      stride = arith::MulIOp::create(b, valueOf(sizes[i]), valueOf(stride))
                   .getResult();
  }
  memref::ReinterpretCastOp view = memref::ReinterpretCastOp::create(
      b, expand.getResultType(), expand.getSrc(),
      OpFoldResult(b.getIndexAttr(0)), sizes, strides);
  expand.replaceAllUsesWith(view.getResult());
  expand.erase();
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

static void lowerAssert(cf::AssertOp assertion, ModuleOp module,
                        llvm::StringMap<std::string> &texts) {
  ImplicitLocOpBuilder b(assertion.getLoc(), assertion);
  std::string &symbol = texts[assertion.getMsg()];
  if (symbol.empty()) {
    symbol = "lqc_message_" + std::to_string(texts.size());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(module.getBody());
    createText(b, symbol, assertion.getMsg());
  }
  Value one = arith::ConstantOp::create(b, b.getBoolAttr(true));
  Value fails = arith::XOrIOp::create(b, assertion.getArg(), one);
  scf::IfOp branch = scf::IfOp::create(b, fails, /*withElseRegion=*/false);
  b.setInsertionPointToStart(branch.thenBlock());
  Type pointer = pointerType(b.getContext());
  LLVM::CallOp::create(
      b,
      runtimeFunction(module, "lqc_graph_fail", voidType(b.getContext()),
                      pointer),
      ValueRange{LLVM::AddressOfOp::create(b, pointer, symbol)});
  assertion.erase();
}

//===----------------------------------------------------------------------===//
// The entry
//===----------------------------------------------------------------------===//

/// The tensor at `index` of a list of lqc_graph_tensor as a memref.
static Value takeInput(ImplicitLocOpBuilder &b, Value tensors, unsigned index,
                       MemRefType type) {
  int64_t at = index * sizeof(lqc_graph_tensor);
  Value data = loadField(b, tensors, at + offsetof(lqc_graph_tensor, data),
                         tensors.getType());
  Value dims = loadField(b, tensors, at + offsetof(lqc_graph_tensor, dims),
                         tensors.getType());
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(loadField(b, dims, 8 * i, b.getI64Type()));
  return buildContiguous(b, type, data, sizes);
}

static void giveOutput(ImplicitLocOpBuilder &b, Value tensors, unsigned index,
                       Value result) {
  int64_t at = index * sizeof(lqc_graph_tensor);
  Value place =
      LLVM::GEPOp::create(b, tensors.getType(), b.getI8Type(), tensors,
                          ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(
                              int32_t(at + offsetof(lqc_graph_tensor, data)))});
  LLVM::StoreOp::create(b, alignedPointer(b, result), place);
  Value dims = loadField(b, tensors, at + offsetof(lqc_graph_tensor, dims),
                         tensors.getType());
  for (int64_t i = 0, rank = cast<MemRefType>(result.getType()).getRank();
       i < rank; ++i) {
    Value number = arith::ConstantIndexOp::create(b, i);
    Value size = toI64(b, memref::DimOp::create(b, result, number));
    LLVM::StoreOp::create(b, size, wordAt(b, dims, i));
  }
}

/// `void lqc_run(const lqc_graph_call *)` around @main.
static void createEntry(ModuleOp module, func::FuncOp main) {
  ImplicitLocOpBuilder b(main.getLoc(), main.getContext());
  b.setInsertionPointToEnd(module.getBody());
  Type pointer = pointerType(b.getContext());
  func::FuncOp entry = func::FuncOp::create(
      b, "lqc_run", FunctionType::get(b.getContext(), {pointer}, {}));
  b.setInsertionPointToStart(entry.addEntryBlock());
  Value context = entry.getArgument(0);
  Value inputs =
      loadField(b, context, offsetof(lqc_graph_call, inputs), pointer);
  Value outputs =
      loadField(b, context, offsetof(lqc_graph_call, outputs), pointer);
  SmallVector<Value> arguments = {context};
  for (auto [i, type] : llvm::enumerate(main.getArgumentTypes().drop_front()))
    arguments.push_back(takeInput(b, inputs, i, cast<MemRefType>(type)));
  func::CallOp call = func::CallOp::create(b, main, arguments);
  for (auto [i, result] : llvm::enumerate(call.getResults()))
    giveOutput(b, outputs, i, result);
  func::ReturnOp::create(b);
}

//===----------------------------------------------------------------------===//
// lqc_graph
//===----------------------------------------------------------------------===//

namespace {
struct Element {
  int64_t number; ///< lqc_element; 0: executables do not take the type
  StringRef name;
};
} // namespace

static Element floatElement(Type type) {
  return llvm::TypeSwitch<Type, Element>(type)
      .Case<Float32Type>([](Type) { return Element{LQC_FLOAT32, "float32"}; })
      .Case<Float64Type>([](Type) { return Element{LQC_FLOAT64, "float64"}; })
      .Case<Float16Type>([](Type) { return Element{LQC_FLOAT16, "float16"}; })
      .Case<BFloat16Type>(
          [](Type) { return Element{LQC_BFLOAT16, "bfloat16"}; })
      .Case<Float8E4M3FNType>(
          [](Type) { return Element{LQC_FLOAT8_E4M3FN, "float8_e4m3fn"}; })
      .Case<Float8E4M3FNUZType>(
          [](Type) { return Element{LQC_FLOAT8_E4M3FNUZ, "float8_e4m3fnuz"}; })
      .Case<Float8E5M2Type>(
          [](Type) { return Element{LQC_FLOAT8_E5M2, "float8_e5m2"}; })
      .Case<Float8E5M2FNUZType>(
          [](Type) { return Element{LQC_FLOAT8_E5M2FNUZ, "float8_e5m2fnuz"}; })
      .Default([](Type) { return Element{0, ""}; });
}

/// `attributes`: of the argument or result, or null.
static Element elementOf(Type type, DictionaryAttr attributes) {
  bool isUnsigned = attributes && attributes.contains(kElementAttrName);
  if (!type.isSignlessInteger())
    return floatElement(type);
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return {LQC_BOOL, "bool"};
  case 8:
    return isUnsigned ? Element{LQC_UINT8, "uint8"} : Element{LQC_INT8, "int8"};
  case 16:
    return isUnsigned ? Element{LQC_UINT16, "uint16"}
                      : Element{LQC_INT16, "int16"};
  case 32:
    return isUnsigned ? Element{LQC_UINT32, "uint32"}
                      : Element{LQC_INT32, "int32"};
  case 64:
    return isUnsigned ? Element{LQC_UINT64, "uint64"}
                      : Element{LQC_INT64, "int64"};
  default:
    return {0, ""};
  }
}

namespace {
/// An input or output, as the user sees it.
struct GraphValue {
  std::string name;
  Element element;
  SmallVector<int64_t> dims;
  SmallVector<std::string> dimNames;
};
} // namespace

/// Inputs or outputs of @main. `kind`: the name of those without one.
static FailureOr<SmallVector<GraphValue>> valuesOf(func::FuncOp main,
                                                   ArrayRef<Type> types,
                                                   ArrayRef<Attribute> attrs,
                                                   StringRef kind) {
  SmallVector<GraphValue> values;
  for (auto [i, type] : llvm::enumerate(types)) {
    MemRefType memref = cast<MemRefType>(type);
    DictionaryAttr attributes =
        attrs.empty() ? DictionaryAttr() : cast<DictionaryAttr>(attrs[i]);
    GraphValue value;
    value.element = elementOf(memref.getElementType(), attributes);
    if (!value.element.number)
      return main.emitOpError("has an input or output of a type that "
                              "executables do not take: ")
             << memref.getElementType();
    StringAttr name =
        attributes ? attributes.getAs<StringAttr>(kNameAttrName) : StringAttr();
    value.name = name ? name.str() : (kind + Twine(i)).str();
    ArrayAttr dimNames =
        attributes ? attributes.getAs<ArrayAttr>(kDimsAttrName) : ArrayAttr();
    for (int64_t d = 0; d < memref.getRank(); ++d) {
      value.dims.push_back(memref.isDynamicDim(d) ? -1 : memref.getDimSize(d));
      value.dimNames.push_back(dimNames ? cast<StringAttr>(dimNames[d]).str()
                                        : "");
    }
    values.push_back(value);
  }
  return values;
}

/// The list of one side of lqc.graph_values.
static ArrayAttr describe(Builder &b, ArrayRef<GraphValue> values) {
  SmallVector<Attribute> list;
  for (const GraphValue &value : values) {
    SmallVector<Attribute> dims;
    for (auto [size, name] : llvm::zip_equal(value.dims, value.dimNames))
      dims.push_back(size >= 0 ? Attribute(b.getI64IntegerAttr(size))
                               : b.getStringAttr(name.empty() ? "?" : name));
    list.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("name", b.getStringAttr(value.name)),
         b.getNamedAttr("type", b.getStringAttr(value.element.name)),
         b.getNamedAttr("dims", b.getArrayAttr(dims))}));
  }
  return b.getArrayAttr(list);
}

namespace {
/// Writes the constant lqc_graph.
class GraphConstant {
public:
  GraphConstant(ModuleOp module, func::FuncOp main)
      : module(module), main(main), b(main.getLoc(), main.getContext()),
        pointer(pointerType(b.getContext())) {
    b.setInsertionPointToEnd(module.getBody());
  }

  LogicalResult create();

private:
  void createList(StringRef symbol, Type element, int64_t count,
                  function_ref<Value(int64_t)> valueOf);
  void createValues(StringRef symbol, ArrayRef<GraphValue> values);
  Value addressOf(StringRef symbol) {
    return LLVM::AddressOfOp::create(b, pointer, symbol);
  }

  ModuleOp module;
  func::FuncOp main;
  ImplicitLocOpBuilder b;
  Type pointer;
};
} // namespace

/// A private constant array.
void GraphConstant::createList(StringRef symbol, Type element, int64_t count,
                               function_ref<Value(int64_t)> valueOf) {
  Type array = LLVM::LLVMArrayType::get(element, count);
  OpBuilder::InsertionGuard guard(b);
  createConstant(b, array, LLVM::Linkage::Private, symbol);
  SmallVector<Value> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(valueOf(i));
  LLVM::ReturnOp::create(b, aggregate(b, array, values));
}

/// A list of lqc_graph_value.
void GraphConstant::createValues(StringRef symbol,
                                 ArrayRef<GraphValue> values) {
  auto symbolOf = [&](int64_t i, const Twine &part) {
    return (symbol + Twine(i) + "." + part).str();
  };
  for (auto [i, value] : llvm::enumerate(values)) {
    createText(b, symbolOf(i, "name"), value.name);
    for (auto [d, name] : llvm::enumerate(value.dimNames))
      createText(b, symbolOf(i, "dim" + Twine(d)), name);
    int64_t rank = value.dims.size();
    createList(symbolOf(i, "dims"), b.getI64Type(), rank,
               [&](int64_t d) { return constantI64(b, value.dims[d]); });
    createList(symbolOf(i, "dim_names"), pointer, rank, [&](int64_t d) {
      return addressOf(symbolOf(i, "dim" + Twine(d)));
    });
  }
  Type i64 = b.getI64Type();
  Type element = LLVM::LLVMStructType::getLiteral(
      b.getContext(), {pointer, i64, i64, pointer, pointer});
  createList(symbol, element, values.size(), [&](int64_t i) {
    return aggregate(b, element,
                     {addressOf(symbolOf(i, "name")),
                      constantI64(b, values[i].element.number),
                      constantI64(b, values[i].dims.size()),
                      addressOf(symbolOf(i, "dims")),
                      addressOf(symbolOf(i, "dim_names"))});
  });
}

LogicalResult GraphConstant::create() {
  // The first argument is the call's context.
  auto attributesOf = [](ArrayAttr attributes) {
    return attributes ? attributes.getValue() : ArrayRef<Attribute>();
  };
  ArrayRef<Attribute> argumentAttributes = attributesOf(main.getAllArgAttrs());
  FailureOr<SmallVector<GraphValue>> inputs = valuesOf(
      main, main.getArgumentTypes().drop_front(),
      argumentAttributes.drop_front(!argumentAttributes.empty()), "input");
  FailureOr<SmallVector<GraphValue>> outputs =
      valuesOf(main, main.getResultTypes(),
               attributesOf(main.getAllResultAttrs()), "output");
  if (failed(inputs) || failed(outputs))
    return failure();
  module->setAttr(
      kGraphValuesAttrName,
      b.getDictionaryAttr({b.getNamedAttr("inputs", describe(b, *inputs)),
                           b.getNamedAttr("outputs", describe(b, *outputs))}));
  createValues("lqc_inputs", *inputs);
  createValues("lqc_outputs", *outputs);
  TargetAttr target = module->getAttrOfType<TargetAttr>(kTargetAttrName);
  createText(b, "lqc_features", featureList(target));
  IntegerAttr weights =
      module->getAttrOfType<IntegerAttr>(kWeightsBytesAttrName);
  Type i64 = b.getI64Type();
  Type type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), {i64, i64, pointer, i64, pointer, i64, pointer, pointer});
  createConstant(b, type, LLVM::Linkage::External, "lqc_graph");
  func::FuncOp run = module.lookupSymbol<func::FuncOp>("lqc_run");
  Value function =
      func::ConstantOp::create(b, run.getFunctionType(), run.getSymName());
  function =
      UnrealizedConversionCastOp::create(b, pointer, function).getResult(0);
  LLVM::ReturnOp::create(
      b,
      aggregate(b, type,
                {constantI64(b, LQC_GRAPH_VERSION),
                 constantI64(b, inputs->size()), addressOf("lqc_inputs"),
                 constantI64(b, main.getNumResults()), addressOf("lqc_outputs"),
                 constantI64(b, weights ? weights.getInt() : 0), function,
                 addressOf("lqc_features")}));
  return success();
}

/// A `main` that gives way to another: a program that the object is linked into
/// has its own.
static void createProgram(ModuleOp module) {
  ImplicitLocOpBuilder b(module.getLoc(), module.getContext());
  b.setInsertionPointToEnd(module.getBody());
  Type pointer = pointerType(b.getContext());
  Type i32 = b.getI32Type();
  LLVM::LLVMFuncOp entry = LLVM::LLVMFuncOp::create(
      b, "main", LLVM::LLVMFunctionType::get(i32, {i32, pointer}),
      LLVM::Linkage::Weak);
  Block *body = entry.addEntryBlock(b);
  b.setInsertionPointToStart(body);
  StringRef program =
      module->hasAttr(kEncoderAttrName) ? "lqc_encoder_main" : "lqc_graph_main";
  Value graph = LLVM::AddressOfOp::create(b, pointer, "lqc_graph");
  Value status =
      LLVM::CallOp::create(
          b, runtimeFunction(module, program, i32, {pointer, i32, pointer}),
          ValueRange{graph, body->getArgument(0), body->getArgument(1)})
          .getResult();
  LLVM::ReturnOp::create(b, status);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

void LowerGraphPass::runOnOperation() {
  ModuleOp module = getOperation();
  if (!isGraph(module))
    return;
  if (!module->getAttrOfType<TargetAttr>(kTargetAttrName)) {
    module.emitError("has no lqc.target to generate code for");
    return signalPassFailure();
  }
  func::FuncOp main = module.lookupSymbol<func::FuncOp>(kMainName);
  if (!main) {
    module.emitError("has no function @main to compile");
    return signalPassFailure();
  }
  createEntry(module, main);
  if (failed(GraphConstant(module, main).create()))
    return signalPassFailure();
  module.walk([&](memref::AllocOp alloc) { lowerAlloc(alloc, module); });
  module.walk([&](memref::DeallocOp op) { lowerDealloc(op, module); });
  module.walk([&](memref::GetGlobalOp get) { lowerWeight(get, module); });
  module.walk(lowerExpand);
  llvm::StringMap<std::string> texts;
  module.walk([&](cf::AssertOp op) { lowerAssert(op, module, texts); });
  for (memref::GlobalOp global :
       llvm::make_early_inc_range(module.getOps<memref::GlobalOp>()))
    if (global->hasAttr(kOffsetAttrName))
      global.erase();
  // They are written down, and would not fit what becomes of memrefs.
  main.removeArgAttrsAttr();
  main.removeResAttrsAttr();
  // The name belongs to C.
  if (failed(SymbolTable::replaceAllSymbolUses(
          main, StringAttr::get(&getContext(), "lqc_graph_body"), module)))
    return signalPassFailure();
  main.setSymName("lqc_graph_body");
  Attribute internal =
      LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal);
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    function->setAttr("llvm.linkage", internal);
  createProgram(module);
  module->removeAttr(kWeightsBytesAttrName);
}
