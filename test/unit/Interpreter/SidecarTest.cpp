//===- SidecarTest.cpp - computed weights beside the IR ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include "lqc/Interpreter/Sidecar.h"
#include "lqc/Support/Hash.h"
#include "lqc/Support/MappedFile.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

using namespace lqc;

namespace {
class SidecarTest : public InterpreterTest {
protected:
  std::vector<char> bytes(llvm::StringRef name) {
    return valueOf(store->get(weight(name))).bytes.vec();
  }
};
} // namespace

static const char *const kModule = R"(
  lqc.weight @w : tensor<40x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
  lqc.weight @q : tensor<40x64xf32, #lqc.scheme<"uint3-g32">> {
    %0 = lqc.get_weight @w : tensor<40x64xbf16>
    %1 = lqc.quantize %0 : (tensor<40x64xbf16>) -> tensor<40x64xf32, #lqc.scheme<"uint3-g32">>
    lqc.yield %1 : tensor<40x64xf32, #lqc.scheme<"uint3-g32">>
  }
  lqc.weight @p : tensor<40x64xf32, #lqc.packed<16x4, #lqc.scheme<"uint3-g32">>> {
    %0 = lqc.get_weight @q : tensor<40x64xf32, #lqc.scheme<"uint3-g32">>
    %1 = lqc.pack %0 : (tensor<40x64xf32, #lqc.scheme<"uint3-g32">>) -> tensor<40x64xf32, #lqc.packed<16x4, #lqc.scheme<"uint3-g32">>>
    lqc.yield %1 : tensor<40x64xf32, #lqc.packed<16x4, #lqc.scheme<"uint3-g32">>>
  }
  lqc.weight @s1 : tensor<13x64xbf16> {
    %0 = lqc.get_weight @w : tensor<40x64xbf16>
    %1 = tensor.extract_slice %0[0, 0] [13, 64] [1, 1] : tensor<40x64xbf16> to tensor<13x64xbf16>
    lqc.yield %1 : tensor<13x64xbf16>
  }
  lqc.weight @s2 : tensor<13x64xbf16> {
    %0 = lqc.get_weight @w : tensor<40x64xbf16>
    %1 = tensor.extract_slice %0[0, 0] [13, 64] [1, 1] : tensor<40x64xbf16> to tensor<13x64xbf16>
    lqc.yield %1 : tensor<13x64xbf16>
  })";

TEST_F(SidecarTest, RoundTrip) {
  TemporaryFolder folder;
  parse(kModule, folder.str());
  std::map<std::string, std::vector<char>> expected;
  for (const char *name : {"q", "p", "s1", "s2"})
    expected[name] = bytes(name);
  expectSuccess(materialize(*module, *store, folder.file("out.lqcw"),
                            [](WeightOp) { return true; }));
  EXPECT_TRUE(succeeded(mlir::verify(*module)));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"out.lqcw"});
  for (const auto &[name, contents] : expected) {
    FileAttr file = llvm::dyn_cast<FileAttr>(*weight(name).getValue());
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(file.getPath(), "out.lqcw");
    EXPECT_EQ(file.getTensor(), contentHash(contents));
    EXPECT_EQ(bytes(name), contents) << name;
    std::vector<char> streamed;
    expectSuccess(store->stream(weight(name), [&](llvm::ArrayRef<char> piece) {
      streamed.insert(streamed.end(), piece.begin(), piece.end());
      return llvm::Error::success();
    }));
    EXPECT_EQ(streamed, contents) << name;
  }
  // Equal contents are one tensor.
  EXPECT_EQ(weight("s1").getValue(), weight("s2").getValue());
}

