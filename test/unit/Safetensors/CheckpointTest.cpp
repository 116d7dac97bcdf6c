//===- CheckpointTest.cpp - honest and hostile safetensors files --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/Checkpoint.h"

#include "lqc/Support/Hash.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <random>

using namespace lqc;

namespace {
/// Writes checkpoints into a directory that goes with the test.
class CheckpointTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("lqc-checkpoint", root));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(root); }

  std::string path(llvm::StringRef name) const {
    llvm::SmallString<128> result(root);
    llvm::sys::path::append(result, name);
    return result.str().str();
  }
  void write(llvm::StringRef name, llvm::StringRef contents) const {
    std::error_code code;
    llvm::raw_fd_ostream stream(path(name), code);
    ASSERT_FALSE(code);
    stream << contents;
  }
  /// A safetensors file: length, header, `dataBytes` bytes of data.
  void writeFile(llvm::StringRef name, llvm::StringRef header,
                 size_t dataBytes) const {
    write(name, lengthOf(header.size()) + header.str() + data(dataBytes));
  }
  void writeIndex(llvm::StringRef contents) const {
    write("model.safetensors.index.json", contents);
  }

  static std::string lengthOf(uint64_t value) {
    std::string bytes(8, '\0');
    for (int i = 0; i < 8; ++i)
      bytes[i] = static_cast<char>(value >> (8 * i));
    return bytes;
  }
  static std::string data(size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<char>(i);
    return bytes;
  }

  /// The message of opening the directory, its path written as DIR.
  std::string errorOf() const { return errorOf(root); }
  std::string errorOf(llvm::StringRef what) const {
    llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(what);
    if (checkpoint)
      return "";
    std::string message = llvm::toString(checkpoint.takeError());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (size_t at; (at = message.find(root.str().str())) != std::string::npos;)
      message.replace(at, root.size(), "DIR");
    return message;
  }
  /// The message of opening a file of this header and 16 bytes of data.
  std::string errorOfHeader(llvm::StringRef header) const {
    writeFile("model.safetensors", header, 16);
    return errorOf();
  }
  /// The same for a header of one tensor `t`.
  std::string errorOfTensor(llvm::StringRef entry) const {
    std::string message = errorOfHeader(("{\"t\":" + entry + "}").str());
    llvm::StringRef rest = message;
    EXPECT_TRUE(message.empty() ||
                rest.consume_front("DIR/model.safetensors: tensor 't': "))
        << message;
    return rest.str();
  }

  llvm::SmallString<128> root;
};
} // namespace

//===----------------------------------------------------------------------===//
// What is right
//===----------------------------------------------------------------------===//

TEST_F(CheckpointTest, ReadsOneFile) {
  std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
      R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   )";
  writeFile("model.safetensors", header, 16);
  for (const std::string &what :
       {root.str().str(), path("model.safetensors")}) {
    llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(what);
    ASSERT_TRUE(bool(checkpoint)) << llvm::toString(checkpoint.takeError());
    ASSERT_EQ(checkpoint->tensors().size(), 2u);
    EXPECT_EQ(checkpoint->directory(), root.str());
    const CheckpointTensor &a = checkpoint->tensors()[0];
    const CheckpointTensor &b = checkpoint->tensors()[1];
    EXPECT_EQ(a.name, "a");
    EXPECT_EQ(a.type, StorageType::F32);
    EXPECT_TRUE(a.shape.empty());
    EXPECT_EQ(a.elements(), 1);
    EXPECT_EQ(b.name, "b");
    EXPECT_EQ(b.type, StorageType::BF16);
    EXPECT_EQ(b.shape, (llvm::SmallVector<int64_t, 4>{2, 3}));
    EXPECT_EQ(b.offset, 8 + header.size() + 4);
    EXPECT_EQ(b.bytes, 12u);
    EXPECT_EQ(b.elements(), 6);
    EXPECT_EQ(checkpoint->bytesOf(b)[0], 4);
    checkpoint->dropPages(b);
    EXPECT_EQ(checkpoint->bytesOf(b)[11], 15);
    const CheckpointFile &file = checkpoint->fileOf(b);
    EXPECT_EQ(file.name, "model.safetensors");
    EXPECT_EQ(file.path, path("model.safetensors"));
    std::string head = lengthOf(header.size()) + header;
    EXPECT_EQ(file.headerHash, contentHash({head.data(), head.size()}));
    EXPECT_EQ(checkpoint->find("b"), &b);
    EXPECT_EQ(checkpoint->find("c"), nullptr);
    EXPECT_EQ(checkpoint->find(""), nullptr);
  }
}

