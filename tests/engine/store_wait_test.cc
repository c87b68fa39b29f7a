// Who waits for a key: who is told what, when, and in which order; and who is not kept. Time stands
// still but where a test moves it.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using engine::Await;

using engine::Complete;
using engine::FailRetry;
using Waiting = Store::Waiting;

constexpr Fingerprint kPrint = {.low = 1, .high = 2, .kind = Fingerprint::Kind::kBody};
constexpr Fingerprint kOtherPrint = {.low = 1, .high = 3, .kind = Fingerprint::Kind::kBody};
constexpr int64_t kLeaseMs = 1'000;

// One who waits, and what it was told.
struct Waiter {
  WaitId id = 0;
  std::optional<Reply> told;
  bool waits() const { return !told.has_value(); }
};

class StoreWaitTest : public StoreTest {
 protected:
  StoreWaitTest() {
    options_.restart_grace_ms = 0;
    options_.max_key_waiters = 4;
    options_.max_waiters = 6;
    Open();
  }

  static Request Waits(Request request, int64_t wait_ms) {
    request.wait_ms = wait_ms;
    return request;
  }
  static Request BeginWaiting(int64_t wait_ms = 10'000, std::string_view key = engine::kKey) {
    Request request = Waits(engine::Begin(kPrint), wait_ms);
    request.key = key;
    request.lease_ms = kLeaseMs;
    return request;
  }
  Waiter& Wait(const Request& request) {
    Waiter& waiter = waiters_.emplace_back();
    Reply reply;
    const Waiting waiting = store_->ExecuteOrWait(
        request, reply, waiter.id, [&waiter](Reply& told) { waiter.told = std::move(told); });
    EXPECT_NE(waiting, Waiting::kBacklogFull);
    if (waiting == Waiting::kAnswered) waiter.told = std::move(reply);
    return waiter;
  }
  // A claim that runs.
  Token Run() {
    Request begin = engine::Begin(kPrint);
    begin.lease_ms = kLeaseMs;
    const Reply reply = Execute(begin);
    EXPECT_EQ(reply.outcome, Outcome::kClaimed);
    return reply.token;
  }
  // Time goes on, and the housekeeper comes by.
  void Advance(int64_t ms) {
    clock_.Advance(ms);
    store_->Step(Store::StepKind::kExpire);
  }
  uint64_t waiting() const { return store_->GetStats().waiting; }

  std::deque<Waiter> waiters_;
};

TEST_F(StoreWaitTest, ADoubleClickGetsTheOneResult) {
  const Token token = Run();
  const Waiter& first = Wait(BeginWaiting());
  const Waiter& second = Wait(BeginWaiting());
  EXPECT_TRUE(first.waits() && second.waits());
  EXPECT_EQ(waiting(), 2u);
  EXPECT_EQ(Execute(Complete(token, "receipt", 201)).outcome, Outcome::kOk);
  for (const Waiter* const waiter : {&first, &second}) {
    ASSERT_FALSE(waiter->waits());
    EXPECT_EQ(waiter->told->outcome, Outcome::kReplay);
    EXPECT_EQ(waiter->told->response.bytes(), "receipt");
    EXPECT_EQ(waiter->told->code, 201);
  }
  EXPECT_EQ(waiting(), 0u);
}

TEST_F(StoreWaitTest, WhoFindsNobodyDoesNotWait) {
  EXPECT_EQ(Wait(BeginWaiting()).told->outcome, Outcome::kClaimed);
  EXPECT_EQ(Wait(Waits(engine::Begin(kOtherPrint), 10)).told->outcome, Outcome::kMismatch);
  EXPECT_EQ(Wait(BeginWaiting(0)).told->outcome, Outcome::kBusy);
  EXPECT_EQ(waiting(), 0u);
}

// On failure, release and the end of a lease exactly the oldest is promoted.
TEST_F(StoreWaitTest, TheOldestGetsTheClaimAndTheOthersWaitOn) {
  Token token = Run();
  std::vector<const Waiter*> line;
  for (int i = 0; i < 4; ++i) line.push_back(&Wait(BeginWaiting()));
  Execute(FailRetry(token));
  ASSERT_FALSE(line[0]->waits());
  EXPECT_EQ(line[0]->told->outcome, Outcome::kClaimed);
  EXPECT_EQ(line[0]->told->attempt, 2u);
  EXPECT_TRUE(line[1]->waits() && line[2]->waits() && line[3]->waits());
  Execute(engine::Release(line[0]->told->token));
  ASSERT_FALSE(line[1]->waits());
  EXPECT_EQ(line[1]->told->attempt, 1u);
  Advance(kLeaseMs - 1);
  EXPECT_TRUE(line[2]->waits() && line[3]->waits());
  Advance(1);
  ASSERT_FALSE(line[2]->waits());
  EXPECT_EQ(line[2]->told->attempt, 2u);
  EXPECT_TRUE(line[3]->waits());
  Execute(engine::Extend(line[2]->told->token, 5 * kLeaseMs));
  Advance(kLeaseMs);
  EXPECT_TRUE(line[3]->waits()) << "the lease was extended";
  Execute(engine::FailFinal(line[2]->told->token, "no"));
  EXPECT_EQ(line[3]->told->state, State::kFailedFinal);
}

