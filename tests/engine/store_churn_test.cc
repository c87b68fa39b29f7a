// Days of traffic whose keys, responses and retentions are of many sizes: memory must not fray.
//
// Resident is what the store has from the system for entries, index and wheel; live is what stands
// in it. Large responses are left out: they stand in allocations of their own.
//
// The bound: a tenth of the pages may be waste, and some 24 MiB of pages stand by.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int kDays = 8;
constexpr int kHours = 24 * kDays;
constexpr int kRoundsAMinute =
    60;  // of the housekeeper; it makes 1200, if it is not asked for more
constexpr double kStandingBy = 24 << 20;
constexpr size_t kResponseBytesMax = Response::kInlineBytes;

class StoreChurnTest : public StoreTest {
 protected:
  StoreChurnTest() { options_.stripes = 4; }

  // Most requests finish at once, some are given up for retry, some workers die.
  void Request(std::mt19937_64& random, int hour) {
    const std::string key = KeyFrom(random);
    const auto begun =
        Execute({.op = Op::kBegin, .key = key, .retention_ms = RetentionFrom(random)});
    ASSERT_EQ(begun.outcome, Outcome::kClaimed);
    const uint64_t fate = random() % 100;
    if (fate < 3) return;
    const std::string response(ResponseBytesFrom(random, hour), 'r');
    const Reply settled =
        fate < 6
            ? Execute({.op = Op::kFail, .key = key, .token = begun.token})
            : Execute({.op = Op::kComplete, .key = key, .value = response, .token = begun.token});
    ASSERT_EQ(settled.outcome, Outcome::kOk);
  }

  void Rounds(int count) {
    for (int round = 0; round < count; ++round) ExpireAll();
  }

  // What is resident beside the pages that stand by, for each live byte.
  double Resident() const {
    const Stats stats = store_->GetStats();
    return (static_cast<double>(stats.page_bytes) - kStandingBy) /
           static_cast<double>(stats.memory_bytes);
  }

 private:
  static std::string KeyFrom(std::mt19937_64& random) {
    return "order:" + std::string(random() % 40, 'k') + std::to_string(random());
  }
  static int64_t RetentionFrom(std::mt19937_64& random) {
    static constexpr std::array<int64_t, 10> kHoursKept = {1, 1, 1, 6, 24, 24, 24, 24, 24, 72};
    return kHoursKept[random() % kHoursKept.size()] * kHourMs;
  }
  // The mean drifts from day to day: what was cut for one size is needed for another.
  static size_t ResponseBytesFrom(std::mt19937_64& random, int hour) {
    const double mean = 20 + 90 * (1 + std::sin(hour / 24.0));
    const double bytes = std::exponential_distribution<>(1 / mean)(random);
    return std::min(static_cast<size_t>(bytes), kResponseBytesMax);
  }
};

// By day there are three times as many requests as by night.
int RequestsAMinute(int hour) {
  return static_cast<int>(TestSize(300 + static_cast<int>(150 * std::sin(hour * M_PI / 12))));
}

TEST_F(StoreChurnTest, ResidentStaysNearLiveOverDays) {
  RunSeeds(1, [&](uint64_t seed) {
    Open();
    std::mt19937_64 random(seed);
    double worst = 0;
    for (int hour = 0; hour < kHours; ++hour) {
      for (int minute = 0; minute < 60; ++minute) {
        for (int i = 0; i < RequestsAMinute(hour); ++i) Request(random, hour);
        clock_.Advance(kMinuteMs);
        Rounds(kRoundsAMinute);
      }
      if (hour >= 24) worst = std::max(worst, Resident());
    }
    std::cout << "resident : live, at worst " << worst << ", with " << store_->GetStats().records
              << " records\n";
    EXPECT_LT(worst, 1.2);
    clock_.Advance(75 * kHourMs);
    Rounds(1000);
    EXPECT_EQ(store_->GetStats().records, 0u);
    EXPECT_LE(store_->GetStats().page_bytes, kStandingBy) << "the rest goes back";
  });
}

}  // namespace
}  // namespace idem
