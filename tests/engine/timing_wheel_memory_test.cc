// The wheel without memory for a chunk, and random schedules with and without it.
#include <algorithm>
#include <cstdint>
#include <random>

#include "gtest/gtest.h"
#include "tests/support/checked_wheel.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr size_t kPlenty = 1'000'000;
constexpr size_t kItemsPerChunk = 30;

TEST(TimingWheelMemoryTest, AddWithoutMemoryChangesNothing) {
  CheckedWheel wheel(0);
  wheel.TakeMemory();
  EXPECT_EQ(wheel.Add(5), 0);
  EXPECT_EQ(wheel.Add(0), 0);
  wheel.ReleaseMemory();
  ASSERT_NE(wheel.Add(5), 0);
  wheel.TakeMemory();
  EXPECT_NE(wheel.Add(5), 0) << "the chunk has room";
  EXPECT_EQ(wheel.Add(6), 0);
  wheel.Advance(5);
  EXPECT_EQ(wheel.size(), 0u);
}

// What cannot move is delivered early, with the mark that it was told.
TEST(TimingWheelMemoryTest, ACascadeWithoutMemoryDeliversEarly) {
  CheckedWheel wheel(0);
  for (int64_t i = 0; i < 200; ++i) ASSERT_NE(wheel.Add(70 + i % 50), 0);
  wheel.TakeMemory();
  wheel.Advance(64);
  EXPECT_GT(wheel.early(), 0);
  EXPECT_EQ(wheel.size(), 200u) << "all were added again";
  while (wheel.size() > 0 && !testing::Test::HasFailure()) wheel.Advance(1);
}

