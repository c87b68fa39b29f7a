// A small story told through the public calls of a store, while the n-th call to its files or the
// n-th allocation fails, for every n, once and from then on; and on a disk that is full from some
// moment on.
//
// What must hold: every error is one of "not applied" and "unknown" and means it, after an unknown
// one nothing is acknowledged any more, and the store opens again with all that was acknowledged.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>

#include "base/allocation.h"
#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "tests/support/crash_workload.h"

namespace idem {
namespace {

using absl::StatusCode;
using engine::AllocationFailure;
using engine::SetAllocationFailureForTest;
using StepKind = Store::StepKind;

class Story {
 public:
  explicit Story(Durability durability) : options_(CrashOptions(durability, &clock_, &files_)) {}

  // Ends early when the store cannot be opened or its log has failed.
  void Tell() {
    for (int life = 0; life < 2; ++life) {
      if (!Open().ok()) return;
      for (size_t i = 0; i < 6; ++i) {
        (void)RunOnce("life " + std::to_string(life) + " order " + std::to_string(i), 1 + 800 * i);
        if (i % 2 == 0) store_->Step(StepKind::kPrepareSegment);
      }
      Forget("life 0 order 1");
      GiveUp("life " + std::to_string(life) + " tried");
      Snapshot();
      clock_.Advance(60);
      store_->Step(StepKind::kExpire);
      while (store_->Step(StepKind::kCommit)) {
      }
      store_.reset();
    }
  }

  absl::Status Open() {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
    if (store.ok()) store_ = *std::move(store);
    unknown_ = false;
    return store.status();
  }

  // The process or the power is gone; then nothing fails any more.
  void Die(bool power_cut) {
    SetAllocationFailureForTest(0);
    if (power_cut) files_.Crash();
    files_.FailCall(1, absl::UnavailableError("gone"), /*keep_failing=*/true);
    store_.reset();
    files_.FailCall(0, {});
    if (!power_cut) files_.Kill();
  }

  void ExpectAllHolds() {
    const absl::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened;
    for (const auto& [key, response] : finished_) ExpectReplay(key, response);
    for (const std::string& key : refused_) {
      EXPECT_TRUE(std::holds_alternative<Claim>(store_->Begin(key, {}).value()))
          << "P16: not applied, it said: " << key;
    }
  }

  // A claim and its finish, or a replay.
  absl::Status RunOnce(const std::string& key, size_t bytes) {
    const std::string response(bytes, 'r');
    absl::StatusOr<Answer> answer = store_->Begin(key, {});
    if (!Judge(answer.status())) {
      if (answer.status().code() == StatusCode::kResourceExhausted) refused_.insert(key);
      return answer.status();
    }
    Claim* const claim = std::get_if<Claim>(&*answer);
    if (claim == nullptr) {
      EXPECT_TRUE(std::holds_alternative<Replay>(*answer)) << key;
      return absl::OkStatus();
    }
    absl::Status completed = claim->Complete(response);
    if (Judge(completed)) finished_[key] = response;
    EXPECT_NE(completed.code(), StatusCode::kResourceExhausted)
        << "P14: a running claim must be able to finish: " << key;
    return completed;
  }

  FakeClock clock_;
  MemoryFileSystem files_;
  const Options options_;
  std::unique_ptr<Store> store_;

 private:
  // True: acknowledged.
  bool Judge(const absl::Status& status) {
    EXPECT_FALSE(unknown_ && status.ok()) << "P13: acknowledged after a failure";
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kDataLoss ||
                status.code() == StatusCode::kResourceExhausted)
        << "P16: " << status;
    unknown_ |= status.code() == StatusCode::kDataLoss;
    return status.ok();
  }
  void Forget(const std::string& key) {
    if (finished_.erase(key) == 1) Judge(store_->Forget(key));
  }
  void GiveUp(const std::string& key) {
    absl::StatusOr<Answer> answer = store_->Begin(key, {});
    if (!Judge(answer.status())) return;
    if (Claim* const claim = std::get_if<Claim>(&*answer)) Judge(claim->FailRetry(10));
  }
  // It may fail; that hurts nobody.
  void Snapshot() { (void)store_->Snapshot(); }
  void ExpectReplay(const std::string& key, const std::string& response) {
    absl::StatusOr<Answer> answer = store_->Begin(key, {});
    ASSERT_TRUE(answer.ok()) << answer.status();
    const Replay* const replay = std::get_if<Replay>(&*answer);
    ASSERT_NE(replay, nullptr) << "P8: a finish became claimable: " << key;
    EXPECT_TRUE(replay->response_omitted || replay->response.bytes() == response) << key;
  }

