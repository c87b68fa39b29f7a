// The log in files from open to close: what comes back, tokens, time.
#include "log/file_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/body.h"
#include "tests/support/test_log.h"

namespace idem::engine {
namespace {

using FileLogTest = LogTest;

TEST_F(FileLogTest, KeepsWhatWasCommittedOverAPowerCut) {
  Open();
  EXPECT_TRUE(test_.opened->created);
  EXPECT_EQ(test_.AppendSome(), 1u);
  EXPECT_EQ(test_.AppendSome(), 2u);
  EXPECT_EQ(log_->committed(), 0u);
  EXPECT_TRUE(test_.Commit());
  EXPECT_EQ(log_->committed(), 2u);
  EXPECT_EQ(log_->synced(), 2u);
  test_.AppendSome();
  Reopen();
  EXPECT_FALSE(test_.opened->created);
  test_.appended.erase(3);
  EXPECT_EQ(test_.recovered, test_.appended);
  EXPECT_EQ(log_->committed(), 2u);
  EXPECT_EQ(log_->synced(), 2u);
  EXPECT_EQ(log_->stats().records_recovered, 2u);
  EXPECT_EQ(log_->stats().torn_tails_cut, 0u);
  EXPECT_EQ(test_.AppendSome(), 3u);
}

TEST_F(FileLogTest, CommitsManyAppendsWithOneSync) {
  Open();
  for (int i = 0; i < 100; ++i) test_.AppendSome();
  const uint64_t syncs = log_->stats().syncs;
  EXPECT_TRUE(test_.Commit());
  EXPECT_EQ(log_->stats().syncs, syncs + 1);
  EXPECT_EQ(log_->stats().batches, 1u);
}

TEST_F(FileLogTest, ACommitOnTheCallersThreadIsOneBatchAndOneDurableWrite) {
  Open();
  EXPECT_FALSE(log_->Commit()) << "nothing waits";
  for (int i = 0; i < 100; ++i) test_.AppendSome();
  const int64_t calls = test_.files.calls();
  EXPECT_TRUE(log_->Commit());
  EXPECT_EQ(test_.files.calls(), calls + 1);
  EXPECT_EQ(log_->committed(), 100u);
  EXPECT_EQ(log_->synced(), 100u);
  EXPECT_FALSE(log_->Commit());
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

TEST_F(FileLogTest, AcknowledgesNoMoreThanTheBatchThatWasSynced) {
  test_.options.segment_bytes = 1 << 20;
  test_.options.backlog_bytes = 1 << 20;
  Open();
  for (int i = 0; i < 5000; ++i) ASSERT_NE(test_.AppendSome(1), 0u);
  EXPECT_TRUE(log_->Step(Store::StepKind::kCommit));
  EXPECT_EQ(log_->committed(), 4096u);
  EXPECT_TRUE(log_->WaitCommitted(4096).ok());
  EXPECT_EQ(log_->committed(), 4096u) << "nobody asked for more";
  Reopen();
  EXPECT_EQ(test_.last_recovered, 4096u);
}

TEST_F(FileLogTest, WorksOnTheFilesOfTheSystem) {
  const std::filesystem::path path =
      testing::TempDir() + "idem_file_log_" + std::to_string(getpid());
  std::filesystem::remove_all(path);
  test_.options.directory = path / "made" / "here";
  test_.options.file_system = FileSystem::System();
  for (int life = 0; life < 4; ++life) {
    Open();
    EXPECT_EQ(test_.recovered, test_.appended);
    for (int i = 0; i < 20; ++i) {
      test_.PrepareSegment();
      test_.AppendSome(3000);
      ASSERT_TRUE(test_.Commit());
    }
    ASSERT_TRUE(life % 2 == 0 || log_->Close().ok());
    test_.log.reset();
  }
  std::filesystem::remove_all(path);
}

TEST_F(FileLogTest, AnAppendOfSeveralComesBackWholeOrNotAtAll) {
  Open();
  const std::vector<Image> images = {Register("a", "1", 1), Register("b", "2", 2),
                                     Register("c", "3", 3)};
  EXPECT_EQ(test_.Append(images), 3u);
  EXPECT_TRUE(test_.Commit());
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

TEST_F(FileLogTest, TakesValuesThatStandInSharedBodies) {
  test_.options.policy.max_response_bytes = 40'000;
  test_.options.segment_bytes = 256 << 10;
  Open();
  std::vector<BodyRef> bodies;
  for (const size_t bytes :
       {size_t{300}, size_t{4095}, size_t{4096}, size_t{4097}, size_t{40'000}}) {
    const std::string value(bytes, static_cast<char>('a' + bytes % 26));
    bodies.emplace_back(Body::New(value));
    Image image = Register("key", bodies.back().get()->bytes());
    image.value_body = bodies.back().get();
    EXPECT_NE(test_.Append(image), 0u);
    EXPECT_NE(test_.AppendSome(), 0u);
  }
  bodies.clear();  // the log has its own share
  EXPECT_TRUE(test_.Commit());
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

TEST_F(FileLogTest, GoesOnOverManySegments) {
  Open();
  for (int i = 0; i < 60; ++i) {
    test_.PrepareSegment();
    ASSERT_NE(test_.AppendSome(4000), 0u) << i;
    ASSERT_TRUE(test_.Commit());
  }
  EXPECT_GE(log_->stats().segments, 5u);
  EXPECT_EQ(log_->stats().segments, test_.Segments().size());
  EXPECT_EQ(log_->stats().segment_bytes, log_->stats().segments * (64 << 10));
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
  for (int i = 0; i < 20; ++i) {
    test_.PrepareSegment();
    ASSERT_NE(test_.AppendSome(4000), 0u) << i;
    ASSERT_TRUE(test_.Commit());
  }
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

TEST_F(FileLogTest, NeverGivesATokenTwice) {
  Token last = 0;
  for (int i = 0; i < 5; ++i) {
    Open();
    EXPECT_GT(test_.opened->tokens.first, last);
    last = test_.opened->tokens.limit - 1;
    const absl::StatusOr<TokenRange> raised = log_->RaiseEpoch();
    ASSERT_TRUE(raised.ok());
    EXPECT_GT(raised->first, last);
    EXPECT_EQ(raised->limit - raised->first, (Token{1} << 32) - 1);
    last = raised->limit - 1;
    test_.PowerCut();
  }
  EXPECT_EQ(last >> 32, 10u) << "two epochs a life";
}

TEST_F(FileLogTest, GrantsNoEpochThatIsNotOnDisk) {
  Open();
  for (int64_t nth = 1; nth <= 6; ++nth) {
    const Token granted = Token{log_->stats().epoch} << 32;
    test_.files.FailCall(nth, broken_);
    const absl::StatusOr<TokenRange> raised = log_->RaiseEpoch();
    test_.files.FailCall(0, broken_);
    EXPECT_EQ(raised.ok(), nth == 1) << "the first call removes what is not there";
    test_.PowerCut();
    Open();
    EXPECT_GT(test_.opened->tokens.first, raised.ok() ? raised->limit : granted);
  }
}

TEST_F(FileLogTest, StoreTimeStandsStillWhileItIsClosed) {
  Open();
  EXPECT_EQ(test_.opened->clock.NowMs(), 1);
  test_.clock.Advance(5000);
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  test_.clock.Advance(100);  // nothing tells of this
  test_.PowerCut();
  test_.clock.Advance(1'000'000);
  test_.clock.JumpWall(-50'000'000);
  Open();
  EXPECT_EQ(test_.opened->clock.NowMs(), 5002);
  test_.clock.Advance(10);
  EXPECT_TRUE(log_->Close().ok());
  Open();
  EXPECT_EQ(test_.opened->clock.NowMs(), 5013);
}

TEST_F(FileLogTest, KeepsItsSecretAndItsName) {
  Open();
  const HashSecret secret = test_.opened->secret;
  const std::string id = test_.opened->store_id;
  EXPECT_EQ(id.size(), 36u);
  Reopen();
  EXPECT_EQ(test_.opened->secret, secret);
  EXPECT_EQ(test_.opened->store_id, id);
}

TEST_F(FileLogTest, OneOpenerAtATime) {
  Open();
  TestLog second;
  second.options = test_.options;
  const absl::Status status = second.Open();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_NE(status.message().find("idem pid "), absl::string_view::npos) << status;
  EXPECT_NE(test_.AppendSome(), 0u);
  EXPECT_TRUE(test_.Commit()) << "the first one is not disturbed";
  test_.log.reset();
  EXPECT_TRUE(second.Open().ok());
}

TEST_F(FileLogTest, RefusesSegmentsThatCannotHoldTheLargestRecord) {
  test_.options.policy.max_response_bytes = 1 << 20;
  const absl::Status status = test_.Open();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_F(FileLogTest, ACleanStopLeavesNothingToDoubt) {
  Open();
  test_.PrepareSegment();
  test_.AppendSome();
  test_.AppendSome();
  EXPECT_TRUE(log_->Close().ok());
  EXPECT_TRUE(log_->Close().ok()) << "once more does nothing";
  EXPECT_EQ(log_->committed(), 2u);
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
  EXPECT_EQ(log_->stats().torn_tails_cut, 0u);
}

TEST_F(FileLogTest, ACleanStopSyncsAlsoWhereNoSealFits) {
  Open(Durability::kOs);
  test_.PrepareSegment();
  test_.AppendSome(30'000);
  EXPECT_TRUE(test_.Commit());
  const size_t left = (64 << 10) - log_->stats().bytes_written;
  EXPECT_NE(test_.Append(Register("key", std::string(left - 72 - 18 - 3, 'v'))), 0u);
  EXPECT_TRUE(test_.Commit());
  EXPECT_EQ(log_->stats().bytes_written, 64u << 10) << "to the last byte";
  EXPECT_EQ(log_->synced(), 0u);
  EXPECT_TRUE(log_->Close().ok());
  EXPECT_EQ(log_->stats().bytes_written, 64u << 10);
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

TEST_F(FileLogTest, ManyQuickRestartsLeaveNoMoreFilesThanOne) {
  for (int life = 0; life < 40; ++life) {
    Open();
    EXPECT_EQ(test_.recovered, test_.appended);
    test_.PrepareSegment();
    test_.AppendSome();
    EXPECT_TRUE(test_.Commit());
    ASSERT_TRUE(life % 3 != 0 || log_->Close().ok());
    life % 2 == 0 ? test_.PowerCut() : test_.Kill();
    EXPECT_LE(test_.Segments().size(), 3u);
  }
}

}  // namespace
}  // namespace idem::engine
