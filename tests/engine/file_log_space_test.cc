// What the log in files grants, and what it does when the disk is full.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "log/file_log.h"
#include "tests/support/seeds.h"
#include "tests/support/test_log.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

using StepKind = Store::StepKind;
using Room = Log::Room;

using FileLogSpaceTest = LogTest;

TEST_F(FileLogSpaceTest, RefusesMoreThanTheBacklogTakes) {
  Open();
  test_.PrepareSegment();
  test_.options.backlog_bytes = 64 << 10;
  size_t granted = 0;
  while (log_->Reserve(1000) == Room::kGranted) granted += 1000;
  EXPECT_LE(granted, 64u << 10);
  EXPECT_GT(granted, 32u << 10);
  EXPECT_EQ(log_->Reserve(1000), Room::kBacklogFull);
  log_->Release(granted);
  EXPECT_EQ(log_->Reserve(1000), Room::kGranted);
  log_->Release(1000);
  EXPECT_EQ(log_->Reserve(1 << 20), Room::kNoSpace) << "more than a segment";
}

TEST_F(FileLogSpaceTest, TellsWhenARefusedReservationIsWorthAnotherTry) {
  Open();
  test_.PrepareSegment();
  int told = 0;
  log_->SetListener([&] { ++told; });
  while (log_->Reserve(1000) == Room::kGranted) {
  }
  EXPECT_EQ(told, 0);
  log_->Release(1000);
  EXPECT_EQ(told, 1);
  log_->Release(1000);
  EXPECT_EQ(told, 1) << "nobody was refused since";
  EXPECT_TRUE(log_->WaitCommitted(log_->committed() + 1).ok()) << "does not wait for ever";
}

