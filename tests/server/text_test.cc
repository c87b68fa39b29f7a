#include "server/text.h"

#include <string>

#include "gtest/gtest.h"

namespace idem::server {
namespace {

TEST(ParseInteger, TakesOneSpellingPerNumber) {
  EXPECT_EQ(ParseInteger("0"), 0);
  EXPECT_EQ(ParseInteger("-7"), -7);
  EXPECT_EQ(ParseInteger("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseInteger("-9223372036854775808"), INT64_MIN);
  for (const char* bad : {"", "-", "+1", "01", "-0", "00", " 1", "1 ", "1.0", "0x1", "1e3",
                          "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_EQ(ParseInteger(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(ParseInteger(std::string_view("1\0", 2)), std::nullopt);
  EXPECT_EQ(ParseUnsigned("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(ParseUnsigned("-1"), std::nullopt);
}

TEST(MatchesGlob, FollowsRedis) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "abc", true},
      {"a*c", "abbc", true},
      {"a*c", "abcd", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"a[bc]d", "acd", true},
      {"a[^b]d", "acd", true},
      {"a[^b]d", "abd", false},
      {"[a-c]", "b", true},
      {"[c-a]", "b", true},
      {"[a-c]", "d", false},
      {"a\\*c", "a*c", true},
      {"a\\*c", "abc", false},
      {"\\", "\\", true},
      {"[\\]]", "]", true},
      {"[abc", "b", true},
      {"[abc", "d", false},
      {"**a**", "bab", true},
      {"*a*b*c", "xaybzc", true},
      {"abc", "ab", false},
      {"ab", "abc", false},
      {"h[a-]llo", "h-llo", false},
      {"a**", "a", true},
      {"?*", "", false},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(MatchesGlob(one.pattern, one.text), one.matches) << one.pattern << " " << one.text;
  }
}

// Exponential in a matcher that tries every star again.
TEST(MatchesGlob, TakesNoLongerForManyStars) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(MatchesGlob(pattern + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace idem::server
