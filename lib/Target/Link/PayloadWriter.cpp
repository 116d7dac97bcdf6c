//===- PayloadWriter.cpp - the payload, written and inspected -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Target/Link/PayloadWriter.h"

#include "lqc/Runtime/PayloadCheck.h"

#include "llvm/Support/Alignment.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using namespace llvm;

namespace lqc {

using runtime::PayloadFooter;
using runtime::Section;
using runtime::SectionRange;

static Error fileError(StringRef name, const Twine &what) {
  return createStringError(Twine(name) + ": " + what);
}

//===----------------------------------------------------------------------===//
// PayloadWriter
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<PayloadWriter>> PayloadWriter::open(StringRef path,
                                                             StringRef name) {
  uint64_t bytes = 0;
  if (std::error_code code = sys::fs::file_size(path, bytes))
    return fileError(name, "cannot tell its size: " + code.message());
  std::error_code code;
  auto stream =
      std::make_unique<raw_fd_ostream>(path, code, sys::fs::CD_OpenExisting,
                                       sys::fs::FA_Write, sys::fs::OF_Append);
  if (code)
    return fileError(name, "cannot open for writing: " + code.message());
  return std::unique_ptr<PayloadWriter>(
      new PayloadWriter(std::move(stream), name, bytes));
}

Expected<std::unique_ptr<PayloadWriter>>
PayloadWriter::reopen(StringRef path, StringRef name, Section first) {
  Expected<std::optional<PayloadContents>> contents = readPayloadFooter(path);
  if (!contents)
    return contents.takeError();
  assert(*contents && "a finished payload");
  PayloadFooter footer = (*contents)->footer;
  const uint64_t end = footer[first].offset;
  if (::truncate(path.str().c_str(), off_t(end)))
    return fileError(name, "cannot write: " + sys::StrError());
  Expected<std::unique_ptr<PayloadWriter>> writer = open(path, name);
  if (!writer)
    return writer.takeError();
  for (uint32_t i = 0; i < runtime::SectionCount; ++i)
    if (footer.sections[i].offset < end)
      (*writer)->footer.sections[i] = footer.sections[i];
  return writer;
}

PayloadWriter::PayloadWriter(std::unique_ptr<raw_fd_ostream> stream,
                             StringRef name, uint64_t position)
    : stream(std::move(stream)), name(name), position(position) {
  this->stream->SetBufferSize(1 << 20);
  for (SectionRange &range : footer.sections)
    range.hash = runtime::hashBytes(nullptr, 0);
}

PayloadWriter::~PayloadWriter() {
  stream->flush();
  stream->clear_error(); // whoever cared has asked
}

void PayloadWriter::put(ArrayRef<char> bytes) {
  stream->write(bytes.data(), bytes.size());
  position += bytes.size();
}

void PayloadWriter::padFileTo(uint64_t alignment) {
  const uint64_t padding = offsetToAlignment(position, Align(alignment));
  stream->write_zeros(unsigned(padding));
  position += padding;
}

/// The stream's error, which may be that of an earlier call.
Error PayloadWriter::check() {
  if (!stream->has_error())
    return Error::success();
  std::string message = stream->error().message();
  stream->clear_error();
  return fileError(name, "cannot write: " + message);
}

void PayloadWriter::beginSection(Section section) {
  assert(!current && "sections do not nest");
  assert(!footer[section].offset && "a section is written once");
  padFileTo(runtime::kPageBytes);
  current = section;
  footer[section].offset = position;
  hasher = runtime::Hasher();
}

uint64_t PayloadWriter::sectionBytes() const {
  assert(current && "no section");
  return position - footer[*current].offset;
}

Error PayloadWriter::write(ArrayRef<char> bytes) {
  assert(current && "no section");
  hasher.update(bytes.data(), bytes.size());
  put(bytes);
  return check();
}

Error PayloadWriter::padTo(uint64_t alignment) {
  static const char zeros[4096] = {};
  uint64_t left = offsetToAlignment(sectionBytes(), Align(alignment));
  while (left) {
    const size_t count = std::min<uint64_t>(left, sizeof(zeros));
    if (Error error = write(ArrayRef<char>(zeros, count)))
      return error;
    left -= count;
  }
  return Error::success();
}

Error PayloadWriter::endSection() {
  footer[*current].bytes = sectionBytes();
  footer[*current].hash = hasher.finish();
  current.reset();
  return check();
}

Error PayloadWriter::finish() {
  assert(!current && "a section is open");
  padFileTo(alignof(PayloadFooter));
  footer.fileBytes = position + sizeof(PayloadFooter);
  footer.version = runtime::kPayloadVersion;
  footer.hash = runtime::footerHash(footer);
  footer.magic = runtime::kPayloadMagic;
  put(ArrayRef<char>(reinterpret_cast<const char *>(&footer), sizeof(footer)));
  stream->close();
  return check();
}

//===----------------------------------------------------------------------===//
// Inspection
//===----------------------------------------------------------------------===//

namespace {
/// A file, closed at the end.
class InputFile {
public:
  explicit InputFile(StringRef path) : path(path) {}
  ~InputFile() {
    if (descriptor >= 0)
      sys::Process::SafelyCloseFileDescriptor(descriptor);
  }
  Error open();
  Error read(uint64_t offset, MutableArrayRef<char> bytes);
  uint64_t size() const { return status.getSize(); }

