//===- SearchResults.cpp - weights that a search has found ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Interpreter/SearchResults.h"

#include "lqc/Support/Hash.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace lqc;

bool lqc::isPending(FileAttr place) { return place.getHeader().empty(); }

llvm::Expected<std::unique_ptr<SearchResults>>
SearchResults::create(WeightStore &store, llvm::StringRef path,
                      uint64_t maxTensors) {
  llvm::Expected<SidecarWriter> writer =
      SidecarWriter::create(path, maxTensors);
  if (!writer)
    return writer.takeError();
  return std::unique_ptr<SearchResults>(
      new SearchResults(store, std::move(*writer)));
}

llvm::Error SearchResults::set(WeightOp weight, std::vector<char> bytes) {
  std::string hash = contentHash(bytes);
  llvm::Expected<SidecarWriter::Ticket> ticket =
      writer.add(weight.getTensorType(), bytes);
  if (!ticket)
    return ticket.takeError();
  tickets[hash] = *ticket;
  weight.setValueAttr(FileAttr::get(weight.getContext(), /*path=*/"", hash,
                                    /*offset=*/0, bytes.size(),
                                    /*header=*/""));
  store.provide(hash, std::move(bytes));
  return llvm::Error::success();
}

void SearchResults::release() { store.withdrawAll(); }

llvm::Error SearchResults::finish(mlir::ModuleOp module,
                                  llvm::StringRef folder) {
  if (tickets.empty())
    return llvm::Error::success();
  if (llvm::Error error = writer.finish())
    return error;
  for (WeightOp weight : module.getOps<WeightOp>()) {
    FileAttr place = mlir::dyn_cast_or_null<FileAttr>(weight.getValueAttr());
    if (!place || !isPending(place))
      continue;
    FileAttr found =
        writer.file(tickets.at(place.getTensor()), module.getContext());
    llvm::SmallString<128> path(folder == "." ? "" : folder);
    llvm::sys::path::append(path, found.getPath());
    weight.setValueAttr(FileAttr::get(module.getContext(), path,
                                      found.getTensor(), found.getOffset(),
                                      found.getBytes(), found.getHeader()));
  }
  release();
  store.clear();
  return llvm::Error::success();
}
