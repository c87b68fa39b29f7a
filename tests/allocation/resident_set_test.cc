// The memory limit is kept by the process, not only by the store's own account: hours at the limit,
// with sizes that drift and large responses among them.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kLimitBytes = 192 * kMiB;
constexpr int64_t kHourMs = 3'600'000;
constexpr int kHours = 30;
constexpr int kRoundsAnHour = 500;  // of the housekeeper
constexpr int kLargeOneIn = 40;
constexpr size_t kLargeBytesMax = 20'000;

uint64_t ResidentSetBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

class ResidentSetTest : public StoreTest {
 protected:
  ResidentSetTest() { options_.memory_limit_bytes = kLimitBytes; }

  // Until claims are refused.
  void FillUp(std::mt19937_64& random, size_t response_bytes) {
    const std::string bytes(kLargeBytesMax, 'r');
    for (;;) {
      static constexpr std::array<int64_t, 8> kHoursKept = {1, 1, 1, 2, 2, 3, 6, 24};
      const std::string key = "order:" + std::to_string(random());
      const Reply claim = Execute({.op = Op::kBegin,
                                   .key = key,
                                   .lease_ms = kHourMs,
                                   .retention_ms = kHoursKept[random() % 8] * kHourMs});
      if (claim.outcome == Outcome::kOutOfMemory) return;
      const size_t most = random() % kLargeOneIn == 0 ? kLargeBytesMax : 2 * response_bytes;
      const std::string_view response = std::string_view(bytes).substr(0, random() % most);
      const Reply done =
          Execute({.op = Op::kComplete, .key = key, .value = response, .token = claim.token});
      ASSERT_EQ(done.outcome, Outcome::kOk);
    }
  }
};

TEST_F(ResidentSetTest, StaysWithinTheLimitATenthAnd32MiB) {
  Open();
  const uint64_t before = ResidentSetBytes();
  std::mt19937_64 random(1);
  uint64_t most = 0;
  for (int hour = 0; hour < kHours; ++hour) {
    const auto response_bytes = static_cast<size_t>(10 + 110 * (hour / 6 % 2));
    FillUp(random, response_bytes);
    most = std::max(most, ResidentSetBytes() - before);
    clock_.Advance(kHourMs);
    for (int round = 0; round < kRoundsAnHour; ++round) ExpireAll();
  }
  std::cout << "limit " << kLimitBytes / kMiB << " MiB, resident at most " << most / kMiB << '\n';
  EXPECT_LE(most, kLimitBytes / 10 * 11 + 32 * kMiB);
  EXPECT_GE(most, kLimitBytes / 10 * 9) << "the limit was come to";
}

}  // namespace
}  // namespace idem
