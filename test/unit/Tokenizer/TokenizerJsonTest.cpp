//===- TokenizerJsonTest.cpp - files that are wrong or not understood -----===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Tokenizer/Fixture.h"

#include "lib/Import/Tokenizer/Description.h"

#include <random>

using namespace lqc;
using namespace lqc::test;

/// A valid file, field by field. A test replaces one of them.
struct File {
  std::string normalizer = "null";
  std::string preTokenizer = R"({"type":"ByteLevel"})";
  std::string decoder = R"({"type":"ByteLevel"})";
  std::string postProcessor = "null";
  std::string added = "[]";
  std::string vocabulary = R"({"a":0,"b":1,"ab":2})";
  std::string merges = R"(["a b"])";
  std::string model = R"("type":"BPE")";
  std::string more;
};

static std::string json(const File &file) {
  return "{" + file.more + "\"normalizer\":" + file.normalizer +
         ",\"pre_tokenizer\":" + file.preTokenizer +
         ",\"decoder\":" + file.decoder +
         ",\"post_processor\":" + file.postProcessor +
         ",\"added_tokens\":" + file.added + ",\"model\":{" + file.model +
         ",\"vocab\":" + file.vocabulary + ",\"merges\":" + file.merges + "}}";
}

static std::string errorOf(const std::string &text) {
  llvm::Expected<TokenizerDescription> result =
      readTokenizerJson(text, "t.json", 100);
  return result ? "" : llvm::toString(result.takeError());
}

template <typename Change> static std::string errorWith(Change change) {
  File file;
  change(file);
  return errorOf(json(file));
}
static std::string errorWith(std::string File::*field, std::string value) {
  return errorWith([&](File &file) { file.*field = std::move(value); });
}

TEST(TokenizerJson, ReadsTheSmallestFile) { EXPECT_EQ(errorOf(json({})), ""); }

TEST(TokenizerJson, NoFileIsNoError) {
  TemporaryModel model("");
  std::filesystem::remove(model.path / "tokenizer.json");
  auto tables = buildTokenizerTables(model.path.string(), 10, {});
  ASSERT_TRUE(bool(tables)) << llvm::toString(tables.takeError());
  EXPECT_EQ(*tables, std::nullopt);
}

TEST(TokenizerJson, ABrokenLinkIsAnError) {
  TemporaryModel model("");
  std::filesystem::remove(model.path / "tokenizer.json");
  std::filesystem::create_symlink("nowhere", model.path / "tokenizer.json");
  EXPECT_EQ(openDirectory(model.path).error,
            (model.path / "tokenizer.json").string() +
                ": no such file or directory");
}

TEST(TokenizerJson, BrokenJson) {
  EXPECT_NE(errorOf(""), "");
  EXPECT_NE(errorOf("{"), "");
  EXPECT_EQ(errorOf("[]"),
            "t.json: the file: must be an object, got: an array");
  EXPECT_EQ(errorOf("{}"), "t.json: model: must be an object, got: nothing");
}

