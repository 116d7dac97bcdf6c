//===- TensorTest.cpp - .npy files and ONNX's TensorProto -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Tensor.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace lqc::runtime;
using namespace std::string_literals;

namespace {
/// A .npy file of version `version` with this header and these elements.
std::string npy(const std::string &header, const std::string &elements,
                int version = 1) {
  std::string size(version == 1 ? 2 : 4, '\0');
  for (size_t i = 0; i < size.size(); ++i)
    size[i] = char(header.size() >> (8 * i));
  return "\x93NUMPY"s + char(version) + '\0' + size + header + elements;
}

std::string header(const std::string &type, const std::string &shape,
                   const std::string &fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran +
         ", 'shape': " + shape + ", }\n";
}

template <typename T> std::string bytesOf(std::initializer_list<T> values) {
  return {reinterpret_cast<const char *>(values.begin()),
          values.size() * sizeof(T)};
}

std::vector<double> numbersOf(const Tensor &tensor) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < tensor.count(); ++i)
    numbers.push_back(tensor.at(i));
  return numbers;
}

std::string npyProblem(const std::string &bytes) {
  Tensor tensor;
  std::string error;
  EXPECT_FALSE(parseNpy(bytes, tensor, error));
  return error;
}

/// A varint field, and a field of bytes.
std::string field(int number, uint64_t value) {
  std::string text(1, char(number << 3));
  for (; value >= 128; value >>= 7)
    text += char(value | 128);
  return text + char(value);
}
std::string field(int number, const std::string &bytes) {
  return char(number << 3 | 2) + std::string(1, char(bytes.size())) + bytes;
}

std::string protoProblem(const std::string &bytes) {
  Tensor tensor;
  std::string error;
  EXPECT_FALSE(parseTensorProto(bytes, tensor, error));
  return error;
}
} // namespace

//===----------------------------------------------------------------------===//
// .npy
//===----------------------------------------------------------------------===//

TEST(Npy, EveryVersionIsRead) {
  for (int version : {1, 2, 3}) {
    Tensor tensor;
    std::string error;
    ASSERT_TRUE(parseNpy(
        npy(header("<f4", "(2, 2)"), bytesOf<float>({1, 2, 3, 4}), version),
        tensor, error))
        << error;
    EXPECT_EQ(tensor.element, LQC_FLOAT32);
    EXPECT_EQ(tensor.dims, (std::vector<int64_t>{2, 2}));
    EXPECT_EQ(numbersOf(tensor), (std::vector<double>{1, 2, 3, 4}));
  }
}

TEST(Npy, TypesAreRead) {
  const struct {
    const char *type;
    std::string bytes;
    double value;
  } cases[] = {{"<f8", bytesOf<double>({-2.5}), -2.5},
               {"<f2", bytesOf<uint16_t>({0x3e00}), 1.5},
               {"<f2", bytesOf<uint16_t>({0x0001}), std::ldexp(1, -24)},
               {"|i1", bytesOf<int8_t>({-3}), -3},
               {"<i2", bytesOf<int16_t>({-300}), -300},
               {"<i8", bytesOf<int64_t>({-5}), -5},
               {"|u1", bytesOf<uint8_t>({200}), 200},
               {"<u2", bytesOf<uint16_t>({60000}), 60000},
               {"<u4", bytesOf<uint32_t>({4000000000u}), 4e9},
               {"<u8", bytesOf<uint64_t>({1ull << 63}), std::ldexp(1, 63)},
               {"<V2", bytesOf<uint16_t>({0x3fc0}), 1.5},
               {"|b1", bytesOf<uint8_t>({7}), 1}};
  for (const auto &entry : cases) {
    Tensor tensor;
    std::string error;
    ASSERT_TRUE(
        parseNpy(npy(header(entry.type, "(1,)"), entry.bytes), tensor, error))
        << entry.type << ": " << error;
    EXPECT_EQ(tensor.at(0), entry.value) << entry.type;
  }
}