TEST_F(CheckpointTest, OnlySafetensorsOfAnyName) {
  writeFile("weights.safetensors", "{}", 0);
  EXPECT_EQ(errorOf(), "");
  writeFile("more.safetensors", "{}", 0);
  EXPECT_EQ(errorOf(), "DIR: directory must hold model.safetensors, "
                       "model.safetensors.index.json or one *.safetensors, "
                       "got: 2 *.safetensors");
}

TEST_F(CheckpointTest, MovesWithItsFiles) {
  writeFile("model.safetensors",
            R"({"t":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}})", 16);
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open(root));
  Checkpoint moved = std::move(checkpoint);
  EXPECT_EQ(moved.bytesOf(*moved.find("t"))[7], 7);
}

TEST_F(CheckpointTest, EmptyTensorsAreFine) {
  EXPECT_EQ(errorOfHeader(
                R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},)"
                R"("b":{"dtype":"U8","shape":[16],"data_offsets":[0,16]},)"
                R"("c":{"dtype":"F32","shape":[5,0],"data_offsets":[16,16]}})"),
            "");
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open(root));
  EXPECT_EQ(checkpoint.bytesOf(*checkpoint.find("c")).size(), 0u);
  EXPECT_EQ(errorOfHeader("{}"), "");
}

TEST_F(CheckpointTest, KnowsEveryType) {
  for (auto [name, bytes] : {std::pair("F64", 8),
                             {"F32", 4},
                             {"F16", 2},
                             {"BF16", 2},
                             {"F8_E4M3", 1},
                             {"F8_E5M2", 1},
                             {"F8_E8M0", 1},
                             {"I64", 8},
                             {"I32", 4},
                             {"I16", 2},
                             {"I8", 1},
                             {"U64", 8},
                             {"U32", 4},
                             {"U16", 2},
                             {"U8", 1},
                             {"BOOL", 1}}) {
    std::optional<StorageType> type = parseStorageType(name);
    ASSERT_TRUE(type) << name;
    EXPECT_EQ(storageTypeName(*type), name);
    EXPECT_EQ(storageTypeBytes(*type), unsigned(bytes));
    EXPECT_EQ(
        errorOfTensor(
            llvm::formatv(
                "{{\"dtype\":\"{0}\",\"shape\":[2],\"data_offsets\":[0,{1}]}",
                name, 2 * bytes)
                .str()),
        "");
  }
  EXPECT_FALSE(parseStorageType("f32"));
}

TEST_F(CheckpointTest, ThousandsOfTensorsAreQuick) {
  std::string header = "{";
  for (int i = 0; i < 20000; ++i)
    header +=
        llvm::formatv("{0}\"model.layers.{1}.weight\":{{\"dtype\":\"F32\","
                      "\"shape\":[1],\"data_offsets\":[{2},{3}]}",
                      i ? "," : "", i, i * 4, i * 4 + 4);
  writeFile("model.safetensors", header + "}", 80000);
  auto start = std::chrono::steady_clock::now();
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open(root));
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 5.0);
  EXPECT_EQ(checkpoint.tensors().size(), 20000u);
  EXPECT_EQ(checkpoint.find("model.layers.12345.weight")->bytes, 4u);
}

//===----------------------------------------------------------------------===//
// Files that are not what they should be
//===----------------------------------------------------------------------===//

TEST_F(CheckpointTest, NothingThere) {
  EXPECT_EQ(errorOf(), "DIR: directory must hold model.safetensors, "
                       "model.safetensors.index.json or one *.safetensors, "
                       "got: 0 *.safetensors");
  EXPECT_EQ(errorOf(path("none")), "DIR/none: no such file or directory");
}

