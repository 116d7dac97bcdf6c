//===- Pattern.cpp - regular expressions for PCRE2 ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where Oniguruma's Ruby syntax and PCRE2 (UTF, UCP) part:
//
//   \s \S       PCRE2 adds U+180E      -> \p{WSpace} \P{WSpace}
//   \p{Han}     PCRE2: extensions too  -> \p{sc:Han}
//   \uHHHH      not in PCRE2           -> \x{HHHH}
//   {,n}        PCRE2: literal         -> {0,n}
//   \w \h \b ^ $ (?i) [a[b]] && and others: refused
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"

#include "llvm/ADT/StringExtras.h"

using namespace lqc;

static constexpr size_t kMaxPatternBytes = 1 << 16;

namespace {
/// A translation in progress. The functions return false, with `why`, at what
/// cannot be translated.
class Translator {
public:
  explicit Translator(llvm::StringRef rest) : rest(rest) {}

  bool run() {
    while (!rest.empty())
      if (!translateOne())
        return false;
    return !inClass || fail("a class is not closed");
  }

  std::string output;
  std::string why;

private:
  bool fail(const llvm::Twine &reason) {
    why = reason.str();
    return false;
  }
  bool copy(size_t bytes) {
    output += rest.take_front(bytes);
    rest = rest.drop_front(bytes);
    return true;
  }
  bool replace(size_t bytes, const llvm::Twine &replacement) {
    output += replacement.str();
    rest = rest.drop_front(bytes);
    return true;
  }

  bool translateOne() {
    if (rest[0] == '\\')
      return translateEscape();
    if (inClass)
      return translateInClass();
    switch (rest[0]) {
    case '[':
      return openClass();
    case '(':
      return openGroup();
    case '{':
      return translateCount();
    case '^':
    case '$':
      return fail(llvm::Twine("'") + rest.take_front() + "' is not supported");
    default:
      return copy(1);
    }
  }

  bool openClass() {
    inClass = true;
    copy(rest.starts_with("[^") ? 2 : 1);
    return !rest.starts_with("]") || fail("an empty class is not supported");
  }

  bool translateInClass() {
    if (rest[0] == '[')
      return fail("a class inside a class is not supported");
    if (rest.starts_with("&&"))
      return fail("'&&' in a class is not supported");
    inClass = rest[0] != ']';
    return copy(1);
  }

  bool openGroup() {
    static constexpr llvm::StringRef kGroups[] = {"(?:",  "(?i:", "(?=", "(?!",
                                                  "(?<=", "(?<!", "(?>"};
    for (llvm::StringRef group : kGroups)
      if (rest.starts_with(group))
        return copy(group.size());
    if (rest.starts_with("(?") || rest.starts_with("(*"))
      return fail(llvm::Twine("'") + rest.take_front(3) + "' is not supported");
    return copy(1);
  }

  /// {n} {n,} {n,m} {,m}, with ? behind it.
  bool translateCount() {
    size_t end = rest.find('}');
    llvm::StringRef count = rest.slice(1, end);
    if (end == llvm::StringRef::npos || count.empty() || count == "," ||
        count.find_first_not_of("0123456789,") != llvm::StringRef::npos ||
        count.count(',') > 1)
      return fail("'{' without a count is not supported");
    if (rest.drop_front(end + 1).starts_with("+"))
      return fail("'+' behind a count is not supported");
    if (count[0] == ',')
      return replace(end + 1, "{0" + count + "}");
    return copy(end + 1);
  }

  bool translateEscape() {
    if (rest.size() < 2)
      return fail("it ends in a backslash");
    char kind = rest[1];
    if (kind == 's')
      return replace(2, "\\p{WSpace}");
    if (kind == 'S')
      return replace(2, "\\P{WSpace}");
    if (kind == 'p' || kind == 'P')
      return translateProperty(kind);
    if (kind == 'u')
      return translateCodePoint();
    if (kind == 'x')
      return translateHex();
    if (llvm::StringRef("dDnrtfv").contains(kind)) {
      // PCRE2's \v is a class, Oniguruma's the vertical tab.
      return kind == 'v' ? replace(2, "\\x0b") : copy(2);
    }
    if (llvm::isAlnum(kind) || static_cast<unsigned char>(kind) >= 0x80)
      return fail(llvm::Twine("'\\") + llvm::Twine(kind) +
                  "' is not supported");
    return copy(2);
  }

  bool translateProperty(char kind) {
    size_t end = rest.find('}');
    if (rest.size() < 3 || rest[2] != '{' || end == llvm::StringRef::npos)
      return fail("'\\p' without a name in braces is not supported");
    llvm::StringRef name = rest.slice(3, end);
    if (!name.empty() && llvm::StringRef("CLMNPSZ").contains(name[0]) &&
        (name.size() == 1 || (name.size() == 2 && llvm::isLower(name[1]))))
      return copy(end + 1);
    if (name.empty() || !llvm::all_of(name, [](char c) {
          return llvm::isAlpha(c) || c == '_';
        }))
      return fail("property '" + name + "' is not supported");
    return replace(end + 1,
                   llvm::Twine("\\") + llvm::Twine(kind) + "{sc:" + name + "}");
  }

  bool translateCodePoint() {
    llvm::StringRef digits = rest.substr(2, 4);
    if (digits.size() != 4 || !llvm::all_of(digits, llvm::isHexDigit))
      return fail("'\\u' without four digits is not supported");
    return replace(6, "\\x{" + digits + "}");
  }

  /// \x{H...}, or \xHH below 0x80: above, Oniguruma means a byte.
  bool translateHex() {
    if (rest.size() > 2 && rest[2] == '{') {
      size_t end = rest.find('}');
      if (end == llvm::StringRef::npos ||
          !llvm::all_of(rest.slice(3, end), llvm::isHexDigit))
        return fail("'\\x{' without digits is not supported");
      return copy(end + 1);
    }
    llvm::StringRef digits = rest.substr(2, 2);
    if (digits.size() != 2 || !llvm::all_of(digits, llvm::isHexDigit) ||
        digits[0] >= '8')
      return fail("'\\x' without two digits below 80 is not supported");
    return copy(4);
  }

  llvm::StringRef rest;
  bool inClass = false;
};
} // namespace

llvm::Expected<std::string> lqc::translatePattern(llvm::StringRef pattern) {
  auto error = [](const llvm::Twine &why) {
    return llvm::createStringError(llvm::Twine("regular expression: ") + why);
  };
  if (pattern.size() > kMaxPatternBytes)
    return error("longer than 65536 bytes");
  Translator translator(pattern);
  if (!translator.run())
    return error(translator.why);
  std::string why = runtime::patternError(translator.output);
  if (!why.empty())
    return error(why);
  return translator.output;
}
