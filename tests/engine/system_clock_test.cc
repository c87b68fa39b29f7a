#include <time.h>

#include <string>

#include "gtest/gtest.h"
#include "idem/clock.h"

namespace idem {
namespace {

int64_t KernelMs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

TEST(SystemClockTest, BootTimeIsTheKernelsAndNeverGoesBack) {
  int64_t last = KernelMs(CLOCK_BOOTTIME);
  for (int i = 0; i < 10'000; ++i) {
    const int64_t now = Clock::System()->BootMs();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_LE(last, KernelMs(CLOCK_BOOTTIME));
}

// The wall clock may be set meanwhile, by minutes at most where tests run.
TEST(SystemClockTest, WallTimeCountsFrom1970) {
  EXPECT_NEAR(static_cast<double>(Clock::System()->WallMs()),
              static_cast<double>(KernelMs(CLOCK_REALTIME)), 3'600'000);
}

TEST(SystemClockTest, TheBootHasOneName) {
  const std::string id = Clock::System()->BootId();
  EXPECT_EQ(Clock::System()->BootId(), id);
  EXPECT_LE(id.size(), 64U);
  EXPECT_EQ(id.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace idem
