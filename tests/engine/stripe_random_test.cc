// Random calls on one stripe: against the model while allocations fail, and its records replayed
// into another stripe.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/allocation.h"
#include "gtest/gtest.h"
#include "tests/support/model.h"
#include "tests/support/one_stripe.h"
#include "tests/support/pages.h"
#include "tests/support/random_requests.h"
#include "tests/support/requests.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

constexpr uint32_t kResponseBytesMax = 1000;

Options ShortLives() {
  Options options;
  options.policy.default_lease_ms = 30;
  options.policy.default_retention_ms = 320;
  options.restart_grace_ms = 0;
  options.policy.max_response_bytes = kResponseBytesMax;
  return options;
}

Traffic AroundEverySize(uint64_t seed) {
  Traffic traffic;
  traffic.keys = seed % 3 == 0 ? 3000 : 20;
  traffic.value_bytes = {0, 1, 17, 255, 256, 257, 900, kResponseBytesMax, kResponseBytesMax + 1};
  return traffic;
}

class RandomStripe {
 public:
  explicit RandomStripe(uint64_t seed)
      : traffic_(AroundEverySize(seed)), random_(seed, traffic_, &model_) {
    one.policy = {.default_lease_ms = 30,
                  .default_retention_ms = 320,
                  .max_response_bytes = kResponseBytesMax};
    model_.MemoryMayBeShort();
    SetModelTime();
  }

  void FailAllocations() { allocations_fail_ = true; }

  void Run(int64_t steps) {
    for (int64_t step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      PassTime();
      const std::vector<Request> batch = random_.Batch(1);
      if (WhyInvalid(batch[0], one.policy) == nullptr) Check(batch[0]);
      if (step % 64 == 0) one.stripe.CheckInvariants();
    }
    one.stripe.CheckInvariants();
  }

  OneStripe one;

 private:
  void Check(const Request& request) {
    const Reply told = allocations_fail_ ? DoWithFailures(request) : one.Do(request);
    const bool may_be_refused = request.op == Op::kBegin || request.op == Op::kPut ||
                                request.op == Op::kStep || request.body;
    if (allocations_fail_ && may_be_refused && told.outcome == Outcome::kOutOfMemory) return;
    const Reply wanted = model_.Answer(request, told);
    EXPECT_EQ(Text(request.op, told), Text(request.op, wanted)) << Text(request);
  }

  // Sometimes one of the allocations fails, sometimes all, with a page or two left or none.
  Reply DoWithFailures(const Request& request) {
    Pages pages;
    if (random_.OneIn(4)) {
      pages = TakePages(one.pool, static_cast<size_t>(random_.Pick(3)));
      SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
    } else if (random_.OneIn(2)) {
      SetAllocationFailureForTest(1 + random_.Pick(3));
    }
    Reply told = one.Do(request);
    SetAllocationFailureForTest(0);
    GivePages(one.pool, pages);
    return told;
  }

  void PassTime() {
    one.Advance(random_.TimeStepMs());
    SetModelTime();
    if (random_.OneIn(20)) one.Expire(static_cast<size_t>(1 + random_.Pick(50)));
  }
  void SetModelTime() { model_.SetTime(one.now_ms, OneStripe::kWallMsAtStart + one.now_ms); }

  const Traffic traffic_;
  Model model_{ShortLives()};
  RandomRequests random_;
  bool allocations_fail_ = false;
};

// What is there is removed or expires; nothing is left, and nothing counted.
void Empty(OneStripe& one) {
  Request remove;
  remove.op = Op::kRemove;
  remove.force = true;
  for (const auto& [key, text] : one.Dump()) EXPECT_EQ(one.Do(key, remove).outcome, Outcome::kOk);
  one.Advance(int64_t{400} * 86'400'000);
  one.ExpireAll();
  EXPECT_EQ(one.entries(), 0u);
  EXPECT_EQ(one.stats().in_progress, 0u);
  EXPECT_EQ(one.stats().registers_with_deadline, 0u);
  one.stripe.CheckInvariants();
}

TEST(StripeRandomTest, AnswersAsTheModel) {
  RunSeeds(TestSize(100), [](uint64_t seed) {
    RandomStripe random(seed);
    random.Run(5000);
    Empty(random.one);
  });
}

TEST(StripeRandomTest, AnswersAsTheModelWhileAllocationsFail) {
  RunSeeds(TestSize(100), [](uint64_t seed) {
    RandomStripe random(seed);
    random.FailAllocations();
    random.Run(5000);
  });
}

// The records, as the log has them.
class Replay {
 public:
  explicit Replay(const OneStripe& from) { copy_.policy = from.policy; }

  void Apply(const std::vector<std::string>& records, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const absl::Status status = copy_.ApplyRecord(records[i], i + 1);
      EXPECT_TRUE(status.ok()) << status;
    }
    copy_.stripe.CheckInvariants();
  }
  std::map<std::string, std::string> DumpAt(int64_t now_ms) {
    copy_.now_ms = now_ms;
    return copy_.Dump();
  }

 private:
  OneStripe copy_;
};

TEST(StripeRandomTest, EveryPrefixOfItsRecordsGivesItsState) {
  RunSeeds(TestSize(60), [](uint64_t seed) {
    RandomStripe random(seed);
    Replay replay(random.one);
    const std::vector<std::string>& records = random.one.log.records;
    for (int i = 0; i < 20 && !testing::Test::HasFailure(); ++i) {
      const size_t before = records.size();
      random.Run(100);
      replay.Apply(records, before, records.size());
      ASSERT_EQ(replay.DumpAt(random.one.now_ms), random.one.Dump());
    }
    // Some of it once more, as when a snapshot and the log overlap.
    replay.Apply(records, records.size() / 2, records.size());
    EXPECT_EQ(replay.DumpAt(random.one.now_ms), random.one.Dump());
  });
}

}  // namespace
}  // namespace idem::engine