TEST(TokenizerJson, UnknownKindsAreErrors) {
  EXPECT_EQ(errorWith(&File::model, R"("type":"Unigram")"),
            "t.json: model.type: must be 'BPE' or 'WordPiece', got: 'Unigram'");
  EXPECT_EQ(errorWith([](File &file) { // the model comes first
              file.normalizer = R"({"type":"Precompiled"})";
              file.model = R"("type":"WordLevel")";
            }),
            "t.json: model.type: must be 'BPE' or 'WordPiece', got: "
            "'WordLevel'");
  EXPECT_EQ(errorWith(&File::normalizer, R"({"type":"Precompiled"})"),
            "t.json: normalizer.type: must be NFC, NFD, NFKC, NFKD, Lowercase, "
            "StripAccents, Strip, Prepend, Replace, BertNormalizer or "
            "Sequence, got: 'Precompiled'");
  EXPECT_EQ(errorWith(&File::preTokenizer, R"({"type":"UnicodeScripts"})"),
            "t.json: pre_tokenizer.type: must be ByteLevel, Metaspace, Split, "
            "Digits, Punctuation, WhitespaceSplit, CharDelimiterSplit, "
            "BertPreTokenizer or Sequence, got: 'UnicodeScripts'");
  EXPECT_EQ(errorWith(&File::preTokenizer, "7"),
            "t.json: pre_tokenizer: must be an object, got: 7");
  for (std::string preTokenizer : {"null", R"({"type":"Digits"})"})
    EXPECT_EQ(errorWith(&File::preTokenizer, preTokenizer),
              "t.json: decoder: must be ByteLevel if and only if the "
              "pre-tokenizer is");
  EXPECT_EQ(errorWith(&File::decoder, R"({"type":"Fuse"})"),
            "t.json: decoder: must be ByteLevel if and only if the "
            "pre-tokenizer is");
  EXPECT_EQ(errorWith(&File::decoder, R"({"type":"CTC"})"),
            "t.json: decoder.type: must be ByteLevel, Metaspace, Replace, "
            "ByteFallback, Fuse, Strip, WordPiece or Sequence, got: 'CTC'");
  EXPECT_EQ(errorWith(&File::decoder, "null"),
            "t.json: decoder: must be an object, got: null");
  EXPECT_EQ(errorWith(&File::postProcessor, R"({"type":"PairProcessing"})"),
            "t.json: post_processor.type: must be ByteLevel, "
            "TemplateProcessing, BertProcessing, RobertaProcessing or "
            "Sequence, got: 'PairProcessing'");
  EXPECT_EQ(errorWith(&File::more, R"("version":"2.0",)"),
            "t.json: version: must be '1.0', got: '2.0'");
  EXPECT_EQ(errorWith(&File::more, R"("surprise":1,)"),
            "t.json: the file: key 'surprise' is not known");
}