TEST_F(FileLogSpaceTest, AWaiterMakesTheMissingSegmentByHand) {
  Open();
  for (int i = 0; i < 100; ++i) {
    while (test_.AppendSome(4000) == 0) {
      ASSERT_EQ(test_.room, Room::kBacklogFull);
      ASSERT_TRUE(log_->WaitCommitted(log_->committed() + 1).ok());
    }
  }
  EXPECT_TRUE(test_.Commit());
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

// Everything granted fits, however the appends fall into batches.
TEST_F(FileLogSpaceTest, WhatIsGrantedFits) {
  Open();
  for (int round = 0; round < 200; ++round) {
    if (round % 7 == 0) test_.PrepareSegment();
    size_t granted = 0;
    while (log_->Reserve(500) == Room::kGranted) granted += 500;
    for (size_t used = 0; used < granted; used += 500) {
      const Image image = Register("key", "v");
      const Lsn lsn = log_->Append({&image, 1});
      test_.appended[lsn] = TestLog::Encoded(image);
      log_->Step(StepKind::kCommit);  // each in a batch of its own, if it may
    }
    if (granted > 0) log_->Release(granted);
    ASSERT_TRUE(test_.Commit());
  }
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

// A commit that finds its room gone stops the program (log_committer.cc).
TEST_F(FileLogSpaceTest, RandomGrantsFitOnADiskThatFillsUpAndHeals) {
  RunSeeds(TestSize(300), [](uint64_t seed) {
    std::mt19937_64 random(seed);
    TestLog test;
    const bool large = random() % 16 == 0;  // batches become full
    test.options.segment_bytes = large ? 4 << 20 : 64 << 10;
    test.options.backlog_bytes = large ? 16 << 20 : 64 << 10;
    test.options.durability = random() % 2 == 0 ? Durability::kAlways : Durability::kOs;
    ASSERT_TRUE(test.Open().ok());
    const std::string value(large ? 800'000 : random() % 2 == 0 ? 40'000 : 4000, 'v');
    for (int round = 0; round < (large ? 8 : 60); ++round) {
      test.files.SetCapacity(random() % 2 == 0 ? 0 : 1 << 30);
      if (random() % 3 == 0) test.PrepareSegment();
      std::vector<size_t> grants;
      for (uint64_t tries = random() % 40; tries > 0; --tries) {
        const size_t bytes = MaxRecordBytes(3, random() % value.size());
        if (test.log->Reserve(bytes) == Log::Room::kGranted) grants.push_back(bytes);
        if (random() % 4 == 0) test.log->Step(Store::StepKind::kCommit);
      }
      for (const size_t bytes : grants) {
        const Image image =
            Register("key", std::string_view(value).substr(0, bytes - MaxRecordBytes(3, 0)));
        test.appended[test.log->Append({&image, 1})] = TestLog::Encoded(image);
        if (random() % 2 == 0) test.log->Step(Store::StepKind::kCommit);
        test.log->Release(bytes);
        if (random() % 4 == 0) test.log->Step(Store::StepKind::kCommit);
      }
      ASSERT_TRUE(test.Commit());
      if (random() % 3 == 0) test.clock.Advance(60);
    }
    test.PowerCut();
    test.files.SetCapacity(1 << 30);
    ASSERT_TRUE(test.Open().ok());
    ASSERT_TRUE(test.options.durability == Durability::kOs || test.recovered == test.appended);
  });
}

TEST_F(FileLogSpaceTest, AFullDiskRefusesClaimsFirstAndHealsByItself) {
  Open();
  test_.PrepareSegment();
  EXPECT_TRUE(log_->stats().spare_ready);
  EXPECT_TRUE(log_->accepts_claims());
  test_.files.SetCapacity(0);  // nothing grows any more
  FillUntilRotated();
  EXPECT_TRUE(log_->accepts_claims()) << "nobody has tried yet";
  EXPECT_FALSE(log_->Step(StepKind::kPrepareSegment));
  EXPECT_FALSE(log_->accepts_claims());
  EXPECT_TRUE(log_->stats().disk_full);

  int finishes = 0;
  while (test_.AppendSome() != 0) {
    ++finishes;
    ASSERT_TRUE(test_.Commit());
    test_.clock.Advance(60);
    EXPECT_FALSE(log_->Step(StepKind::kCommit)) << "no idle mark out of the reserve";
  }
  EXPECT_EQ(test_.room, Room::kNoSpace);
  EXPECT_GE(finishes, 10) << "the reserve";

  test_.files.SetCapacity(1 << 30);
  EXPECT_TRUE(log_->Step(StepKind::kPrepareSegment));
  EXPECT_TRUE(log_->accepts_claims());
  EXPECT_FALSE(log_->stats().disk_full);
  EXPECT_NE(test_.AppendSome(), 0u);
  EXPECT_TRUE(test_.Commit());
  EXPECT_TRUE(log_->status().ok());
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

TEST_F(FileLogSpaceTest, WhatIsLeftOfAFailedSegmentIsTidiedUp) {
  Open();
  for (int64_t nth = 1; nth <= 10; ++nth) {
    test_.files.FailCall(nth, full_);
    log_->Step(StepKind::kPrepareSegment);
    test_.files.FailCall(0, full_);
    test_.PrepareSegment();
    EXPECT_TRUE(log_->stats().spare_ready);
    EXPECT_EQ(test_.Segments().size(), 2u) << nth;
    test_.AppendSome();
    EXPECT_TRUE(test_.Commit());
    Reopen();
    EXPECT_EQ(test_.recovered, test_.appended);
  }
}

TEST_F(FileLogSpaceTest, OpensOnAFullDiskIfTheSpareIsThere) {
  Open();
  test_.PrepareSegment();
  test_.AppendSome();
  EXPECT_TRUE(test_.Commit());
  test_.PowerCut();
  uint64_t used = 0;
  for (const auto& [name, contents] : test_.Files()) used += contents.size();
  test_.files.SetCapacity(used + 1000);  // the manifest fits, a segment does not
  Open();
  EXPECT_EQ(test_.recovered, test_.appended);
  EXPECT_NE(test_.AppendSome(), 0u);
}

TEST_F(FileLogSpaceTest, SaysSoWhenItCannotOpenForLackOfSpace) {
  test_.files.SetCapacity(20'000);
  EXPECT_TRUE(absl::IsResourceExhausted(test_.Open()));
  test_.files.SetCapacity(1 << 30);
  EXPECT_TRUE(test_.Open().ok());
}

}  // namespace
}  // namespace idem::engine
