#include "store/token_source.h"

#include "gtest/gtest.h"

namespace idem::engine {
namespace {

constexpr Token kEpoch = Token{1} << 32;

TEST(TokenSourceTest, CountsUpFromTheFirstOfTheRange) {
  TokenSource tokens({.first = 5 * kEpoch, .limit = 6 * kEpoch});
  for (Token expected = 5 * kEpoch; expected < 5 * kEpoch + 1000; ++expected) {
    EXPECT_EQ(tokens.Next(), expected);
  }
}

TEST(TokenSourceTest, HandsOutNothingAtTheLimit) {
  TokenSource tokens({.first = 7, .limit = 9});
  EXPECT_EQ(tokens.Next(), 7u);
  EXPECT_EQ(tokens.Next(), 8u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(tokens.Next(), 0u);
}

TEST(TokenSourceTest, AnEmptyRangeHasNone) {
  TokenSource tokens({.first = 1, .limit = 1});
  EXPECT_EQ(tokens.Next(), 0u);
}

TEST(TokenSourceTest, GoesOnInTheNextRange) {
  TokenSource tokens({.first = 7, .limit = 8});
  EXPECT_EQ(tokens.Next(), 7u);
  EXPECT_EQ(tokens.Next(), 0u);
  tokens.Refill({.first = 100, .limit = 102});
  EXPECT_EQ(tokens.Next(), 100u);
  EXPECT_EQ(tokens.Next(), 101u);
  EXPECT_EQ(tokens.Next(), 0u);
}

// What is left of a range is dropped: the next one lies higher, and tokens must rise.
TEST(TokenSourceTest, AnEarlyRefillSkipsTheRest) {
  TokenSource tokens({.first = 7, .limit = 50});
  EXPECT_EQ(tokens.Next(), 7u);
  tokens.Refill({.first = 100, .limit = 101});
  EXPECT_EQ(tokens.Next(), 100u);
  EXPECT_EQ(tokens.Next(), 0u);
}

TEST(TokenSourceTest, IsLowWhenHalfAnEpochIsLeft) {
  TokenSource tokens({.first = kEpoch, .limit = kEpoch + kEpoch / 2 + 2});
  EXPECT_FALSE(tokens.LowOnTokens());
  tokens.Next();
  EXPECT_FALSE(tokens.LowOnTokens());
  tokens.Next();
  EXPECT_TRUE(tokens.LowOnTokens());
  tokens.Refill({.first = 3 * kEpoch, .limit = 4 * kEpoch});
  EXPECT_FALSE(tokens.LowOnTokens());
}

}  // namespace
}  // namespace idem::engine
