//===- WordPieceTest.cpp - words become their longest pieces --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/BertStages.h"
#include "test/unit/Tokenizer/Fixture.h"

#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/JSON.h"

#include <map>
#include <random>

using namespace lqc;
using namespace lqc::test;

namespace {
/// A tokenizer.json of WordPiece; a test replaces a part of it.
struct File {
  std::string vocabulary =
      R"({"[UNK]":0,"a":1,"##b":2,"##a":3,"ab":4,"##ab":5,"é":6,"##é":7,)"
      R"("do":8,"##n't":9,".":10,"abab":11,"##aba":12})";
  std::string unknown = R"("unk_token":"[UNK]",)";
  std::string prefix = R"("continuing_subword_prefix":"##",)";
  std::string longest = R"("max_input_chars_per_word":8,)";
  std::string type = R"("type":"WordPiece",)";
  std::string preTokenizer = R"({"type":"WhitespaceSplit"})";
  std::string decoder = R"({"type":"WordPiece","prefix":"##"})";
  std::string added = "[]";

  std::string json() const {
    return R"({"pre_tokenizer":)" + preTokenizer + R"(,"decoder":)" + decoder +
           R"(,"added_tokens":)" + added + R"(,"model":{)" + type + unknown +
           prefix + longest + R"("vocab":)" + vocabulary + "}}";
  }
};
} // namespace

static std::string errorWith(std::string File::*field, std::string value) {
  File file;
  file.*field = std::move(value);
  llvm::Expected<TokenizerDescription> result =
      readTokenizerJson(file.json(), "t.json", 100);
  return result ? "" : llvm::toString(result.takeError());
}

static Ids encode(const File &file, std::string_view text) {
  TemporaryModel model(file.json());
  OpenTokenizer tokenizer = openDirectory(model.path);
  EXPECT_TRUE(tokenizer.tokenizer) << tokenizer.error;
  return tokenizer.tokenizer ? tokenizer->encode(text, true) : Ids();
}

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

TEST(WordPiece, TakesTheLongestPieceFirst) {
  EXPECT_EQ(encode({}, "a ab abb abab aab"), Ids({1, 4, 4, 2, 11, 1, 5}));
  // "aba" would leave room for "##b", but "##ab" is tried before "##a".
  EXPECT_EQ(encode({}, "ababaab"), Ids({11, 3, 5}));
  EXPECT_EQ(encode({}, "é aé éé"), Ids({6, 1, 7, 6, 7}));
  EXPECT_EQ(encode({}, ""), Ids());
}

/// Nothing of a word is kept if a part of it is no piece.
TEST(WordPiece, UnknownWords) {
  EXPECT_EQ(encode({}, "x"), Ids({0}));
  EXPECT_EQ(encode({}, "abx ab xab"), Ids({0, 4, 0}));
  EXPECT_EQ(encode({}, "b"), Ids({0})); // only continues a word
  EXPECT_EQ(encode({}, "\xff"), Ids({0}));
  // Found as it stands, as in `tokenizers`.
  EXPECT_EQ(encode({}, "##b"), Ids({2}));
}

TEST(WordPiece, CountsCharacters) {
  EXPECT_EQ(encode({}, "aaaaaaaa"), Ids({1, 3, 3, 3, 3, 3, 3, 3}));
  EXPECT_EQ(encode({}, "aaaaaaaaa"), Ids({0}));
  EXPECT_EQ(encode({}, "éééééééé"), Ids({6, 7, 7, 7, 7, 7, 7, 7}));
  File file;
  file.longest = R"("max_input_chars_per_word":1,)";
  EXPECT_EQ(encode(file, "a ab"), Ids({1, 0})); // though "ab" is a token
  file.longest = R"("max_input_chars_per_word":0,)";
  EXPECT_EQ(encode(file, "a"), Ids({0}));
  file.longest = R"("max_input_chars_per_word":10000000000,)";
  EXPECT_EQ(encode(file, std::string(300, 'a')).size(), 300u);
}