// Items of one tick, and no memory for more: each is rescheduled to a tick of its own, again and
// again, and comes when it should or is parked until it can wait where it should.
TEST(TimingWheelMemoryTest, ReschedulingNeedsNoMemory) {
  for (const size_t budget : {size_t{1}, size_t{7}, kPlenty}) {
    CheckedWheel wheel((uint64_t{1} << 30) - 100);
    for (int i = 0; i < 300; ++i) ASSERT_NE(wheel.Add(50), 0);
    wheel.TakeMemory();
    int64_t round = 0;
    const auto reschedule = [&] {
      if (++round > 3000) return;
      // Who is early has been added again already, and has the only sure place.
      (void)wheel.Add(round * round * round % 300'000 - 50);
    };
    for (uint64_t jump = 1; wheel.size() > 0 && !testing::Test::HasFailure();
         jump = jump % 5000 + 97) {
      wheel.Advance(jump, budget, reschedule);
    }
    EXPECT_EQ(wheel.memory_bytes(), 0u);
  }
}

TEST(TimingWheelMemoryTest, OnlyTheFirstAddInDueIsSure) {
  CheckedWheel wheel(0);
  for (size_t i = 0; i < kItemsPerChunk; ++i) ASSERT_NE(wheel.Add(5), 0);
  wheel.TakeMemory();
  EXPECT_FALSE(wheel.Advance(5, 2, [&wheel] {  // a step of time and one item of a full chunk
    EXPECT_EQ(wheel.Add(100), TimingWheel::kMarkParked);
    EXPECT_EQ(wheel.Add(100), 0);
  }));
  EXPECT_TRUE(wheel.Advance(5));
  EXPECT_EQ(wheel.size(), 1u);
  while (wheel.size() > 0 && !testing::Test::HasFailure()) wheel.Advance(1);
  EXPECT_EQ(wheel.Now(), 105u);
}

// Parked at the last tick of a level: the next one is in a slot of a higher level, where others
// wait, and more come.
TEST(TimingWheelMemoryTest, ParkedItemsCrossEveryBoundary) {
  for (uint32_t level = 1; level <= 5; ++level) {
    const uint64_t boundary = uint64_t{1} << (6 * level);
    for (const int64_t others : {0, 1, 40}) {
      CheckedWheel wheel(boundary - 10);
      for (int i = 0; i < 70; ++i) ASSERT_NE(wheel.Add(9), 0);
      for (int64_t i = 0; i < others; ++i) ASSERT_NE(wheel.Add(10 + i), 0);
      wheel.TakeMemory();
      wheel.Advance(9, kPlenty, [&] { ASSERT_NE(wheel.Add(500), 0); });
      EXPECT_GE(wheel.size(), 70u);
      wheel.ReleaseMemory();
      for (int64_t i = 0; i < others; ++i) ASSERT_NE(wheel.Add(1 + i), 0);
      EXPECT_EQ(wheel.ToNext(), 1u);
      while (wheel.size() > 0 && !testing::Test::HasFailure()) wheel.Advance(1);
    }
  }
}

// Random schedules against the list.
class RandomSchedule {
 public:
  explicit RandomSchedule(uint64_t seed) : fails_(seed % 2 == 0), random_(seed), wheel_(Start()) {}

  void Run(int64_t steps) {
    for (; steps > 0 && !testing::Test::HasFailure(); --steps) {
      if (fails_ && Pick(10) == 0) ChangeMemory();
      Pick(3) == 0 ? AddSome() : AdvanceSome();
      if (Pick(4) == 0) wheel_.Forget(static_cast<uint32_t>(Pick(names_)));
    }
    wheel_.ReleaseMemory();
    while (wheel_.size() > 0 && !testing::Test::HasFailure()) wheel_.Advance(wheel_.ToNext());
    EXPECT_EQ(wheel_.memory_bytes(), 0u);
  }

 private:
  uint64_t Pick(uint64_t count) { return random_() % count; }

  uint64_t Start() {
    if (Pick(3) == 0) return Pick(100'000);
    const uint64_t start = Pick(uint64_t{1} << 38);
    return Pick(2) == 0 ? start : RoundDown(start, static_cast<uint32_t>(Pick(6))) - Pick(3) + 3;
  }

  void ChangeMemory() {
    wheel_.ReleaseMemory();
    starves_ = Pick(3) > 0;
    if (starves_) wheel_.TakeMemory(Pick(4) * Pick(4));
  }

  // Near and far alike, often at a digit boundary, sometimes past or out of reach.
  uint64_t PickTick() {
    const uint64_t now = wheel_.Now();
    const uint64_t ahead = Pick(uint64_t{1} << Pick(31));
    const auto digits = static_cast<uint32_t>(Pick(6));
    switch (Pick(8)) {
      case 0:
        return now - std::min(now, ahead);
      case 1:
        return now + wheel_.ToLast();
      case 2:
        return now + (uint64_t{1} << (6 * digits)) - 1 + Pick(3);
      case 3:
        return RoundDown(now + ahead, digits) + 1 - Pick(2);
      case 4:
        return now + kWheelReach - 2 + Pick(4);
      default:
        return now + ahead;
    }
  }
  void AddOne(uint64_t tick) { wheel_.AddAs(static_cast<uint32_t>(Pick(names_)), tick); }

  void AddSome() {
    uint64_t tick = PickTick();
    for (uint64_t left = Pick(60); left > 0; --left) {
      if (Pick(3) > 0) tick = PickTick();
      AddOne(tick);
      wheel_.Check();
    }
  }

  void AdvanceSome() {
    const uint64_t to_next = wheel_.size() > 0 ? wheel_.ToNext() : 0;
    const uint64_t ahead = Pick(3) == 0 ? to_next + Pick(2) : Pick(uint64_t{1} << Pick(31));
    size_t budget = Pick(4) == 0 ? kPlenty : size_t{1} << Pick(12);
    if (starves_) budget = std::min<size_t>(budget, 500);  // what is parked comes at every tick
    wheel_.Advance(ahead, budget, [&] {
      for (uint64_t left = Pick(8) / 5; left > 0; --left) AddOne(PickTick());
    });
  }

  const bool fails_;
  const uint64_t names_ = 1000;  // few, so that some have several items
  std::mt19937_64 random_;
  CheckedWheel wheel_;
  bool starves_ = false;
};

TEST(TimingWheelMemoryTest, RandomSchedulesAgainstAList) {
  RunSeeds(TestSize(40), [](uint64_t seed) { RandomSchedule(seed).Run(1000); });
}

}  // namespace
}  // namespace idem::engine
