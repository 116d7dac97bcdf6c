//===- JsonTest.cpp - hostile and honest JSON ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Json.h"

#include <gtest/gtest.h>

#include <chrono>

using namespace lqc;

static std::string errorOf(llvm::StringRef text) {
  llvm::Expected<llvm::json::Value> value = parseJson(text, "f.json");
  return value ? "" : llvm::toString(value.takeError());
}

TEST(Json, ReadsWhatIsJson) {
  llvm::Expected<llvm::json::Value> value = parseJson(
      "  {\"a\": [1, 2.5, \"x\\n\", null, true], \"b\": {\"a\": {}}} ",
      "f.json");
  ASSERT_TRUE(bool(value));
  EXPECT_EQ(value->getAsObject()->getArray("a")->size(), 5u);
}

TEST(Json, EscapedSurrogatesAreOneCharacter) {
  const std::pair<const char *, const char *> cases[] = {
      {R"("\ud83d\ude42")", "\xf0\x9f\x99\x82"},   // U+1F642
      {R"("\uD840\uDC00x")", "\xf0\xa0\x80\x80x"}, // U+20000
      {R"("\udbff\udfff")", "\xf4\x8f\xbf\xbf"},   // U+10FFFF
      {R"("\\ud840\\udc00")", R"(\ud840\udc00)"},
      {R"("\ud840x\udc00")", "\xef\xbf\xbdx\xef\xbf\xbd"}};
  for (auto [text, wanted] : cases) {
    llvm::Expected<llvm::json::Value> value = parseJson(text, "f.json");
    ASSERT_TRUE(bool(value)) << llvm::toString(value.takeError());
    EXPECT_EQ(value->getAsString()->str(), wanted) << text;
  }
  // They are different keys.
  EXPECT_EQ(errorOf(R"({"\ud840\udc00":1,"\ud800\udc00":2})"), "");
}

TEST(Json, EqualKeysInDifferentObjectsAreFine) {
  EXPECT_EQ(errorOf(R"([{"a": 1}, {"a": {"a": "a"}}, {"b": "a", "a": "b"}])"),
            "");
  EXPECT_EQ(errorOf(R"({"a": ["a", "a", "a"]})"), "");
}

TEST(Json, RejectsDuplicateKeys) {
  EXPECT_EQ(errorOf("{\"a\": 1,\n \"b\": 2, \"a\": 3}"),
            "f.json:2:10: keys of one object must differ, got twice: 'a'");
  EXPECT_EQ(errorOf(R"({"b": {"x": [{}]}, "b": 0})"),
            "f.json:1:20: keys of one object must differ, got twice: 'b'");
}

TEST(Json, ComparesKeysUnescaped) {
  EXPECT_EQ(errorOf(R"({"a": 1, "\u0061": 3})"),
            "f.json:1:10: keys of one object must differ, got twice: 'a'");
  EXPECT_EQ(errorOf(R"({"\"": 1, "\\": 2, "\/": 3})"), "");
  EXPECT_NE(errorOf(R"({"/": 1, "\/": 3})"), "");
}

TEST(Json, LimitsDepth) {
  auto nested = [](unsigned depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(errorOf(nested(64)), "");
  EXPECT_EQ(errorOf(nested(65)),
            "f.json:1:65: nesting must be at most 64 levels deep");
  EXPECT_EQ(errorOf(std::string(50000, '[')),
            "f.json:1:65: nesting must be at most 64 levels deep");
  std::string objects;
  for (int i = 0; i < 50000; ++i)
    objects += "{\"a\":";
  EXPECT_EQ(errorOf(objects),
            "f.json:1:321: nesting must be at most 64 levels deep");
}

TEST(Json, BracketsInStringsDoNotCount) {
  EXPECT_EQ(errorOf("\"" + std::string(1000, '[') + "\""), "");
  EXPECT_EQ(errorOf(R"({"{\"a": "}", "a": ",\"a\":"})"), "");
}

TEST(Json, RejectsBrokenUtf8) {
  EXPECT_EQ(errorOf("{\"a\":\n \"\xff\"}"), "f.json:2:3: text must be UTF-8");
}

TEST(Json, RejectsWhatIsNotJson) {
  for (const char *text :
       {"", "{", "}", "{\"a\"}", "[1,]", "{\"a\":1,}", "\"abc", "\"abc\\",
        "nul", "[1] 2", "{\"\\x\": 1}", "{\"a", "{\"", "{1: 2}", "NaN", "[01x]",
        "\"\x01\""}) {
    std::string message = errorOf(text);
    EXPECT_EQ(message.rfind("f.json:", 0), 0u) << text << " -> " << message;
    EXPECT_NE(message.find("not valid JSON: "), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(Json, ErrorSaysWhere) {
  std::string message = errorOf("{\n  \"a\": x\n}");
  EXPECT_EQ(message.rfind("f.json:2:", 0), 0u) << message;
}

TEST(Json, TimeIsLinear) {
  // 400,000 keys: quadratic work would take minutes.
  std::string text = "{";
  for (int i = 0; i < 400000; ++i)
    text += "\"key" + std::to_string(i) + "\":0,";
  text += "\"last\":0}";
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(errorOf(text), "");
  EXPECT_EQ(errorOf("\"" + std::string(20 << 20, '\\') + "\""), "");
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 20.0);
}

TEST(Json, DescribeIsShort) {
  EXPECT_EQ(describeJson(nullptr), "nothing");
  llvm::json::Value small = llvm::json::Array{1, "x"};
  EXPECT_EQ(describeJson(&small), "[1,\"x\"]");
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += "\u00e9";
  llvm::json::Value large = text;
  std::string description = describeJson(&large);
  EXPECT_LE(description.size(), 80u);
  EXPECT_TRUE(llvm::json::isUTF8(description));
}
