// Packed words are equal when the words are, in any letter case, and never otherwise.
#include "server/short_word.h"

#include <string>

#include "gtest/gtest.h"
#include "server/text.h"

namespace idem::server {
namespace {

TEST(ShortWord, IgnoresTheCaseOfLettersAndOfNothingElse) {
  EXPECT_EQ(ShortWord(std::string("IDEM.Begin")), ShortWord("idem.begin"));
  for (int c = 0; c < 256; ++c) {
    for (int d = 0; d < 256; ++d) {
      for (const size_t size : {1u, 2u, 5u, 9u}) {
        std::string one(size, 'x');
        std::string other = one;
        one.back() = static_cast<char>(c);
        other.back() = static_cast<char>(d);
        ASSERT_EQ(ShortWord(one) == ShortWord(other), EqualsIgnoreCase(one, other))
            << c << " " << d << ", " << size << " bytes";
      }
    }
  }
}

TEST(ShortWord, EveryByteCounts) {
  for (size_t size = 0; size <= ShortWord::kLongest; ++size) {
    const std::string word = std::string("abcdefghijklmnop").substr(0, size);
    EXPECT_EQ(ShortWord(word), ShortWord(ToUpper(word)));
    EXPECT_NE(ShortWord(word), ShortWord(word + "x"));
    EXPECT_NE(ShortWord(word), ShortWord(word + '\0'));
    for (size_t i = 0; i < size; ++i) {
      std::string other = word;
      other[i] = '-';
      EXPECT_NE(ShortWord(word), ShortWord(other)) << word;
    }
  }
}

TEST(ShortWord, ALongerWordEqualsNoShortOne) {
  const std::string longer(ShortWord::kLongest + 1, 'a');
  EXPECT_NE(ShortWord(longer), ShortWord(longer.substr(1)));
  EXPECT_NE(ShortWord(longer), ShortWord(""));
}

TEST(ShortWord, IsTheSameMadeByTheCompiler) {
  static constexpr ShortWord kThree = "NX1";
  static constexpr ShortWord kFive = "LEASE";
  static constexpr ShortWord kTen = "IDEM.BEGIN";
  EXPECT_EQ(ShortWord(std::string("nx1")), kThree);
  EXPECT_EQ(ShortWord(std::string("lease")), kFive);
  EXPECT_EQ(ShortWord(std::string("idem.begin")), kTen);
  EXPECT_EQ(ShortWord(std::string("idem.begin")).hash(), kTen.hash());
}

}  // namespace
}  // namespace idem::server
