// When the log in files writes, syncs and tells.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "log/file_log.h"
#include "tests/support/test_log.h"

namespace idem::engine {
namespace {

using StepKind = Store::StepKind;

using FileLogDurabilityTest = LogTest;

TEST_F(FileLogDurabilityTest, IntervalCommitsWhenWrittenAndSyncsInTime) {
  test_.options.sync_interval_ms = 200;
  Open(Durability::kInterval);
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  EXPECT_EQ(log_->committed(), 1u);
  EXPECT_EQ(log_->synced(), 0u);
  test_.StepAll(StepKind::kCommit);
  test_.clock.Advance(199);
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  test_.StepAll(StepKind::kCommit);
  EXPECT_EQ(log_->synced(), 0u);
  test_.clock.Advance(1);
  EXPECT_TRUE(log_->Step(StepKind::kCommit));
  EXPECT_EQ(log_->synced(), 2u);
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  test_.clock.Advance(199);
  test_.StepAll(StepKind::kCommit);
  EXPECT_EQ(log_->synced(), 2u);
  EXPECT_EQ(log_->committed(), 3u);
  Reopen();
  EXPECT_EQ(test_.last_recovered, 2u) << "what was synced is there, the rest is a lost suffix";
}

TEST_F(FileLogDurabilityTest, WeakerModesLoseNothingWhenTheProcessIsKilled) {
  for (const Durability durability : {Durability::kInterval, Durability::kOs}) {
    for (int life = 0; life < 4; ++life) {
      Open(durability);
      EXPECT_EQ(test_.recovered, test_.appended);
      test_.PrepareSegment();
      for (int i = 0; i < 50; ++i) {
        test_.AppendSome(500);
        ASSERT_TRUE(test_.Commit());
        if (i % 20 == 10) test_.clock.Advance(2000);
        log_->Step(StepKind::kCommit);
      }
      test_.Kill();
    }
  }
}

TEST_F(FileLogDurabilityTest, OsNeverSyncsButAtRotationAndClose) {
  Open(Durability::kOs);
  test_.PrepareSegment();
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  test_.clock.Advance(100'000);
  EXPECT_FALSE(log_->Step(StepKind::kCommit));
  EXPECT_EQ(log_->synced(), 0u);
  FillUntilRotated();
  EXPECT_EQ(log_->synced(), log_->committed());
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  EXPECT_TRUE(log_->Close().ok());
  EXPECT_EQ(log_->synced(), log_->committed());
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

TEST_F(FileLogDurabilityTest, TellsItsListenerOutsideItsLock) {
  Open();
  std::vector<Lsn> told;
  log_->SetListener([&] { told.push_back(log_->committed() + log_->stats().committed); });
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), 2u);
}

TEST_F(FileLogDurabilityTest, ByHandAStepCommitsWhatWaits) {
  Open();
  test_.PrepareSegment();
  EXPECT_FALSE(log_->Step(StepKind::kCommit));
  test_.AppendSome();
  log_->RequestCommit();
  EXPECT_EQ(log_->committed(), 0u);
  EXPECT_TRUE(log_->Step(StepKind::kCommit));
  EXPECT_EQ(log_->committed(), 1u);
  EXPECT_FALSE(log_->Step(StepKind::kCommit));
  EXPECT_FALSE(log_->Step(StepKind::kExpire));
}

TEST_F(FileLogDurabilityTest, MarksWhenItIsIdle) {
  Open();
  test_.PrepareSegment();
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  test_.clock.Advance(49);
  EXPECT_FALSE(log_->Step(StepKind::kCommit));
  test_.clock.Advance(1);
  const uint64_t written = log_->stats().bytes_written;
  EXPECT_TRUE(log_->Step(StepKind::kCommit));
  EXPECT_EQ(log_->stats().bytes_written, written + 4096);
  test_.clock.Advance(1000);
  EXPECT_FALSE(log_->Step(StepKind::kCommit)) << "once is enough";
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

}  // namespace
}  // namespace idem::engine
