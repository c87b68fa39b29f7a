// The rules of the state table that turn on time and room: backoff, expiry, restart grace, ISSUED,
// large responses, a full memory or disk.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/body.h"
#include "gtest/gtest.h"
#include "store/transition.h"
#include "tests/support/one_key.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

const Fingerprint kPrint = FingerprintNumber(1);
constexpr int64_t kRetentionMs = 10'000;

Request BeginFor(int64_t lease_ms, int64_t retention_ms, std::string_view owner = {}) {
  Request request = Begin(kPrint, owner);
  request.lease_ms = lease_ms;
  request.retention_ms = retention_ms;
  return request;
}

// --- Rule 8: FAIL RETRY ---

TEST(TransitionTest, FailRetryKeepsFingerprintAndAttemptsAndPauses) {
  OneKey key;
  const Token token = key.Do(BeginFor(1'000, kRetentionMs)).token;
  EXPECT_EQ(key.OutcomeOf(FailRetry(token, 300)), Outcome::kOk);
  key.Advance(299);
  const Reply busy = key.Do(Begin(kPrint));
  EXPECT_EQ(busy.busy_reason, Busy::Reason::kBackoff);
  EXPECT_EQ(busy.retry_after_ms, 1);
  EXPECT_EQ(busy.attempt, 1u);
  EXPECT_EQ(busy.age_ms, 299) << "since the failure";
  key.Advance(1);
  EXPECT_EQ(key.PeekOutcome(Begin(FingerprintNumber(2))), Outcome::kMismatch);
  EXPECT_EQ(key.Do(Begin(kPrint)).attempt, 2u);
}

TEST(TransitionTest, FailRetryIsRememberedBeyondItsPause) {
  OneKey key;
  const Token token = key.Do(BeginFor(1'000, kRetentionMs)).token;
  const int64_t pause_ms = 50 * kRetentionMs;
  EXPECT_EQ(key.OutcomeOf(FailRetry(token, pause_ms)), Outcome::kOk);
  key.Advance(pause_ms + kRetentionMs - 1);
  EXPECT_EQ(key.Peek(Begin(kPrint)).attempt, 2u);
  key.Advance(1);
  EXPECT_EQ(key.Peek(Begin(kPrint)).attempt, 1u);
}

TEST(TransitionTest, FailRetryForgetsNoEarlierThanTheClaimWouldHaveBeen) {
  OneKey key;
  const Token token = key.Do(BeginFor(1'000, kRetentionMs)).token;
  const int64_t deadline_ms = key.entry.deadline_ms;
  EXPECT_EQ(key.OutcomeOf(FailRetry(token)), Outcome::kOk);
  EXPECT_EQ(key.entry.deadline_ms, deadline_ms);
}

TEST(TransitionTest, ExtendNeverShortens) {
  OneKey key;
  const Token token = key.Do(BeginFor(1'000, kRetentionMs)).token;
  const int64_t until_ms = key.entry.until_ms;
  EXPECT_FALSE(key.Do(Extend(token, 999)).changed);
  EXPECT_FALSE(key.Do(Extend(token, 1'000)).changed);
  EXPECT_EQ(key.entry.until_ms, until_ms);
  EXPECT_TRUE(key.Do(Extend(token, 1'001)).changed);
  EXPECT_EQ(key.entry.until_ms, until_ms + 1);
  EXPECT_EQ(key.entry.deadline_ms, until_ms + 1 + kRetentionMs);
}

// --- Rule 12: expiry is exact ---

TEST(TransitionTest, EveryRecordIsThereToTheLastMillisecond) {
  for (EntryCase& record : RecordCases()) {
    if (record.entry.deadline_ms == 0) continue;
    OneKey key(record.entry);
    key.AdvanceTo(record.entry.deadline_ms - 1);
    EXPECT_EQ(key.PeekOutcome(Get(Kind::kRecord, false)), Outcome::kOk) << record.name;
    EXPECT_EQ(key.PeekOutcome(Begin(FingerprintNumber(3))), Outcome::kMismatch) << record.name;
    key.Advance(1);
    EXPECT_EQ(key.PeekOutcome(Get(Kind::kRecord, false)), Outcome::kAbsent) << record.name;
    EXPECT_EQ(key.PeekOutcome(Complete(kToken, "")), Outcome::kUnknownKey) << record.name;
    EXPECT_EQ(key.Peek(Begin(FingerprintNumber(3))).attempt, 1u) << record.name;
  }
}

// --- Rule 13: restart grace ---

// A store that was opened at kNowMs with a grace of 500 ms, and a claim made `ago_ms` before.
OneKey Reopened(int64_t ago_ms, int64_t lease_left_ms) {
  OneKey key(RunningClaim());
  key.entry.since_ms = kNowMs - ago_ms;
  key.entry.until_ms = kNowMs + lease_left_ms;
  key.moment.opened_ms = kNowMs;
  key.moment.grace_end_ms = kNowMs + 500;
  return key;
}

TEST(TransitionTest, NoTakeoverBeforeTheRestartGraceEnds) {
  for (const int64_t ago_ms : {0, 1, 5'000}) {
    for (const int64_t left_ms : {-4'000, 0, 1, 499, 500}) {
      OneKey key = Reopened(ago_ms, left_ms);
      EXPECT_EQ(key.Peek(Begin(kPrint)).retry_after_ms, 500);
      EXPECT_FALSE(key.Peek(Get(Kind::kRecord, false)).orphaned);
      key.Advance(499);
      EXPECT_EQ(key.Peek(Begin(kPrint)).busy_reason, Busy::Reason::kRunning);
      EXPECT_EQ(key.Peek(Begin(kPrint)).retry_after_ms, 1);
      EXPECT_EQ(key.PeekOutcome(Resolve(Resolution::kClaimable)), Outcome::kRefused);
      key.Advance(1);
      EXPECT_TRUE(key.Peek(Get(Kind::kRecord, false)).orphaned);
      EXPECT_EQ(key.PeekOutcome(Begin(kPrint)), Outcome::kClaimed);
    }
  }
}

TEST(TransitionTest, RestartGraceShortensNoLease) {
  OneKey key = Reopened(5'000, 501);
  EXPECT_EQ(key.Peek(Begin(kPrint)).retry_after_ms, 501);
  key.Advance(500);
  EXPECT_EQ(key.PeekOutcome(Begin(kPrint)), Outcome::kBusy);
  key.Advance(1);
  EXPECT_EQ(key.PeekOutcome(Begin(kPrint)), Outcome::kClaimed);
}

TEST(TransitionTest, RestartGraceIsForClaimsOfBeforeOnly) {
  OneKey key;
  key.moment.opened_ms = kNowMs - 1;
  key.moment.grace_end_ms = kNowMs + 500;
  key.Do(BeginFor(10, kRetentionMs));
  key.Advance(10);
  EXPECT_EQ(key.OutcomeOf(Begin(kPrint)), Outcome::kClaimed);
}

TEST(TransitionTest, OwnerOfBeforeTheRestartCanStillFinish) {
  OneKey key = Reopened(5'000, -4'000);
  key.Advance(499);
  EXPECT_EQ(key.OutcomeOf(Complete(kToken, "done")), Outcome::kOk);
}

TEST(TransitionTest, BackoffHasNoRestartGrace) {
  OneKey key = Reopened(5'000, 0);
  key.entry.state = State::kFailedRetry;
  EXPECT_EQ(key.OutcomeOf(Begin(kPrint)), Outcome::kClaimed);
}

// --- Rule 14: ISSUED ---

Request IssuedAt(int64_t unix_ms) {
  Request request = BeginFor(1'000, kRetentionMs);
  request.issued_unix_ms = unix_ms;
  return request;
}

TEST(TransitionTest, RequestOlderThanItsRetentionDoesNotRunAsNew) {
  OneKey key;
  EXPECT_EQ(key.PeekOutcome(IssuedAt(kWallMs - kRetentionMs)), Outcome::kClaimed);
  EXPECT_EQ(key.PeekOutcome(IssuedAt(kWallMs - kRetentionMs - 1)), Outcome::kTooOld);
  EXPECT_EQ(key.PeekOutcome(IssuedAt(1)), Outcome::kTooOld);
  EXPECT_EQ(key.PeekOutcome(IssuedAt(0)), Outcome::kClaimed) << "not known";
  EXPECT_EQ(key.PeekOutcome(IssuedAt(kWallMs + kHourMs)), Outcome::kClaimed);
  Request unnamed = Begin(kPrint);
  unnamed.issued_unix_ms = kWallMs - kPolicy.default_retention_ms - 1;
  EXPECT_EQ(key.PeekOutcome(unnamed), Outcome::kTooOld);
}

TEST(TransitionTest, IssuedIsAskedOnlyWhereNothingIsRemembered) {
  const Request ancient = IssuedAt(1);
  OneKey key;
  const Token token = key.Do(BeginFor(1'000, kRetentionMs)).token;
  EXPECT_EQ(key.PeekOutcome(ancient), Outcome::kBusy);
  key.Advance(1'000);
  EXPECT_EQ(key.PeekOutcome(ancient), Outcome::kClaimed) << "a takeover";
  key.Do(Complete(token, "done"));
  EXPECT_EQ(key.PeekOutcome(ancient), Outcome::kReplay);
  key.Advance(kRetentionMs);
  EXPECT_EQ(key.PeekOutcome(ancient), Outcome::kTooOld) << "expired is absent";
}

// --- Rule 10: a large response is dropped, the fact is kept ---

TEST(TransitionTest, ResponseOverTheLimitIsDroppedAndTheFactKept) {
  const std::string fits(kResponseMax, 'a'), large(kResponseMax + 1, 'a');
  const std::string other(kResponseMax + 1, 'b');
  for (const bool completes : {true, false}) {
    const auto finish = [&](const std::string& response) {
      return completes ? Complete(kToken, response, 7) : FailFinal(kToken, response, 7);
    };
    OneKey key(RunningClaim());
    EXPECT_FALSE(Decide(key.entry, finish(fits), key.moment).next.value_omitted);
    EXPECT_EQ(key.OutcomeOf(finish(large)), Outcome::kOk);
    const Reply replay = key.Do(Begin(kPrint));
    EXPECT_EQ(replay.outcome, Outcome::kReplay);
    EXPECT_TRUE(replay.value_omitted);
    EXPECT_EQ(replay.value_bytes, large.size());
    EXPECT_EQ(replay.response.size(), 0u);
    EXPECT_EQ(replay.code, 7);
    EXPECT_EQ(key.OutcomeOf(finish(large)), Outcome::kOk);
    EXPECT_EQ(key.OutcomeOf(finish(other)), Outcome::kConflict);
    EXPECT_EQ(key.OutcomeOf(finish(fits)), Outcome::kConflict);
  }
}

TEST(TransitionTest, ResponseThatMemoryDoesNotTakeIsDroppedAndTheFactKept) {
  OneKey key(RunningClaim());
  key.moment.response_bytes_max = 0;
  key.moment.memory_full = true;
  EXPECT_EQ(key.OutcomeOf(Complete(kToken, "x")), Outcome::kOk);
  key.moment.response_bytes_max = kResponseMax;
  EXPECT_TRUE(key.Do(Begin(kPrint)).value_omitted);
  EXPECT_EQ(key.OutcomeOf(Complete(kToken, "x")), Outcome::kOk) << "a retry with the same bytes";
  EXPECT_EQ(key.OutcomeOf(Complete(kToken, "y")), Outcome::kConflict);
  OneKey empty(RunningClaim());
  empty.moment.response_bytes_max = 0;
  EXPECT_EQ(empty.OutcomeOf(Complete(kToken, "")), Outcome::kOk);
  EXPECT_FALSE(empty.Do(Begin(kPrint)).value_omitted) << "nothing takes no room";
}

TEST(TransitionTest, LongResponseIsSharedAndOutlivesItsEntry) {
  Body* const body = Body::New(std::string(5'000, 'r'));
  OneKey key(FinishedRecord(State::kCompleted, {}, kNowMs + 10));
  key.entry.value = body->bytes();
  key.entry.value_body = body;
  const Reply replay = key.Do(Begin(kPrint));
  EXPECT_EQ(replay.response.bytes().data(), body->bytes().data()) << "no copy";
  body->Unref();
  EXPECT_EQ(replay.response.bytes(), std::string(5'000, 'r'));
}

// --- Rule 11: near the memory limit, and on a full disk, what runs can finish ---

TEST(TransitionTest, FullMemoryRefusesNewRecordsOnly) {
  OneKey key;
  key.moment.memory_full = true;
  EXPECT_EQ(key.OutcomeOf(Begin(kPrint)), Outcome::kOutOfMemory);
  EXPECT_TRUE(key.entry.absent());
  key.entry = RunningClaim();
  EXPECT_EQ(key.PeekOutcome(Complete(kToken, "x")), Outcome::kOk);
  EXPECT_EQ(key.PeekOutcome(FailRetry(kToken)), Outcome::kOk);
  EXPECT_EQ(key.PeekOutcome(Extend(kToken, kHourMs)), Outcome::kOk);
  key.AdvanceTo(key.entry.until_ms);
  EXPECT_EQ(key.PeekOutcome(Begin(kPrint)), Outcome::kClaimed) << "a takeover needs no new record";
}

TEST(TransitionTest, FullDiskRefusesClaimsOnly) {
  OneKey key;
  key.moment.disk_full = true;
  EXPECT_EQ(key.OutcomeOf(Begin(kPrint)), Outcome::kNoSpace);
  key.entry = RunningClaim();
  EXPECT_EQ(key.PeekOutcome(Begin(kPrint)), Outcome::kBusy);
  EXPECT_EQ(key.PeekOutcome(Complete(kToken, "x")), Outcome::kOk);
  EXPECT_EQ(key.PeekOutcome(FailRetry(kToken)), Outcome::kOk);
  EXPECT_EQ(key.PeekOutcome(Release(kToken)), Outcome::kOk);
  EXPECT_EQ(key.PeekOutcome(Remove(Kind::kRecord, true)), Outcome::kOk);
  key.AdvanceTo(key.entry.until_ms);
  EXPECT_EQ(key.PeekOutcome(Begin(kPrint)), Outcome::kNoSpace) << "a takeover is a claim";
}

// --- FORGET and RELEASE: the old token is worth nothing afterwards ---

TEST(TransitionTest, ForgottenClaimIsUnknownThenFenced) {
  for (const bool forced : {true, false}) {
    OneKey key(RunningClaim());
    EXPECT_EQ(key.OutcomeOf(Remove(Kind::kRecord)), Outcome::kRefused);
    const Request end = forced ? Remove(Kind::kRecord, true) : Release(kToken);
    const Reply reply = key.Do(end);
    EXPECT_EQ(reply.outcome, Outcome::kOk);
    EXPECT_EQ(reply.state, State::kAbsent);
    EXPECT_EQ(key.PeekOutcome(Complete(kToken, "")), Outcome::kUnknownKey);
    EXPECT_EQ(key.Do(Begin(FingerprintNumber(2))).attempt, 1u);
    EXPECT_EQ(key.PeekOutcome(Complete(kToken, "")), Outcome::kFenced);
  }
}

}  // namespace
}  // namespace idem::engine
