// Moments of the wall clock: the same one every time, whatever the two clocks say in between.
#include "server/wall_time.h"

#include "gtest/gtest.h"

namespace idem::server {
namespace {

// A clock cut to milliseconds, and a caller who may be set aside between two looks.
class CutClock final : public Clock {
 public:
  int64_t BootMs() const override { return Look(0); }
  int64_t WallMs() const override { return Look(apart_us); }
  std::string BootId() const override { return ""; }

  int64_t apart_us = 1'800'000'000'000'400;
  int64_t between_looks_us = 0;

 private:
  int64_t Look(int64_t more_us) const {
    us_ += between_looks_us;
    return (us_ + more_us) / 1000;
  }

  mutable int64_t us_ = 5'000'000;
};

constexpr int64_t kMoment = 1'900'000'000'123;

TEST(WallTimeTest, AMomentIsTheSameEveryTime) {
  CutClock clock;
  const WallTime time(clock);
  const int64_t boot_ms = time.BootMsAt(kMoment);
  for (const int64_t us : {0, 1, 333, 50'000, 0, 999, 7'000'000, 1}) {
    clock.between_looks_us = us;
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(time.BootMsAt(kMoment), boot_ms) << us << " us between looks, time " << i;
      ASSERT_EQ(time.UnixMsAt(boot_ms), kMoment);
    }
  }
}

TEST(WallTimeTest, AClockThatIsSetMovesAllMoments) {
  CutClock clock;
  const WallTime time(clock);
  const int64_t boot_ms = time.BootMsAt(kMoment);
  for (const int64_t hours : {1, 0, -1}) {
    clock.apart_us = 1'800'000'000'000'400 + hours * 3'600'000'000;
    EXPECT_EQ(time.BootMsAt(kMoment), boot_ms - hours * 3'600'000);
    EXPECT_EQ(time.UnixMsAt(boot_ms - hours * 3'600'000), kMoment);
  }
}

TEST(WallTimeTest, NoNumberIsTooLarge) {
  CutClock clock;
  const WallTime time(clock);
  EXPECT_LT(time.BootMsAt(INT64_MIN), 0);
  EXPECT_GT(time.BootMsAt(INT64_MAX), kMoment);
}

}  // namespace
}  // namespace idem::server
