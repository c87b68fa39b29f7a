#include "timer/timing_wheel.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/allocation.h"
#include "gtest/gtest.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

using Item = TimingWheel::Item;

// More work than these tests need; not endless, so that a wheel running in circles fails them.
constexpr size_t kPlenty = 1'000'000;
constexpr uint32_t kMaxAhead = TimingWheel::kMaxAheadTicks;
constexpr size_t kChunkBytes = 256;

// A wheel beside a sorted list of what it must deliver, and when. Time is 64 bits wide here, so the
// list knows nothing of the wrap.
class CheckedWheel {
 public:
  explicit CheckedWheel(uint32_t start) : now_(start), wheel_(start) {}

  // `ahead` ticks from now; may be negative, or too far. Returns what the wheel returned.
  bool Add(int64_t ahead) {
    const auto hash = static_cast<uint32_t>(next_hash_++);
    const int64_t tick = std::min<int64_t>(Now() + ahead, Now() + kMaxAhead);
    const size_t size = wheel_.size(), bytes = wheel_.memory_bytes();
    if (!wheel_.Add({.hash = hash, .tick = static_cast<uint32_t>(Now() + ahead)})) {
      EXPECT_EQ(wheel_.size(), size);
      EXPECT_EQ(wheel_.memory_bytes(), bytes);
      return false;
    }
    EXPECT_EQ(wheel_.size(), size + 1);
    const int64_t due_at = std::max(tick, Now() + (delivering_ ? 1 : 0));
    waiting_.emplace(hash, Waiting{tick, due_times_.insert({due_at, hash})});
    return true;
  }

  // Moves toward now + `ahead`. `on_due` runs inside each delivery.
  template <typename OnDue>
  bool Advance(int64_t ahead, size_t budget, OnDue on_due) {
    const int64_t before = Now(), target = before + ahead;
    size_t delivered = 0;
    const bool done = wheel_.Advance(static_cast<uint32_t>(target), budget, [&](Item item) {
      delivering_ = true;
      ++delivered;
      CheckDue(item);
      on_due();
      delivering_ = false;
    });
    EXPECT_LE(delivered, budget);
    EXPECT_LE(Now(), std::max(before, target));
    if (done) {
      EXPECT_EQ(Now(), std::max(before, target));
      EXPECT_TRUE(due_times_.empty() || due_times_.begin()->first > Now() || ahead < 0);
    }
    Check();
    return done;
  }
  bool Advance(int64_t ahead, size_t budget = kPlenty) {
    return Advance(ahead, budget, [] {});
  }

  void Check() {
    wheel_.CheckInvariants();
    EXPECT_EQ(wheel_.size(), due_times_.size());
    EXPECT_EQ(wheel_.next_tick().has_value(), !due_times_.empty());
    if (!due_times_.empty()) {
      EXPECT_GE(ToNext(), 0);
      EXPECT_LE(ToNext(), due_times_.begin()->first - Now());
    }
  }

  // Now of the wheel, without the wrap. It must never go back.
  int64_t Now() {
    const auto step = static_cast<int32_t>(wheel_.now_tick() - static_cast<uint32_t>(now_));
    EXPECT_GE(step, 0);
    now_ += step;
    return now_;
  }
  int64_t ToNext() { return static_cast<int32_t>(*wheel_.next_tick() - wheel_.now_tick()); }
  int64_t ToLast() { return due_times_.empty() ? 0 : due_times_.rbegin()->first - Now(); }
  size_t size() const { return due_times_.size(); }
  size_t memory_bytes() const { return wheel_.memory_bytes(); }

 private:
  struct Waiting {
    int64_t tick;
    std::multimap<int64_t, uint32_t>::iterator due_time;
  };

  void CheckDue(Item item) {
    const auto found = waiting_.find(item.hash);
    ASSERT_NE(found, waiting_.end()) << "delivered twice, or never added: " << item.hash;
    const auto [tick, due_time] = found->second;
    EXPECT_EQ(item.tick, static_cast<uint32_t>(tick));
    EXPECT_EQ(due_time->first, Now()) << "delivered at the wrong time";
    EXPECT_EQ(due_time->first, due_times_.begin()->first) << "delivered out of order";
    due_times_.erase(due_time);
    waiting_.erase(found);
  }

  int64_t now_;
  uint64_t next_hash_ = 0;
  bool delivering_ = false;
  std::multimap<int64_t, uint32_t> due_times_;
  std::unordered_map<uint32_t, Waiting> waiting_;
  TimingWheel wheel_;
};

