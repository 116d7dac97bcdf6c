//===- TokenizerJson.cpp - reads tokenizer.json ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The format of Hugging Face's `tokenizers`: one object with a field for each
// stage of the tokenizer. A stage is an object with a `type`.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/OutputStages.h"
#include "lib/Import/Tokenizer/TextStages.h"
#include "lib/Import/Tokenizer/Vocabulary.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Json.h"

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

namespace {
class TokenizerJsonReader {
public:
  TokenizerJsonReader(StringRef path, int64_t vocabularySize)
      : fields(path), vocabulary(fields, vocabularySize, result) {}

  Error read(const Value &file);

  TokenizerDescription result;

private:
  Error readFile(const Object &root);
  Error readModelType(const Object &model, bool &isWordPiece);
  Error readBpe(const Object &model);
  Error readWordPiece(const Object &model);
  Error checkModelKeys(const Object &model);
  Error readUnknown(const Object &model);
  Error readUnknownToken(const Object &model);
  size_t findCut(StringRef text) const;
  Error readMerge(const Value &merge, const Twine &field, int32_t rank);
  Error readMerges(const Array &merges);

  JsonFields fields;
  VocabularyBuilder vocabulary;
};
} // namespace

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

/// The space at which a merge is cut. Where tokens hold spaces themselves the
/// vocabulary decides; npos if it does not.
size_t TokenizerJsonReader::findCut(StringRef text) const {
  if (text.count(' ') == 1)
    return text.find(' ');
  size_t found = StringRef::npos;
  auto isToken = [&](StringRef part) { return vocabulary.find(part) >= 0; };
  for (size_t at = text.find(' '); at != StringRef::npos;
       at = text.find(' ', at + 1)) {
    StringRef left = text.take_front(at), right = text.drop_front(at + 1);
    if (!isToken(left) || !isToken(right) || !isToken((left + right).str()))
      continue;
    if (found != StringRef::npos)
      return StringRef::npos;
    found = at;
  }
  return found;
}

Error TokenizerJsonReader::readMerge(const Value &merge, const Twine &field,
                                     int32_t rank) {
  StringRef left, right;
  if (std::optional<StringRef> text = merge.getAsString()) {
    size_t cut = findCut(*text);
    left = text->take_front(cut);
    right = cut == StringRef::npos ? "" : text->drop_front(cut + 1);
    if (left.empty() || right.empty())
      return fields.failGot(field, "must be two tokens with a space between",
                            &merge);
  } else {
    const Array *pair = merge.getAsArray();
    if (!pair || pair->size() != 2 || !(*pair)[0].getAsString() ||
        !(*pair)[1].getAsString())
      return fields.failGot(field, "must be two tokens", &merge);
    left = *(*pair)[0].getAsString();
    right = *(*pair)[1].getAsString();
  }
  return vocabulary.addMerge(left, right, rank, field);
}

Error TokenizerJsonReader::readMerges(const Array &merges) {
  int32_t rank = 0;
  for (size_t i = 0; i < merges.size(); ++i) {
    std::optional<StringRef> text = merges[i].getAsString();
    if (text && text->starts_with("#version")) // the first line of merges.txt
      continue;
    if (Error error =
            readMerge(merges[i], "model.merges[" + Twine(i) + "]", rank++))
      return error;
  }
  return Error::success();
}

Error TokenizerJsonReader::checkModelKeys(const Object &model) {
  if (Error error = fields.checkKeys(
          model, "model",
          {"type", "dropout", "unk_token", "continuing_subword_prefix",
           "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
           "vocab", "merges"}))
    return error;
  const Value *dropout = model.get("dropout");
  if (!isNull(dropout) && dropout->getAsNumber() != 0.0)
    return fields.failGot("model.dropout", "must be null", dropout);
  for (StringRef key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Value *value = model.get(key);
    if (!isNull(value) && value->getAsString() != StringRef(""))
      return fields.failGot("model." + key, "must be null", value);
  }
  return Error::success();
}

/// What becomes of a symbol that is no token.
Error TokenizerJsonReader::readUnknown(const Object &model) {
  bool fallback = false;
  if (Error error = fields.readFlag(model, "byte_fallback", "model", fallback))
    return error;
  if (Error error =
          fields.readFlag(model, "fuse_unk", "model", result.fuseUnknown))
    return error;
  bool hasUnknown = !isNull(model.get("unk_token"));
  if (result.model == runtime::TokenizerModel::ByteLevelBpe)
    return vocabulary.findByteLevelIds(fallback || hasUnknown, "model.vocab");
  if (fallback)
    vocabulary.findByteFallbackIds();
  return hasUnknown ? readUnknownToken(model) : Error::success();
}

Error TokenizerJsonReader::readUnknownToken(const Object &model) {
  const Value *unknown = model.get("unk_token");
  if (!unknown || !unknown->getAsString())
    return fields.failGot("model.unk_token", "must be a token of model.vocab",
                          unknown);
  int32_t id = vocabulary.find(*unknown->getAsString());
  if (id < 0)
    return fields.failGot("model.unk_token", "must be a token of model.vocab",
                          unknown);
  result.unknown = id;
  return Error::success();
}

