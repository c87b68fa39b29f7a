// Who waits for a key: who is told what, when, and in which order; and who is not kept. Time stands
// still but where a test moves it.
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/model.h"
#include "tests/support/requests.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"
#include "tests/support/test_store.h"
#include "tests/support/text.h"

namespace idem {
namespace {

using engine::Await;

using engine::Complete;
using engine::FailRetry;
using engine::SaysTheSame;
using engine::Text;
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
  options_.durability = Durability::kAlways;
  options_.directory = "/store";
  options_.file_system = &files_;
  options_.max_response_bytes = 4096;
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

// --- at random, beside the model and a list

class RandomWaits {
 public:
  RandomWaits(uint64_t seed, Store* store, FakeClock* clock, const Options& options)
      : random_(seed), store_(store), clock_(clock) {
    for (const char* key : kKeys) {
      engine::Model& model = models_.emplace(key, options).first->second;
      model.SetTime(now_ms_, clock->WallMs());
      model.Reopen(now_ms_);
    }
  }

  void DoOne() {
    const std::string key = kKeys[Pick(std::size(kKeys))];
    switch (Pick(8)) {
      case 0:
      case 1:
      case 2:
        return Wait(key);
      case 3:
        return Advance(static_cast<int64_t>(Pick(30)));
      case 4:
        return Leave();
      default:
        return Change(key);
    }
  }

 private:
  static constexpr const char* kKeys[] = {"a", "b", "c"};

  struct Pending {
    std::string key;
    Request request;
    int64_t deadline_ms;
    WaitId id = 0;
    std::unique_ptr<std::optional<Reply>> told = std::make_unique<std::optional<Reply>>();
  };

  uint64_t Pick(uint64_t n) { return random_() % n; }

  void Wait(const std::string& key) {
    Pending& pending = pending_.emplace_back();
    pending.key = key;
    pending.request = Pick(4) == 0 ? Await(kPrint) : engine::Begin(kPrint);
    pending.request.key = pending.key;
    pending.request.lease_ms = 1 + static_cast<int64_t>(Pick(40));
    pending.request.retention_ms = *pending.request.lease_ms + static_cast<int64_t>(Pick(100));
    pending.request.hold = Pick(6) == 0;
    pending.request.wait_ms = static_cast<int64_t>(Pick(60));
    pending.deadline_ms = now_ms_ + pending.request.wait_ms;
    Reply reply;
    std::optional<Reply>* const told = pending.told.get();
    const Waiting waiting = store_->ExecuteOrWait(
        pending.request, reply, pending.id, [told](Reply& answer) { *told = std::move(answer); });
    if (waiting == Waiting::kAnswered) *told = std::move(reply);
    Settle(key);
  }

  void Change(const std::string& key) {
    const Token token = models_.at(key).TokenOf(key);
    const Request all[] = {Complete(token, "done"),
                           FailRetry(token, static_cast<int64_t>(Pick(20))),
                           engine::Release(token),
                           engine::Extend(token, 30),
                           engine::MakeStep(token, "step"),
                           engine::Begin(kPrint),
                           engine::Remove(Kind::kRecord, Pick(2) == 0),
                           engine::Resolve(Resolution::kClaimable)};
    Request request = all[Pick(std::size(all))];
    request.key = key;
    if (request.op == Op::kBegin) Settle(key);  // those who wait come first
    Reply reply;
    ASSERT_EQ(store_->Execute({&request, 1}, {&reply, 1}), 1u);
    ExpectSame(request, reply);
    Settle(key);
  }

  void Advance(int64_t ms) {
    clock_->Advance(ms);
    now_ms_ += ms;
    store_->Step(Store::StepKind::kExpire);
    for (const char* key : kKeys) {
      models_.at(key).SetTime(now_ms_, clock_->WallMs());
      Settle(key);
    }
  }

  void Leave() {
    if (pending_.empty()) return;
    const auto gone = std::next(pending_.begin(), static_cast<ptrdiff_t>(Pick(pending_.size())));
    EXPECT_TRUE(store_->ForgetWaiter(gone->id));
    pending_.erase(gone);
  }

  void ExpectSame(const Request& request, const Reply& told) {
    const Reply wanted = models_.at(std::string(request.key)).Answer(request, told);
    ASSERT_TRUE(SaysTheSame(request.op, told, wanted))
        << Text(request.op, told) << "\n wanted: " << Text(request.op, wanted);
  }

  // What the store must have done meanwhile: asked for each who waits, in order.
  void Settle(const std::string& key) {
    engine::Model& model = models_.at(key);
    for (auto pending = pending_.begin(); pending != pending_.end();) {
      if (pending->key != key) {
        ++pending;
        continue;
      }
      const bool is_told = pending->told->has_value();
      const Reply none;
      const engine::Model before = model;
      const Reply wanted = model.Answer(pending->request, is_told ? **pending->told : none);
      const bool waits = wanted.outcome == Outcome::kBusy &&
                         wanted.busy_reason != Busy::Reason::kHeld &&
                         now_ms_ < pending->deadline_ms;
      ASSERT_NE(waits, is_told) << "at " << now_ms_ << ", " << Text(pending->request.op, wanted);
      if (waits) {
        model = before;
        ++pending;
        continue;
      }
      ASSERT_TRUE(SaysTheSame(pending->request.op, **pending->told, wanted))
          << Text(pending->request.op, **pending->told)
          << "\n wanted: " << Text(pending->request.op, wanted);
      pending = pending_.erase(pending);
    }
  }

  std::mt19937_64 random_;
  Store* const store_;
  FakeClock* const clock_;
  int64_t now_ms_ = 1'000'000;
  std::map<std::string, engine::Model> models_;  // of each key, as tokens rise for each alone
  std::list<Pending> pending_;
};

TEST_F(StoreWaitTest, AtRandomEveryoneIsToldWhatTheModelSays) {
  options_.max_key_waiters = 1'000;
  options_.max_waiters = 10'000;
  options_.stripes = 2;
  RunSeeds(TestSize(200), [this](uint64_t seed) {
    Open();
    RandomWaits waits(seed, store_.get(), &clock_, options_);
    for (int i = 0; i < 500 && !HasFailure(); ++i) waits.DoOne();
  });
}

}  // namespace
}  // namespace idem
