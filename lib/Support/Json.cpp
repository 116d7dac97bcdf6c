//===- Json.cpp - reading JSON that may be hostile ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Json.h"

#include "lqc/Support/Error.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ConvertUTF.h"

using namespace lqc;

namespace {

/// One pass over the text that follows strings and brackets alone. It need not
/// judge whether the text is JSON: the parser does that afterwards.
class Scanner {
public:
  Scanner(llvm::StringRef text, llvm::StringRef path)
      : text(text), path(path) {}

  llvm::Error run();

private:
  /// An open bracket. `keys` is unused in an array.
  struct Frame {
    bool isObject;
    bool expectsKey; ///< the next string is a key
    llvm::StringSet<> keys;
  };

  llvm::Error enter(bool isObject, size_t offset);
  llvm::Error enterKey(llvm::StringRef literal, size_t offset);
  size_t endOfString(size_t offset) const;

  llvm::StringRef text;
  llvm::StringRef path;
  llvm::SmallVector<Frame, 8> frames;
};

} // namespace

static llvm::Error errorAt(llvm::StringRef text, llvm::StringRef path,
                           size_t offset, const llvm::Twine &message) {
  llvm::StringRef before = text.take_front(offset);
  size_t lineStart = before.rfind('\n') + 1; // npos + 1 is 0
  return makeError("{0}:{1}:{2}: {3}", path, before.count('\n') + 1,
                   offset - lineStart + 1, message.str());
}

llvm::Error Scanner::enter(bool isObject, size_t offset) {
  if (frames.size() == kMaxJsonDepth)
    return errorAt(text, path, offset,
                   "nesting must be at most " + llvm::Twine(kMaxJsonDepth) +
                       " levels deep");
  frames.push_back({isObject, isObject, {}});
  return llvm::Error::success();
}

llvm::Error Scanner::enterKey(llvm::StringRef literal, size_t offset) {
  std::string key = literal.drop_front().drop_back().str();
  if (literal.contains('\\')) {
    // "a" and "\u0061" are one key. A broken escape is left to the parser.
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(literal);
    if (!value) {
      llvm::consumeError(value.takeError());
      return llvm::Error::success();
    }
    key = value->getAsString().value_or("").str();
  }
  frames.back().expectsKey = false;
  if (frames.back().keys.insert(key).second)
    return llvm::Error::success();
  return errorAt(text, path, offset,
                 "keys of one object must differ, got twice: " + quote(key));
}

/// The offset behind the closing quote of the string that begins at `offset`,
/// or the end of the text.
size_t Scanner::endOfString(size_t offset) const {
  for (size_t i = offset + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return text.size();
}

llvm::Error Scanner::run() {
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
    case '{':
    case '[':
      if (llvm::Error error = enter(text[i] == '{', i))
        return error;
      break;
    case '}':
    case ']':
      if (!frames.empty())
        frames.pop_back();
      break;
    case ',':
      if (!frames.empty())
        frames.back().expectsKey = frames.back().isObject;
      break;
    case '"': {
      size_t end = endOfString(i);
      bool isKey = !frames.empty() && frames.back().expectsKey;
      if (isKey && end - i >= 2)
        if (llvm::Error error = enterKey(text.slice(i, end), i))
          return error;
      i = end - 1;
      break;
    }
    default:
      break;
    }
  }
  return llvm::Error::success();
}

/// "[LINE:COLUMN, byte=N]: message" of the parser, in our form.
static llvm::Error withPath(llvm::StringRef path, llvm::Error error) {
  std::string message = llvm::toString(std::move(error));
  llvm::StringRef rest = message;
  if (!rest.consume_front("["))
    return makeError("{0}: {1}", path, message);
  auto [position, what] = rest.split(", byte=");
  auto [line, column] = position.split(':');
  size_t zeroBased = 0;
  column.getAsInteger(10, zeroBased);
  llvm::StringRef reason = what.split("]: ").second;
  return makeError("{0}:{1}:{2}: not valid JSON: {3}", path, line,
                   zeroBased + 1, reason.lower());
}

/// The UTF-16 unit of an escape \uHHHH that `text` begins with, 0: none.
static unsigned escapedUnit(llvm::StringRef text) {
  unsigned unit = 0;
  llvm::StringRef digits = text.substr(2, 4);
  bool isEscape = text.starts_with("\\u") && digits.size() == 4 &&
                  llvm::all_of(digits, llvm::isHexDigit) &&
                  !digits.getAsInteger(16, unit);
  return isEscape ? unit : 0;
}

/// `text` with each pair of escaped surrogates written as the character it
/// means. LLVM's parser joins the two with an `or` where it must add, so that
/// U+20000 would become U+10000.
static std::string joinSurrogates(llvm::StringRef text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    size_t plain = std::min(text.find('\\'), text.size());
    result += text.take_front(plain);
    text = text.drop_front(plain);
    unsigned high = escapedUnit(text),
             low =
                 escapedUnit(text.drop_front(std::min<size_t>(6, text.size())));
    if (high >> 10 != 0xd800 >> 10 || low >> 10 != 0xdc00 >> 10) {
      result += text.take_front(2);
      text = text.drop_front(std::min<size_t>(2, text.size()));
      continue;
    }
    char bytes[4];
    char *end = bytes;
    llvm::ConvertCodePointToUTF8(
        0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff), end);
    result.append(bytes, end);
    text = text.drop_front(12);
  }
  return result;
}

llvm::Expected<llvm::json::Value> lqc::parseJson(llvm::StringRef text,
                                                 llvm::StringRef path) {
  if (text.size() > kMaxJsonBytes)
    return makeError("{0}: JSON must be at most {1} bytes, got: {2}", path,
                     kMaxJsonBytes, text.size());
  size_t broken = 0;
  if (!llvm::json::isUTF8(text, &broken))
    return errorAt(text, path, broken, "text must be UTF-8");
  std::string joined;
  if (text.contains_insensitive("\\ud")) {
    joined = joinSurrogates(text);
    text = joined;
  }
  if (llvm::Error error = Scanner(text, path).run())
    return std::move(error);
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (!value)
    return withPath(path, value.takeError());
  return value;
}

std::string lqc::describeJson(const llvm::json::Value *value) {
  constexpr size_t kMaxBytes = 80;
  if (!value)
    return "nothing";
  std::string text = llvm::formatv("{0}", *value).str();
  if (text.size() <= kMaxBytes)
    return text;
  text.resize(kMaxBytes - 3);
  // The cut may fall inside a character.
  while (!llvm::json::isUTF8(text))
    text.pop_back();
  return text + "...";
}
