// Waiters at random, beside the model and a list of those who wait, in the order in which they
// came.
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

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
using StoreWaitRandomTest = StoreTest;

constexpr Fingerprint kPrint = {.low = 1, .high = 2, .kind = Fingerprint::Kind::kBody};

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

TEST_F(StoreWaitRandomTest, EveryoneIsToldWhatTheModelSays) {
  options_.restart_grace_ms = 0;
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
