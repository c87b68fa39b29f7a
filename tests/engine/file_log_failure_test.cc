// The log in files after a failed write or sync.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "log/file_log.h"
#include "tests/support/test_log.h"
#include "tests/support/watched_file_system.h"

namespace idem::engine {
namespace {

using StepKind = Store::StepKind;
using Room = Log::Room;

using FileLogFailureTest = LogTest;

TEST_F(FileLogFailureTest, AcknowledgesNothingAfterAFailedWriteOrSync) {
  for (const int64_t nth : {1, 2}) {  // the write, the sync
    for (const Durability durability : {Durability::kAlways, Durability::kInterval}) {
      if (durability == Durability::kAlways && nth == 2) continue;  // one call is both
      Open(durability);
      int told = 0;
      log_->SetListener([&] { ++told; });
      test_.AppendSome();
      EXPECT_TRUE(test_.Commit());
      if (durability != Durability::kAlways) {
        test_.clock.Advance(5000);
        test_.StepAll(StepKind::kCommit);
      }
      const Lsn acknowledged = log_->committed();
      test_.AppendSome();
      test_.AppendSome();
      test_.files.FailCall(nth, broken_);
      const absl::Status unknown = log_->WaitCommitted(acknowledged + 1);
      if (durability == Durability::kAlways || nth == 1) {
        EXPECT_TRUE(absl::IsDataLoss(unknown)) << unknown;
      }
      test_.clock.Advance(5000);
      test_.StepAll(StepKind::kCommit);
      EXPECT_TRUE(log_->stats().failed);
      EXPECT_FALSE(log_->status().ok());
      EXPECT_EQ(log_->synced(), acknowledged);
      EXPECT_GE(told, 2);

      test_.files.FailCall(0, broken_);  // the disk is fine again, but not for this log
      const int64_t calls = test_.files.calls();
      EXPECT_EQ(log_->Reserve(1), Room::kFailed);
      EXPECT_FALSE(log_->WaitCommitted(acknowledged + 2).ok() && durability == Durability::kAlways);
      EXPECT_FALSE(log_->Step(StepKind::kCommit));
      EXPECT_FALSE(log_->Step(StepKind::kPrepareSegment));
      EXPECT_FALSE(log_->Close().ok());
      EXPECT_EQ(test_.files.calls(), calls) << "nothing is tried again";
      test_.PowerCut();
      Open(durability);
      EXPECT_GE(test_.last_recovered, acknowledged);
      while (test_.LastAppended() > test_.last_recovered) {
        test_.appended.erase(test_.LastAppended());
      }
      EXPECT_EQ(test_.recovered, test_.appended);
      test_.PowerCut();
    }
  }
}

// The failed sync has left the batch in the page cache, clean: it looks durable and is not.
TEST_F(FileLogFailureTest, WritesAnewWhatAFailedSyncLeftInThePageCache) {
  Open(Durability::kInterval);
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  test_.files.FailCall(1, broken_);
  test_.clock.Advance(5000);
  test_.StepAll(StepKind::kCommit);
  EXPECT_TRUE(log_->stats().failed);
  test_.files.FailCall(0, broken_);
  test_.Kill();
  Open();
  EXPECT_EQ(test_.last_recovered, 1u);
  Reopen();
  EXPECT_EQ(test_.last_recovered, 1u) << "what an open has shown stays";
}

class SlowDiskTest : public LogTest {
 protected:
  SlowDiskTest() { test_.options.file_system = &slow_; }
  ~SlowDiskTest() override { test_.log.reset(); }

  WatchedFileSystem slow_{&test_.files};
};

// A disk that does not answer is no failure: it is told how long that has been so.
TEST_F(SlowDiskTest, TellsHowLongTheDiskHasNotAnswered) {
  for (const Durability durability : {Durability::kAlways, Durability::kInterval}) {
    Open(durability);
    test_.PrepareSegment();
    std::vector<int64_t> waited_ms;
    slow_.before = [&] {
      test_.clock.Advance(7000);
      waited_ms.push_back(log_->stats().commit_running_ms);
    };
    test_.AppendSome();
    EXPECT_EQ(log_->stats().commit_running_ms, 0);
    EXPECT_TRUE(test_.Commit());
    EXPECT_EQ(waited_ms.front(), 7000);
    EXPECT_EQ(log_->stats().commit_running_ms, 0) << "it has answered";
    test_.clock.Advance(60'000);
    waited_ms.clear();
    test_.StepAll(StepKind::kCommit);  // the idle mark, or the sync
    EXPECT_EQ(waited_ms.front(), 7000);
    EXPECT_EQ(log_->stats().commit_running_ms, 0);
    slow_.before = [] {};
    test_.PowerCut();
  }
}

}  // namespace
}  // namespace idem::engine
