// The change stream of a store: what is told, in what order, where a reader can go on, and what it
// is told when it comes too late.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/store_with_changes.h"

namespace idem {
namespace {

using engine::Ask;
using StoreChangesTest = StoreWithChanges;

TEST_F(StoreChangesTest, TellsWhatWasFinishedInTheOrderOfTheLog) {
  Claim first = BeginClaim("first");
  Claim second = BeginClaim("second");
  Claim third = BeginClaim("third");
  ASSERT_TRUE(second.Complete("two", {.code = 201}).ok());
  ASSERT_TRUE(third.FailRetry().ok());
  Put("plain", "value");
  ASSERT_TRUE(first.FailFinal("no", {.code = 402}).ok());
  Claim again = BeginClaim("third");
  ASSERT_TRUE(again.Complete(std::string(5'000, 'x')).ok());

  const std::vector<Change> changes = ReadAll(0);
  ASSERT_EQ(KeysOf(changes), (std::vector<std::string>{"second", "first", "third"}));
  EXPECT_EQ(changes[0].what, Change::What::kCompleted);
  EXPECT_EQ(changes[0].response, "two");
  EXPECT_EQ(changes[0].code, 201);
  EXPECT_EQ(changes[0].token, second.token());
  EXPECT_EQ(changes[0].attempt, 1u);
  EXPECT_EQ(changes[1].what, Change::What::kFailed);
  EXPECT_EQ(changes[1].response, "no");
  EXPECT_EQ(changes[2].attempt, 2u);
  EXPECT_TRUE(changes[2].response_omitted);
  EXPECT_EQ(changes[2].response_bytes, 5'000u);
  EXPECT_EQ(changes[2].response, "");
  EXPECT_LT(changes[0].lsn, changes[1].lsn);
  EXPECT_LT(changes[1].lsn, changes[2].lsn);
}

// The steps of a claim are told each once, whatever else happens to its record.
TEST_F(StoreChangesTest, TellsStepsToWhoAsks) {
  Claim claim = BeginClaim("order");
  ASSERT_TRUE(claim.Step("charge", "ch_1").ok());
  ASSERT_TRUE(claim.Step("charge", "ch_1").ok());  // its answer was lost
  ASSERT_TRUE(claim.Extend(60'000).ok());
  ASSERT_TRUE(claim.FailRetry().ok());
  Claim again = BeginClaim("order");
  ASSERT_TRUE(again.Step("mail", "").ok());
  ASSERT_TRUE(store_->ForgetBody("order", /*force=*/true).ok());
  ASSERT_TRUE(again.Complete("done").ok());

  EXPECT_EQ(KeysOf(ReadAll(0)), std::vector<std::string>{"order"});
  EXPECT_EQ(ReadAll(0, {.sequences = true}).size(), 1u);
  const std::vector<Change> changes = ReadAll(0, {.steps = true});
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].what, Change::What::kStep);
  EXPECT_EQ(changes[0].key, "order");
  EXPECT_EQ(changes[0].step, "charge");
  EXPECT_EQ(changes[0].response, "ch_1");
  EXPECT_EQ(changes[0].response_bytes, 4u);
  EXPECT_EQ(changes[0].token, claim.token());
  EXPECT_EQ(changes[0].attempt, 1u);
  EXPECT_EQ(changes[1].step, "mail");
  EXPECT_EQ(changes[1].response, "");
  EXPECT_EQ(changes[1].token, again.token());
  EXPECT_EQ(changes[1].attempt, 2u);
  EXPECT_EQ(changes[2].what, Change::What::kCompleted);
  EXPECT_EQ(changes[2].step, "");
  EXPECT_EQ(changes[2].lsn, ReadAll(0).front().lsn);
  // As they were, after a crash and behind each of them.
  TakeSnapshots();
  Open();
  EXPECT_EQ(ReadAll(changes[0].lsn, {.steps = true}).front().lsn, changes[1].lsn);
  EXPECT_EQ(Read(changes[0].lsn, {.count = 1, .steps = true}).changes.front().step, "mail");
}

TEST_F(StoreChangesTest, TellsSequencesToWhoAsks) {
  const SeqOptions window{.window = 8};
  for (const uint64_t seq : {0u, 1u, 3u, 6u, 1u, 99u, 2u}) {  // 1 is a duplicate, 99 a gap
    EXPECT_TRUE(store_->Seq("producer", 7, seq, window).ok());
  }
  EXPECT_TRUE(store_->Seq("producer", 8, 0).ok());
  EXPECT_TRUE(ReadAll(0, {.steps = true}).empty());
  const std::vector<Change> changes = ReadAll(0, {.sequences = true});
  const std::vector<std::array<uint64_t, 3>> expected = {{7, 1, 0}, {7, 2, 0}, {7, 2, 1},
                                                         {7, 2, 9}, {7, 4, 2}, {8, 1, 0}};
  ASSERT_EQ(changes.size(), expected.size());
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].what, Change::What::kSequence);
    EXPECT_EQ(changes[i].key, "producer");
    EXPECT_EQ((std::array<uint64_t, 3>{changes[i].epoch, changes[i].expected, changes[i].ahead}),
              expected[i])
        << i;
    EXPECT_EQ(changes[i].token, 0u);
  }
}

TEST_F(StoreChangesTest, AnEmptyLogHasNone) {
  const ChangePage page = Read(0);
  EXPECT_TRUE(page.changes.empty());
  EXPECT_EQ(page.next, 0u);
  EXPECT_EQ(page.synced, 0u);
}

TEST_F(StoreChangesTest, GoesOnBehindEveryLsn) {
  FinishMany(0, 200, 700);  // several segments, batches of one record
  std::vector<Claim> claims;
  for (int i = 0; i < 40; ++i) claims.push_back(BeginClaim("batch" + std::to_string(i)));
  for (Claim& claim : claims) {  // one batch of many records
    Request complete = Ask(Op::kComplete, claim.key());
    complete.token = claim.token();
    Execute(complete);
  }
  EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
  ASSERT_GT(log().segments, 4u);
  const std::vector<Change> all = ReadAll(0);
  ASSERT_EQ(all.size(), 240u);
  for (Lsn after = 0; after <= store_->synced(); ++after) {
    std::vector<Change> expected;
    for (const Change& change : all) {
      if (change.lsn > after) expected.push_back(change);
    }
    // A page of three; and where it is a reader's next one, what follows.
    ChangePage page = Read(after, {.count = 3});
    ASSERT_EQ(page.changes.size(), std::min<size_t>(3, expected.size())) << after;
    for (size_t i = 0; i < page.changes.size(); ++i) {
      ASSERT_EQ(page.changes[i].lsn, expected[i].lsn) << after;
      ASSERT_EQ(page.changes[i].key, expected[i].key) << after;
    }
    ASSERT_TRUE(page.next > after || after == store_->synced());
    page = Read(page.next, {.count = 1});
    ASSERT_EQ(page.changes.empty(), expected.size() <= 3) << after;
    if (!page.changes.empty()) {
      ASSERT_EQ(page.changes[0].lsn, expected[3].lsn) << after;
    }
  }
}

TEST_F(StoreChangesTest, AReaderOfTheEndSeesWhatComes) {
  Lsn next = 0;
  for (int i = 0; i < 300; ++i) {
    FinishMany(i, 1, 600);
    if (i % 3 == 0) Put("plain" + std::to_string(i), "value");
    const ChangePage page = Read(next);
    ASSERT_EQ(page.changes.size(), 1u) << i;
    EXPECT_EQ(page.changes[0].key, "order" + std::to_string(i));
    EXPECT_EQ(page.next, store_->synced());
    next = page.next;
  }
  EXPECT_TRUE(Read(next).changes.empty());
}

// More readers than places are remembered.
TEST_F(StoreChangesTest, ManyReadersEachGoOn) {
  FinishMany(0, 100, 600);
  std::map<int, Lsn> next;
  std::map<int, std::vector<std::string>> told;
  for (int round = 0; round < 110; ++round) {
    for (int reader = 0; reader < 40; ++reader) {
      if (round % (1 + reader % 5) != 0) continue;
      const ChangePage page = Read(next[reader], {.count = 1 + static_cast<size_t>(reader) % 7});
      for (const Change& change : page.changes) told[reader].push_back(change.key);
      next[reader] = page.next;
    }
  }
  const std::vector<std::string> all = KeysOf(ReadAll(0));
  for (auto& [reader, keys] : told) {
    const std::vector<Change> rest = ReadAll(next[reader]);
    for (const Change& change : rest) keys.push_back(change.key);
    EXPECT_EQ(keys, all) << reader;
  }
}

TEST_F(StoreChangesTest, GoesOnAfterAnOpen) {
  FinishMany(0, 150, 700);
  const std::vector<Change> before = ReadAll(0);
  const ChangePage half = Read(0, {.count = 75});
  for (const bool killed : {true, false}) {
    if (killed) {
      files_.Kill();
      files_.FailCall(1, absl::UnavailableError("dead"), /*keep_failing=*/true);
      store_.reset();
      files_.FailCall(0, absl::OkStatus());
    }
    Open();
    const std::vector<Change> after = ReadAll(0);
    ASSERT_EQ(KeysOf(after), KeysOf(before));
    for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i].lsn, before[i].lsn);
    EXPECT_EQ(ReadAll(half.next).front().lsn, before[75].lsn);
  }
  FinishMany(150, 1);
  EXPECT_EQ(ReadAll(before.back().lsn).size(), 1u);
}

TEST_F(StoreChangesTest, TellsNothingThatIsNotSynced) {
  options_.durability = Durability::kInterval;
  Open();
  FinishMany(0, 3);  // written, and answered
  EXPECT_EQ(store_->synced(), 0u);
  EXPECT_GT(store_->committed(), 0u);
  EXPECT_TRUE(Read(0).changes.empty());
  EXPECT_EQ(Read(0).next, 0u);
  clock_.Advance(options_.sync_interval_ms);
  EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
  ChangePage page = Read(0);
  EXPECT_EQ(page.changes.size(), 3u);
  FinishMany(3, 2);
  EXPECT_TRUE(Read(page.next).changes.empty());
  EXPECT_EQ(Read(0).changes.size(), 3u);
  clock_.Advance(options_.sync_interval_ms);
  EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
  EXPECT_EQ(Read(page.next).changes.size(), 2u);
}

TEST_F(StoreChangesTest, WhoComesTooLateIsTold) {
  FinishMany(0, 150, 700);
  const ChangePage early = Read(0, {.count = 1});
  TakeSnapshots();
  FinishMany(150, 10);
  const Lsn upto = TruncatedUpto(0);
  ASSERT_GT(upto, early.next);
  EXPECT_EQ(TruncatedUpto(early.next), upto);  // also one whose place was known
  EXPECT_EQ(TruncatedUpto(upto - 1), upto);
  EXPECT_EQ(TruncatedUpto(upto), 0u);
  EXPECT_EQ(ReadAll(upto).back().key, "order159");
  Open();
  EXPECT_EQ(TruncatedUpto(early.next), upto);
  EXPECT_EQ(ReadAll(upto).back().key, "order159");
}

TEST_F(StoreChangesTest, WhatHasExpiredIsGoneToo) {
  options_.policy.default_retention_ms = options_.policy.default_lease_ms;
  Open();
  FinishMany(0, 150, 700);
  EXPECT_EQ(TruncatedUpto(0), 0u);
  clock_.Advance(2 * options_.policy.default_retention_ms + 1);  // the claims live a lease longer
  Step();
  EXPECT_GT(TruncatedUpto(0), 100u);
}

TEST_F(StoreChangesTest, DamageNamesItsPlaceAndWhatIsBeforeIsTold) {
  FinishMany(0, 11);
  Finish("victim", "response");
  FinishMany(11, 5);
  std::string path;
  const std::vector<std::string> names = *files_.List("/store");
  for (const std::string& name : names) {
    std::string bytes = *files_.Read("/store/" + name);
    const size_t at = bytes.rfind("victim");
    if (at == bytes.npos) continue;
    path = "/store/" + name;
    bytes[at] ^= 1;
    files_.Overwrite(path, bytes);
  }
  ASSERT_NE(path, "");
  const ChangePage page = Read(0);
  EXPECT_EQ(page.changes.size(), 11u);
  const absl::StatusOr<ChangesAnswer> answer = store_->ReadChanges(page.next);
  EXPECT_TRUE(absl::IsDataLoss(answer.status())) << answer.status();
  EXPECT_NE(answer.status().message().find(path + ": offset "), std::string::npos);
}

TEST_F(StoreChangesTest, AnErrorOfTheDiskIsTold) {
  FinishMany(0, 5);
  files_.FailCall(1, absl::UnavailableError("the disk is broken"), /*keep_failing=*/true);
  EXPECT_TRUE(absl::IsUnavailable(store_->ReadChanges(0).status()));
  files_.FailCall(0, absl::OkStatus());
  EXPECT_EQ(Read(0).changes.size(), 5u);
}

TEST_F(StoreChangesTest, RefusesWhatCannotBe) {
  EXPECT_TRUE(absl::IsInvalidArgument(store_->ReadChanges(0, {.count = 0}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->ReadChanges(0, {.count = 1001}).status()));
  const std::string name(257, 'n');
  EXPECT_TRUE(absl::IsInvalidArgument(store_->ReadChanges(0, {.cursor = name}).status()));
  FinishMany(0, 1);
  const Lsn beyond = store_->synced() + 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->ReadChanges(beyond).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->ReadChanges(beyond, {.cursor = "c"}).status()));
  EXPECT_EQ(Execute(Ask(Op::kGet, "idem:cursor:c")).outcome, Outcome::kAbsent);
  options_ = MemoryOptions(&clock_);
  Open();
  for (const ChangesOptions& options : {ChangesOptions{}, ChangesOptions{.cursor = "c"}}) {
    const absl::Status status = store_->ReadChanges(0, options).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_EQ(status.message(), "a store in memory mode has no log: no changes to read");
  }
}

}  // namespace
}  // namespace idem