TEST(TokenizerJson, ModelOptions) {
  EXPECT_EQ(errorWith(&File::model, R"("dropout":0.5)"),
            "t.json: model.dropout: must be null, got: 0.5");
  EXPECT_EQ(errorWith(&File::model, R"("dropout":null,"fuse_unk":true)"), "");
  EXPECT_EQ(errorWith(&File::model, R"("end_of_word_suffix":"</w>")"),
            "t.json: model.end_of_word_suffix: must be null, got: '</w>'");
  EXPECT_EQ(errorWith(&File::model, R"("continuing_subword_prefix":"##")"),
            "t.json: model.continuing_subword_prefix: must be null, got: '##'");
  EXPECT_EQ(errorWith(&File::model, R"("ignore_merges":1)"),
            "t.json: model.ignore_merges: must be true or false, got: 1");
  EXPECT_EQ(errorWith(&File::model, R"("magic":1)"),
            "t.json: model: key 'magic' is not known");
  for (const char *option : {R"("unk_token":"a")", R"("byte_fallback":true)"})
    EXPECT_EQ(errorWith(&File::model, option),
              "t.json: model.vocab: every byte must have a token when "
              "unk_token or byte_fallback is set");
}

TEST(TokenizerJson, VocabularyIds) {
  const std::pair<const char *, const char *> cases[] = {
      {"[]", "model.vocab: must be an object, got: an array"},
      {R"({"a":0,"b":0})", "model.vocab: two tokens have the id 0"},
      {R"({"a":-1})", "model.vocab['a']: must be a token id, got: -1"},
      {R"({"a":1.5})", "model.vocab['a']: must be a token id, got: 1.5"},
      {R"({"a":"0"})", "model.vocab['a']: must be a token id, got: '0'"},
      {R"({"a":100})", "model.vocab['a']: token id must be below the model's "
                       "vocabulary size 100, got: 100"},
      {R"({"a":99999999999})",
       "model.vocab['a']: token id must be below the model's vocabulary size "
       "100, got: 99999999999"}};
  for (auto [vocabulary, why] : cases)
    EXPECT_EQ(errorWith(&File::vocabulary, vocabulary),
              std::string("t.json: ") + why);
}

TEST(TokenizerJson, Merges) {
  const std::pair<const char *, const char *> cases[] = {
      {"{}", "model.merges: must be an array, got: an object"},
      {R"(["a b","ab"])", "model.merges[1]: must be two tokens with a space "
                          "between, got: 'ab'"},
      {R"(["a b c"])", "model.merges[0]: must be two tokens with a space "
                       "between, got: 'a b c'"},
      {R"([["a"]])", "model.merges[0]: must be two tokens, got: an array"},
      {R"([["a",1]])", "model.merges[0]: must be two tokens, got: an array"},
      {"[7]", "model.merges[0]: must be two tokens, got: 7"},
      {R"(["a x"])",
       "model.merges[0]: must be made of tokens of model.vocab, got: 'x'"},
      {R"(["b a"])",
       "model.merges[0]: must be made of tokens of model.vocab, got: 'ba'"}};
  for (auto [merges, why] : cases)
    EXPECT_EQ(errorWith(&File::merges, merges), std::string("t.json: ") + why);
  EXPECT_EQ(errorWith(&File::merges, R"(["#version: 0.2","a b",["a","b"]])"),
            "");
}

TEST(TokenizerJson, AddedTokens) {
  const std::pair<const char *, const char *> cases[] = {
      {"{}", "added_tokens: must be an array, got: an object"},
      {"[1]", "added_tokens[0]: must be an object, got: 1"},
      {R"([{"id":5}])", "added_tokens[0].content: must be a string that is not "
                        "empty, got: nothing"},
      {R"([{"id":5,"content":""}])", "added_tokens[0].content: must be a "
                                     "string that is not empty, got: ''"},
      {R"([{"content":"x"}])",
       "added_tokens[0].id: must be a token id, got: nothing"},
      {R"([{"id":100,"content":"x"}])",
       "added_tokens[0].id: token id must be below the model's vocabulary size "
       "100, got: 100"},
      {R"([{"id":2,"content":"x"}])",
       "added_tokens[0].id: must not be another token's, got: 2"},
      {R"([{"id":7,"content":"ab"}])",
       "added_tokens[0].id: must be as in model.vocab, 2, got: 7"},
      {R"([{"id":7,"content":"x"},{"id":8,"content":"x"}])",
       "added_tokens[1].content: must be there once, got: 'x'"},
      {R"([{"id":7,"content":"x","single_word":true}])",
       "added_tokens[0].single_word: must be false, got: true"},
      {R"([{"id":7,"content":"x","special":"yes"}])",
       "added_tokens[0].special: must be true or false, got: 'yes'"},
      {R"([{"id":7,"content":"x","colour":"red"}])",
       "added_tokens[0]: key 'colour' is not known"}};
  for (auto [added, why] : cases)
    EXPECT_EQ(errorWith(&File::added, added), std::string("t.json: ") + why);
}

static std::string sequence(const std::string &steps) {
  return R"({"type":"Sequence","pretokenizers":[)" + steps + "]}";
}

TEST(TokenizerJson, PreTokenizers) {
  const std::string byteLevel = R"({"type":"ByteLevel","use_regex":false})";
  const std::string split = R"({"type":"Split","pattern":{"Regex":"a+"},)";
  const std::pair<std::string, const char *> cases[] = {
      {sequence(byteLevel + "," + byteLevel),
       "pre_tokenizer.pretokenizers[1]: nothing may come behind ByteLevel, "
       "got: 'ByteLevel'"},
      {sequence(split + R"("behavior":"Mended"},)" + byteLevel),
       "pre_tokenizer.pretokenizers[0].behavior: must be Isolated, Removed, "
       "Contiguous, MergedWithPrevious or MergedWithNext, got: 'Mended'"},
      {R"({"type":"Split","behavior":"Removed","pattern":{"Glob":"*"}})",
       "pre_tokenizer.pattern: must hold a Regex or a String"},
      {R"({"type":"Metaspace"})",
       "pre_tokenizer.replacement: must be a string, got: nothing"},
      {R"({"type":"Metaspace","replacement":""})",
       "pre_tokenizer.replacement: must not be empty"},
      {R"({"type":"Metaspace","replacement":"_","prepend_scheme":"last"})",
       "pre_tokenizer.prepend_scheme: must be 'always', 'first' or 'never', "
       "got: 'last'"},
      {R"({"type":"Metaspace","replacement":"_","prepend_scheme":"first",)"
       R"("add_prefix_space":false})",
       "pre_tokenizer.prepend_scheme: must be 'never' when add_prefix_space is "
       "false, got: 'first'"},
      {R"({"type":"CharDelimiterSplit"})",
       "pre_tokenizer.delimiter: must be a string, got: nothing"},
      {sequence(R"({"type":"Split","behavior":"Isolated"},)" + byteLevel),
       "pre_tokenizer.pretokenizers[0].pattern: must be an object, got: "
       "nothing"},
      {sequence(
           R"({"type":"Split","behavior":"Isolated","pattern":{"Regex":"(a"}},)" +
           byteLevel),
       "pre_tokenizer.pretokenizers[0].pattern.Regex: regular expression: "
       "missing closing parenthesis at offset 2"},
      {R"({"type":"BertPreTokenizer","behavior":"Removed"})",
       "pre_tokenizer: key 'behavior' is not known"},
      {R"({"type":"Sequence"})",
       "pre_tokenizer.pretokenizers: must be an array, got: nothing"},
      {R"({"type":"ByteLevel","sparkle":1})",
       "pre_tokenizer: key 'sparkle' is not known"}};
  for (const auto &[preTokenizer, why] : cases)
    EXPECT_EQ(errorWith(&File::preTokenizer, preTokenizer),
              std::string("t.json: ") + why);
  std::string many = byteLevel;
  for (int i = 0; i < 33; ++i)
    many = R"({"type":"Digits"},)" + many;
  EXPECT_EQ(errorWith(&File::preTokenizer, sequence(many)),
            "t.json: pre_tokenizer.pretokenizers[32]: more than 32 steps are "
            "not supported");
}

TEST(TokenizerJson, Normalizers) {
  const std::string long65 = std::string(65, 'x');
  const std::pair<std::string, std::string> cases[] = {
      {R"({"type":"NFC","extra":1})", "normalizer: key 'extra' is not known"},
      {R"({"type":"Prepend"})",
       "normalizer.prepend: must be a string, got: nothing"},
      {R"({"type":"Prepend","prepend":")" + long65 + "\"}",
       "normalizer: must put in at most 64 bytes, got: 65"},
      {R"({"type":"Replace","pattern":{"String":""},"content":"x"})",
       "normalizer.pattern.String: must not be empty"},
      {R"({"type":"Replace","pattern":{"String":"a"}})",
       "normalizer.content: must be a string, got: nothing"},
      {R"({"type":"Replace","pattern":{"Regex":"^a"},"content":""})",
       "normalizer.pattern.Regex: regular expression: '^' is not supported"},
      {R"({"type":"Replace","content":"x"})",
       "normalizer.pattern: must be an object, got: nothing"},
      {R"({"type":"BertNormalizer","clean_text":1})",
       "normalizer.clean_text: must be true or false, got: 1"},
      {R"({"type":"BertNormalizer","strip_accents":"no"})",
       "normalizer.strip_accents: must be true or false, got: 'no'"},
      {R"({"type":"BertNormalizer","shine":true})",
       "normalizer: key 'shine' is not known"},
      {R"({"type":"Strip","strip_left":2})",
       "normalizer.strip_left: must be true or false, got: 2"},
      {R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]})",
       "normalizer.normalizers[1].type: must be NFC, NFD, NFKC, NFKD, "
       "Lowercase, StripAccents, Strip, Prepend, Replace, BertNormalizer or "
       "Sequence, got: 'Nmt'"}};
  for (const auto &[normalizer, why] : cases)
    EXPECT_EQ(errorWith(&File::normalizer, normalizer), "t.json: " + why);
}

