// The rules behind the state table, each as a life that it decides, up to the millisecond at which
// it turns. (The table itself: transition_table_test.cc.)
#include "store/transition.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/support/one_key.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

const Fingerprint kPrint = FingerprintNumber(1);
const Fingerprint kOtherPrint = FingerprintNumber(2);
constexpr int64_t kLeaseMs = 1'000;
constexpr int64_t kRetentionMs = 10'000;

Request BeginFor(int64_t lease_ms, int64_t retention_ms, std::string_view owner = {}) {
  Request request = Begin(kPrint, owner);
  request.lease_ms = lease_ms;
  request.retention_ms = retention_ms;
  return request;
}

Request ShortBegin(std::string_view owner = {}) { return BeginFor(kLeaseMs, kRetentionMs, owner); }

Request HoldBegin() {
  Request request = ShortBegin();
  request.hold = true;
  return request;
}

Request Within(Request finish, int64_t retention_ms) {
  finish.retention_ms = retention_ms;
  return finish;
}

// --- Rule 1: a token decides whether COMPLETE counts, a clock never does ---

TEST(TransitionTest, LateCompleteBeforeTakeoverCounts) {
  OneKey key;
  const Token token = key.Do(ShortBegin()).token;
  key.Advance(kLeaseMs + kRetentionMs - 1);
  EXPECT_EQ(key.OutcomeOf(Complete(token, "late")), Outcome::kOk);
  EXPECT_EQ(key.Do(ShortBegin()).response.bytes(), "late");
}

TEST(TransitionTest, CompleteAfterTakeoverIsFencedHoweverEarly) {
  OneKey key;
  const Token old_token = key.Do(ShortBegin()).token;
  key.Advance(kLeaseMs);
  const Token token = key.Do(ShortBegin()).token;
  EXPECT_GT(token, old_token);
  for (const Request& request : {Complete(old_token, "a"), FailFinal(old_token, "a"),
                                 FailRetry(old_token), Extend(old_token, 1), Release(old_token)}) {
    EXPECT_EQ(key.OutcomeOf(request), Outcome::kFenced) << Name(request.op);
  }
  EXPECT_EQ(key.OutcomeOf(Complete(token, "b")), Outcome::kOk);
  EXPECT_EQ(key.OutcomeOf(Complete(old_token, "b")), Outcome::kFenced);
}

TEST(TransitionTest, CompleteAfterItsOwnersFailRetryIsConflict) {
  OneKey key;
  const Token token = key.Do(ShortBegin()).token;
  EXPECT_EQ(key.OutcomeOf(FailRetry(token)), Outcome::kOk);
  EXPECT_EQ(key.OutcomeOf(Complete(token, "")), Outcome::kConflict);
  EXPECT_EQ(key.OutcomeOf(FailFinal(token, "")), Outcome::kConflict);
  EXPECT_EQ(key.OutcomeOf(FailRetry(token, 5)), Outcome::kOk);
  EXPECT_EQ(key.Do(ShortBegin()).outcome, Outcome::kClaimed) << "the repeated AFTER set no pause";
}

// --- Rule 3: a mismatch changes nothing; a fingerprint is bound until its record is gone ---

TEST(TransitionTest, FingerprintIsBoundUntilTheRecordIsGone) {
  OneKey key;
  const Token token = key.Do(ShortBegin()).token;
  const auto mismatches = [&] {
    const std::string before = Text(key.entry);
    const Reply reply = key.Do(Begin(kOtherPrint));
    return reply.outcome == Outcome::kMismatch && reply.response.size() == 0 &&
           Text(key.entry) == before;
  };
  EXPECT_TRUE(mismatches());
  key.Advance(kLeaseMs);
  EXPECT_TRUE(mismatches()) << "orphaned";
  EXPECT_EQ(key.OutcomeOf(FailRetry(token)), Outcome::kOk);
  EXPECT_TRUE(mismatches()) << "failed for retry";
  const Token second = key.Do(ShortBegin()).token;
  EXPECT_EQ(key.OutcomeOf(Complete(second, "done")), Outcome::kOk);
  key.Advance(kRetentionMs - 1);
  EXPECT_TRUE(mismatches()) << "completed";
  key.Advance(1);
  EXPECT_EQ(key.OutcomeOf(Begin(kOtherPrint)), Outcome::kClaimed);
}