TEST_F(SidecarTest, IsASafetensorsFile) {
  TemporaryFolder folder;
  parse(kModule, folder.str());
  expectSuccess(materialize(*module, *store, folder.file("out.lqcw"),
                            [](WeightOp) { return true; }));
  MappedFile file = valueOf(MappedFile::open(folder.file("out.lqcw")));
  uint64_t length = llvm::support::endian::read64le(file.bytes().data());
  EXPECT_EQ((8 + length) % 64, 0u);
  llvm::json::Value header =
      llvm::cantFail(llvm::json::parse(file.text().substr(8, length)));
  ASSERT_EQ(header.getAsObject()->size(), 3u);
  uint64_t end = 0;
  for (const auto &[key, value] : *header.getAsObject()) {
    const llvm::json::Array &offsets =
        *value.getAsObject()->getArray("data_offsets");
    end = std::max<uint64_t>(end, *offsets[1].getAsUINT64());
  }
  EXPECT_EQ(file.size(), 8 + length + end);
  FileAttr slice = llvm::cast<FileAttr>(*weight("s1").getValue());
  llvm::json::Value entry = llvm::json::Object{
      {"dtype", "BF16"},
      {"shape", llvm::json::Array{13, 64}},
      {"data_offsets",
       llvm::json::Array{slice.getOffset() - 8 - length,
                         slice.getOffset() - 8 - length + 13 * 64 * 2}}};
  EXPECT_EQ(*header.getAsObject()->get(slice.getTensor()), entry);
  FileAttr codes = llvm::cast<FileAttr>(*weight("q").getValue());
  const llvm::json::Object &coded =
      *header.getAsObject()->getObject(codes.getTensor());
  EXPECT_EQ(coded.getString("dtype"), "U8");
  EXPECT_EQ(coded.getArray("shape")->size(), 1u);
}

TEST_F(SidecarTest, PackingFromASidecarStreams) {
  TemporaryFolder folder;
  parse(kModule, folder.str());
  std::vector<char> expected = bytes("p");
  expectSuccess(
      materialize(*module, *store, folder.file("out.lqcw"),
                  [](WeightOp op) { return op.getSymName() == "q"; }));
  EXPECT_FALSE(weight("p").getInitializer().empty());
  EXPECT_EQ(bytes("p"), expected);
}

TEST_F(SidecarTest, NothingIsWrittenWithoutWeights) {
  TemporaryFolder folder;
  parse(kModule, folder.str());
  expectSuccess(materialize(*module, *store, folder.file("out.lqcw"),
                            [](WeightOp) { return false; }));
  EXPECT_TRUE(folder.names().empty());
}

TEST_F(SidecarTest, ErrorsLeaveNothing) {
  TemporaryFolder folder;
  parse(R"(
    lqc.weight @w : tensor<1x32xf32> = dense<0x7FC00000> : tensor<1x32xf32>
    lqc.weight @ok : tensor<1x2xf32> {
      %0 = arith.constant dense<1.0> : tensor<1x2xf32>
      lqc.yield %0 : tensor<1x2xf32>
    }
    lqc.weight @q : tensor<1x32xf32, #lqc.scheme<"int4-g32">> {
      %0 = lqc.get_weight @w : tensor<1x32xf32>
      %1 = lqc.quantize %0 : (tensor<1x32xf32>) -> tensor<1x32xf32, #lqc.scheme<"int4-g32">>
      lqc.yield %1 : tensor<1x32xf32, #lqc.scheme<"int4-g32">>
    })",
        folder.str());
  EXPECT_EQ(messageOf(materialize(*module, *store, folder.file("out.lqcw"),
                                  [](WeightOp) { return true; })),
            "weight @w: element [0, 0] is nan");
  EXPECT_TRUE(folder.names().empty());
  EXPECT_EQ(messageOf(materialize(*module, *store, folder.file("no/out.lqcw"),
                                  [](WeightOp) { return true; })),
            folder.file("no/out.lqcw") + ": no such file or directory");
}

TEST_F(SidecarTest, BytesFoundElsewhere) {
  TemporaryFolder folder;
  parse(kModule, folder.str());
  std::vector<char> codes = bytes("q");
  SidecarWriter writer =
      llvm::cantFail(SidecarWriter::create(folder.file("a.lqcw"), 2));
  unsigned first = valueOf(writer.add(weight("q").getTensorType(), codes));
  unsigned again = valueOf(writer.add(weight("q"), *store));
  EXPECT_EQ(first, again);
  expectSuccess(writer.finish());
  weight("q").setValueAttr(writer.file(first, &context));
  EXPECT_EQ(bytes("q"), codes);
}