TEST(TokenizerJson, Decoders) {
  auto chain = [](const std::string &decoders) {
    return R"({"type":"Sequence","decoders":[)" + decoders + "]}";
  };
  const std::string replace =
      R"({"type":"Replace","pattern":{"String":"_"},"content":" "})";
  const std::string fuse = R"({"type":"Fuse"},)";
  const std::pair<std::string, const char *> cases[] = {
      {R"({"type":"Sequence"})",
       "decoder.decoders: must be an array, got: nothing"},
      {R"({"type":"Metaspace"})", "decoder.replacement: must be a string that "
                                  "is not empty, got: nothing"},
      {R"({"type":"Replace","pattern":{"Regex":"_"},"content":" "})",
       "decoder.pattern: must hold a String that is not empty"},
      {chain(fuse + replace),
       "decoder.decoders[1]: Replace must come before ByteFallback and Fuse"},
      {R"({"type":"Strip","content":"x","start":1,"stop":0})",
       "decoder.content: must be ' ', got: 'x'"},
      {R"({"type":"Strip","content":" ","stop":0})",
       "decoder.start: must be a number of spaces, got: nothing"},
      {R"({"type":"Strip","content":" ","start":1,"stop":2})",
       "decoder.stop: must be 0, got: 2"},
      {R"({"type":"WordPiece"})",
       "decoder.prefix: must be a string, got: nothing"},
      {R"({"type":"WordPiece","prefix":"##","cleanup":0})",
       "decoder.cleanup: must be true or false, got: 0"},
      {R"({"type":"WordPiece","prefix":"##","suffix":""})",
       "decoder: key 'suffix' is not known"},
      {chain(R"({"type":"WordPiece","prefix":"##"})"),
       "decoder.decoders[0]: WordPiece must be the only decoder"},
      {R"({"type":"Strip","content":" ","start":1,"stop":0})",
       "decoder: Strip must come behind Fuse"}};
  for (const auto &[decoder, why] : cases)
    EXPECT_EQ(errorWith(&File::decoder, decoder),
              std::string("t.json: ") + why);
  File characters;
  characters.preTokenizer = "null";
  characters.decoder =
      chain(replace + "," + fuse +
            R"({"type":"Strip","content":" ","start":1,"stop":0})");
  EXPECT_EQ(errorOf(json(characters)), "");
  characters.decoder = R"({"type":"Metaspace","replacement":"_"})";
  EXPECT_EQ(errorOf(json(characters)), "");
  characters.model = R"("type":"BPE","unk_token":"x")";
  EXPECT_EQ(errorOf(json(characters)),
            "t.json: model.unk_token: must be a token of model.vocab, got: "
            "'x'");
}

/// Where tokens hold spaces, the vocabulary says where a merge is cut.
TEST(TokenizerJson, MergesWithSpaces) {
  File file;
  file.preTokenizer = "null";
  file.decoder = R"({"type":"Fuse"})";
  file.vocabulary = R"({" ":0,"  ":1,"a":2,"a ":3,"   ":4})";
  file.merges = R"(["   ","a  "])";
  EXPECT_EQ(errorOf(json(file)), "");
  file.merges = R"(["    "])"; // " " and "  ", or "  " and " "
  EXPECT_EQ(errorOf(json(file)), "t.json: model.merges[0]: must be two tokens "
                                 "with a space between, got: '    '");
  file.merges = R"([["","a"]])";
  EXPECT_EQ(errorOf(json(file)), "t.json: model.merges[0]: must be two tokens "
                                 "that are not empty");
}

TEST(TokenizerJson, Templates) {
  auto processor = [](const std::string &single, const std::string &tokens) {
    return R"({"type":"TemplateProcessing","pair":[],"single":[)" + single +
           R"(],"special_tokens":{)" + tokens + "}}";
  };
  const std::string a = R"({"Sequence":{"id":"A","type_id":0}})";
  const std::string x = R"({"SpecialToken":{"id":"x","type_id":0}})";
  const std::pair<std::string, const char *> cases[] = {
      {processor(x, R"("x":{"ids":[1]})"),
       "post_processor.single: must hold one Sequence, got: 0"},
      {processor(a + "," + a, ""),
       "post_processor.single: must hold one Sequence, got: 2"},
      {processor(x + "," + a, ""), "post_processor.single[0]: must be one of "
                                   "special_tokens, got: 'x'"},
      {processor(x + "," + a, R"("x":{"ids":[9]})"),
       "post_processor.single[0].ids: must be a token's id, got: 9"},
      {processor(x + "," + a, R"("x":{"ids":[900]})"),
       "post_processor.single[0].ids: token id must be below the model's "
       "vocabulary size 100, got: 900"},
      {processor("3", ""),
       "post_processor.single[0]: must be an object, got: 3"}};
  for (const auto &[text, why] : cases)
    EXPECT_EQ(errorWith(&File::postProcessor, text),
              std::string("t.json: ") + why);
  EXPECT_EQ(errorWith(&File::postProcessor,
                      processor(x + "," + a + "," + x, R"("x":{"ids":[1,0]})")),
            "");
}

/// BertProcessing, and RobertaProcessing.
TEST(TokenizerJson, Ends) {
  auto processor = [](const std::string &fields) {
    return R"({"type":"BertProcessing",)" + fields + "}";
  };
  const std::pair<std::string, const char *> cases[] = {
      {processor(R"("sep":["b",1])"),
       "post_processor.cls: must be a token and its id, got: nothing"},
      {processor(R"("cls":["a"],"sep":["b",1])"),
       "post_processor.cls: must be a token and its id, got: an array"},
      {processor(R"("cls":["a",0],"sep":[1,"b"])"),
       "post_processor.sep: must be a token and its id, got: an array"},
      {processor(R"("cls":["a",0],"sep":["b","1"])"),
       "post_processor.sep[1]: must be a token id, got: '1'"},
      {processor(R"("cls":["a",9],"sep":["b",1])"),
       "post_processor.cls[1]: must be a token's id, got: 9"},
      {processor(R"("cls":["a",0],"sep":["b",1],"mask":2)"),
       "post_processor: key 'mask' is not known"}};
  for (const auto &[text, why] : cases)
    EXPECT_EQ(errorWith(&File::postProcessor, text),
              std::string("t.json: ") + why);
  for (const char *type : {"BertProcessing", "RobertaProcessing"}) {
    File file;
    file.postProcessor = std::string(R"({"type":")") + type +
                         R"(","cls":["a",0],"sep":["ab",2]})";
    TemporaryModel model(json(file));
    OpenTokenizer tokenizer = openDirectory(model.path);
    ASSERT_TRUE(tokenizer.tokenizer) << tokenizer.error;
    EXPECT_EQ(tokenizer->encode("b", true), Ids({0, 1, 2}));
    EXPECT_EQ(tokenizer->encode("b", false), Ids({1}));
  }
}