TEST(TransitionTest, FingerprintComesBeforeOwnerAndBackoff) {
  OneKey key;
  const Token token = key.Do(ShortBegin("ann")).token;
  EXPECT_EQ(key.OutcomeOf(Begin(kOtherPrint, "ann")), Outcome::kMismatch);
  EXPECT_EQ(key.OutcomeOf(FailRetry(token, 50)), Outcome::kOk);
  EXPECT_EQ(key.OutcomeOf(Begin(kOtherPrint, "ann")), Outcome::kMismatch);
  EXPECT_EQ(key.OutcomeOf(ShortBegin("ann")), Outcome::kBusy) << "backoff binds the owner too";
}

// --- Rule 4: COMPLETE and BEGIN are safe to retry ---

TEST(TransitionTest, OwnersBeginAgainFindsItsClaimWithItsLeaseRenewed) {
  OneKey key;
  const Reply first = key.Do(ShortBegin("ann"));
  key.Advance(400);
  const Reply again = key.Do(ShortBegin("ann"));
  EXPECT_EQ(again.outcome, Outcome::kClaimed);
  EXPECT_EQ(again.token, first.token);
  EXPECT_EQ(again.attempt, 1u);
  EXPECT_EQ(again.lease_ms, kLeaseMs);
  EXPECT_EQ(key.entry.until_ms, key.now_ms() + kLeaseMs);
  key.Advance(kLeaseMs - 1);
  EXPECT_EQ(key.OutcomeOf(ShortBegin()), Outcome::kBusy);
  EXPECT_EQ(key.OutcomeOf(ShortBegin("bob")), Outcome::kBusy);
}

TEST(TransitionTest, OwnersBeginAgainShortensNothing) {
  OneKey key;
  key.Do(ShortBegin("ann"));
  const Image before = key.entry;
  EXPECT_EQ(key.Do(BeginFor(1, 1, "ann")).lease_ms, kLeaseMs);
  EXPECT_EQ(Text(key.entry), Text(before));
}

TEST(TransitionTest, NobodyOwnsAClaimWithoutOwner) {
  OneKey key;
  key.Do(ShortBegin());
  EXPECT_EQ(key.OutcomeOf(ShortBegin()), Outcome::kBusy);
  EXPECT_EQ(key.OutcomeOf(ShortBegin("ann")), Outcome::kBusy);
}

TEST(TransitionTest, OwnerIsForgottenWithItsClaim) {
  OneKey key;
  const Token token = key.Do(ShortBegin("ann")).token;
  key.Advance(kLeaseMs);
  EXPECT_EQ(key.OutcomeOf(ShortBegin("bob")), Outcome::kClaimed);
  EXPECT_EQ(key.OutcomeOf(ShortBegin("ann")), Outcome::kBusy);
  EXPECT_EQ(key.OutcomeOf(Complete(token, "")), Outcome::kFenced);
}

TEST(TransitionTest, SameFinishAgainIsFineAndChangesNothing) {
  for (const bool completes : {true, false}) {
    OneKey key;
    const Token token = key.Do(ShortBegin()).token;
    const Request finish = completes ? Complete(token, "done", 201) : FailFinal(token, "no", 402);
    EXPECT_TRUE(key.Do(finish).changed);
    const std::string before = Text(key.entry);
    key.Advance(50);
    const Reply again = key.Do(Within(finish, 2 * kRetentionMs));
    EXPECT_EQ(again.outcome, Outcome::kOk);
    EXPECT_FALSE(again.changed);
    EXPECT_EQ(Text(key.entry), before);
  }
}

