// A store under a fake clock, in memory mode or with a directory in memory.
#ifndef IDEM_TESTS_SUPPORT_TEST_STORE_H_
#define IDEM_TESTS_SUPPORT_TEST_STORE_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "gtest/gtest.h"
#include "idem/clock.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"

namespace idem {

inline Options MemoryOptions(Clock* clock) {
  Options options;
  options.durability = Durability::kMemory;
  options.background = Background::kManual;
  options.clock = clock;
  return options;
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() : options_(MemoryOptions(&clock_)) {}

  // It has a log, on a disk in memory.
  void UseDisk(Durability durability) {
    options_.durability = durability;
    options_.directory = "/store";
    options_.file_system = &files_;
  }
  void Open() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // The answer to a Begin that must be of this kind.
  template <typename Kind>
  Kind Begin(std::string_view key, const BeginOptions& options = {},
             const Fingerprint& fingerprint = {}) {
    return std::get<Kind>(store_->Begin(key, fingerprint, options).value());
  }
  Claim BeginClaim(std::string_view key, const BeginOptions& options = {},
                   const Fingerprint& fingerprint = {}) {
    return Begin<Claim>(key, options, fingerprint);
  }
  // A worker that claims and dies.
  void ClaimAndCrash(std::string_view key, const BeginOptions& options = {}) {
    const Claim claim = BeginClaim(key, options);
  }

  Reply Execute(const Request& request) {
    Reply reply;
    EXPECT_EQ(store_->Execute({&request, 1}, {&reply, 1}), 1u);
    return reply;
  }
  void ExpireAll() {
    while (store_->Step(Store::StepKind::kExpire)) {
    }
  }

  FakeClock clock_;
  MemoryFileSystem files_;
  Options options_;
  std::unique_ptr<Store> store_;
};

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_TEST_STORE_H_
