//===- Sidecar.cpp - computed weights beside the IR -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Interpreter/Sidecar.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Hash.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace lqc;
using namespace mlir;

/// Room in the header for one tensor's entry: 125 bytes and the shape.
static constexpr uint64_t kEntryBytes = 256;
static constexpr uint64_t kLengthBytes = 8;

struct SidecarWriter::State {
  /// A tensor of the file.
  struct Entry {
    std::string name;  ///< the hash of its bytes
    std::string dtype; ///< as the header says
    llvm::SmallVector<int64_t> shape;
    uint64_t offset; ///< from the start of the file
    uint64_t bytes;
  };

  State(std::string path, llvm::sys::fs::TempFile file, uint64_t dataStart)
      : path(std::move(path)), file(std::move(file)),
        stream(this->file.FD, /*shouldClose=*/false), dataStart(dataStart),
        end(dataStart) {}
  ~State() {
    stream.flush();
    stream.clear_error(); // reported before, or of no interest any more
    if (!isFinished)
      llvm::consumeError(file.discard());
  }

  /// What the system says of the stream so far.
  llvm::Error streamError() {
    stream.flush();
    std::error_code code = stream.error();
    stream.clear_error();
    if (!code)
      return llvm::Error::success();
    return makeError("{0}: {1}", path, llvm::StringRef(code.message()).lower());
  }
  using Producer = llvm::function_ref<llvm::Error(WeightStore::Sink)>;
  llvm::Expected<Ticket> add(RankedTensorType type, Producer produce);
  std::string entryText(const Entry &entry) const;
  std::string headerText() const;

  const std::string path;
  llvm::sys::fs::TempFile file;
  llvm::raw_fd_ostream stream;
  const uint64_t dataStart;
  uint64_t end; ///< of the data so far
  std::vector<Entry> entries;
  llvm::StringMap<Ticket> byName;
  std::string headerHash;
  bool isFinished = false;
};

/// The storage type of a plain tensor's elements, or "" if it is stored as U8.
static llvm::StringRef storageTypeOf(RankedTensorType type) {
  if (type.getEncoding())
    return "";
  Type element = type.getElementType();
  if (element.isF32())
    return "F32";
  if (element.isF16())
    return "F16";
  if (element.isBF16())
    return "BF16";
  if (element.isInteger(32))
    return "I32";
  return element.isInteger(64) ? "I64" : "";
}

std::string SidecarWriter::State::entryText(const Entry &entry) const {
  uint64_t begin = entry.offset - dataStart;
  return llvm::formatv("\"{0}\":{{\"dtype\":\"{1}\",\"shape\":[{2:$[,]}],"
                       "\"data_offsets\":[{3},{4}]}",
                       entry.name, entry.dtype,
                       llvm::make_range(entry.shape.begin(), entry.shape.end()),
                       begin, begin + entry.bytes);
}

std::string SidecarWriter::State::headerText() const {
  std::string text = "{";
  for (const Entry &entry : entries)
    text += (text.size() > 1 ? "," : "") + entryText(entry);
  return text + "}";
}

//===----------------------------------------------------------------------===//
// SidecarWriter
//===----------------------------------------------------------------------===//

SidecarWriter::SidecarWriter(std::unique_ptr<State> state)
    : state(std::move(state)) {}
SidecarWriter::SidecarWriter(SidecarWriter &&) = default;
SidecarWriter::~SidecarWriter() = default;

llvm::Expected<SidecarWriter> SidecarWriter::create(llvm::StringRef path,
                                                    uint64_t maxTensors) {
  llvm::Expected<llvm::sys::fs::TempFile> file =
      llvm::sys::fs::TempFile::create(path + ".%%%%%%.tmp");
  if (!file)
    return makeError("{0}: {1}", path,
                     llvm::StringRef(llvm::toString(file.takeError())).lower());
  // Data begins at a multiple of 64 bytes.
  uint64_t dataStart =
      llvm::alignTo(kLengthBytes + 2 + maxTensors * kEntryBytes, 64);
  auto state = std::make_unique<State>(path.str(), std::move(*file), dataStart);
  state->stream.seek(dataStart);
  if (llvm::Error error = state->streamError())
    return std::move(error);
  return SidecarWriter(std::move(state));
}