TEST(WordPiece, AnyPrefixContinues) {
  File file;
  file.prefix = R"("continuing_subword_prefix":"",)";
  EXPECT_EQ(encode(file, "aab"), Ids({1, 4}));
  file.prefix = R"("continuing_subword_prefix":"a",)";
  EXPECT_EQ(encode(file, "abb"), Ids({4, 4})); // "ab", and "a" + "b"
}

/// The definition, with a map.
static Ids splitByDefinition(const std::map<std::string, int32_t> &words,
                             const std::string &word) {
  Ids ids;
  for (size_t at = 0; at < word.size();) {
    size_t end = word.size();
    std::string piece;
    auto isToken = [&] {
      piece = (at ? "##" : "") + word.substr(at, end - at);
      return words.count(piece) != 0;
    };
    while (end > at && !isToken())
      --end;
    if (end == at)
      return {0};
    ids.push_back(words.at(piece));
    at = end;
  }
  return ids;
}

TEST(WordPiece, SplitsByDefinition) {
  std::mt19937 random(7);
  File file;
  std::map<std::string, int32_t> words = {{"[UNK]", 0}, {"a", 1}};
  file.vocabulary = R"({"[UNK]":0,"a":1)";
  while (words.size() < 60) {
    std::string word(2 + random() % 3, 'a');
    for (char &c : word)
      c = char('a' + random() % 3);
    if (random() % 3)
      word = "##" + word;
    int32_t id = int32_t(words.size());
    if (words.try_emplace(word, id).second)
      file.vocabulary += ",\"" + word + "\":" + std::to_string(id);
  }
  file.vocabulary += "}";
  file.longest = R"("max_input_chars_per_word":100,)";
  TemporaryModel model(file.json());
  OpenTokenizer tokenizer = openDirectory(model.path);
  ASSERT_TRUE(tokenizer.tokenizer) << tokenizer.error;
  size_t unknown = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string word(1 + random() % 30, 'a');
    for (char &c : word)
      c = char('a' + random() % 3);
    Ids wanted = splitByDefinition(words, word);
    unknown += wanted == Ids({0});
    ASSERT_EQ(tokenizer->encode(word, false), wanted) << word;
  }
  EXPECT_GT(unknown, 10u);
  EXPECT_LT(unknown, 1990u);
}

