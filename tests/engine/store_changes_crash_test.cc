// The change stream over power cuts: what a reader was told stays so, and it misses nothing.
//
//   life: step, finish, count, put, snapshots, reads ──► power cut at any call to the files ──►
//   open ──►
//   ..
//
// Two readers: one keeps its own position, as a database downstream would; the other one keeps
// nothing and has a cursor. After each cut everything is read again and compared.
#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <variant>

#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using engine::Ask;

constexpr std::string_view kCursor = "reader";

std::string TextOf(const Change& change) {
  return std::to_string(static_cast<int>(change.what)) + " " + change.key + " " + change.step +
         " " + std::to_string(change.expected) + " " + change.response;
}

class Lives {
 public:
  Lives(Durability durability, uint64_t seed) : random_(seed), options_(MemoryOptions(&clock_)) {
    options_.durability = durability;
    options_.directory = "/store";
    options_.file_system = &files_;
    options_.stripes = 2;
    options_.policy.max_response_bytes = 4'000;
    options_.segment_bytes = options_.backlog_bytes = 64 << 10;
  }

  void Run() {
    for (int life = 0; life < 4 && !testing::Test::HasFailure(); ++life) {
      absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
      ASSERT_TRUE(store.ok()) << store.status();
      store_ = *std::move(store);
      ReadEverything();
      files_.FailCall(static_cast<int64_t>(1 + random_() % 400), broken_, /*keep_failing=*/true);
      for (int i = 0; i < 150 && store_->log_status().ok(); ++i) DoOne();
      files_.Crash(random_());
      files_.FailCall(1, broken_, /*keep_failing=*/true);
      store_.reset();
      files_.FailCall(0, broken_);
    }
  }