llvm::Expected<SidecarWriter::Ticket>
SidecarWriter::State::add(RankedTensorType type, Producer produce) {
  if (dataStart < kLengthBytes + 2 + (entries.size() + 1) * kEntryBytes)
    return makeError("{0}: must have at most {1} tensors", path,
                     entries.size());
  ContentHasher hasher;
  uint64_t bytes = 0;
  llvm::Error error = produce([&](llvm::ArrayRef<char> piece) {
    hasher.update(piece);
    bytes += piece.size();
    stream.write(piece.data(), piece.size());
    return llvm::Error::success();
  });
  if (error)
    return std::move(error);
  if (llvm::Error error = streamError())
    return std::move(error);
  std::string name = hasher.digits();
  auto [place, isNew] = byName.try_emplace(name, entries.size());
  if (!isNew) {
    // The same bytes are there already: the next tensor overwrites these.
    stream.seek(end);
    return place->second;
  }
  Entry entry{std::move(name), storageTypeOf(type).str(),
              llvm::SmallVector<int64_t>(type.getShape()), end, bytes};
  if (entry.dtype.empty()) {
    entry.dtype = "U8";
    entry.shape = {static_cast<int64_t>(bytes)};
  }
  if (entryText(entry).size() >= kEntryBytes)
    return makeError("{0}: a tensor must have at most 6 dimensions, got: {1}",
                     path, entry.shape.size());
  end += bytes;
  entries.push_back(std::move(entry));
  return place->second;
}

llvm::Expected<SidecarWriter::Ticket> SidecarWriter::add(WeightOp weight,
                                                         WeightStore &store) {
  return state->add(weight.getTensorType(), [&](WeightStore::Sink sink) {
    return store.stream(weight, sink);
  });
}

llvm::Expected<SidecarWriter::Ticket>
SidecarWriter::add(RankedTensorType type, llvm::ArrayRef<char> bytes) {
  assert(bytes.size() == weightBytes(type) && "the bytes of the type");
  return state->add(type, [&](WeightStore::Sink sink) { return sink(bytes); });
}

llvm::Error SidecarWriter::finish() {
  std::string text = state->headerText();
  text.resize(state->dataStart - kLengthBytes, ' ');
  char length[kLengthBytes];
  llvm::support::endian::write64le(length, text.size());
  ContentHasher hasher;
  hasher.update(llvm::ArrayRef(length));
  hasher.update(llvm::StringRef(text));
  state->headerHash = hasher.digits();
  state->stream.seek(0);
  state->stream.write(length, kLengthBytes);
  state->stream << text;
  if (llvm::Error error = state->streamError())
    return error;
  // A tensor that was there twice may have left bytes behind the end.
  if (std::error_code code =
          llvm::sys::fs::resize_file(state->file.FD, state->end))
    return makeError("{0}: {1}", state->path,
                     llvm::StringRef(code.message()).lower());
  state->isFinished = true;
  if (llvm::Error error = state->file.keep(state->path))
    return prefixError(state->path, std::move(error));
  return llvm::Error::success();
}

FileAttr SidecarWriter::file(Ticket ticket, MLIRContext *context) const {
  assert(state->isFinished && "the header's hash is not known before");
  const State::Entry &entry = state->entries[ticket];
  return FileAttr::get(context, llvm::sys::path::filename(state->path),
                       entry.name, entry.offset, entry.bytes,
                       state->headerHash);
}

//===----------------------------------------------------------------------===//
// materialize
//===----------------------------------------------------------------------===//

llvm::Error lqc::materialize(ModuleOp module, WeightStore &store,
                             llvm::StringRef path,
                             llvm::function_ref<bool(WeightOp)> isSelected) {
  llvm::SmallVector<WeightOp> selected;
  for (WeightOp weight : module.getOps<WeightOp>())
    if (!weight.getInitializer().empty() && isSelected(weight))
      selected.push_back(weight);
  if (selected.empty())
    return llvm::Error::success();
  llvm::Expected<SidecarWriter> writer =
      SidecarWriter::create(path, selected.size());
  if (!writer)
    return writer.takeError();
  llvm::SmallVector<SidecarWriter::Ticket> tickets;
  for (WeightOp weight : selected) {
    llvm::Expected<SidecarWriter::Ticket> ticket = writer->add(weight, store);
    if (!ticket)
      return ticket.takeError();
    tickets.push_back(*ticket);
  }
  if (llvm::Error error = writer->finish())
    return error;
  for (auto [weight, ticket] : llvm::zip(selected, tickets)) {
    weight.setValueAttr(writer->file(ticket, module.getContext()));
    weight.getInitializer().dropAllReferences();
    weight.getInitializer().getBlocks().clear();
  }
  store.clear();
  return llvm::Error::success();
}
