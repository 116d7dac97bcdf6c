//===- SentencePiece.cpp - reads tokenizer.model --------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The format of SentencePiece (github.com/google/sentencepiece,
// sentencepiece_model.proto): a protobuf message with the pieces and their
// scores, how they were trained, and how texts are normalized.
//
// SentencePiece has no list of merges: two neighbours merge if their
// concatenation is a piece, the best score first, the leftmost on ties. So each
// way to cut a piece into two pieces is a merge here, and its rank is that of
// the score: equal scores share a rank.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/ProtobufReader.h"
#include "lib/Import/Tokenizer/TokenizerConfig.h"

#include "lqc/Support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Endian.h"

#include <cmath>

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using runtime::TextStepKind;

/// Of a normal piece; SentencePiece trains pieces of at most 16 characters.
static constexpr size_t kMaxPieceBytes = 512;
/// Of one replacement of a charsmap, as the runtime has it.
static constexpr size_t kMaxReplacement = 64;

namespace {
enum class PieceType : uint64_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

struct SentencePiece {
  StringRef text;
  float score = 0;
  PieceType type = PieceType::Normal;
};

/// The fields of TrainerSpec that say how texts are encoded.
struct TrainerSpec {
  uint64_t modelType = 1; // unigram
  bool spaceAsSuffix = false;
  bool byteFallback = false;
  int32_t bos = 1, eos = 2;
  std::string unknownText = " \xe2\x81\x87 "; // U+2047 between spaces
};

struct NormalizerSpec {
  StringRef charsmap;
  bool addDummyPrefix = true;
  bool removeExtraSpaces = true;
  bool escapeSpaces = true;
};

class SentencePieceReader {
public:
  SentencePieceReader(StringRef path, int64_t vocabularySize)
      : path(path), fields(path), vocabulary(fields, vocabularySize, result) {}

  Error read(StringRef file);
  Error build(const TokenizerConfig &config);

  TokenizerDescription result;

private:
  Error readMessage(const ProtobufField &field,
                    llvm::function_ref<Error(const ProtobufField &)> read);
  Error readPiece(const ProtobufField &message);
  Error readTrainer(const ProtobufField &field);
  Error readNormalizer(const ProtobufField &field);
  Error checkModel();
  Error addPieces();
  Error addPiece(int32_t id);
  Error addMerges();
  Error addMergesOf(int32_t id, int32_t rank);
  Error addSteps(const TokenizerConfig &config);
  Error readCharsmap();

  std::string path;
  JsonFields fields;
  VocabularyBuilder vocabulary;
  std::vector<SentencePiece> pieces;
  TrainerSpec trainer;
  NormalizerSpec normalizer;
};
} // namespace

//===----------------------------------------------------------------------===//
// The message
//===----------------------------------------------------------------------===//

/// Calls `read` with each field of a message inside.
Error SentencePieceReader::readMessage(
    const ProtobufField &field,
    llvm::function_ref<Error(const ProtobufField &)> read) {
  if (field.type != ProtobufField::Bytes)
    return fields.fail("byte " + Twine(field.offset),
                       "field " + Twine(field.number) + " must be a message");
  ProtobufReader reader(field.bytes, path, field.bytesOffset);
  ProtobufField inner;
  while (true) {
    llvm::Expected<bool> more = reader.next(inner);
    if (!more)
      return more.takeError();
    if (!*more)
      return Error::success();
    if (Error error = read(inner))
      return error;
  }
}

Error SentencePieceReader::readPiece(const ProtobufField &message) {
  SentencePiece piece;
  if (Error error = readMessage(message, [&](const ProtobufField &field) {
        if (field.number == 1 && field.type == ProtobufField::Bytes)
          piece.text = field.bytes;
        if (field.number == 2 && field.type == ProtobufField::Fixed32)
          piece.score = field.asFloat();
        if (field.number == 3 && field.type == ProtobufField::Varint)
          piece.type = PieceType(field.integer);
        return Error::success();
      }))
    return error;
  pieces.push_back(piece);
  return vocabulary.checkId(int64_t(pieces.size()) - 1, "pieces");
}

Error SentencePieceReader::readTrainer(const ProtobufField &field) {
  if (field.type == ProtobufField::Bytes && field.number == 44)
    trainer.unknownText = field.bytes.str();
  if (field.type != ProtobufField::Varint)
    return Error::success();
  if (field.number == 3)
    trainer.modelType = field.integer;
  if (field.number == 24)
    trainer.spaceAsSuffix = field.integer;
  if (field.number == 35)
    trainer.byteFallback = field.integer;
  if (field.number == 41)
    trainer.bos = int32_t(field.integer);
  if (field.number == 42)
    trainer.eos = int32_t(field.integer);
  return Error::success();
}

Error SentencePieceReader::readNormalizer(const ProtobufField &field) {
  if (field.number == 2 && field.type == ProtobufField::Bytes)
    normalizer.charsmap = field.bytes;
  if (field.type != ProtobufField::Varint)
    return Error::success();
  if (field.number == 3)
    normalizer.addDummyPrefix = field.integer;
  if (field.number == 4)
    normalizer.removeExtraSpaces = field.integer;
  if (field.number == 5)
    normalizer.escapeSpaces = field.integer;
  return Error::success();
}

