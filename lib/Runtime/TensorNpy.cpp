//===- TensorNpy.cpp - NumPy's .npy files ---------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A file is "\x93NUMPY", a version (2 bytes), the header's size (2 bytes, or 4
// from version 2 on), the header, a Python dictionary such as
//
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//
// and the elements.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Tensor.h"

#include <charconv>
#include <cstring>

namespace lqc::runtime {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxRank = 64;

namespace {
struct TypeName {
  const char *text; ///< without the byte order
  int64_t element;
};

/// Reads the dictionary, which has just these three keys.
class HeaderReader {
public:
  HeaderReader(std::string_view text, Tensor &tensor)
      : rest(text), tensor(tensor) {}

  /// What is wrong, or "".
  std::string read();
  bool isFortran = false;

private:
  void skipSpace() {
    const size_t at = rest.find_first_not_of(" \t\n");
    rest.remove_prefix(at == rest.npos ? rest.size() : at);
  }
  bool take(std::string_view word) {
    skipSpace();
    if (!rest.starts_with(word))
      return false;
    rest.remove_prefix(word.size());
    return true;
  }
  bool takeText(std::string_view &text);
  std::string readEntry(std::string_view key);
  std::string readType();
  std::string readShape();

  std::string_view rest;
  Tensor &tensor;
  bool hasType = false, hasOrder = false, hasShape = false;
};
} // namespace

static const TypeName kTypes[] = {
    {"f4", LQC_FLOAT32},
    {"f8", LQC_FLOAT64},
    {"f2", LQC_FLOAT16},
    {"i1", LQC_INT8},
    {"i2", LQC_INT16},
    {"i4", LQC_INT32},
    {"i8", LQC_INT64},
    {"u1", LQC_UINT8},
    {"u2", LQC_UINT16},
    {"u4", LQC_UINT32},
    {"u8", LQC_UINT64},
    {"b1", LQC_BOOL},
    // ml_dtypes writes bfloat16 so.
    {"V2", LQC_BFLOAT16},
};

/// A file's text for a message: its first characters, '?' for those that might
/// break the line.
static std::string shown(std::string_view text) {
  std::string result(text.substr(0, 32));
  for (char &letter : result)
    if (letter < ' ' || letter > '~')
      letter = '?';
  return result;
}

bool HeaderReader::takeText(std::string_view &text) {
  skipSpace();
  if (rest.empty() || (rest[0] != '\'' && rest[0] != '"'))
    return false;
  const size_t end = rest.find(rest[0], 1);
  if (end == rest.npos)
    return false;
  text = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  return true;
}

std::string HeaderReader::readType() {
  std::string_view text;
  if (!takeText(text))
    return "descr must be the name of a type, got a structure";
  if (text.starts_with('>'))
    return "elements must be little-endian, got: " + shown(text);
  std::string_view name = text;
  if (name.starts_with('<') || name.starts_with('|') || name.starts_with('='))
    name.remove_prefix(1);
  for (const TypeName &type : kTypes)
    if (name == type.text) {
      tensor.element = type.element;
      hasType = true;
      return {};
    }
  return "descr must be a number's type such as <f4, got: " + shown(text);
}

std::string HeaderReader::readShape() {
  if (!take("("))
    return "shape must be a tuple";
  while (!take(")")) {
    skipSpace();
    int64_t dim = 0;
    auto [end, failure] =
        std::from_chars(rest.data(), rest.data() + rest.size(), dim);
    if (failure != std::errc() || dim < 0)
      return "shape must be sizes of 0 or more";
    rest.remove_prefix(size_t(end - rest.data()));
    tensor.dims.push_back(dim);
    if (tensor.dims.size() > kMaxRank)
      return "shape must have at most " + std::to_string(kMaxRank) + " sizes";
    if (!take(",") && !rest.starts_with(')'))
      return "shape must be a tuple";
  }
  hasShape = true;
  return {};
}

std::string HeaderReader::readEntry(std::string_view key) {
  if (key == "descr" && !hasType)
    return readType();
  if (key == "shape" && !hasShape)
    return readShape();
  if (key != "fortran_order" || hasOrder)
    return "header must have descr, fortran_order and shape once, got: " +
           shown(key);
  isFortran = take("True");
  if (!isFortran && !take("False"))
    return "fortran_order must be True or False";
  hasOrder = true;
  return {};
}

std::string HeaderReader::read() {
  tensor.dims.clear();
  if (!take("{"))
    return "header must be a dictionary";
  while (!take("}")) {
    std::string_view key;
    if (!takeText(key) || !take(":"))
      return "header must be a dictionary";
    std::string problem = readEntry(key);
    if (!problem.empty())
      return problem;
    if (!take(",") && !rest.starts_with('}'))
      return "header must be a dictionary";
  }
  if (!hasType || !hasOrder || !hasShape)
    return "header must have descr, fortran_order and shape";
  return {};
}

/// Copies elements whose first index runs fastest to where they belong.
static void copyFortran(const char *from, Tensor &tensor) {
  const size_t rank = tensor.dims.size();
  const int64_t size = elementBytes(tensor.element);
  std::vector<int64_t> strides(rank), index(rank);
  int64_t stride = size;
  for (size_t i = 0; i < rank; ++i) {
    strides[i] = stride;
    stride *= tensor.dims[i];
  }
  char *to = tensor.data.get();
  for (int64_t i = 0, count = tensor.count(); i < count; ++i, to += size) {
    int64_t at = 0;
    for (size_t d = 0; d < rank; ++d)
      at += index[d] * strides[d];
    std::memcpy(to, from + at, size_t(size));
    for (size_t d = rank; d-- > 0;) {
      if (++index[d] < tensor.dims[d])
        break;
      index[d] = 0;
    }
  }
}

/// A bool in memory is 0 or 1.
static void normalizeBools(Tensor &tensor) {
  if (tensor.element == LQC_BOOL)
    for (int64_t i = 0, count = tensor.count(); i < count; ++i)
      tensor.data.get()[i] = tensor.data.get()[i] != 0;
}

/// Cuts the header off. What is wrong, or "".
static std::string takeHeader(std::string_view &bytes,
                              std::string_view &header) {
  if (!bytes.starts_with(kMagic) || bytes.size() < 10)
    return "must be a .npy file, which begins with \\x93NUMPY";
  const unsigned version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3)
    return "version must be 1 to 3, got: " + std::to_string(version);
  const size_t sizeBytes = version == 1 ? 2 : 4;
  uint32_t size = 0;
  if (bytes.size() < 8 + sizeBytes)
    return "the file is cut off";
  std::memcpy(&size, bytes.data() + 8, sizeBytes);
  bytes.remove_prefix(8 + sizeBytes);
  if (size > bytes.size())
    return "header must end within the file, got: " + std::to_string(size) +
           " bytes of " + std::to_string(bytes.size());
  header = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return {};
}