  const StringRef path;

private:
  int descriptor = -1;
  sys::fs::file_status status;
};
} // namespace

Error InputFile::open() {
  std::error_code code = sys::fs::openFileForRead(path, descriptor);
  if (!code)
    code = sys::fs::status(descriptor, status);
  if (code)
    return fileError(path, code.message());
  return Error::success();
}

Error InputFile::read(uint64_t offset, MutableArrayRef<char> bytes) {
  while (!bytes.empty()) {
    Expected<size_t> count =
        sys::fs::readNativeFileSlice(descriptor, bytes, offset);
    if (!count)
      return fileError(path, toString(count.takeError()));
    if (!*count)
      return fileError(path,
                       "file ends before byte " + Twine(offset + bytes.size()));
    offset += *count;
    bytes = bytes.drop_front(*count);
  }
  return Error::success();
}

/// One of the payload's texts, compared with its hash.
static Expected<std::string>
readText(InputFile &file, const PayloadFooter &footer, Section section) {
  const SectionRange &range = footer[section];
  std::string text(range.bytes, '\0');
  if (Error error = file.read(range.offset, {text.data(), text.size()}))
    return std::move(error);
  const uint64_t found = runtime::hashBytes(text.data(), text.size());
  if (found != range.hash)
    return fileError(file.path, Twine("payload section ") +
                                    runtime::sectionName(section) +
                                    ": hash must be " + Twine(range.hash) +
                                    ", got: " + Twine(found));
  return text;
}

Expected<std::optional<PayloadContents>> readPayloadFooter(StringRef path) {
  InputFile file(path);
  if (Error error = file.open())
    return std::move(error);
  PayloadContents contents;
  PayloadFooter &footer = contents.footer;
  if (file.size() < sizeof(footer))
    return std::nullopt;
  if (Error error =
          file.read(file.size() - sizeof(footer),
                    {reinterpret_cast<char *>(&footer), sizeof(footer)}))
    return std::move(error);
  if (footer.magic != runtime::kPayloadMagic)
    return std::nullopt;
  std::string problem = runtime::footerProblem(footer, file.size());
  if (!problem.empty())
    return fileError(path, problem);

  for (auto [section, text] :
       {std::pair(runtime::Info, &contents.info),
        std::pair(runtime::Summary, &contents.summary)}) {
    Expected<std::string> read = readText(file, footer, section);
    if (!read)
      return read.takeError();
    *text = std::move(*read);
  }
  return contents;
}

} // namespace lqc