// Whoever begins just when the lease ends comes behind those who wait, waiting or not.
TEST_F(StoreWaitTest, NobodyComesBeforeTheOldest) {
  Run();
  const Waiter& oldest = Wait(BeginWaiting());
  clock_.Advance(kLeaseMs);
  EXPECT_EQ(Execute(engine::Begin(kPrint)).outcome, Outcome::kBusy);
  ASSERT_FALSE(oldest.waits());
  EXPECT_EQ(oldest.told->outcome, Outcome::kClaimed);
  const Waiter& second = Wait(BeginWaiting());
  clock_.Advance(kLeaseMs);
  EXPECT_TRUE(Wait(BeginWaiting()).waits());
  EXPECT_EQ(second.told->outcome, Outcome::kClaimed);
}

TEST_F(StoreWaitTest, TimeIsOverToTheMillisecond) {
  Run();
  const Waiter& waiter = Wait(BeginWaiting(300));
  Advance(299);
  EXPECT_TRUE(waiter.waits());
  Advance(1);
  ASSERT_FALSE(waiter.waits());
  EXPECT_EQ(waiter.told->outcome, Outcome::kBusy);
  EXPECT_EQ(waiter.told->retry_after_ms, kLeaseMs - 300);
}

TEST_F(StoreWaitTest, WaitersStayThroughABackoffAndAForget) {
  Token token = Run();
  const Waiter& first = Wait(BeginWaiting());
  const Waiter& second = Wait(BeginWaiting());
  Execute(FailRetry(token, 500));
  const Waiter& third = Wait(BeginWaiting());
  Advance(499);
  EXPECT_TRUE(first.waits() && second.waits() && third.waits());
  Advance(1);
  ASSERT_FALSE(first.waits());
  EXPECT_EQ(first.told->attempt, 2u);
  EXPECT_TRUE(second.waits() && third.waits());
  Execute(engine::Remove(Kind::kRecord, /*force=*/true));
  ASSERT_FALSE(second.waits());
  EXPECT_EQ(second.told->attempt, 1u);
  EXPECT_TRUE(third.waits());
  Request forget = engine::Remove(Kind::kAny, true);
  Reply reply;
  EXPECT_TRUE(store_->Transact({&forget, 1}, {&reply, 1}));
  EXPECT_EQ(third.told->attempt, 1u) << "forgotten in a transaction";
}