TEST_F(CheckpointTest, TooShortForALength) {
  for (size_t size : {0, 1, 7}) {
    write("model.safetensors", std::string(size, 'x'));
    EXPECT_EQ(errorOf(),
              "DIR/model.safetensors: file must begin with the 8 bytes of the "
              "header's length, got: " +
                  std::to_string(size) + " bytes");
  }
}

TEST_F(CheckpointTest, HeaderLengthBeyondTheFile) {
  write("model.safetensors", lengthOf(3) + "{}");
  EXPECT_EQ(errorOf(), "DIR/model.safetensors: header must lie within the "
                       "file's 10 bytes, got: 3 bytes at byte 8");
  write("model.safetensors", lengthOf(100'000'001) + "{}");
  EXPECT_EQ(errorOf(), "DIR/model.safetensors: length of the header must be at "
                       "most 100000000 bytes, got: 100000001");
  write("model.safetensors", lengthOf(~0ULL) + "{}");
  EXPECT_EQ(errorOf(), "DIR/model.safetensors: length of the header must be at "
                       "most 100000000 bytes, got: 18446744073709551615");
}

TEST_F(CheckpointTest, BrokenHeader) {
  EXPECT_EQ(
      errorOfHeader("{\"a\":").rfind("DIR/model.safetensors: header:1:", 0),
      0u);
  EXPECT_EQ(errorOfHeader("").rfind("DIR/model.safetensors: header:1:", 0), 0u);
  EXPECT_EQ(errorOfHeader("[1]"),
            "DIR/model.safetensors: header must be an object, got: [1]");
  EXPECT_EQ(errorOfHeader(std::string(50000, '[')),
            "DIR/model.safetensors: header:1:65: nesting must be at most 64 "
            "levels deep");
  EXPECT_EQ(
      errorOfHeader(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}})"),
      "DIR/model.safetensors: header:1:54: keys of one object must differ, "
      "got twice: 'a'");
}

TEST_F(CheckpointTest, BadDtype) {
  std::string rule = "dtype must be F32, F16, BF16 or another of the format's "
                     "types, got: ";
  EXPECT_EQ(errorOfTensor(R"({"dtype":"Q4","shape":[1],"data_offsets":[0,1]})"),
            rule + "\"Q4\"");
  EXPECT_EQ(errorOfTensor(R"({"dtype":7,"shape":[1],"data_offsets":[0,1]})"),
            rule + "7");
  EXPECT_EQ(errorOfTensor(R"({"shape":[1],"data_offsets":[0,1]})"),
            rule + "nothing");
  EXPECT_EQ(errorOfTensor("[]"), "entry must be an object, got: []");
}

TEST_F(CheckpointTest, BadShape) {
  auto error = [&](const std::string &shape) {
    return errorOfTensor("{\"dtype\":\"F32\",\"shape\":" + shape +
                         ",\"data_offsets\":[0,4]}");
  };
  std::string integers = "shape must hold integers that are not negative, "
                         "got: ";
  EXPECT_EQ(error("[-1]"), integers + "[-1]");
  EXPECT_EQ(error("[1.5]"), integers + "[1.5]");
  EXPECT_EQ(error("[\"1\"]"), integers + "[\"1\"]");
  EXPECT_EQ(error("[18446744073709551615]"),
            integers + "[18446744073709551615]");
  EXPECT_EQ(error("1"), "shape must be a list of at most 16 sizes, got: 1");
  EXPECT_EQ(error("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"),
            "shape must be a list of at most 16 sizes, got: "
            "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]");
  EXPECT_EQ(error("[4294967296,4294967296]"),
            "shape must have less than 2^64 elements, got: "
            "[4294967296,4294967296]");
  EXPECT_EQ(error("[9223372036854775807]"),
            "data at byte 80 must have the size of 9223372036854775807 "
            "elements of F32, more than 2^64 bytes, got: 4");
}