Error SentencePieceReader::read(StringRef file) {
  ProtobufReader reader(file, path);
  ProtobufField field;
  while (true) {
    llvm::Expected<bool> more = reader.next(field);
    if (!more)
      return more.takeError();
    if (!*more)
      return checkModel();
    Error error = Error::success();
    if (field.number == 1)
      error = readPiece(field);
    else if (field.number == 2)
      error = readMessage(field, [&](const ProtobufField &inner) {
        return readTrainer(inner);
      });
    else if (field.number == 3)
      error = readMessage(field, [&](const ProtobufField &inner) {
        return readNormalizer(inner);
      });
    if (error)
      return error;
  }
}

/// What LQC does not do.
Error SentencePieceReader::checkModel() {
  if (pieces.empty())
    return fields.fail("pieces", "must not be empty");
  static constexpr StringRef kTypes[] = {"", "unigram", "BPE", "word", "char"};
  if (trainer.modelType != 2)
    return fields.fail("trainer_spec.model_type",
                       "must be BPE, got: " +
                           (trainer.modelType < std::size(kTypes)
                                ? kTypes[trainer.modelType].str()
                                : std::to_string(trainer.modelType)));
  if (trainer.spaceAsSuffix)
    return fields.fail("trainer_spec.treat_whitespace_as_suffix",
                       "must be false, got: true");
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Pieces and merges
//===----------------------------------------------------------------------===//

Error SentencePieceReader::addPiece(int32_t id) {
  const SentencePiece &piece = pieces[id];
  std::string field = "pieces[" + std::to_string(id) + "]";
  if (piece.text.empty())
    return fields.fail(field, "must not be empty");
  if (!llvm::json::isUTF8(piece.text))
    return fields.fail(field, "must be UTF-8, got: " + quote(piece.text));
  if (vocabulary.find(piece.text) >= 0)
    return fields.fail(field, "must be there once, got: " + quote(piece.text));
  switch (piece.type) {
  case PieceType::Normal:
    if (piece.text.size() > kMaxPieceBytes)
      return fields.fail(field, "must be at most " + Twine(kMaxPieceBytes) +
                                    " bytes, got: " + Twine(piece.text.size()));
    if (!std::isfinite(piece.score))
      return fields.fail(field, "score must be a finite number");
    return vocabulary.addWord(piece.text, id, field);
  case PieceType::Unknown:
    if (result.unknown)
      return fields.fail(field, "only one piece may be of type unknown");
    result.unknown = id;
    return vocabulary.addName(piece.text, id, field);
  case PieceType::UserDefined:
    // SentencePiece keeps them where it collapses others; the step does not.
    if (normalizer.removeExtraSpaces && piece.text.contains("  "))
      return fields.fail(field, "must not hold spaces side by side when "
                                "remove_extra_whitespaces is true");
    if (Error error = vocabulary.addName(piece.text, id, field))
      return error;
    return vocabulary.addToken({piece.text.str(), id, true, 0},
                               /*special=*/false, field);
  case PieceType::Control:
    if (Error error = vocabulary.addName(piece.text, id, field))
      return error;
    result.pieces[id].special = true;
    return Error::success();
  case PieceType::Byte:
    if (!byteOfName(piece.text))
      return fields.fail(field,
                         "must be a byte as <0x0A>, got: " + quote(piece.text));
    return vocabulary.addName(piece.text, id, field);
  case PieceType::Unused:
    return fields.fail(field, "unused pieces are not supported");
  }
  return fields.fail(field, "type must be 1 to 6, got: " +
                                Twine(uint64_t(piece.type)));
}

Error SentencePieceReader::addPieces() {
  for (size_t id = 0; id < pieces.size(); ++id)
    if (Error error = addPiece(int32_t(id)))
      return error;
  if (!result.unknown)
    return fields.fail("pieces", "one must be of type unknown");
  if (!trainer.byteFallback)
    return Error::success();
  vocabulary.findByteFallbackIds();
  if (llvm::is_contained(result.byteIds, -1))
    return fields.fail("pieces", "every byte must have one when byte_fallback "
                                 "is true");
  return Error::success();
}

/// Merges that make one piece: all ways to cut it into two.
Error SentencePieceReader::addMergesOf(int32_t id, int32_t rank) {
  StringRef text = pieces[id].text;
  std::string field = "pieces[" + std::to_string(id) + "]";
  auto normal = [&](StringRef part) {
    int32_t found = vocabulary.find(part);
    return found >= 0 && pieces[found].type == PieceType::Normal ? found : -1;
  };
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); at = begin) {
    begin = at + llvm::getNumBytesForUTF8(text[at]);
    StringRef character = text.slice(at, begin);
    // It would take part in merges as a symbol that has no id.
    if (vocabulary.find(character) < 0)
      return fields.fail(field, "every character must be a piece, got: " +
                                    quote(character));
    int32_t left = normal(text.take_front(begin)),
            right = normal(text.drop_front(begin));
    if (begin < text.size() && left >= 0 && right >= 0)
      result.merges.push_back({left, right, rank, id});
  }
  return Error::success();
}