TEST_F(StoreWaitTest, AHeldRecordIsBusyAtOnce) {
  Request hold = engine::Begin(kPrint);
  hold.hold = true;
  hold.lease_ms = kLeaseMs;
  const Token token = Execute(hold).token;
  const Waiter& early = Wait(BeginWaiting());
  const Waiter& look = Wait(Waits(Await(kPrint), 10'000));
  Advance(kLeaseMs);
  ASSERT_FALSE(early.waits() || look.waits()) << "an operator decides, and may take long";
  EXPECT_EQ(early.told->busy_reason, Busy::Reason::kHeld);
  EXPECT_EQ(look.told->busy_reason, Busy::Reason::kHeld);
  EXPECT_EQ(Wait(BeginWaiting()).told->busy_reason, Busy::Reason::kHeld);
  Execute(engine::Extend(token, kLeaseMs));
  const Waiter& late = Wait(BeginWaiting());
  EXPECT_TRUE(late.waits());
  Advance(kLeaseMs);
  Execute(engine::Resolve(Resolution::kCompleted, "by hand"));
  EXPECT_EQ(late.told->busy_reason, Busy::Reason::kHeld);
}

TEST_F(StoreWaitTest, TheWholeBeginIsKept) {
  Token token = Run();
  {
    std::string owner(64, 'o'), key(engine::kKey);
    Request request = Waits(engine::Begin(kPrint, owner), 5'000);
    request.key = key;
    request.lease_ms = 7;
    request.retention_ms = 70;
    request.hold = true;
    Wait(request);
  }
  Execute(FailRetry(token));
  ASSERT_FALSE(waiters_[0].waits());
  const Reply& told = *waiters_[0].told;
  EXPECT_EQ(told.lease_ms, 7);
  const Reply again = Execute(engine::Begin(kPrint, std::string(64, 'o')));
  EXPECT_EQ(again.token, told.token) << "its owner";
  EXPECT_TRUE(Execute(engine::Get(Kind::kRecord, false)).held);
}

TEST_F(StoreWaitTest, OneThatGoesAwayIsForgotten) {
  const Token token = Run();
  Waiter& gone = Wait(BeginWaiting());
  const Waiter& next = Wait(BeginWaiting());
  EXPECT_TRUE(store_->ForgetWaiter(gone.id));
  EXPECT_FALSE(store_->ForgetWaiter(gone.id));
  EXPECT_EQ(waiting(), 1u);
  Execute(FailRetry(token));
  EXPECT_TRUE(gone.waits()) << "was told after it had gone";
  EXPECT_EQ(next.told->outcome, Outcome::kClaimed);
  EXPECT_FALSE(store_->ForgetWaiter(next.id));
  Waiter& last = Wait(BeginWaiting());
  EXPECT_TRUE(store_->ForgetWaiter(last.id));
  Advance(20'000);
  EXPECT_TRUE(last.waits());
}

TEST_F(StoreWaitTest, WaitersAreBoundedForAKeyAndInAll) {
  Run();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Wait(BeginWaiting()).waits());
  EXPECT_EQ(Wait(BeginWaiting()).told->outcome, Outcome::kBusy);
  for (const char* key : {"a", "b"}) {
    EXPECT_EQ(Wait(BeginWaiting(9'000, key)).told->outcome, Outcome::kClaimed);
    EXPECT_TRUE(Wait(BeginWaiting(9'000, key)).waits());
  }
  EXPECT_EQ(Wait(BeginWaiting(9'000, "a")).told->outcome, Outcome::kBusy);
  EXPECT_EQ(waiting(), 6u);
  EXPECT_EQ(store_->GetStats().waits_refused, 2u);
}

TEST_F(StoreWaitTest, ALookWaitsForTheFinishAndNeverClaims) {
  EXPECT_EQ(Wait(Waits(Await(kPrint), 10)).told->outcome, Outcome::kAbsent);
  const Token token = Run();
  const Waiter& look = Wait(Waits(Await(kPrint), 60'000));
  EXPECT_EQ(Wait(Waits(Await(kOtherPrint), 10)).told->outcome, Outcome::kMismatch);
  Advance(2 * kLeaseMs);
  EXPECT_TRUE(look.waits()) << "somebody may still begin";
  Execute(FailRetry(token));
  EXPECT_TRUE(look.waits());
  const Reply claim = Execute(engine::Begin(kPrint));
  EXPECT_EQ(claim.attempt, 2u);
  Execute(Complete(claim.token, "at last"));
  ASSERT_FALSE(look.waits());
  EXPECT_EQ(look.told->response.bytes(), "at last");
}

TEST_F(StoreWaitTest, LimitsAreChecked) {
  for (const int64_t wait_ms : {int64_t{-1}, int64_t{60'001}}) {
    EXPECT_EQ(Wait(BeginWaiting(wait_ms)).told->outcome, Outcome::kInvalid);
  }
  EXPECT_EQ(Wait(Waits(Complete(1, ""), 5)).told->outcome, Outcome::kInvalid);
}

// An answer that was waited for is gated as any other.
TEST_F(StoreWaitTest, TheAnswerHasTheLsnOfWhatItTells) {
  UseDisk(Durability::kAlways);
  options_.policy.max_response_bytes = 4096;
  options_.segment_bytes = options_.backlog_bytes = 1 << 20;
  Open();
  const Token token = Run();
  const Waiter& waiter = Wait(BeginWaiting());
  const Waiter& second = Wait(BeginWaiting());
  const Reply failed = Execute(FailRetry(token));
  ASSERT_FALSE(waiter.waits());
  EXPECT_EQ(waiter.told->lsn, failed.lsn + 1);
  EXPECT_GT(waiter.told->lsn, store_->committed());
  const Reply done = Execute(Complete(waiter.told->token, "done"));
  EXPECT_EQ(second.told->lsn, done.lsn);
  while (store_->Step(Store::StepKind::kCommit)) {
  }
  EXPECT_GE(store_->committed(), done.lsn);
}

}  // namespace
}  // namespace idem