TEST(WordPiece, DecodesWithSpacesBetweenWords) {
  File file;
  for (auto [decoder, text] :
       {std::pair(R"({"type":"WordPiece","prefix":"##"})", "don't abb. a"),
        std::pair(R"({"type":"WordPiece","prefix":"##","cleanup":false})",
                  "don't abb . a")}) {
    file.decoder = decoder;
    TemporaryModel model(file.json());
    OpenTokenizer tokenizer = openDirectory(model.path);
    ASSERT_TRUE(tokenizer.tokenizer) << tokenizer.error;
    EXPECT_EQ(decode(*tokenizer, {8, 9, 4, 2, 10, 1}), text);
    EXPECT_EQ(decode(*tokenizer, {10, 1}), ". a");
  }
}

//===----------------------------------------------------------------------===//
// Characters
//===----------------------------------------------------------------------===//

using Step = TokenizerDescription::Step;

static constexpr uint32_t kCodePoints = 0x110000;

static std::string utf8(uint32_t code) {
  char bytes[4];
  char *end = bytes;
  llvm::ConvertCodePointToUTF8(code, end);
  return std::string(bytes, end);
}

/// What steps make of each character but `a`, which stands between them.
static std::vector<std::pair<uint32_t, std::string>>
applied(llvm::ArrayRef<Step> steps) {
  std::vector<runtime::TextStep> list;
  for (const Step &step : steps)
    list.push_back({step.kind, step.flags, step.pattern, step.content});
  std::string text;
  std::vector<uint32_t> codes;
  for (uint32_t code = 0; code < kCodePoints; ++code)
    if (code != 'a' && (code < 0xd800 || code >= 0xe000)) {
      codes.push_back(code);
      text += "a" + utf8(code);
    }
  const std::string changed = runtime::applySteps(list, text);
  std::vector<std::pair<uint32_t, std::string>> result;
  size_t begin = 0;
  for (uint32_t code : codes) {
    const size_t end = std::min(changed.find('a', begin + 1), changed.size());
    if (begin < changed.size())
      result.emplace_back(code, changed.substr(begin + 1, end - begin - 1));
    begin = end;
  }
  return result;
}

/// Golden classes of characters.
static std::vector<bool> readClass(const llvm::json::Object &classes,
                                   llvm::StringRef name) {
  std::vector<bool> result(kCodePoints);
  for (const llvm::json::Value &range : *classes.getArray(name)) {
    const llvm::json::Array &ends = *range.getAsArray();
    for (int64_t code = *ends[0].getAsInteger();
         code <= *ends[1].getAsInteger(); ++code)
      result[size_t(code)] = true;
  }
  EXPECT_GT(llvm::count(result, true), 20) << name.str();
  return result;
}

/// Each of the million, whatever Unicode PCRE2 knows.
TEST(WordPiece, CharactersAreAsInTokenizers) {
  llvm::Expected<llvm::json::Value> file =
      llvm::json::parse(readFile(goldenDirectory() + "/bert-characters.json"));
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  std::vector<Step> steps = bertNormalizerSteps({});
  for (Step &step : bertPreTokenizerSteps())
    steps.push_back(
        {runtime::TextStepKind::ReplacePattern, 0, step.pattern, ""});
  ASSERT_EQ(steps.size(), 9u);
  const llvm::ArrayRef<Step> list(steps);
  auto check = [&](llvm::StringRef name, llvm::ArrayRef<Step> some,
                   const char *before, bool isKept, const char *behind) {
    std::vector<bool> isIn = readClass(*file->getAsObject(), name);
    for (const auto &[code, text] : applied(some)) {
      std::string kept = isKept ? utf8(code) : "";
      ASSERT_EQ(text, isIn[code] ? before + kept + behind : utf8(code))
          << name.str() << " U+" << std::hex << code;
    }
  };
  check("removed", list.slice(0, 1), "", false, "");
  check("ideographs", list.slice(2, 2), " ", true, " ");
  check("marks", list.slice(5, 1), "", false, "");
  check("gaps", list.slice(7, 1), "", false, "");
  check("punctuation", list.slice(8, 1), "", false, "");
  // What is removed before it never becomes a space.
  std::vector<bool> removed = readClass(*file->getAsObject(), "removed"),
                    spaces = readClass(*file->getAsObject(), "spaces");
  for (const auto &[code, text] : applied(list.slice(0, 2)))
    ASSERT_EQ(text, removed[code]  ? ""
                    : spaces[code] ? " "
                                   : utf8(code))
        << "U+" << std::hex << code;
}

//===----------------------------------------------------------------------===//
// tokenizer.json
//===----------------------------------------------------------------------===//

TEST(WordPiece, FilesWithoutATypeAreRead) {
  EXPECT_EQ(errorWith(&File::type, ""), "");
}

TEST(WordPiece, SaysWhatIsWrongWithTheModel) {
  EXPECT_EQ(errorWith(&File::unknown, ""),
            "t.json: model.unk_token: must be a token of model.vocab, got: "
            "nothing");
  EXPECT_EQ(errorWith(&File::unknown, R"("unk_token":"<unk>",)"),
            "t.json: model.unk_token: must be a token of model.vocab, got: "
            "'<unk>'");
  EXPECT_EQ(errorWith(&File::prefix, ""),
            "t.json: model.continuing_subword_prefix: must be a string, got: "
            "nothing");
  for (auto [value, got] :
       {std::pair("", "nothing"),
        std::pair(R"("max_input_chars_per_word":-1,)", "-1"),
        std::pair(R"("max_input_chars_per_word":"9",)", "'9'")})
    EXPECT_EQ(errorWith(&File::longest, value),
              std::string("t.json: model.max_input_chars_per_word: must be a "
                          "number of characters, got: ") +
                  got);
  EXPECT_EQ(
      errorWith(&File::longest, R"("max_input_chars_per_word":9,"merges":[],)"),
      "t.json: model: key 'merges' is not known");
  EXPECT_EQ(errorWith(&File::vocabulary, "[]"),
            "t.json: model.vocab: must be an object, got: an array");
  const std::string word(513, 'a');
  EXPECT_EQ(errorWith(&File::vocabulary, R"({"[UNK]":0,")" + word + "\":1}"),
            "t.json: model.vocab: a token must be at most 512 bytes, got: 513");
  EXPECT_EQ(errorWith(&File::vocabulary,
                      R"({"[UNK]":0,")" + word.substr(1) + "\":1}"),
            "");
}