 private:
  // An error is the disk's: the life ends.
  void DoOne() {
    switch (random_() % 11) {
      case 0:
      case 1:
      case 2:
        return FinishOne();
      case 3:
        return PutOne();
      case 10:
        return CountOne();
      case 4:
        store_->StartSnapshot().IgnoreError();
        break;
      case 5:
        for (int i = 0; i < 4; ++i) store_->Step(Store::StepKind::kSnapshot);
        break;
      case 6:
        clock_.Advance(static_cast<int64_t>(random_() % 1'500));
        store_->Step(Store::StepKind::kCommit);
        break;
      case 7:
        return ReadOn();
      case 8:
        return ReadByCursor();
      default:
        store_->Step(Store::StepKind::kPrepareSegment);
    }
  }
  void FinishOne() {
    const std::string key = "order" + std::to_string(++finished_);
    absl::StatusOr<Answer> answer = store_->Begin(key, {});
    if (!answer.ok()) return;
    auto* const claim = std::get_if<Claim>(&*answer);
    ASSERT_NE(claim, nullptr);
    if (random_() % 2 == 0) claim->Step("charge", key).IgnoreError();
    claim->Complete(key + std::string(random_() % 3'000, 'r')).IgnoreError();
  }
  void CountOne() {
    const absl::StatusOr<SeqAnswer> answer = store_->Seq("producer", 0, counted_);
    if (answer.ok()) counted_ = answer->expected;
  }
  void PutOne() {
    const std::string key = "plain" + std::to_string(random_() % 5);
    Request put = Ask(Op::kPut, key);
    const std::string value(random_() % 3'000, 'v');
    put.value = value;
    Reply reply;
    store_->Execute({&put, 1}, {&reply, 1});
  }

  static ChangesOptions Asked(size_t count = 100, std::string_view cursor = {}) {
    return {.count = count, .cursor = cursor, .steps = true, .sequences = true};
  }
  void ReadOn() {
    absl::StatusOr<ChangesAnswer> answer = store_->ReadChanges(next_, Asked(1 + random_() % 9));
    if (!answer.ok()) return;
    if (const auto* truncated = std::get_if<Truncated>(&*answer)) {
      EXPECT_GT(truncated->upto, next_);
      missed_upto_ = next_ = truncated->upto;
      return;
    }
    const auto& page = std::get<ChangePage>(*answer);
    for (const Change& change : page.changes) told_[change.lsn] = TextOf(change);
    next_ = page.next;
  }
  // Says at once that it has handled what it was told.
  void ReadByCursor() {
    absl::StatusOr<ChangesAnswer> answer = store_->ReadChanges(0, Asked(100, kCursor));
    if (!answer.ok()) return;
    const auto* const page = std::get_if<ChangePage>(&*answer);
    ASSERT_NE(page, nullptr) << "the log was not pinned";
    for (const Change& change : page->changes) told_[change.lsn] = TextOf(change);
    if (random_() % 2 != 0) return;
    absl::StatusOr<ChangesAnswer> moved = store_->ReadChanges(page->next, Asked(100, kCursor));
    if (moved.ok()) handled_ = std::max(handled_, page->next);
  }

  // What is in the log now, and behind which LSN.
  std::map<Lsn, std::string> Everything(Lsn& begin) {
    std::map<Lsn, std::string> all;
    for (Lsn after = 0; !testing::Test::HasFailure();) {
      absl::StatusOr<ChangesAnswer> answer = store_->ReadChanges(after, Asked());
      EXPECT_TRUE(answer.ok()) << answer.status();
      if (!answer.ok()) break;
      if (const auto* truncated = std::get_if<Truncated>(&*answer)) {
        begin = after = truncated->upto;
        continue;
      }
      auto& page = std::get<ChangePage>(*answer);
      for (Change& change : page.changes) all[change.lsn] = TextOf(change);
      if (page.next == page.synced) break;
      after = page.next;
    }
    return all;
  }
  void ReadEverything() {
    EXPECT_GE(store_->synced(), next_) << "what was told is lost";
    Lsn begin = 0;
    const std::map<Lsn, std::string> all = Everything(begin);
    for (const auto& [lsn, text] : told_) {
      if (lsn <= begin) continue;
      ASSERT_TRUE(all.contains(lsn)) << "told, and lost: " << lsn;
      EXPECT_EQ(all.at(lsn), text) << lsn;
    }
    for (const auto& [lsn, text] : all) {
      if (lsn <= missed_upto_ || lsn > next_) continue;
      EXPECT_TRUE(told_.contains(lsn)) << "missed: " << lsn;
    }
    // The cursor has what follows it, and, if moves are durable, stands where it was moved to.
    absl::StatusOr<ChangesAnswer> answer = store_->ReadChanges(0, Asked(1, kCursor));
    ASSERT_TRUE(answer.ok()) << answer.status();
    const auto* const page = std::get_if<ChangePage>(&*answer);
    ASSERT_NE(page, nullptr) << "the log was not pinned";
    if (options_.durability == Durability::kAlways && !page->changes.empty()) {
      EXPECT_GT(page->changes.front().lsn, handled_);
    }
  }

  std::mt19937_64 random_;
  FakeClock clock_;
  MemoryFileSystem files_;
  Options options_;
  std::unique_ptr<Store> store_;
  const absl::Status broken_ = absl::UnavailableError("no power");
  uint64_t finished_ = 0;
  uint64_t counted_ = 0;
  std::map<Lsn, std::string> told_;
  Lsn next_ = 0;         // of the reader that keeps it
  Lsn missed_upto_ = 0;  // the log was truncated under that one
  Lsn handled_ = 0;      // by the one with a cursor
};

class StoreChangesCrashTest : public testing::TestWithParam<Durability> {};

TEST_P(StoreChangesCrashTest, WhatWasToldStaysAndNothingIsMissed) {
  RunSeeds(TestSize(100), [](uint64_t seed) { Lives(GetParam(), seed).Run(); });
}

INSTANTIATE_TEST_SUITE_P(Modes, StoreChangesCrashTest,
                         testing::Values(Durability::kAlways, Durability::kInterval,
                                         Durability::kOs));

}  // namespace
}  // namespace idem