Error SentencePieceReader::addMerges() {
  std::vector<int32_t> order;
  for (size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].type == PieceType::Normal)
      order.push_back(int32_t(id));
  llvm::sort(order, [&](int32_t a, int32_t b) {
    return pieces[a].score != pieces[b].score
               ? pieces[a].score > pieces[b].score
               : a < b;
  });
  int32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && pieces[order[i]].score != pieces[order[i - 1]].score)
      ++rank;
    if (Error error = addMergesOf(order[i], rank))
      return error;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

/// Bytes of the double array, the double array, texts that end in a zero byte.
Error SentencePieceReader::readCharsmap() {
  StringRef blob = normalizer.charsmap;
  std::string field = "normalizer_spec.precompiled_charsmap";
  uint64_t bytes =
      blob.size() < 4 ? 0 : llvm::support::endian::read32le(blob.data());
  if (blob.size() < 4 || bytes % 4 != 0 || bytes > blob.size() - 4)
    return fields.fail(field, "must hold its double array");
  result.charsmap.resize(bytes / 4);
  for (size_t i = 0; i < result.charsmap.size(); ++i)
    result.charsmap[i] =
        llvm::support::endian::read32le(blob.data() + 4 + 4 * i);
  StringRef texts = blob.drop_front(4 + bytes);
  if (!llvm::json::isUTF8(texts))
    return fields.fail(field, "replacements must be UTF-8");
  for (StringRef text : llvm::split(texts, '\0'))
    if (text.size() > kMaxReplacement)
      return fields.fail(field, "replacements must be at most " +
                                    Twine(kMaxReplacement) +
                                    " bytes, got: " + Twine(text.size()));
  result.normalizer.push_back({TextStepKind::Charsmap, 0, "", texts.str()});
  return Error::success();
}

/// In the order of SentencePiece's Normalizer::Normalize.
Error SentencePieceReader::addSteps(const TokenizerConfig &config) {
  bool isLegacy = true;
  if (Error error = config.readPrefixSpace(normalizer.addDummyPrefix, isLegacy))
    return error;
  std::string space = normalizer.escapeSpaces ? kMetaspace.str() : " ";
  if (!normalizer.charsmap.empty())
    if (Error error = readCharsmap())
      return error;
  if (normalizer.removeExtraSpaces)
    result.normalizer.push_back({TextStepKind::CollapseSpaces});
  if (normalizer.addDummyPrefix)
    result.normalizer.push_back(
        {TextStepKind::Prepend, isLegacy ? 0 : runtime::kStepFirst, "", space});
  if (normalizer.escapeSpaces)
    result.normalizer.push_back({TextStepKind::ReplaceText, 0, " ", space});
  if (normalizer.removeExtraSpaces)
    result.normalizer.push_back({TextStepKind::TrimEnd, 0, space});
  result.leadingSpaces = normalizer.removeExtraSpaces ? UINT32_MAX
                         : normalizer.addDummyPrefix  ? 1
                                                      : 0;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

Error SentencePieceReader::build(const TokenizerConfig &config) {
  result.model = runtime::TokenizerModel::CharacterBpe;
  result.fuseUnknown = true;
  if (Error error = addPieces())
    return error;
  if (Error error = addMerges())
    return error;
  if (Error error = config.addTokens(vocabulary, /*raw=*/true))
    return error;
  auto control = [&](int32_t id) {
    bool isControl = id >= 0 && size_t(id) < pieces.size() &&
                     pieces[id].type == PieceType::Control;
    return isControl ? id : -1;
  };
  // Models of the families that use SentencePiece begin with BOS.
  if (Error error =
          config.addEnds(vocabulary, control(trainer.bos), control(trainer.eos),
                         /*addsBos=*/true, result))
    return error;
  TokenDecoding decoding;
  decoding.replacements.emplace_back(kMetaspace.str(), " ");
  decoding.byteFallback = trainer.byteFallback;
  vocabulary.finish(decoding); // user-defined pieces are not normalized
  result.pieces[*result.unknown].text = trainer.unknownText;
  result.pieces[*result.unknown].ownsSpaces = true;
  return addSteps(config);
}

llvm::Expected<TokenizerDescription>
lqc::readSentencePiece(llvm::ArrayRef<char> bytes, StringRef path,
                       StringRef directory, int64_t vocabularySize) {
  llvm::Expected<TokenizerConfig> config = TokenizerConfig::read(directory);
  if (!config)
    return config.takeError();
  SentencePieceReader reader(path, vocabularySize);
  if (Error error = reader.read({bytes.data(), bytes.size()}))
    return std::move(error);
  if (Error error = reader.build(*config))
    return std::move(error);
  return std::move(reader.result);
}