class TimingWheelTest : public testing::Test {
 protected:
  ~TimingWheelTest() override { SetAllocationFailureForTest(-1); }
};

int64_t Power64(int exponent) { return int64_t{1} << (6 * exponent); }

// Ticks around every digit boundary of every level, and around the wrap.
std::vector<uint32_t> InterestingTicks() {
  std::vector<uint32_t> ticks;
  for (int level = 0; level <= 5; ++level) {
    for (int64_t offset = -1; offset <= 1; ++offset) {
      ticks.push_back(static_cast<uint32_t>(Power64(level) + offset));
      ticks.push_back(static_cast<uint32_t>(-Power64(level) + offset));
    }
  }
  return ticks;
}

TEST_F(TimingWheelTest, EmptyWheelHasNothingToDo) {
  CheckedWheel wheel(7);
  wheel.Check();
  EXPECT_TRUE(wheel.Advance(0, 0));
  EXPECT_TRUE(wheel.Advance(std::numeric_limits<int32_t>::max(), 0));
  EXPECT_EQ(wheel.memory_bytes(), 0u);
}

TEST_F(TimingWheelTest, EachBoundaryFromEachBoundary) {
  for (const uint32_t start : InterestingTicks()) {
    for (const uint32_t ahead : InterestingTicks()) {
      SCOPED_TRACE(std::to_string(start) + " + " + std::to_string(ahead));
      CheckedWheel wheel(start);
      ASSERT_TRUE(wheel.Add(static_cast<int32_t>(ahead)));
      if (wheel.ToLast() > 0) {
        wheel.Advance(wheel.ToLast() - 1);
        EXPECT_EQ(wheel.size(), 1u);
        EXPECT_EQ(wheel.ToNext(), 1);
      }
      EXPECT_TRUE(wheel.Advance(wheel.ToLast()));
      EXPECT_EQ(wheel.size(), 0u);
      if (HasFailure()) return;
    }
  }
}

TEST_F(TimingWheelTest, NothingIsDueBeforeNextTick) {
  for (const uint32_t start : InterestingTicks()) {
    CheckedWheel wheel(start);
    for (const uint32_t ahead : InterestingTicks()) {
      ASSERT_TRUE(wheel.Add(static_cast<int32_t>(ahead)));
    }
    while (wheel.size() > 0 && !HasFailure()) {
      const size_t size = wheel.size();
      const int64_t next = wheel.ToNext();
      if (next > 0) {
        EXPECT_TRUE(wheel.Advance(next - 1, 0)) << "a tick without work costs no budget";
      }
      EXPECT_EQ(wheel.size(), size);
      wheel.Advance(wheel.ToNext());
    }
  }
}

TEST_F(TimingWheelTest, OneWheelHoldsDeadlinesAcrossTheWrap) {
  CheckedWheel wheel(0u - 5000u);
  for (int64_t ahead = -100; ahead < 10000; ++ahead) ASSERT_TRUE(wheel.Add(ahead));
  for (int step = 0; step < 1500; ++step) wheel.Advance(7);
  EXPECT_EQ(wheel.size(), 0u);
}

TEST_F(TimingWheelTest, FartherThanTheMaximumIsDueAtTheMaximum) {
  CheckedWheel wheel(12345);
  for (const int64_t beyond : {int64_t{0}, int64_t{1}, int64_t{kMaxAhead} - 1}) {
    ASSERT_TRUE(wheel.Add(int64_t{kMaxAhead} + beyond));
  }
  wheel.Advance(kMaxAhead - 1);
  EXPECT_EQ(wheel.size(), 3u);
  wheel.Advance(1);
  EXPECT_EQ(wheel.size(), 0u);
}

TEST_F(TimingWheelTest, TimeThatGoesBackStandsStill) {
  CheckedWheel wheel(1000);
  ASSERT_TRUE(wheel.Add(-1));
  ASSERT_TRUE(wheel.Add(1));
  EXPECT_TRUE(wheel.Advance(-500));
  EXPECT_EQ(wheel.size(), 1u) << "what is due is delivered all the same";
}

TEST_F(TimingWheelTest, PastItemsAddedWhileDeliveringComeOneTickLater) {
  CheckedWheel wheel(60);
  ASSERT_TRUE(wheel.Add(0));
  const auto again = [&wheel] { ASSERT_TRUE(wheel.Add(-3)); };
  EXPECT_TRUE(wheel.Advance(0, kPlenty, again));
  EXPECT_EQ(wheel.ToNext(), 1);
  EXPECT_TRUE(wheel.Advance(10, kPlenty, again)) << "an owner that never gives up cannot stop time";
}