TEST_F(CheckpointTest, BadOffsets) {
  auto error = [&](const std::string &offsets) {
    return errorOfTensor(
        "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" + offsets + "}");
  };
  std::string integers = "data_offsets must be two integers that are not "
                         "negative, got: ";
  EXPECT_EQ(error("[-8,0]"), integers + "[-8,0]");
  EXPECT_EQ(error("[0]"), integers + "[0]");
  EXPECT_EQ(error("[0,8,16]"), integers + "[0,8,16]");
  EXPECT_EQ(error("[0,\"8\"]"), integers + "[0,\"8\"]");
  EXPECT_EQ(error("8"), integers + "8");
  EXPECT_EQ(error("[8,0]"),
            "data_offsets must not end before they begin, got: [8,0]");
  EXPECT_EQ(error("[12,20]"), "data_offsets must lie within the 16 bytes of "
                              "data that begin at byte 64, got: [12,20]");
  EXPECT_EQ(error("[18446744073709551608,18446744073709551615]"),
            "data_offsets must lie within the 16 bytes of data that begin at "
            "byte 100, got: [18446744073709551608,18446744073709551615]");
  EXPECT_EQ(error("[4,16]"), "data at byte 67 must have the size of 2 elements "
                             "of F32, 8 bytes, got: 12");
}

TEST_F(CheckpointTest, OverlappingTensors) {
  EXPECT_EQ(
      errorOfHeader(R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]},)"
                    R"("b":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})"),
      "DIR/model.safetensors: tensor 'b': data must not overlap the data "
      "of 'a', which end at byte 123, got: byte 122");
}

TEST_F(CheckpointTest, TruncatedFile) {
  std::string header =
      R"({"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})";
  std::string whole = lengthOf(header.size()) + header + data(16);
  for (size_t size = 0; size < whole.size(); ++size) {
    write("model.safetensors", whole.substr(0, size));
    EXPECT_NE(errorOf(), "") << size;
  }
  write("model.safetensors", whole);
  EXPECT_EQ(errorOf(), "");
}

TEST_F(CheckpointTest, FlippedBytesNeverCrash) {
  std::string header =
      R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[8,16]}})";
  std::string whole = lengthOf(header.size()) + header + data(16);
  std::mt19937 engine(1);
  for (int i = 0; i < 500; ++i) {
    std::string damaged = whole;
    for (int flips = engine() % 3 + 1; flips > 0; --flips)
      damaged[engine() % (8 + header.size())] = static_cast<char>(engine());
    write("model.safetensors", damaged);
    llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(root);
    if (!checkpoint) {
      std::string message = llvm::toString(checkpoint.takeError());
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      continue;
    }
    for (const CheckpointTensor &tensor : checkpoint->tensors())
      EXPECT_EQ(checkpoint->bytesOf(tensor).size(), tensor.bytes);
  }
}

TEST_F(CheckpointTest, NamesInMessagesStayOnOneLine) {
  EXPECT_EQ(errorOfHeader("{\"a\\nb\":1}"),
            "DIR/model.safetensors: tensor 'a\\x0ab': entry must be an object, "
            "got: 1");
  EXPECT_EQ(errorOfHeader("{\"\":{}}"),
            "DIR/model.safetensors: tensor '': name must not be empty");
}

//===----------------------------------------------------------------------===//
// Shards
//===----------------------------------------------------------------------===//

static const char *const kShardA =
    R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}})";
static const char *const kShardB =
    R"({"b":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})";

TEST_F(CheckpointTest, ReadsShards) {
  writeFile("x-2.safetensors", kShardB, 16);
  writeFile("x-1.safetensors", kShardA, 16);
  writeIndex(R"({"metadata":{"total_size":24},"weight_map":)"
             R"({"b":"x-2.safetensors","a":"x-1.safetensors"}})");
  llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(root);
  ASSERT_TRUE(bool(checkpoint)) << llvm::toString(checkpoint.takeError());
  ASSERT_EQ(checkpoint->tensors().size(), 2u);
  ASSERT_EQ(checkpoint->files().size(), 2u);
  EXPECT_EQ(checkpoint->files()[0].name, "x-1.safetensors");
  EXPECT_EQ(checkpoint->fileOf(*checkpoint->find("b")).name, "x-2.safetensors");
  EXPECT_EQ(checkpoint->bytesOf(*checkpoint->find("b"))[0], 8);
}

