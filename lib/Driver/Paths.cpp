//===- Paths.cpp - where the files of a module are ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Paths.h"

#include "dialects/LQC/LQC.h"
#include "lib/Driver/Facts.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lqc;
namespace path = llvm::sys::path;

/// Absolute, without "." and "..", symbolic links followed where the folder
/// exists.
static std::string absoluteFolder(StringRef folder) {
  SmallString<256> result;
  if (!llvm::sys::fs::real_path(folder.empty() ? "." : folder, result))
    return std::string(result);
  result = folder;
  (void)llvm::sys::fs::make_absolute(result);
  path::remove_dots(result, /*remove_dot_dot=*/true);
  return std::string(result);
}

static std::string join(StringRef folder, StringRef name) {
  SmallString<256> result(folder);
  path::append(result, name);
  path::remove_dots(result, /*remove_dot_dot=*/true);
  return std::string(result);
}

static SmallVector<StringRef> componentsOf(StringRef name) {
  return SmallVector<StringRef>(path::begin(name), path::end(name));
}

/// Number of leading components that two absolute paths share.
static size_t countShared(ArrayRef<StringRef> a, ArrayRef<StringRef> b) {
  size_t shared = 0;
  while (shared < a.size() && shared < b.size() && a[shared] == b[shared])
    ++shared;
  return shared;
}

/// The way from the absolute folder `from` to the absolute path `to`.
static std::string relativePath(StringRef from, StringRef to) {
  SmallVector<StringRef> source = componentsOf(from), target = componentsOf(to);
  size_t shared = countShared(source, target);
  SmallString<256> result;
  for (size_t i = shared; i < source.size(); ++i)
    path::append(result, "..");
  for (StringRef part : ArrayRef(target).drop_front(shared))
    path::append(result, part);
  return result.empty() ? "." : std::string(result);
}

/// Calls `change` for every path of the module and keeps what it returns.
static void replacePaths(ModuleOp module,
                         llvm::function_ref<std::string(StringRef)> change) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](FileAttr file) -> Attribute {
    return FileAttr::get(file.getContext(), change(file.getPath()),
                         file.getTensor(), file.getOffset(), file.getBytes(),
                         file.getHeader());
  });
  replacer.addReplacement([&](ModelAttr model) -> Attribute {
    if (model.getTokenizer().empty())
      return model;
    return ModelAttr::get(model.getContext(), model.getFamily(),
                          model.getVocabulary(), model.getContextLength(),
                          model.getBos(), model.getEos(),
                          change(model.getTokenizer()));
  });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true);
}

void lqc::rebasePaths(ModuleOp module, StringRef from, StringRef to) {
  std::string source = absoluteFolder(from), target = absoluteFolder(to);
  if (source == target)
    return;
  replacePaths(module, [&](StringRef name) {
    return path::is_absolute(name) ? name.str()
                                   : relativePath(target, join(source, name));
  });
}

void lqc::renameFile(ModuleOp module, StringRef root, StringRef from,
                     StringRef to) {
  std::string folder = absoluteFolder(root);
  std::string source =
      join(absoluteFolder(path::parent_path(from)), path::filename(from));
  replacePaths(module, [&](StringRef name) {
    if (path::is_absolute(name) || join(folder, name) != source)
      return name.str();
    return join(path::parent_path(name), path::filename(to));
  });
}

std::string lqc::pathBetween(StringRef from, StringRef to) {
  return relativePath(absoluteFolder(from), absoluteFolder(to));
}

std::string lqc::commonFolder(ModuleOp module, StringRef root) {
  std::string absolute = absoluteFolder(root);
  bool leavesRoot = false;
  std::string common = absolute;
  replacePaths(module, [&](StringRef name) {
    leavesRoot |= llvm::is_contained(componentsOf(name), StringRef(".."));
    std::string target = join(absolute, name);
    // A file counts by its folder; "." by itself.
    SmallVector<StringRef> parts = componentsOf(target);
    if (!llvm::sys::fs::is_directory(target))
      parts.pop_back();
    SmallVector<StringRef> shared = componentsOf(common);
    shared.truncate(countShared(shared, parts));
    SmallString<256> folder;
    for (StringRef part : shared)
      path::append(folder, part);
    common = std::string(folder);
    return name.str();
  });
  return leavesRoot ? common : root.str();
}

bool lqc::readsFile(ModuleOp module, StringRef root, StringRef file) {
  if (!llvm::sys::fs::exists(file))
    return false;
  std::string absolute = absoluteFolder(root);
  auto isFile = [&](StringRef folder, StringRef name) {
    return llvm::sys::fs::equivalent(join(folder, name), file);
  };
  bool found = false;
  replacePaths(module, [&](StringRef name) {
    found |= isFile(absolute, name);
    return name.str();
  });
  std::string checkpoint = absolute;
  if (auto model = module->getAttrOfType<ModelAttr>(kModelAttrName))
    checkpoint = join(absolute, model.getTokenizer());
  auto inputs = module->getAttrOfType<DictionaryAttr>(kInputsAttrName);
  if (!inputs) // IR by hand
    return found;
  return found || llvm::any_of(inputs, [&](NamedAttribute input) {
           return isFile(checkpoint, input.getName());
         });
}