Error TokenizerJsonReader::readBpe(const Object &model) {
  if (Error error = checkModelKeys(model))
    return error;
  if (Error error =
          fields.readFlag(model, "ignore_merges", "model", result.ignoreMerges))
    return error;
  const Object *words;
  if (Error error = fields.asObject(model.get("vocab"), "model.vocab", words))
    return error;
  if (Error error = vocabulary.readWords(*words, "model.vocab"))
    return error;
  if (Error error = readUnknown(model))
    return error;
  const Array *merges;
  if (Error error = fields.asArray(model.get("merges"), "model.merges", merges))
    return error;
  return readMerges(*merges);
}

Error TokenizerJsonReader::readWordPiece(const Object &model) {
  if (Error error =
          fields.checkKeys(model, "model",
                           {"type", "unk_token", "continuing_subword_prefix",
                            "max_input_chars_per_word", "vocab"}))
    return error;
  StringRef continuation;
  if (Error error =
          fields.asString(model.get("continuing_subword_prefix"),
                          "model.continuing_subword_prefix", continuation))
    return error;
  result.continuation = continuation.str();
  const Value *longest = model.get("max_input_chars_per_word");
  std::optional<int64_t> count =
      longest ? longest->getAsInteger() : std::nullopt;
  if (!count || *count < 0)
    return fields.failGot("model.max_input_chars_per_word",
                          "must be a number of characters", longest);
  // No text has more.
  result.maxWordCharacters = uint32_t(std::min<int64_t>(*count, UINT32_MAX));
  const Object *words;
  if (Error error = fields.asObject(model.get("vocab"), "model.vocab", words))
    return error;
  if (Error error = vocabulary.readWords(*words, "model.vocab"))
    return error;
  return readUnknownToken(model);
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

/// Files of 2019 and 2020 have no type; only WordPiece limits words, only BPE
/// has merges.
Error TokenizerJsonReader::readModelType(const Object &model,
                                         bool &isWordPiece) {
  const Value *type = model.get("type");
  isWordPiece = type ? type->getAsString() == StringRef("WordPiece")
                     : model.get("max_input_chars_per_word") != nullptr;
  if (type && !isWordPiece && type->getAsString() != StringRef("BPE"))
    return fields.failGot("model.type", "must be 'BPE' or 'WordPiece'", type);
  return Error::success();
}

Error TokenizerJsonReader::readFile(const Object &root) {
  const Object *model;
  if (Error error = fields.asObject(root.get("model"), "model", model))
    return error;
  // First what says which kind of tokenizer this is.
  bool isWordPiece = false;
  if (Error error = readModelType(*model, isWordPiece))
    return error;
  TextStageReader text(fields, result);
  OutputStageReader output(fields, result);
  TokenDecoding decoding;
  if (Error error = text.readNormalizer(root.get("normalizer"), "normalizer"))
    return error;
  if (Error error =
          text.readPreTokenizer(root.get("pre_tokenizer"), "pre_tokenizer"))
    return error;
  if (Error error =
          output.readDecoder(root.get("decoder"), "decoder", decoding))
    return error;
  if (text.isByteLevel() != decoding.byteLevel)
    return fields.fail("decoder", "must be ByteLevel if and only if the "
                                  "pre-tokenizer is");
  if (text.isByteLevel() && isWordPiece)
    return fields.fail("pre_tokenizer", "ByteLevel needs a BPE model");
  result.model = isWordPiece          ? runtime::TokenizerModel::WordPiece
                 : text.isByteLevel() ? runtime::TokenizerModel::ByteLevelBpe
                                      : runtime::TokenizerModel::CharacterBpe;
  if (Error error = isWordPiece ? readWordPiece(*model) : readBpe(*model))
    return error;
  if (Error error =
          vocabulary.readAddedTokens(root.get("added_tokens"), "added_tokens"))
    return error;
  if (Error error = output.readPostProcessor(root.get("post_processor"),
                                             "post_processor", vocabulary))
    return error;
  vocabulary.finish(decoding);
  return Error::success();
}

Error TokenizerJsonReader::read(const Value &file) {
  const Object *root;
  if (Error error = fields.asObject(&file, "the file", root))
    return error;
  if (Error error = fields.checkKeys(
          *root, "the file",
          {"version", "truncation", "padding", "added_tokens", "normalizer",
           "pre_tokenizer", "post_processor", "decoder", "model"}))
    return error;
  const Value *version = root->get("version");
  if (version && version->getAsString() != StringRef("1.0"))
    return fields.failGot("version", "must be '1.0'", version);
  return readFile(*root);
}

llvm::Expected<TokenizerDescription>
lqc::readTokenizerJson(StringRef text, StringRef path, int64_t vocabularySize) {
  llvm::Expected<Value> file = parseJson(text, path);
  if (!file)
    return file.takeError();
  TokenizerJsonReader reader(path, vocabularySize);
  if (Error error = reader.read(*file))
    return std::move(error);
  return std::move(reader.result);
}