// --- Rule 5: the first finish wins ---

TEST(TransitionTest, FirstFinishStays) {
  OneKey key;
  const Token token = key.Do(ShortBegin()).token;
  EXPECT_EQ(key.OutcomeOf(Complete(token, "first", 200)), Outcome::kOk);
  const std::string before = Text(key.entry);
  for (const Request& other :
       {Complete(token, "other", 200), Complete(token, "", 200), Complete(token, "first", 201),
        FailFinal(token, "first", 200), FailRetry(token)}) {
    EXPECT_EQ(key.OutcomeOf(other), Outcome::kConflict);
  }
  EXPECT_EQ(Text(key.entry), before);
  key.Advance(kRetentionMs - 1);
  EXPECT_EQ(key.Do(ShortBegin()).response.bytes(), "first");
}

// --- Rule 6: retention ---

TEST(TransitionTest, RetentionIsCountedFromTheFinish) {
  OneKey key;
  const Token token = key.Do(ShortBegin()).token;
  key.Advance(kLeaseMs + 5'000);
  EXPECT_EQ(key.OutcomeOf(Complete(token, "done")), Outcome::kOk);
  EXPECT_EQ(key.Do(ShortBegin()).ttl_ms, kRetentionMs);
  key.Advance(kRetentionMs - 1);
  const Reply last = key.Do(ShortBegin());
  EXPECT_EQ(last.outcome, Outcome::kReplay);
  EXPECT_EQ(last.ttl_ms, 1);
  EXPECT_EQ(last.age_ms, kRetentionMs - 1);
  key.Advance(1);
  EXPECT_EQ(key.Do(ShortBegin()).attempt, 1u);
}

TEST(TransitionTest, CompleteLengthensRetentionAndNeverShortensIt) {
  for (const int64_t named_ms : {int64_t{1}, kRetentionMs, kRetentionMs + 1, 9 * kRetentionMs}) {
    for (const bool completes : {true, false}) {
      OneKey key;
      const Token token = key.Do(ShortBegin()).token;
      key.Do(Within(completes ? Complete(token, "") : FailFinal(token, ""), named_ms));
      EXPECT_EQ(key.entry.deadline_ms, key.now_ms() + std::max(named_ms, kRetentionMs));
    }
  }
}

TEST(TransitionTest, UnfinishedRecordLivesLeaseAndRetentionFromItsLastClaim) {
  OneKey key;
  key.Do(ShortBegin());
  key.Advance(kLeaseMs + 500);
  EXPECT_EQ(key.Do(ShortBegin()).attempt, 2u);
  key.Advance(kLeaseMs + kRetentionMs - 1);
  EXPECT_EQ(key.Peek(ShortBegin()).attempt, 3u);
  key.Advance(1);
  EXPECT_EQ(key.Peek(ShortBegin()).attempt, 1u) << "forgotten, so this is a first claim";
}

TEST(TransitionTest, TheLastBeginNamesTheRetention) {
  OneKey key;
  key.Do(BeginFor(kLeaseMs, 9 * kRetentionMs));
  key.Advance(kLeaseMs);
  key.Do(ShortBegin());
  EXPECT_EQ(key.entry.deadline_ms, key.now_ms() + kLeaseMs + kRetentionMs);
}

TEST(TransitionTest, HeldRecordHasNoDeadlineUntilItIsFinished) {
  OneKey key;
  const Token token = key.Do(HoldBegin()).token;
  key.Advance(200 * 24 * kHourMs);
  EXPECT_EQ(key.Do(Get(Kind::kRecord, false)).ttl_ms, -1);
  EXPECT_EQ(key.OutcomeOf(Extend(token, kLeaseMs)), Outcome::kOk);
  key.Advance(200 * 24 * kHourMs);
  EXPECT_EQ(key.Do(ShortBegin()).busy_reason, Busy::Reason::kHeld);
  EXPECT_EQ(key.OutcomeOf(Complete(token, "at last")), Outcome::kOk);
  EXPECT_EQ(key.Do(ShortBegin()).ttl_ms, kRetentionMs);
}

TEST(TransitionTest, FailRetryEndsAHold) {
  OneKey key;
  const Token token = key.Do(HoldBegin()).token;
  EXPECT_EQ(key.OutcomeOf(FailRetry(token)), Outcome::kOk);
  EXPECT_EQ(key.entry.deadline_ms, key.now_ms() + kRetentionMs);
  EXPECT_EQ(key.Do(ShortBegin()).attempt, 2u);
  EXPECT_FALSE(key.entry.hold);
}

// --- Rule 7: dropping a claim does not free its key ---

TEST(TransitionTest, DroppedClaimIsTakenOverWhenItsLeaseHasRun) {
  OneKey key;
  key.Do(ShortBegin());
  key.Advance(kLeaseMs - 1);
  const Reply busy = key.Do(ShortBegin());
  EXPECT_EQ(busy.busy_reason, Busy::Reason::kRunning);
  EXPECT_EQ(busy.retry_after_ms, 1);
  EXPECT_EQ(busy.age_ms, kLeaseMs - 1);
  key.Advance(busy.retry_after_ms);
  EXPECT_EQ(key.Do(ShortBegin()).attempt, 2u);
}

TEST(TransitionTest, HeldClaimWaitsForAnOperator) {
  for (const Resolution resolution :
       {Resolution::kCompleted, Resolution::kFailed, Resolution::kClaimable}) {
    OneKey key;
    const Token token = key.Do(HoldBegin()).token;
    EXPECT_EQ(key.Do(ShortBegin()).busy_reason, Busy::Reason::kRunning);
    EXPECT_EQ(key.OutcomeOf(Resolve(resolution, "by hand")), Outcome::kRefused);
    key.Advance(kLeaseMs);
    const Reply busy = key.Do(ShortBegin());
    EXPECT_EQ(busy.busy_reason, Busy::Reason::kHeld);
    EXPECT_EQ(busy.retry_after_ms, 0);
    EXPECT_EQ(key.OutcomeOf(Resolve(resolution, "by hand")), Outcome::kOk);
    EXPECT_EQ(key.OutcomeOf(Complete(token, "by hand")), Outcome::kFenced);
    const Reply next = key.Do(ShortBegin());
    if (resolution == Resolution::kClaimable) {
      EXPECT_EQ(next.attempt, 2u);
    } else {
      EXPECT_EQ(next.outcome, Outcome::kReplay);
      EXPECT_EQ(next.response.bytes(), "by hand");
    }
  }
}

TEST(TransitionTest, HeldClaimRunsAgainWhenItsTokenSaysSo) {
  OneKey key;
  Request begin = HoldBegin();
  begin.owner = "ann";
  const Token token = key.Do(begin).token;
  key.Advance(kLeaseMs);
  EXPECT_EQ(key.OutcomeOf(Extend(token, 5)), Outcome::kOk);
  EXPECT_EQ(key.Do(ShortBegin()).busy_reason, Busy::Reason::kRunning);
  key.Advance(5);
  EXPECT_EQ(key.Do(ShortBegin()).busy_reason, Busy::Reason::kHeld);
  EXPECT_EQ(key.Do(begin).token, token);
  EXPECT_EQ(key.Do(ShortBegin()).busy_reason, Busy::Reason::kRunning);
}

TEST(TransitionTest, AttemptsCountToTheLastNumberAndStayThere) {
  OneKey key(RunningClaim());
  key.entry.attempt = std::numeric_limits<uint32_t>::max() - 1;
  for (int i = 0; i < 3; ++i) {
    key.AdvanceTo(key.entry.until_ms);
    EXPECT_EQ(key.Do(Begin(kPrint)).attempt, std::numeric_limits<uint32_t>::max());
  }
}

}  // namespace
}  // namespace idem::engine