TEST(WordPiece, HasNoBytes) {
  File file;
  file.preTokenizer = file.decoder = R"({"type":"ByteLevel"})";
  llvm::Expected<TokenizerDescription> result =
      readTokenizerJson(file.json(), "t.json", 100);
  ASSERT_FALSE(bool(result));
  EXPECT_EQ(llvm::toString(result.takeError()),
            "t.json: pre_tokenizer: ByteLevel needs a BPE model");
}

//===----------------------------------------------------------------------===//
// vocab.txt
//===----------------------------------------------------------------------===//

namespace {
/// A small vocab.txt; tests add the configuration.
struct VocabularyModel : TemporaryModel {
  VocabularyModel() {
    // The last one has no end of line.
    add("vocab.txt", "[PAD]\n[UNK]\r\n[CLS]\n[SEP]\n\nhe\n##llo\n,\nHe\né\ne\n"
                     "<u>\n你\n##好\n好");
  }
  OpenTokenizer open(const std::string &config = "{}",
                     const std::string &family = "bert",
                     int64_t size = 100) const {
    add("tokenizer_config.json", config);
    return openDirectory(path, size, {}, family);
  }
  Ids encode(const std::string &config, std::string_view text) const {
    OpenTokenizer tokenizer = open(config);
    EXPECT_TRUE(tokenizer.tokenizer) << tokenizer.error;
    return tokenizer.tokenizer ? tokenizer->encode(text, true) : Ids();
  }
};
} // namespace

TEST(WordPieceFile, ReadsLines) {
  VocabularyModel model;
  EXPECT_EQ(model.encode("{}", "Hello, he"), Ids({2, 5, 6, 7, 5, 3}));
  EXPECT_EQ(model.encode("{}", ""), Ids({2, 3}));
  EXPECT_EQ(model.encode("{}", "[PAD]x"), Ids({2, 0, 1, 3}));
  OpenTokenizer open = model.open();
  EXPECT_EQ(open->tokenCount(), 15);
  EXPECT_EQ(open->piece(4), ""); // an empty line
  EXPECT_TRUE(open->isSpecial(1));
  EXPECT_FALSE(open->isSpecial(5));
  EXPECT_EQ(decode(*open, {2, 5, 6, 7, 5, 3}), "hello, he");
}

TEST(WordPieceFile, OptionsOfTheConfiguration) {
  VocabularyModel model;
  const std::tuple<const char *, const char *, Ids> cases[] = {
      {"{}", "He É 你好", {5, 10, 12, 14}},
      {R"({"do_lower_case":false})", "He é", {8, 9}},
      {R"({"strip_accents":false})", "He É", {5, 9}},
      {R"({"do_lower_case":false,"strip_accents":true})", "He é", {8, 10}},
      {R"({"tokenize_chinese_chars":false})", "你好", {12, 13}},
      {R"({"do_basic_tokenize":true,"never_split":[]})", "he", {5}},
      {R"({"unk_token":"<u>"})", "x <u>", {11, 11}},
      {R"({"added_tokens_decoder":{"20":{"content":"<x>"}}})",
       "he<x>",
       {5, 20}}};
  for (const auto &[config, text, wanted] : cases) {
    Ids ids = {2};
    ids.insert(ids.end(), wanted.begin(), wanted.end());
    ids.push_back(3);
    EXPECT_EQ(model.encode(config, text), ids) << config;
  }
  EXPECT_EQ(
      model.encode(R"({"cls_token":{"content":"He"},"sep_token":","})", "he"),
      Ids({8, 5, 7}));
}