TEST_F(TimingWheelTest, BudgetMayEndInTheMiddleOfACascade) {
  CheckedWheel wheel(0u - 3000u);
  for (int64_t i = 0; i < 100; ++i) ASSERT_TRUE(wheel.Add(5000 + i % 70));
  for (size_t calls = 0; !wheel.Advance(wheel.ToLast(), 1) && !HasFailure(); ++calls) {
    if (calls < 300 && calls % 5 == 0) {
      ASSERT_TRUE(wheel.Add(static_cast<int64_t>(calls % 3) - 1));
    }
  }
  EXPECT_EQ(wheel.size(), 0u);
}

// 100,000 = 24.26.32 in base 64: two cascades and the delivery, and three steps of time.
TEST_F(TimingWheelTest, AMillionEqualDeadlinesComeInBoundedSlices) {
  constexpr uint32_t kItems = 1'000'000, kTick = 100'000;
  constexpr size_t kBudget = 1000;
  TimingWheel wheel(0);
  for (uint32_t i = 0; i < kItems; ++i) ASSERT_TRUE(wheel.Add({.hash = i, .tick = kTick}));
  EXPECT_LE(wheel.memory_bytes(), kItems / 30 * kChunkBytes + kChunkBytes);

  std::vector<bool> seen(kItems);
  size_t calls = 1, in_call = 0;
  const auto due = [&](Item item) {
    ASSERT_FALSE(seen[item.hash]);
    seen[item.hash] = true;
    ++in_call;
  };
  for (; !wheel.Advance(kTick, kBudget, due) && !HasFailure(); ++calls, in_call = 0) {
    ASSERT_LE(in_call, kBudget);
    ASSERT_LE(calls, kItems);
  }
  EXPECT_EQ(calls, (3 * kItems + 3 + kBudget - 1) / kBudget);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), kItems);
  EXPECT_EQ(wheel.memory_bytes(), TimingWheel::kSpareChunksMax * kChunkBytes);
  wheel.CheckInvariants();
}

TEST_F(TimingWheelTest, AnItemMovesAtMostOncePerLevel) {
  constexpr size_t kItems = 1000;
  CheckedWheel wheel(0x3fffff);
  std::mt19937_64 random(1);
  for (size_t i = 0; i < kItems; ++i) {
    ASSERT_TRUE(wheel.Add(static_cast<int64_t>(random() % (int64_t{kMaxAhead} + 1))));
  }
  size_t units = 0, steps = 0;
  for (int64_t before = wheel.Now(); wheel.size() > 0 && !HasFailure();
       before = wheel.Now(), ++units) {
    wheel.Advance(wheel.ToLast(), 1);
    steps += wheel.Now() != before ? 1 : 0;
  }
  // Delivered, moved four times, and a second time within the top level if it was that far.
  EXPECT_LE(units - steps, kItems * 6);
}

TEST_F(TimingWheelTest, AddWithoutMemoryChangesNothing) {
  CheckedWheel wheel(0);
  SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
  EXPECT_FALSE(wheel.Add(5));
  EXPECT_FALSE(wheel.Add(0));
  SetAllocationFailureForTest(-1);
  ASSERT_TRUE(wheel.Add(5));
  SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
  EXPECT_TRUE(wheel.Add(5)) << "the chunk has room";
  EXPECT_FALSE(wheel.Add(6));
  wheel.Advance(5);
  EXPECT_EQ(wheel.size(), 0u);
}

