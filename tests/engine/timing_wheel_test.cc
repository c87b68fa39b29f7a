#include "timer/timing_wheel.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/checked_wheel.h"

namespace idem::engine {
namespace {

using Item = TimingWheel::Item;

// More work than these tests need; not endless, so that a wheel running in circles fails them.
constexpr size_t kPlenty = 1'000'000;
constexpr uint64_t kFar = uint64_t{1} << 40;  // a start in the middle of time

uint64_t Power64(uint32_t exponent) { return uint64_t{1} << (6 * exponent); }

// Ticks around every digit boundary of every level, and what stands one or several slots behind it.
std::vector<uint64_t> InterestingTicks() {
  std::set<uint64_t> ticks;
  for (uint32_t level = 0; level <= 5; ++level) {
    for (uint64_t offset = 0; offset <= 2; ++offset) {
      ticks.insert(Power64(level) + offset - 1);
      ticks.insert(63 * Power64(level) + offset - 1);
      ticks.insert(Power64(level) + 5 * Power64(level / 2) + offset);
    }
  }
  return {ticks.begin(), ticks.end()};
}

TEST(TimingWheelTest, EmptyWheelHasNothingToDo) {
  CheckedWheel wheel(7);
  wheel.Check();
  EXPECT_TRUE(wheel.Advance(0, 0));
  EXPECT_TRUE(wheel.Advance(uint64_t{1} << 50, 0));
  EXPECT_EQ(wheel.memory_bytes(), 0u);
}

TEST(TimingWheelTest, EachBoundaryFromEachBoundary) {
  for (const uint64_t start : InterestingTicks()) {
    for (const uint64_t ahead : InterestingTicks()) {
      SCOPED_TRACE(std::to_string(start) + " + " + std::to_string(ahead));
      CheckedWheel wheel(start);
      ASSERT_NE(wheel.Add(static_cast<int64_t>(ahead)), 0);
      wheel.Advance(wheel.ToLast() - 1);
      EXPECT_EQ(wheel.size(), 1u);
      EXPECT_EQ(wheel.ToNext(), 1u);
      EXPECT_TRUE(wheel.Advance(1));
      EXPECT_EQ(wheel.size(), 0u);
      EXPECT_EQ(wheel.memory_bytes(), 0u);
      if (HasFailure()) return;
    }
  }
}

TEST(TimingWheelTest, NothingIsDueBeforeNextTick) {
  for (const uint64_t start : InterestingTicks()) {
    CheckedWheel wheel(start);
    for (const uint64_t ahead : InterestingTicks()) {
      ASSERT_NE(wheel.Add(static_cast<int64_t>(ahead)), 0);
    }
    while (wheel.size() > 0 && !HasFailure()) {
      const size_t size = wheel.size();
      if (wheel.ToNext() > 0) {
        EXPECT_TRUE(wheel.Advance(wheel.ToNext() - 1, 0)) << "empty time costs no budget";
      }
      EXPECT_EQ(wheel.size(), size);
      wheel.Advance(wheel.ToNext());
    }
  }
}

// The example at the head of timing_wheel.h.
TEST(TimingWheelTest, ItemsComeWhereTheHeadSays) {
  const auto tick = [](uint64_t a, uint64_t b, uint64_t c) { return (a * 64 + b) * 64 + c; };
  TimingWheel::Item got{};
  std::vector<uint64_t> times;
  PagePool pool;
  pool.Refill();
  Arena arena(&pool);
  TimingWheel wheel(&arena, tick(3, 9, 5));
  EXPECT_EQ(wheel.Add(1, tick(3, 9, 7)), 7 + 1);
  EXPECT_EQ(wheel.Add(2, tick(3, 12, 20)), 20 + 1);
  EXPECT_EQ(wheel.Add(3, tick(8, 10, 33)), 64 + 10 + 1);
  for (const uint64_t expected : {tick(3, 9, 7), tick(3, 12, 20), tick(8, 10, 0)}) {
    EXPECT_TRUE(wheel.Advance(expected - 1, kPlenty, [](Item) { FAIL(); }));
    EXPECT_TRUE(wheel.Advance(expected, kPlenty, [&](Item item) { got = item; }));
    times.push_back(got.name);
  }
  EXPECT_EQ(times, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimingWheelTest, NearItemsComeAtTheirVeryTick) {
  CheckedWheel wheel(kFar);
  for (int64_t ahead = 1; ahead < 4096; ahead += 3) ASSERT_NE(wheel.Add(ahead), 0);
  while (wheel.size() > 0 && !testing::Test::HasFailure()) wheel.Advance(7);
  EXPECT_EQ(wheel.early(), 0);
}

// The top level is a ring, and whoever is beyond it comes by every turn.
TEST(TimingWheelTest, FarAwayItemsComeByAndAreAddedAgain) {
  for (const uint64_t start : {uint64_t{0}, Power64(5) - 1, 5 * Power64(5) - Power64(4) - 3}) {
    CheckedWheel wheel(start);
    for (const int64_t beyond : {-1, 0, 1, 5000, 500'000'000}) {
      ASSERT_NE(wheel.Add(static_cast<int64_t>(kWheelReach) + beyond), 0);
      ASSERT_NE(wheel.Add(3 * static_cast<int64_t>(kWheelReach) + beyond), 0);
    }
    while (wheel.size() > 0 && !testing::Test::HasFailure()) wheel.Advance(Power64(4) - 12345);
  }
}

TEST(TimingWheelTest, ThePastIsDeliveredOneTickAfterNow) {
  CheckedWheel wheel(1000);
  for (const int64_t ahead : {-1000, -1, 0, 1}) ASSERT_NE(wheel.Add(ahead), 0);
  EXPECT_TRUE(wheel.Advance(0));
  EXPECT_EQ(wheel.size(), 4u);
  EXPECT_EQ(wheel.ToNext(), 1u);
  EXPECT_TRUE(wheel.Advance(1));
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimingWheelTest, TimeThatGoesBackStandsStill) {
  PagePool pool;
  pool.Refill();
  Arena arena(&pool);
  TimingWheel wheel(&arena, 1000);
  ASSERT_NE(wheel.Add(1, 1001), 0);
  EXPECT_TRUE(wheel.Advance(500, kPlenty, [](Item) { FAIL(); }));
  EXPECT_EQ(wheel.now_tick(), 1000u);
}

TEST(TimingWheelTest, PastItemsAddedWhileDeliveringComeOneTickLater) {
  CheckedWheel wheel(60);
  ASSERT_NE(wheel.Add(0), 0);
  const auto again = [&wheel] { ASSERT_NE(wheel.Add(-3), 0); };
  EXPECT_TRUE(wheel.Advance(1, kPlenty, again));
  EXPECT_EQ(wheel.ToNext(), 1u);
  EXPECT_TRUE(wheel.Advance(10, kPlenty, again)) << "an owner that never gives up cannot stop time";
}

// An owner that moves an entry to another time leaves a stale item, which has the old mark.
TEST(TimingWheelTest, MarksTellItemsOfOneNameApart) {
  CheckedWheel wheel(kFar + 5);
  std::set<uint16_t> marks;
  for (const uint64_t ahead : {1u, 30u, 100u, 3000u, 5000u, 300'000u, 20'000'000u}) {
    EXPECT_TRUE(marks.insert(wheel.AddAs(7, kFar + 5 + ahead)).second);
  }
  wheel.Forget(7);
  ASSERT_NE(wheel.AddAs(7, kFar + 5 + 2000), 0);
  EXPECT_TRUE(wheel.Advance(2000));
  while (wheel.size() > 0 && !testing::Test::HasFailure()) wheel.Advance(wheel.ToNext());
}

TEST(TimingWheelTest, BudgetMayEndInTheMiddleOfACascade) {
  CheckedWheel wheel(kFar - 3000);
  for (int64_t i = 0; i < 100; ++i) ASSERT_NE(wheel.Add(5000 + i % 70), 0);
  for (size_t calls = 0; !wheel.Advance(wheel.ToLast(), 1) && !HasFailure(); ++calls) {
    if (calls < 300 && calls % 5 == 0) {
      ASSERT_NE(wheel.Add(static_cast<int64_t>(calls % 3) - 1), 0);
    }
  }
  EXPECT_EQ(wheel.size(), 0u);
}

// Behind three items that are due stands one that is not; and before time is there, there are none.
TEST(TimingWheelTest, NextDueNamesWhatComesNext) {
  PagePool pool;
  pool.Refill();
  Arena arena(&pool);
  TimingWheel wheel(&arena, 0);
  std::array<uint32_t, TimingWheel::kNextDueMax> names;
  for (const uint32_t name : {1u, 2u, 3u}) ASSERT_NE(wheel.Add(name, 5), 0);
  ASSERT_NE(wheel.Add(4, 6), 0);
  ASSERT_NE(wheel.Add(5, 100), 0);
  EXPECT_EQ(wheel.NextDue(4, names), 0u);
  ASSERT_EQ(wheel.NextDue(200, names), 3u);
  EXPECT_EQ(std::set<uint32_t>(names.begin(), names.begin() + 3), (std::set<uint32_t>{1, 2, 3}));
  EXPECT_TRUE(wheel.Advance(63, kPlenty, [](Item) {}));
  EXPECT_EQ(wheel.NextDue(200, names), 0u) << "100 is 1.36: first it cascades";
  EXPECT_FALSE(wheel.Advance(200, 2, [](Item) {}));
  ASSERT_EQ(wheel.NextDue(200, names), 1u);
  EXPECT_EQ(names[0], 5u);
}

// 100,000 = 24.26.32 in base 64: a move, an early delivery and the last one, and three steps of
// time.
TEST(TimingWheelTest, AMillionEqualDeadlinesComeInBoundedSlices) {
  constexpr uint32_t kItems = 1'000'000, kTick = 100'000;
  constexpr size_t kBudget = 1000;
  PagePool pool;
  Arena arena(&pool);
  TimingWheel wheel(&arena, 0);
  for (uint32_t i = 0; i < kItems; ++i) {
    pool.Refill();
    ASSERT_NE(wheel.Add(i, kTick), 0);
  }
  EXPECT_LE(wheel.memory_bytes(), kItems * 43 / 10);

  std::vector<bool> seen(kItems);
  size_t calls = 1, in_call = 0;
  const auto due = [&](Item item) {
    ++in_call;
    if (wheel.now_tick() < kTick) {
      ASSERT_NE(wheel.Add(item.name, kTick), 0);
      return;
    }
    ASSERT_FALSE(seen[item.name]);
    seen[item.name] = true;
  };
  for (; !wheel.Advance(kTick, kBudget, due) && !HasFailure(); ++calls, in_call = 0) {
    pool.Refill();
    ASSERT_LE(in_call, kBudget);
    ASSERT_LE(calls, kItems);
    ASSERT_LE(wheel.memory_bytes(), kItems * 43 / 10 + 2 * TimingWheel::kChunkBytes);
  }
  EXPECT_EQ(calls, (3 * kItems + 3 + kBudget - 1) / kBudget);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), kItems);
  EXPECT_EQ(wheel.memory_bytes(), 0u);
  EXPECT_EQ(arena.CountBlocks(), 0u);
  wheel.CheckInvariants();
}

TEST(TimingWheelTest, DueMustNotAdvance) {
  PagePool pool;
  pool.Refill();
  Arena arena(&pool);
  TimingWheel wheel(&arena, 0);
  ASSERT_NE(wheel.Add(1, 0), 0);
  const auto advance_again = [&](Item) { wheel.Advance(1, 1, [](Item) {}); };
  EXPECT_DEATH(wheel.Advance(1, 9, advance_again), "check failed");
  EXPECT_DEATH((void)wheel.Add(1u << TimingWheel::kNameBits, 5), "check failed");
}

}  // namespace
}  // namespace idem::engine