TEST(WordPieceFile, TheConfigurationTellsTheFamily) {
  VocabularyModel model;
  for (const char *name : {"BertTokenizer", "DistilBertTokenizerFast"})
    EXPECT_EQ(
        model.open(R"({"tokenizer_class":")" + std::string(name) + "\"}", "")
            .error,
        "");
  for (const char *name : {"EsmTokenizer", "Bert", "GPT2Tokenizer"})
    EXPECT_EQ(
        model.open(R"({"tokenizer_class":")" + std::string(name) + "\"}", "")
            .error,
        model.path.string() +
            ": vocab.txt needs a tokenizer_class or model_type of a "
            "known family (bert), or --tokenizer=FAMILY, got: '" +
            name + "' and ''");
  model.add("config.json", R"({"model_type":"bert"})");
  EXPECT_EQ(model.open("{}", "").error, "");
  EXPECT_EQ(model.open("{}", "gpt2").error,
            "the tokenizer's family must be bert, got: 'gpt2'");
}

TEST(WordPieceFile, SaysWhatIsWrong) {
  const std::string good = "[UNK]\n[CLS]\n[SEP]\n";
  const std::tuple<const char *, std::string, const char *> cases[] = {
      {"vocab.txt", "", "unk_token: must be a token of the file, got: '[UNK]'"},
      {"vocab.txt", "[UNK]\n[CLS]\n",
       "sep_token: must be a token of the file, got: '[SEP]'"},
      {"vocab.txt", good + "a\n\xff\n", "line 5: must be UTF-8"},
      {"vocab.txt", good + "a\nb\na\n", "line 6: must be there once, got: 'a'"},
      {"vocab.txt", good + std::string(100, '\n') + "a\n",
       "line 104: token id must be below the model's vocabulary size 100, got: "
       "103"},
      {"vocab.txt", good + std::string(513, 'a'),
       "line 4: a token must be at most 512 bytes, got: 513"},
      {"tokenizer_config.json", R"({"do_lower_case":1})",
       "the file.do_lower_case: must be true or false, got: 1"},
      {"tokenizer_config.json", R"({"strip_accents":"yes"})",
       "the file.strip_accents: must be true or false, got: 'yes'"},
      {"tokenizer_config.json", R"({"do_basic_tokenize":false})",
       "do_basic_tokenize: must be true, got: false"},
      {"tokenizer_config.json", R"({"never_split":["a"]})",
       "never_split: must be null, got: an array"}};
  for (const auto &[name, text, why] : cases) {
    VocabularyModel model;
    model.add(name, text);
    EXPECT_EQ(openDirectory(model.path, 100, {}, "bert").error,
              (model.path / name).string() + ": " + why);
  }
  VocabularyModel model;
  EXPECT_EQ(model.open(R"({"cls_token":"<s>"})").error,
            (model.path / "vocab.txt").string() +
                ": cls_token: must be a token of the file, got: '<s>'");
}

/// A tokenizer.json says all of it: a family is for bare vocabularies.
TEST(WordPieceFile, AFamilyForAnotherFileIsAnError) {
  VocabularyModel model;
  model.add("tokenizer.json", File().json());
  EXPECT_EQ(model.open().error, (model.path / "tokenizer.json").string() +
                                    ": --tokenizer=bert is for vocab.txt");
  EXPECT_EQ(model.open("{}", "").error, "");
}

TEST(WordPieceFile, DamagedFilesNeverCrash) {
  const std::string good =
      readFile(goldenDirectory() + "/small-bert/vocab.txt");
  ASSERT_FALSE(good.empty());
  std::mt19937 random(8);
  size_t opened = 0;
  for (int round = 0; round < 300; ++round) {
    std::string text = good.substr(0, good.size() - random() % 40);
    for (size_t i = 0; i <= random() % 4; ++i)
      text[random() % text.size()] = "\n\r# \xff[\x80z"[random() % 8];
    TemporaryModel model;
    model.add("vocab.txt", text);
    OpenTokenizer tokenizer = openDirectory(model.path, 1000, {}, "bert");
    if (!tokenizer.tokenizer) {
      EXPECT_EQ(tokenizer.error.find('\n'), std::string::npos);
      continue;
    }
    ++opened;
    tokenizer->encode("To be, or not to be: 1599 [MASK] unaffable\n", true);
  }
  EXPECT_GT(opened, 50u);
}
