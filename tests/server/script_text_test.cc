// How scripts are told apart, and what stands for them.
#include "server/script_text.h"

#include <string>

#include "gtest/gtest.h"
#include "server/known_script_rows.h"
#include "server/script_cache.h"
#include "server/sha1.h"

namespace idem::server {
namespace {

TEST(Sha1, AnswersTheTestVectors) {
  EXPECT_EQ(Sha1Hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(Sha1Hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Sha1Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(Sha1Hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(NormalForm, EvensOutHowItIsWritten) {
  const std::string form = NormalForm("return redis.call('get',KEYS[1])");
  for (const char* same : {
           "  return\tredis.call( \"GET\" , KEYS[1] ) ;\r\n",
           "-- a comment\nreturn redis.call('Get', KEYS[1]) -- another",
           "--[[ a\nlong one ]] return redis.pcall('get', KEYS[1])",
           "local key = KEYS[1]; return redis.call('get', key)",
       }) {
    EXPECT_EQ(NormalForm(same), form) << same;
  }
  for (const char* other : {
           "return redis.call('get',KEYS[2])",
           "return redis.call('get',ARGV[1])",
           "return redis.call('del',KEYS[1])",
           "return redis.call('get',KEYS[1]) == 1",
           "-- return redis.call('get',KEYS[1])",
       }) {
    EXPECT_NE(NormalForm(other), form) << other;
  }
}

TEST(NormalForm, NamesLocalsAsTheyCome) {
  EXPECT_EQ(NormalForm("local a, b = 1, 2 for i, k in ipairs(KEYS) do return b + k end"),
            NormalForm("local x,y=1,2 for _,key in ipairs(KEYS) do return y+key end"));
  EXPECT_NE(NormalForm("local a, b = 1, 2 return a"), NormalForm("local a, b = 1, 2 return b"));
}

TEST(NormalForm, AnAliasThatIsAssignedAgainStays) {
  EXPECT_NE(NormalForm("local t = ARGV[1] if x then t = 2 end return t"),
            NormalForm("if x then ARGV[1] = 2 end return ARGV[1]"));
  EXPECT_EQ(NormalForm("local t = tonumber(ARGV[1]) return t == 1"),
            NormalForm("return ARGV[1] == 1"));
}

TEST(NormalForm, BracketsAroundAConditionGo) {
  EXPECT_EQ(NormalForm("if (a == b) then c() end"), NormalForm("if a == b then c() end"));
  EXPECT_NE(NormalForm("if (a or b) and c then d() end"),
            NormalForm("if a or b and c then d() end"));
}

TEST(NormalForm, TakesAnyText) {
  for (const char* text :
       {"", "'", "\"abc", "--", "--[[", "redis.call(", "local", "local x =", "(((",
        "local x = KEYS[1]", "if (", "for", "tonumber(ARGV[1]", "'\\", ";;"}) {
    NormalForm(text);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(NormalForm(all), NormalForm(all));
}

TEST(KnownScripts, EachHasAFormOfItsOwn) {
  for (const KnownScript& row : KnownScriptRows()) {
    EXPECT_EQ(FindKnownScript(row.text), &row) << row.text;
  }
  EXPECT_EQ(FindKnownScript("return 1"), nullptr);
  EXPECT_EQ(FindKnownScript(""), nullptr);
  EXPECT_EQ(FindKnownScript(std::string(1 << 20, ' ')), nullptr);
}

TEST(ScriptCache, IsBounded) {
  ScriptCache cache;
  const KnownScript* const script = &KnownScriptRows()[0];
  cache.Add("first", script);
  EXPECT_EQ(cache.Find("first"), script);
  for (size_t i = 0; i < ScriptCache::kScripts; ++i) cache.Add(std::to_string(i), script);
  EXPECT_EQ(cache.Find("first"), nullptr);
  EXPECT_EQ(cache.Find(std::to_string(ScriptCache::kScripts - 1)), script);
  cache.Flush();
  EXPECT_EQ(cache.Find(std::to_string(ScriptCache::kScripts - 1)), nullptr);
}

}  // namespace
}  // namespace idem::server
