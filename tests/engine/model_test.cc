// Random calls against a store and against a model of it: equal replies, equal contents.
//
// A run is decided by its seed; IDEM_SEED=n runs one seed alone. IDEM_T2_OPERATIONS is the number
// of calls of all tests together (2,000,000; under a sanitizer a part of it).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/seeds.h"
#include "tests/support/store_beside_model.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr int64_t kRunOperations = 20'000;
constexpr uint32_t kResponseBytesMax = 4'000;

int64_t AllOperations() {
  const char* const text = std::getenv("IDEM_T2_OPERATIONS");
  return text != nullptr ? std::strtoll(text, nullptr, 10) : TestSize(2'000'000);
}

// `percent` of all operations together, in runs of `run_operations`.
int64_t Runs(int64_t percent, int64_t run_operations) {
  return std::max<int64_t>(1, AllOperations() * percent / 100 / run_operations);
}

Options ShortLives() {
  Options options;
  options.policy.default_lease_ms = 30;
  options.policy.default_retention_ms = 320;
  options.restart_grace_ms = 25;
  options.policy.max_response_bytes = kResponseBytesMax;
  options.stripes = 4;
  return options;
}

Options InMemory() {
  Options options = ShortLives();
  options.durability = Durability::kMemory;
  return options;
}

Traffic AroundEverySize() {
  Traffic traffic;
  traffic.value_bytes = {0,
                         1,
                         10,
                         255,
                         256,
                         257,
                         300,
                         kResponseBytesMax - 1,
                         kResponseBytesMax,
                         kResponseBytesMax + 1};
  return traffic;
}

TEST(ModelTest, FewKeys) {
  RunSeeds(Runs(55, kRunOperations), [](uint64_t seed) {
    StoreBesideModel both(seed, AroundEverySize(), InMemory());
    for (int i = 0; i < 10 && both.Run(kRunOperations / 10); ++i) both.CompareAll(1 + seed % 50);
    both.LetAllExpire();
    both.CompareAll(1000);
  });
}

// The table grows, its segments split, and much expires at once.
TEST(ModelTest, ManyKeys) {
  constexpr int64_t kOperations = 200'000;
  RunSeeds(Runs(20, kOperations), [](uint64_t seed) {
    Traffic traffic;
    traffic.keys = 50'000;
    traffic.lease_ms_max = 20'000;
    traffic.long_steps = 5'000;
    Options options = InMemory();
    options.policy.default_lease_ms = 1'000;
    options.policy.default_retention_ms = 50'000;
    StoreBesideModel both(seed, traffic, options);
    for (int i = 0; i < 4 && both.Run(kOperations / 4); ++i) both.CompareAll(1000);
    both.LetAllExpire();
    both.CompareAll(1000);
  });
}

// Claims that run when memory is used up can all be finished.
void FinishMoreThanMemoryHolds(StoreBesideModel& both) {
  const std::string response(kResponseBytesMax, 'r');
  std::vector<std::string> keys;
  for (int i = 0; i < 6'000; ++i) keys.push_back("claim-" + std::to_string(i));
  for (const std::string& key : keys) {
    const Request begin = Ask(Op::kBegin, key);
    both.Execute({&begin, 1});
  }
  for (const std::string& key : keys) {
    Request complete = Ask(Op::kComplete, key);
    complete.token = both.model().TokenOf(key);
    complete.value = response;
    both.Execute({&complete, 1});
  }
}

// New entries are refused and responses dropped, nothing else differs, and all is well again once
// there is room.
TEST(ModelTest, LittleMemory) {
  constexpr int64_t kOperations = 50'000;
  RunSeeds(Runs(5, kOperations), [](uint64_t seed) {
    Traffic traffic;
    traffic.keys = 12'000;
    traffic.value_bytes = {0, 257, 3'000, kResponseBytesMax, kResponseBytesMax, kResponseBytesMax};
    traffic.lease_ms_max = 1'000'000;
    traffic.long_steps = 0;
    Options options = InMemory();
    options.memory_limit_bytes = 16 << 20;
    options.policy.default_lease_ms = 100'000;
    options.policy.default_retention_ms = 8'000'000;
    StoreBesideModel both(seed, traffic, options);
    both.model().MemoryMayBeShort();
    FinishMoreThanMemoryHolds(both);
    for (int half = 1; half <= 2 && both.Run(kOperations / 2); ++half) {
      const Stats stats = both.store().GetStats();
      EXPECT_GT(both.Count(Outcome::kOutOfMemory), 100);
      EXPECT_GT(stats.responses_omitted, 100u);
      EXPECT_LE(stats.memory_bytes, options.memory_limit_bytes / 100 * 101);
      both.CompareAll(1000);
      both.LetAllExpire();
      EXPECT_LT(both.store().GetStats().memory_bytes, options.memory_limit_bytes / 2);
    }
  });
}

void RunWithRestarts(uint64_t seed, Durability durability) {
  Options options = ShortLives();
  options.directory = "/store";
  options.durability = durability;
  options.segment_bytes = 64 << 10;
  options.backlog_bytes = 64 << 10;
  Traffic traffic = AroundEverySize();
  if (seed % 3 == 0) traffic.keys = 2'000;
  traffic.transaction_max = 6;  // must fit into a segment
  StoreBesideModel both(seed, traffic, options);
  constexpr StoreBesideModel::End kEnds[] = {StoreBesideModel::End::kClosed,
                                             StoreBesideModel::End::kKilled,
                                             StoreBesideModel::End::kKilledUncommitted};
  for (uint64_t i = 0; i < 10 && both.Run(kRunOperations / 10); ++i) {
    both.Restart(kEnds[(seed + i) % 3]);
    if (testing::Test::HasFailure()) return;
    both.CompareAll(100);
  }
  EXPECT_GT(both.snapshots(), 1u);
}

TEST(ModelTest, RestartsAlways) {
  RunSeeds(Runs(10, kRunOperations),
           [](uint64_t seed) { RunWithRestarts(seed, Durability::kAlways); });
}

TEST(ModelTest, RestartsInterval) {
  RunSeeds(Runs(5, kRunOperations),
           [](uint64_t seed) { RunWithRestarts(seed, Durability::kInterval); });
}

TEST(ModelTest, RestartsOs) {
  RunSeeds(Runs(5, kRunOperations), [](uint64_t seed) { RunWithRestarts(seed, Durability::kOs); });
}

}  // namespace
}  // namespace idem::engine
