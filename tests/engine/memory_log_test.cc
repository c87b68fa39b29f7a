#include "log/memory_log.h"

#include <gtest/gtest.h>

#include "tests/support/test_log.h"

namespace idem::engine {
namespace {

TEST(MemoryLogTest, CommitsWhatIsAppended) {
  TestLog test;
  OpenedLog opened = OpenMemoryLog(test.options);
  EXPECT_TRUE(opened.created);
  EXPECT_EQ(opened.clock.NowMs(), 1);
  EXPECT_EQ(opened.store_id.size(), 36u);
  test.log = std::move(opened.log);
  EXPECT_EQ(test.AppendSome(), 1u);
  EXPECT_EQ(test.Append(std::vector<Image>(3, Register("key", "value"))), 4u);
  EXPECT_EQ(test.log->committed(), 4u);
  EXPECT_EQ(test.log->synced(), 4u);
  EXPECT_TRUE(test.Commit());
  EXPECT_TRUE(test.log->accepts_claims());
  EXPECT_FALSE(test.log->Step(Store::StepKind::kCommit));
  EXPECT_EQ(test.log->stats().committed, 4u);
  EXPECT_TRUE(test.log->Close().ok());
}

TEST(MemoryLogTest, TokensRiseFromOneMillisecondToTheNext) {
  TestLog test;
  Token last = 0;
  for (int i = 0; i < 5; ++i) {
    const TokenRange tokens = OpenMemoryLog(test.options).tokens;
    EXPECT_GE(tokens.first, last + (Token{1} << 12));
    EXPECT_EQ(tokens.limit, Token{1} << 53);
    last = tokens.first;
    test.clock.Advance(1);
  }
}

TEST(MemoryLogTest, AWrongWallClockStillGivesTokens) {
  TestLog test;
  test.clock.JumpWall(-test.clock.WallMs());
  const TokenRange tokens = OpenMemoryLog(test.options).tokens;
  EXPECT_EQ(tokens.first, 1u);
  EXPECT_LT(tokens.first, tokens.limit);
}

}  // namespace
}  // namespace idem::engine