TEST(Npy, FortranOrderIsTurned) {
  Tensor tensor;
  std::string error;
  ASSERT_TRUE(parseNpy(npy(header("<i4", "(2, 3)", "True"),
                           bytesOf<int32_t>({1, 4, 2, 5, 3, 6})),
                       tensor, error));
  EXPECT_EQ(numbersOf(tensor), (std::vector<double>{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, ScalarsAndEmptyTensorsAreRead) {
  Tensor tensor;
  std::string error;
  ASSERT_TRUE(
      parseNpy(npy(header("<f4", "()"), bytesOf<float>({3})), tensor, error));
  EXPECT_EQ(tensor.count(), 1);
  ASSERT_TRUE(parseNpy(npy(header("<f4", "(0, 5)"), ""), tensor, error));
  EXPECT_EQ(tensor.count(), 0);
}

TEST(Npy, WhatIsWrittenIsReadAgain) {
  for (int64_t element : {LQC_FLOAT32, LQC_INT64, LQC_BOOL, LQC_BFLOAT16}) {
    for (std::vector<int64_t> dims :
         {std::vector<int64_t>{}, {3}, {2, 3}, {0, 4}}) {
      Tensor tensor, again;
      tensor.element = element;
      tensor.dims = dims;
      std::string error;
      ASSERT_TRUE(tensor.allocate(error));
      std::memset(tensor.data.get(), 1, tensor.bytes());
      const std::string head = npyHeader(tensor);
      EXPECT_EQ(head.size() % 64, 0u);
      ASSERT_TRUE(parseNpy(
          head + std::string(tensor.data.get(), tensor.bytes()), again, error))
          << error;
      EXPECT_EQ(again.element, element);
      EXPECT_EQ(again.dims, dims);
      EXPECT_EQ(numbersOf(again), numbersOf(tensor));
    }
  }
}

TEST(Npy, DamageIsOneLine) {
  EXPECT_EQ(npyProblem("PK\x03\x04 and so on"),
            "must be a .npy file, which begins with \\x93NUMPY");
  EXPECT_EQ(npyProblem("\x93NUMPY\x04\0\0\0\0\0"s),
            "version must be 1 to 3, got: 4");
  EXPECT_EQ(npyProblem("\x93NUMPY\x02\0\x10\0"s), "the file is cut off");
  EXPECT_EQ(npyProblem("\x93NUMPY\x01\0\xff\xff{}"s),
            "header must end within the file, got: 65535 bytes of 2");
  EXPECT_EQ(npyProblem(npy("[1]", "")), "header must be a dictionary");
  EXPECT_EQ(npyProblem(npy("{'descr': '<f4'}", "")),
            "header must have descr, fortran_order and shape");
  EXPECT_EQ(npyProblem(npy("{'what': 1}", "")),
            "header must have descr, fortran_order and shape once, got: what");
  EXPECT_EQ(npyProblem(npy(header(">f4", "(1,)"), "1234")),
            "elements must be little-endian, got: >f4");
  EXPECT_EQ(npyProblem(npy(header("<c8", "(1,)"), "12345678")),
            "descr must be a number's type such as <f4, got: <c8");
  EXPECT_EQ(npyProblem(npy("{'descr': '<f2\n\x80'}", "")),
            "descr must be a number's type such as <f4, got: <f2??");
  EXPECT_EQ(npyProblem(npy("{'descr': [('a', '<f4')]}", "")),
            "descr must be the name of a type, got a structure");
  EXPECT_EQ(npyProblem(npy(header("<f4", "(1,)", "Maybe"), "1234")),
            "fortran_order must be True or False");
  EXPECT_EQ(npyProblem(npy(header("<f4", "[1]"), "1234")),
            "shape must be a tuple");
  EXPECT_EQ(npyProblem(npy(header("<f4", "(-1,)"), "1234")),
            "shape must be sizes of 0 or more");
  EXPECT_EQ(npyProblem(npy(header("<f4", "(2,)"), "1234")),
            "must have as many bytes as 2 float32 take, got: 4");
}

TEST(Npy, AbsurdSizesTakeNoMemory) {
  EXPECT_EQ(npyProblem(npy(header("<f8", "(4611686018427387904, 4)"), "")),
            "must have as many bytes as 4611686018427387904x4 float64 take, "
            "got: 0");
  EXPECT_EQ(npyProblem(
                npy(header("<f4", "(" + std::string(200, '1') + ",)"), "1234")),
            "shape must be sizes of 0 or more");
  std::string many = "(";
  for (int i = 0; i < 65; ++i)
    many += "1,";
  EXPECT_EQ(npyProblem(npy(header("<f4", many + ")"), "1234")),
            "shape must have at most 64 sizes");
}

//===----------------------------------------------------------------------===//
// TensorProto
//===----------------------------------------------------------------------===//

TEST(TensorProto, RawDataIsRead) {
  Tensor tensor;
  std::string error;
  ASSERT_TRUE(parseTensorProto(field(1, 2) + field(1, 1) + field(2, 1) +
                                   field(8, "x"s) +
                                   field(9, bytesOf<float>({1, -2})),
                               tensor, error))
      << error;
  EXPECT_EQ(tensor.name, "x");
  EXPECT_EQ(tensor.dims, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(numbersOf(tensor), (std::vector<double>{1, -2}));
}

TEST(TensorProto, TypedListsAreRead) {
  const struct {
    std::string bytes;
    double value;
  } cases[] = {{field(2, LQC_FLOAT32) + field(4, bytesOf<float>({1.5})), 1.5},
               {field(2, LQC_INT32) + field(5, "\x05"s), 5},
               {field(2, LQC_INT8) + field(5, uint64_t(-3)), -3},
               {field(2, LQC_FLOAT16) + field(5, 0x3e00), 1.5},
               {field(2, LQC_BOOL) + field(5, 1), 1},
               {field(2, LQC_INT64) + field(7, uint64_t(-7)), -7},
               {field(2, LQC_FLOAT64) + field(10, bytesOf<double>({2.5})), 2.5},
               {field(2, LQC_UINT64) + field(11, 9), 9}};
  for (const auto &entry : cases) {
    Tensor tensor;
    std::string error;
    ASSERT_TRUE(parseTensorProto(entry.bytes, tensor, error)) << error;
    EXPECT_EQ(tensor.at(0), entry.value);
  }
}

TEST(TensorProto, DamageIsOneLine) {
  const std::string damaged = "must be an ONNX tensor: the message is damaged";
  EXPECT_EQ(protoProblem("\x0a"s), damaged);
  EXPECT_EQ(protoProblem("\x0b"s), damaged);
  EXPECT_EQ(protoProblem("\x4a\xff\xff\xff\xff\x0f"s), damaged);
  EXPECT_EQ(protoProblem(std::string(11, '\xff')), damaged);
  EXPECT_EQ(protoProblem(field(2, 8) + field(6, "text"s)),
            "must be a tensor of numbers, got strings");
  EXPECT_EQ(protoProblem(field(2, 1) + field(14, 1)),
            "must have its data inside, got external data");
  EXPECT_EQ(protoProblem(field(2, 99)),
            "must be an ONNX tensor of a supported type, got: type 99");
  EXPECT_EQ(protoProblem(field(1, 2) + field(2, 1) + field(9, "1234"s)),
            "must have data for 2 float32");
  EXPECT_EQ(protoProblem(field(1, 1) + field(2, 1) + field(7, 3)),
            "must have data for 1 float32");
  EXPECT_EQ(protoProblem(field(1, uint64_t(-1)) + field(2, 1)),
            "must have data for -1 float32");
  EXPECT_EQ(protoProblem(field(1, 1ull << 62) + field(1, 1ull << 62) +
                         field(2, 1) + field(9, "1234"s)),
            "must have data for 4611686018427387904x4611686018427387904 "
            "float32");
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

TEST(Tensor, SmallFloatsHaveTheirValues) {
  const struct {
    int64_t element;
    uint8_t bits;
    double value;
  } cases[] = {
      {LQC_FLOAT8_E4M3FN, 0x7e, 448},    {LQC_FLOAT8_E4M3FN, 0xb8, -1},
      {LQC_FLOAT8_E4M3FNUZ, 0x7f, 240},  {LQC_FLOAT8_E5M2, 0x7b, 57344},
      {LQC_FLOAT8_E5M2, 0x7c, INFINITY}, {LQC_FLOAT8_E5M2FNUZ, 0x7f, 57344}};
  for (const auto &entry : cases) {
    Tensor tensor;
    tensor.element = entry.element;
    std::string error;
    ASSERT_TRUE(tensor.allocate(error));
    *tensor.data.get() = char(entry.bits);
    EXPECT_EQ(tensor.at(0), entry.value) << elementName(entry.element);
  }
}

TEST(Tensor, AbsurdSizesAreErrors) {
  Tensor tensor;
  std::string error;
  tensor.dims = {1ll << 62, 1ll << 62};
  EXPECT_FALSE(tensor.allocate(error));
  EXPECT_EQ(error,
            "too large: 4611686018427387904x4611686018427387904 elements");
  tensor.dims = {1ll << 62, 8, 0};
  EXPECT_FALSE(tensor.allocate(error));
  EXPECT_EQ(error, "too large: 4611686018427387904x8x0 elements");
  tensor.dims = {-1};
  EXPECT_FALSE(tensor.allocate(error));
  EXPECT_EQ(error, "sizes must not be negative, got: -1");
}
