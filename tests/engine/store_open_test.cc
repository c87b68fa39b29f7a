// Every option that Open refuses, and the name it is refused by.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "idem/store.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;

class StoreOpenTest : public StoreTest {
 protected:
  using Change = std::function<void(Options&)>;

  absl::Status StatusWith(const Change& change) {
    Options options = options_;
    change(options);
    return Store::Open(options).status();
  }
  void ExpectOk(const Change& change) {
    const absl::Status status = StatusWith(change);
    EXPECT_TRUE(status.ok()) << status;
  }
  void ExpectRefused(const std::string& name, const Change& change) {
    const absl::Status status = StatusWith(change);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(name));
  }
  // Of an option with the range [low, high].
  template <typename Value>
  void ExpectRange(const std::string& name, Value Options::*option, int64_t low, int64_t high) {
    ExpectRangeOf<Value>(name, low, high,
                         [option](Options& options) { return &(options.*option); });
  }
  template <typename Value>
  void ExpectRange(const std::string& name, Value Policy::*option, int64_t low, int64_t high) {
    ExpectRangeOf<Value>(name, low, high,
                         [option](Options& options) { return &(options.policy.*option); });
  }
  template <typename Value, typename Field>
  void ExpectRangeOf(const std::string& name, int64_t low, int64_t high, const Field& field) {
    for (const int64_t value : {low, high}) {
      ExpectOk([&](Options& options) { *field(options) = static_cast<Value>(value); });
    }
    for (const int64_t value : {low - 1, high + 1}) {
      const auto change = [&](Options& options) { *field(options) = static_cast<Value>(value); };
      ExpectRefused(name, change);
      ExpectRefused(std::to_string(static_cast<Value>(value)), change);
    }
  }
};

TEST_F(StoreOpenTest, DefaultsAreFine) {
  ExpectOk([](Options&) {});
  ExpectOk([this](Options& options) {
    options = Options{};
    options.directory = "/store";
    options.clock = &clock_;
    options.file_system = &files_;
  });
}

TEST_F(StoreOpenTest, Ranges) {
  options_.policy.default_lease_ms = 1;
  ExpectRange("default_retention_ms", &Policy::default_retention_ms, 1, 90 * kDayMs);
  options_.policy.default_retention_ms = 90 * kDayMs;
  ExpectRange("default_lease_ms", &Policy::default_lease_ms, 1, kDayMs);
  ExpectRange("restart_grace_ms", &Options::restart_grace_ms, -1, kDayMs);
  ExpectRange("sync_interval_ms", &Options::sync_interval_ms, 1, 60'000);
  ExpectRange("memory_limit_bytes", &Options::memory_limit_bytes, 16 << 20, int64_t{1} << 46);
  options_.policy.max_response_bytes = 1024;
  ExpectRange("segment_bytes", &Options::segment_bytes, 64 << 10, 1 << 30);
  ExpectRange("backlog_bytes", &Options::backlog_bytes, 64 << 10, 1 << 30);
}

TEST_F(StoreOpenTest, StripesAreAPowerOfTwo) {
  for (uint32_t stripes = 0; stripes <= 1100; ++stripes) {
    if (stripes > 70 && stripes < 1000) continue;
    const auto change = [stripes](Options& options) { options.stripes = stripes; };
    const bool fine = stripes != 0 && (stripes & (stripes - 1)) == 0 && stripes <= 1024;
    fine ? ExpectOk(change) : ExpectRefused("stripes", change);
  }
}

TEST_F(StoreOpenTest, AResponseMustFitIntoTheLog) {
  ExpectOk([](Options& options) { options.policy.max_response_bytes = 0; });
  ExpectOk([](Options& options) { options.policy.max_response_bytes = 15 << 20; });
  ExpectRefused("max_response_bytes", [](Options& options) {
    options.segment_bytes = options.backlog_bytes = 1 << 30;
    options.policy.max_response_bytes = (16 << 20) + 1;
  });
  ExpectRefused("segment_bytes", [](Options& options) { options.segment_bytes = 2 << 20; });
  ExpectRefused("backlog_bytes", [](Options& options) { options.backlog_bytes = 2 << 20; });
}

TEST_F(StoreOpenTest, RetentionIsNotShorterThanTheLease) {
  ExpectOk([](Options& options) {
    options.policy.default_retention_ms = options.policy.default_lease_ms;
  });
  ExpectRefused("default_retention_ms",
                [](Options& options) { options.policy.default_retention_ms = 29'999; });
}

TEST_F(StoreOpenTest, DirectoryAndDurabilityGoTogether) {
  ExpectRefused("directory", [](Options& options) { options.durability = Durability::kAlways; });
  ExpectRefused("directory", [](Options& options) { options.directory = "/store"; });
}

TEST_F(StoreOpenTest, ClockAndFilesAreNeeded) {
  ExpectRefused("clock", [](Options& options) { options.clock = nullptr; });
  ExpectRefused("file_system", [](Options& options) { options.file_system = nullptr; });
}

// So nobody can prepare keys that collide: the order of a walk is the order of the hashes.
TEST_F(StoreOpenTest, EachStoreHashesWithASecretOfItsOwn) {
  std::vector<std::vector<std::string>> walks(2);
  for (std::vector<std::string>& walk : walks) {
    Open();
    for (int i = 0; i < 100; ++i) ClaimAndCrash("key" + std::to_string(i));
    uint64_t cursor = 0;
    do {
      cursor = store_->Scan(cursor, 1000,
                            [&walk](const Store::Entry& entry) { walk.emplace_back(entry.key); });
    } while (cursor != 0);
    EXPECT_GE(walk.size(), 100u);
  }
  EXPECT_NE(walks[0], walks[1]);
}

}  // namespace
}  // namespace idem