TEST(TokenizerJson, ConfigIds) {
  TemporaryModel model(json({}));
  SpecialTokens special;
  special.bos = 7;
  EXPECT_EQ(openDirectory(model.path, 5, special).error,
            model.path.string() +
                ": bos_token_id must be below the vocabulary size 5, got: 7");
  special.bos = 4;
  special.eos = {1, -1};
  EXPECT_EQ(openDirectory(model.path, 5, special).error,
            model.path.string() +
                ": eos_token_id must be below the vocabulary size 5, got: -1");
  special.eos = {1, 4};
  EXPECT_EQ(openDirectory(model.path, 5, special).error, "");
}

TEST(TokenizerJson, DamagedFilesNeverCrash) {
  const std::string files[] = {
      readFile(goldenDirectory() + "/small-llama3/tokenizer.json"),
      readFile(goldenDirectory() + "/small-llama2/tokenizer.json"),
      readFile(goldenDirectory() + "/small-wordpiece/tokenizer.json")};
  std::mt19937 random(5);
  for (int round = 0; round < 1200; ++round) {
    std::string text = files[round % 6 / 2];
    size_t head = text.find("\"vocab\"");
    ASSERT_NE(head, std::string::npos);
    for (size_t i = 0; i <= random() % 3; ++i)
      text[random() % (round % 2 ? head : text.size())] =
          "{}[]\",:0aA9\\\xff-"[random() % 15];
    llvm::Expected<TokenizerDescription> result =
        readTokenizerJson(text, "t.json", 1000);
    if (!result) {
      llvm::consumeError(result.takeError());
      continue;
    }
    std::vector<char> tables = writeTokenizerTables(*result);
    std::string error;
    auto tokenizer =
        runtime::Tokenizer::open(tables.data(), tables.size(), error);
    ASSERT_TRUE(tokenizer) << error;
    tokenizer->encode("To be, or not to be: 1599 <|eot|>\n", true);
  }
}

TEST(TokenizerJson, AWildIdDoesNotTakeAllMemory) {
  File file;
  file.vocabulary = R"({"a":2000000000})";
  llvm::Expected<TokenizerDescription> result =
      readTokenizerJson(json(file), "t.json", int64_t(1) << 40);
  ASSERT_FALSE(bool(result));
  EXPECT_EQ(llvm::toString(result.takeError()),
            "t.json: model.vocab['a']: token id must be below 4194304, got: "
            "2000000000");
}
