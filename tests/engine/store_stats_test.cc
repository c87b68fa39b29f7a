// What a store tells of itself for its operators: outcomes, expiry, syncs.
#include <numeric>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using engine::Complete;
using engine::kKey;

class StoreStats : public StoreTest {};

Request Put(std::string_view key, int64_t retention_ms) {
  Request request;
  request.op = Op::kPut;
  request.key = key;
  request.value = "value";
  request.retention_ms = retention_ms;
  return request;
}

TEST_F(StoreStats, TellsRecordsFromRegistersAmongWhatExpired) {
  Open();
  ClaimAndCrash(kKey, {.lease_ms = 10, .retention_ms = 1000});
  Execute(Put("a", 500));
  Execute(Put("b", 600'000));
  clock_.Advance(2000);
  ExpireAll();
  const Stats stats = store_->GetStats();
  EXPECT_EQ(stats.expired, 2u);
  EXPECT_EQ(stats.expired_registers, 1u);
  EXPECT_EQ(stats.registers, 1u);
}

TEST_F(StoreStats, CountsSettlementsOfNoRecord) {
  Open();
  EXPECT_EQ(Execute(Complete(1, "response")).outcome, Outcome::kUnknownKey);
  EXPECT_EQ(store_->GetStats().unknown_keys, 1u);
}

TEST_F(StoreStats, TellsHowFarExpiryIsBehind) {
  Open();
  Execute(Put(kKey, 1000));
  EXPECT_EQ(store_->GetStats().timer_lag_ms, 0);
  clock_.Advance(61'000);
  Execute(engine::Get(Kind::kRegister, false));  // the stripe learns how late it is
  EXPECT_GE(store_->GetStats().timer_lag_ms, 60'000 - 1000);
  EXPECT_LE(store_->GetStats().timer_lag_ms, 61'000);
  ExpireAll();
  EXPECT_EQ(store_->GetStats().timer_lag_ms, 0);
}

TEST_F(StoreStats, SortsSyncsByDuration) {
  options_.durability = Durability::kAlways;
  options_.file_system = &files_;
  options_.directory = "/store";
  Open();
  for (int i = 0; i < 3; ++i) {
    Execute(Put(std::to_string(i), 1000));
    while (store_->Step(Store::StepKind::kCommit)) {
    }
  }
  const LogStats log = store_->GetStats().log;
  EXPECT_GE(log.syncs, 3u);
  EXPECT_EQ(std::accumulate(log.syncs_by_duration.begin(), log.syncs_by_duration.end(), 0ull),
            log.syncs);
  EXPECT_GE(log.all_syncs_us, log.worst_sync_us);
}

}  // namespace
}  // namespace idem