// 300 items of one tick in ten chunks, and no memory for more: each is rescheduled to a tick of its
// own, again and again, and comes when it should, whatever the budget.
TEST_F(TimingWheelTest, ReschedulingAndCascadesNeedNoMemory) {
  for (const size_t budget : {size_t{1}, size_t{7}, kPlenty}) {
    CheckedWheel wheel(0u - 100u);
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(wheel.Add(50));
    SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
    int64_t round = 0;
    const auto reschedule = [&] {
      if (++round > 3000) return;
      ASSERT_TRUE(wheel.Add(round * round * round % 300'000 - 50));
    };
    for (int64_t jump = 1; wheel.size() > 0 && !HasFailure(); jump = jump % 5000 + 97) {
      wheel.Advance(jump, budget, reschedule);
    }
    SetAllocationFailureForTest(-1);
  }
}

TEST_F(TimingWheelTest, WithoutMemoryOnlyTheFirstAddInDueIsSure) {
  CheckedWheel wheel(0);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(wheel.Add(5));
  SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
  EXPECT_FALSE(wheel.Advance(5, 2, [&wheel] {  // a step of time and one item of a full chunk
    EXPECT_TRUE(wheel.Add(100));
    EXPECT_FALSE(wheel.Add(100));
  }));
  EXPECT_TRUE(wheel.Advance(5));
  EXPECT_EQ(wheel.size(), 1u);
  EXPECT_TRUE(wheel.Advance(100));
  EXPECT_EQ(wheel.size(), 0u);
}

TEST_F(TimingWheelTest, DueMustNotAdvance) {
  TimingWheel wheel(0);
  ASSERT_TRUE(wheel.Add({.hash = 1, .tick = 0}));
  const auto advance_again = [&](Item) { wheel.Advance(1, 1, [](Item) {}); };
  EXPECT_DEATH(wheel.Advance(1, 9, advance_again), "check failed");
}

// Random schedules against the sorted list. IDEM_SEED=n runs one seed alone.
class TimingWheelRandomTest : public TimingWheelTest {
 protected:
  int64_t Pick(int64_t count) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(count));
  }

  // Near and far alike, often at a digit boundary, sometimes past or out of range.
  int64_t PickAhead(CheckedWheel& wheel) {
    const int64_t ahead = Pick(int64_t{1} << Pick(31));
    const int64_t unit = Power64(static_cast<int>(Pick(5)));
    const std::array<int64_t, 8> choices = {ahead,
                                            ahead,
                                            ahead,
                                            -ahead,
                                            wheel.ToLast(),
                                            unit - 1 + Pick(3),
                                            ahead - (wheel.Now() + ahead) % unit - 1 + Pick(3),
                                            int64_t{kMaxAhead} - 2 + Pick(4)};
    return choices[static_cast<size_t>(Pick(8))];
  }

  size_t PickBudget() { return Pick(4) == 0 ? kPlenty : size_t{1} << Pick(12); }

  void MaybeFailAllocations() {
    if (Pick(20) == 0) memory_fails_ = !memory_fails_;
    const auto failure = Pick(2) == 0 ? AllocationFailure::kOnce : AllocationFailure::kFromThenOn;
    SetAllocationFailureForTest(memory_fails_ ? 1 + Pick(10) : -1, failure);
  }

  void AddSome(CheckedWheel& wheel) {
    for (int64_t left = Pick(60), ahead = PickAhead(wheel); left > 0; --left) {
      if (Pick(3) > 0) ahead = PickAhead(wheel);
      ASSERT_TRUE(wheel.Add(ahead) || memory_fails_);
    }
    wheel.Check();
  }

  void AdvanceSome(CheckedWheel& wheel) {
    const int64_t ahead = Pick(3) == 0 && wheel.size() > 0 ? wheel.ToNext() - 1 + Pick(3)
                                                           : Pick(int64_t{1} << Pick(32));
    wheel.Advance(ahead, PickBudget(), [&] {
      if (Pick(3) > 0) return;
      EXPECT_TRUE(wheel.Add(PickAhead(wheel))) << "the first Add cannot fail";
      if (Pick(3) == 0) static_cast<void>(wheel.Add(PickAhead(wheel)));
    });
  }

  void Run(uint64_t seed, int64_t steps) {
    SCOPED_TRACE("replay with IDEM_SEED=" + std::to_string(seed));
    random_.seed(seed);
    memory_fails_ = false;
    SetAllocationFailureForTest(-1);
    CheckedWheel wheel(static_cast<uint32_t>(Pick(2) == 0 ? -Pick(100'000) : Pick(1LL << 32)));
    for (; steps > 0 && !HasFailure(); --steps) {
      if (seed % 2 == 0) MaybeFailAllocations();
      Pick(3) == 0 ? AddSome(wheel) : AdvanceSome(wheel);
    }
    while (wheel.size() > 0 && !HasFailure()) wheel.Advance(wheel.ToNext());
  }

  std::mt19937_64 random_;
  bool memory_fails_ = false;
};

TEST_F(TimingWheelRandomTest, DeliversWhatASortedListDelivers) {
  if (const char* const seed = std::getenv("IDEM_SEED")) {
    Run(std::strtoull(seed, nullptr, 10), 1000);
    return;
  }
  const auto seeds = static_cast<uint64_t>(TestSize(60));
  for (uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) Run(seed, 1000);
}

}  // namespace
}  // namespace idem::engine