bool parseNpy(std::string_view bytes, Tensor &tensor, std::string &error) {
  std::string_view header;
  error = takeHeader(bytes, header);
  if (!error.empty())
    return false;
  HeaderReader reader(header, tensor);
  error = reader.read();
  if (!error.empty())
    return false;
  // Before memory is taken.
  unsigned __int128 wanted = unsigned(elementBytes(tensor.element));
  for (int64_t dim : tensor.dims)
    wanted = wanted > INT64_MAX && dim ? wanted : wanted * uint64_t(dim);
  if (wanted != bytes.size()) {
    error = "must have as many bytes as " + shapeText(tensor.dims) + " " +
            elementName(tensor.element) +
            " take, got: " + std::to_string(bytes.size());
    return false;
  }
  if (!tensor.allocate(error))
    return false;
  if (reader.isFortran)
    copyFortran(bytes.data(), tensor);
  else
    std::memcpy(tensor.data.get(), bytes.data(), bytes.size());
  normalizeBools(tensor);
  return true;
}

std::string npyHeader(const Tensor &tensor) {
  std::string type = elementBytes(tensor.element) == 1 ? "|V1" : "<V2";
  for (const TypeName &entry : kTypes)
    if (entry.element == tensor.element)
      type = (elementBytes(tensor.element) == 1 ? "|" : "<") +
             std::string(entry.text);
  std::string text =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : tensor.dims)
    text += std::to_string(dim) + ", ";
  if (tensor.dims.size() > 1)
    text.resize(text.size() - 2);
  else if (tensor.dims.size() == 1)
    text.pop_back(); // "(3,)"
  text += "), }";
  // The elements begin at a multiple of 64.
  constexpr size_t kPrefix = 10;
  while ((kPrefix + text.size() + 1) % 64)
    text += ' ';
  text += '\n';
  std::string header(kMagic);
  header += '\x01';
  header += '\x00';
  header += char(text.size() & 0xff);
  header += char(text.size() >> 8);
  return header + text;
}

std::string npyFileName(std::string_view name, std::set<std::string> &taken) {
  std::string text;
  for (char c : name) {
    bool isPlain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                   (c == '.' && !text.empty());
    text += isPlain ? c : '_';
  }
  constexpr size_t kLongest = 200;
  text.resize(std::min(text.size(), kLongest));
  std::string unique = text.empty() ? "_" : text;
  for (int number = 2; !taken.insert(unique).second; ++number)
    unique = text + "_" + std::to_string(number);
  return unique + ".npy";
}

} // namespace lqc::runtime
