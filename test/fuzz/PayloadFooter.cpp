//===- PayloadFooter.cpp - the end of an executable -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input is an executable: any bytes, a payload, a footer. The compiler and
// the executable itself read it.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/PayloadCheck.h"
#include "lqc/Runtime/PayloadFile.h"
#include "lqc/Target/Link/PayloadWriter.h"
#include "test/fuzz/Fuzz.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace lqc;
using namespace lqc::test;
using runtime::PayloadFooter;
using runtime::Section;

static void readBoth(llvm::StringRef bytes) {
  static MemoryFile file;
  file.write(bytes);
  runtime::PayloadFile payload;
  std::string error;
  const bool opened = payload.open(file.path().c_str(), error);
  if (!opened)
    requireOneLine(error);
  llvm::Expected<std::optional<PayloadContents>> contents =
      readPayloadFooter(file.path());
  require(!opened || (contents && *contents),
          "what the executable accepts, the compiler reads");
  if (!contents)
    requireOneLine(contents.takeError());
  if (opened && !payload.verify(Section::Weights, error))
    requireOneLine(error);
}

/// Makes hashes right: nearly all changes of the input would stop there.
static std::string withRightHashes(llvm::StringRef input) {
  std::string bytes = input.str();
  PayloadFooter footer;
  const size_t end = bytes.size() - sizeof(footer);
  std::memcpy(&footer, bytes.data() + end, sizeof(footer));
  for (runtime::SectionRange &range : footer.sections)
    if (range.offset <= end && range.bytes <= end - range.offset)
      range.hash = runtime::hashBytes(bytes.data() + range.offset, range.bytes);
  footer.hash = runtime::footerHash(footer);
  std::memcpy(bytes.data() + end, &footer, sizeof(footer));
  return bytes;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const llvm::StringRef bytes(reinterpret_cast<const char *>(data), size);
  readBoth(bytes);
  if (size >= sizeof(PayloadFooter))
    readBoth(withRightHashes(bytes));
  return 0;
}

/// Written as the compiler does, behind `codeBytes` bytes of code.
static std::string makePayload(size_t codeBytes) {
  llvm::SmallString<64> path;
  require(!llvm::sys::fs::createTemporaryFile("lqc-fuzz", "", path),
          "cannot make a temporary file");
  {
    std::error_code code;
    llvm::raw_fd_ostream(path, code) << std::string(codeBytes, 'x');
    auto writer = llvm::cantFail(PayloadWriter::open(path, "seed"));
    for (auto [section, text] :
         {std::pair(runtime::Weights, "weights"),
          std::pair(runtime::TokenizerTables, ""),
          std::pair(runtime::Info, "{\"family\": \"fake\"}"),
          std::pair(runtime::Summary, "a fake model\n")}) {
      writer->beginSection(section);
      llvm::cantFail(writer->writeText(text));
      llvm::cantFail(writer->endSection());
    }
    llvm::cantFail(writer->finish());
  }
  auto buffer = llvm::MemoryBuffer::getFile(path);
  require(bool(buffer), "cannot read the seed");
  llvm::sys::fs::remove(path);
  return (*buffer)->getBuffer().str();
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  return {makePayload(0), makePayload(100), makePayload(5000)};
}
