//===- PayloadFile.cpp - the running executable's payload, mapped ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/PayloadFile.h"

#include "lqc/Runtime/PayloadCheck.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lqc::runtime {

static bool fail(std::string &error, const char *what) {
  error = std::string("payload: ") + what + ": " + std::strerror(errno);
  return false;
}

PayloadFile::~PayloadFile() {
  if (base)
    ::munmap(base, footer.fileBytes);
}

bool PayloadFile::open(const char *path, std::string &error) {
  int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fail(error, "cannot open the file");
  bool ok = openDescriptor(file, error);
  ::close(file); // the mapping stays
  return ok;
}

bool PayloadFile::openDescriptor(int file, std::string &error) {
  struct stat status;
  if (::fstat(file, &status))
    return fail(error, "cannot tell the file's size");
  const uint64_t fileBytes = uint64_t(status.st_size);
  if (fileBytes < sizeof(PayloadFooter)) {
    error = "payload footer: the file must hold at least " +
            std::to_string(sizeof(PayloadFooter)) +
            " bytes, got: " + std::to_string(fileBytes);
    return false;
  }

  PayloadFooter found;
  ssize_t got =
      ::pread(file, &found, sizeof(found), off_t(fileBytes - sizeof(found)));
  if (got != ssize_t(sizeof(found)))
    return fail(error, "cannot read the footer");
  error = footerProblem(found, fileBytes);
  if (!error.empty())
    return false;

  void *mapped = ::mmap(nullptr, fileBytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED)
    return fail(error, "cannot map the file");
  base = static_cast<char *>(mapped);
  footer = found;
  return verify(Section::TokenizerTables, error) &&
         verify(Section::Info, error) && verify(Section::Summary, error) &&
         verify(Section::Generation, error) &&
         verify(Section::Encoder, error) && verify(Section::Tensors, error);
}

bool PayloadFile::verify(Section section, std::string &error) const {
  const uint64_t expected = footer[section].hash;
  const uint64_t found = hashBytes(data(section), bytes(section));
  if (found == expected)
    return true;
  error = std::string("payload section ") + sectionName(section) +
          ": hash must be " + std::to_string(expected) +
          ", got: " + std::to_string(found);
  return false;
}

/// The first tensor whose bytes are not what they were, or "".
std::string PayloadFile::damagedTensor() const {
  const std::string_view table = text(Section::Tensors);
  const uint64_t places = table.size() / sizeof(TensorEntry);
  const TensorEntry *entries =
      reinterpret_cast<const TensorEntry *>(table.data());
  if (!places || entries->bytes >= places)
    return {};
  const std::string_view weights = text(Section::Weights);
  for (const TensorEntry *entry = entries + 1;
       entry <= entries + entries->bytes; ++entry) {
    if (entry->offset > weights.size() ||
        entry->bytes > weights.size() - entry->offset ||
        entry->name > table.size())
      return {};
    const uint64_t found =
        hashBytes(weights.data() + entry->offset, entry->bytes);
    if (found != entry->hash)
      return "tensor " +
             std::string(table.substr(entry->name, entry->nameBytes)) +
             ": hash must be " + std::to_string(entry->hash) +
             ", got: " + std::to_string(found);
  }
  return {};
}

bool PayloadFile::verifyWeights(std::string &error) const {
  if (verify(Section::Weights, error))
    return true;
  const std::string tensor = damagedTensor();
  if (!tensor.empty())
    error = "payload section weights: " + tensor;
  return false;
}

void PayloadFile::readAhead() const {
  ::madvise(base + footer[Section::Weights].offset, bytes(Section::Weights),
            MADV_WILLNEED);
}

} // namespace lqc::runtime