TEST_F(CheckpointTest, BadIndex) {
  std::string rule = "DIR/model.safetensors.index.json: weight_map must be an "
                     "object that names the file of each tensor, got: ";
  writeIndex("{}");
  EXPECT_EQ(errorOf(), rule + "nothing");
  writeIndex(R"({"weight_map":{}})");
  EXPECT_EQ(errorOf(), rule + "{}");
  writeIndex(R"({"weight_map":["a"]})");
  EXPECT_EQ(errorOf(), rule + "[\"a\"]");
  writeIndex("7");
  EXPECT_EQ(errorOf(), rule + "7");
  writeIndex("{");
  EXPECT_EQ(errorOf().rfind("DIR/model.safetensors.index.json:1:", 0), 0u);
}

TEST_F(CheckpointTest, ShardsStayInTheirDirectory) {
  for (const char *shard :
       {R"("../x.safetensors")", R"("/etc/passwd")", R"("sub/x.safetensors")",
        R"("..")", R"(".")", R"("")", R"("a\\b")", "7", "null"}) {
    writeIndex((llvm::Twine("{\"weight_map\":{\"a\":") + shard + "}}").str());
    EXPECT_EQ(errorOf(), std::string("DIR/model.safetensors.index.json: tensor "
                                     "'a': weight_map must give the name of a "
                                     "file beside the index, got: ") +
                             shard);
  }
  writeIndex(R"({"weight_map":{"a":"x\u0000.safetensors"}})");
  EXPECT_NE(errorOf().find("must give the name of a file"), std::string::npos);
}

TEST_F(CheckpointTest, MissingShard) {
  writeFile("x-1.safetensors", kShardA, 16);
  writeIndex(R"({"weight_map":{"b":"x-2.safetensors","a":"x-1.safetensors"}})");
  EXPECT_EQ(errorOf(), "DIR/model.safetensors.index.json: tensor 'b': shard "
                       "must exist, got: 'x-2.safetensors'");
}

TEST_F(CheckpointTest, TensorNotInItsShard) {
  writeFile("x-1.safetensors", kShardA, 16);
  writeFile("x-2.safetensors", kShardB, 16);
  writeIndex(R"({"weight_map":{"a":"x-1.safetensors","b":"x-2.safetensors",)"
             R"("c":"x-2.safetensors"}})");
  EXPECT_EQ(errorOf(), "DIR/model.safetensors.index.json: tensor 'c': shard "
                       "must hold the tensor, got: 'x-2.safetensors'");
  writeIndex(R"({"weight_map":{"a":"x-2.safetensors","b":"x-1.safetensors"}})");
  EXPECT_EQ(errorOf(), "DIR/model.safetensors.index.json: tensor 'a': shard "
                       "must hold the tensor, got: 'x-2.safetensors'");
}

TEST_F(CheckpointTest, TensorInTwoShards) {
  writeFile("x-1.safetensors", kShardA, 16);
  writeFile("x-2.safetensors", kShardA, 16);
  writeFile("x-3.safetensors", kShardB, 16);
  writeIndex(R"({"weight_map":{"a":"x-1.safetensors","b":"x-3.safetensors",)"
             R"("c":"x-2.safetensors"}})");
  EXPECT_EQ(errorOf(), "DIR/x-2.safetensors: tensor 'a': a name must occur in "
                       "one shard only, got: also in x-1.safetensors");
}

TEST_F(CheckpointTest, BrokenShard) {
  writeFile("x-1.safetensors", kShardA, 15);
  writeIndex(R"({"weight_map":{"a":"x-1.safetensors"}})");
  EXPECT_EQ(errorOf(), "DIR/x-1.safetensors: tensor 'a': data_offsets must lie "
                       "within the 15 bytes of data that begin at byte 63, "
                       "got: [0,16]");
}