  std::map<std::string, std::string> finished_;  // acknowledged
  std::set<std::string> refused_;                // "not applied"
  bool unknown_ = false;
};

constexpr Durability kModes[] = {Durability::kAlways, Durability::kInterval, Durability::kOs};

class StoreFailureTest : public testing::TestWithParam<Durability> {
 protected:
  // Tells the story with the n-th call failing, for every n; then the world ends, and is judged.
  void FailEveryCall(const absl::Status& error, bool keep_failing) {
    const bool power_cut = GetParam() == Durability::kAlways;
    for (int64_t nth = 1;; ++nth) {
      SCOPED_TRACE(std::string(error.message()) + (keep_failing ? ", for ever" : ", once") +
                   ", at call " + std::to_string(nth));
      Story story(GetParam());
      story.files_.FailCall(nth, error, keep_failing);
      story.Tell();
      const bool failed = story.files_.calls() >= nth;
      story.Die(power_cut);
      story.ExpectAllHolds();
      if (!failed || HasFailure()) {
        EXPECT_GT(nth, 60);
        return;
      }
    }
  }
};

TEST_P(StoreFailureTest, OfEveryFileCallOnce) {
  FailEveryCall(absl::UnavailableError("broken"), /*keep_failing=*/false);
  FailEveryCall(absl::ResourceExhaustedError("no space"), /*keep_failing=*/false);
}

TEST_P(StoreFailureTest, OfEveryFileCallFromThenOn) {
  FailEveryCall(absl::UnavailableError("broken"), /*keep_failing=*/true);
  FailEveryCall(absl::ResourceExhaustedError("no space"), /*keep_failing=*/true);
}

TEST_P(StoreFailureTest, OfEveryAllocation) {
  for (const AllocationFailure kind : {AllocationFailure::kOnce, AllocationFailure::kFromThenOn}) {
    for (int64_t nth = 1; nth < 200; ++nth) {
      SCOPED_TRACE((kind == AllocationFailure::kOnce ? "once, allocation " : "from allocation ") +
                   std::to_string(nth));
      Story story(GetParam());
      SetAllocationFailureForTest(nth, kind);
      story.Tell();
      story.Die(/*power_cut=*/GetParam() == Durability::kAlways);
      story.ExpectAllHolds();
      if (HasFailure()) return;
    }
  }
}

// A disk that takes `left` more bytes: claims may be refused, nothing else; with space again all is
// well at once, in the same life.
TEST_P(StoreFailureTest, OfSpaceHealsWithoutAnOpen) {
  for (uint64_t left = 0; left < 300 << 10; left += 7 << 10) {
    SCOPED_TRACE(std::to_string(left) + " bytes left");
    Story story(GetParam());
    ASSERT_TRUE(story.Open().ok());
    story.store_->Step(StepKind::kPrepareSegment);
    story.files_.SetCapacity(128 << 10 | left);
    absl::Status status;
    for (int i = 0; i < 100 && status.ok(); ++i) {
      status = story.RunOnce("order " + std::to_string(i), 3000);
      story.store_->Step(StepKind::kPrepareSegment);
    }
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
    story.files_.SetCapacity(1 << 30);
    story.clock_.Advance(1000);
    story.store_->Step(StepKind::kPrepareSegment);
    EXPECT_TRUE(story.RunOnce("after", 10).ok()) << "P14: it does not heal";
    EXPECT_FALSE(story.store_->GetStats().log.disk_full);
    story.Die(/*power_cut=*/GetParam() == Durability::kAlways);
    story.ExpectAllHolds();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, StoreFailureTest, testing::ValuesIn(kModes), NameOfMode);

}  // namespace
}  // namespace idem
