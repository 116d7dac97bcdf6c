//===- WeightsTest.cpp - weights of ONNX files through the weight store ---===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Interpreter/WeightStore.h"
#include "lqc/Support/OnnxFile.h"
#include "test/unit/Onnx/Fixture.h"

#include "gmock/gmock.h"
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace lqc;
using namespace lqc::test;
namespace fs = std::filesystem;

static constexpr int kFloat = onnx::TensorProto::FLOAT;

namespace {
/// A model in a folder of its own.
class OnnxWeights : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) /
             testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  void write(const char *name, const std::string &bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }
  void importModel() {
    auto result = importOnnx(&context, (folder / "m.onnx").string());
    ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
    module = std::move(*result);
  }
  /// The numbers of @w, or the error.
  std::string readWeight() {
    WeightStore store(*module, folder.string(), 1);
    llvm::Expected<WeightBytes> bytes = store.get(store.find("w"));
    if (!bytes)
      return llvm::toString(bytes.takeError());
    return {bytes->bytes.begin(), bytes->bytes.end()};
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  fs::path folder;
};
} // namespace

static std::vector<float> numbers() {
  std::vector<float> result;
  for (int i = 0; i < 400; ++i)
    result.push_back(float(i) / 8);
  return result;
}

static std::string bytesOf(const std::vector<float> &values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(float)};
}

static OnnxModel modelWithWeight() {
  OnnxModel model;
  model.input("x", kFloat, {int64_t(400)}).output("y");
  model.floats("w", {400}, numbers());
  model.node("Add", {"x", "w"}, {"y"});
  return model;
}

TEST_F(OnnxWeights, AreMappedFromTheModel) {
  OnnxModel model = modelWithWeight();
  write("m.onnx", model.bytes());
  importModel();
  EXPECT_EQ(readWeight(), bytesOf(numbers()));
  // A changed graph is another file, even of the same size.
  model.graph().set_name("tset");
  write("m.onnx", model.bytes());
  EXPECT_THAT(readWeight(), testing::HasSubstr("file changed since import"));
  write("m.onnx", "not protobuf");
  EXPECT_THAT(readWeight(), testing::HasSubstr("m.onnx: byte 0: "));
}

TEST_F(OnnxWeights, AreMappedFromExternalData) {
  OnnxModel model = modelWithWeight();
  onnx::TensorProto *tensor = model.graph().mutable_initializer(0);
  tensor->clear_raw_data();
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  for (auto [key, value] :
       {std::pair("location", "w.bin"), std::pair("offset", "64"),
        std::pair("length", "1600")}) {
    onnx::StringStringEntryProto *entry = tensor->add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
  std::string data = std::string(64, '-') + bytesOf(numbers());
  write("w.bin", data);
  write("m.onnx", model.bytes());
  importModel();
  EXPECT_EQ(readWeight(), bytesOf(numbers()));
  data.back() ^= 1;
  write("w.bin", data);
  EXPECT_THAT(readWeight(), testing::HasSubstr("file changed since import"));
  write("w.bin", data + "x");
  EXPECT_THAT(readWeight(), testing::HasSubstr("file changed since import"));
}

/// Larger files are sampled: the first byte, the last one, the size.
TEST(OnnxFile, FingerprintsOfData) {
  std::vector<char> data(4 << 20, 'a');
  std::string before = dataFingerprint(data);
  EXPECT_EQ(before, dataFingerprint(data));
  for (size_t at : {size_t(0), data.size() - 1}) {
    data[at] = 'b';
    EXPECT_NE(before, dataFingerprint(data));
    data[at] = 'a';
  }
  data.pop_back();
  EXPECT_NE(before, dataFingerprint(data));
}

/// A skeleton has all of a model but its numbers.
TEST(OnnxFile, Skeleton) {
  std::string bytes = modelWithWeight().bytes();
  llvm::Expected<std::string> skeleton =
      readOnnxSkeleton({bytes.data(), bytes.size()}, "m");
  ASSERT_TRUE(bool(skeleton));
  EXPECT_LT(skeleton->size(), bytes.size() - 1500);
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(*skeleton));
  std::optional<FilePlace> place =
      parsePlace(model.graph().initializer(0).raw_data());
  ASSERT_TRUE(place);
  EXPECT_EQ(place->bytes, 1600u);
  EXPECT_EQ(bytes.substr(place->offset, place->bytes), bytesOf(numbers()));
  EXPECT_FALSE(parsePlace("short"));
}
