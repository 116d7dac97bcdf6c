//===- Payload.cpp - the weights of a compiled module ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Payload.h"

#include "lib/Driver/Facts.h"
#include "lqc/Interpreter/Sidecar.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Progress.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lqc;

Payload Payload::ofScheduled(ModuleOp scheduled, std::string root,
                             unsigned threads) {
  Payload payload;
  payload.weights = planPayload(scheduled);
  for (PayloadWeight &entry : payload.weights)
    payload.names.push_back(entry.weight.getSymName().str());
  payload.store =
      std::make_unique<WeightStore>(scheduled, std::move(root), threads);
  return payload;
}

llvm::Expected<Payload> Payload::ofLowered(ModuleOp lowered, std::string root,
                                           unsigned threads) {
  ArrayAttr places = lowered->getAttrOfType<ArrayAttr>(kPayloadAttrName);
  if (!places || !llvm::all_of(places, llvm::IsaPred<FileAttr>))
    return makeError("the module must have {0}, a list of #lqc.file: lqc "
                     "compile --compile-to=lower writes it",
                     kPayloadAttrName);
  ArrayAttr names = lowered->getAttrOfType<ArrayAttr>(kPayloadNamesAttrName);
  if (!names || names.size() != places.size() ||
      !llvm::all_of(names, llvm::IsaPred<StringAttr>))
    return makeError("the module must have {0}, a name for each element of {1}",
                     kPayloadNamesAttrName, kPayloadAttrName);
  Payload payload;
  payload.holder = ModuleOp::create(lowered.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(payload.holder->getBody());
  uint64_t offset = 0;
  for (FileAttr place : places.getAsRange<FileAttr>()) {
    RankedTensorType type =
        RankedTensorType::get(place.getBytes(), builder.getI8Type());
    std::string name = "payload." + std::to_string(payload.weights.size());
    WeightOp weight =
        WeightOp::create(builder, lowered.getLoc(), name, type, place);
    payload.names.push_back(
        cast<StringAttr>(names[payload.weights.size()]).str());
    payload.weights.push_back({weight, offset, place.getBytes()});
    offset = llvm::alignTo(offset + place.getBytes(), kWeightAlignment);
  }
  payload.store =
      std::make_unique<WeightStore>(*payload.holder, std::move(root), threads);
  return payload;
}

llvm::Error Payload::writeTo(PayloadWriter &writer) {
  Progress progress("weights", bytes());
  writer.beginSection(runtime::Weights);
  for (PayloadWeight &entry : weights) {
    progress.setItem(entry.weight.getSymName());
    if (llvm::Error error = writer.padTo(kWeightAlignment))
      return error;
    assert(writer.sectionBytes() == entry.offset && "payload as planned");
    runtime::Hasher hasher;
    auto sink = [&](ArrayRef<char> bytes) {
      progress.advance(bytes.size());
      hasher.update(bytes.data(), bytes.size());
      return writer.write(bytes);
    };
    if (llvm::Error error = store->stream(entry.weight, sink))
      return error;
    hashes.push_back(hasher.finish());
  }
  if (llvm::Error error = writer.padTo(kWeightAlignment))
    return error;
  assert(writer.sectionBytes() == bytes() && "payload as planned");
  return writer.endSection();
}

std::string Payload::tensorTable() const {
  assert(hashes.size() == weights.size() && "written before");
  std::vector<runtime::TensorEntry> entries(weights.size() + 1);
  entries[0].bytes = weights.size();
  std::string text;
  const size_t start = entries.size() * sizeof(runtime::TensorEntry);
  for (auto [i, weight] : llvm::enumerate(weights)) {
    entries[i + 1] = {weight.offset, weight.bytes, hashes[i],
                      uint32_t(start + text.size()), uint32_t(names[i].size())};
    text += names[i];
  }
  return std::string(reinterpret_cast<const char *>(entries.data()), start) +
         text;
}

llvm::Error Payload::writeSidecar(StringRef path, ModuleOp lowered) {
  Progress progress("weights", bytes());
  llvm::Expected<SidecarWriter> writer =
      SidecarWriter::create(path, weights.size());
  if (!writer)
    return writer.takeError();
  SmallVector<SidecarWriter::Ticket> tickets;
  for (PayloadWeight &entry : weights) {
    progress.setItem(entry.weight.getSymName());
    llvm::Expected<SidecarWriter::Ticket> ticket =
        writer->add(entry.weight, *store);
    if (!ticket)
      return ticket.takeError();
    progress.advance(entry.bytes);
    tickets.push_back(*ticket);
  }
  if (llvm::Error error = writer->finish())
    return error;
  SmallVector<Attribute> places;
  for (SidecarWriter::Ticket ticket : tickets)
    places.push_back(writer->file(ticket, lowered.getContext()));
  SmallVector<StringRef> texts(names.begin(), names.end());
  lowered->setAttr(kPayloadNamesAttrName,
                   Builder(lowered.getContext()).getStrArrayAttr(texts));
  lowered->setAttr(kPayloadAttrName,
                   ArrayAttr::get(lowered.getContext(), places));
  return llvm::Error::success();
}
