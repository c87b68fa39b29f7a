// A life of a store that crashes: random calls, steps of background work, restarts, one thread,
// everything decided by a seed. The oracle is told of each answer.
#ifndef IDEM_TESTS_SUPPORT_CRASH_WORKLOAD_H_
#define IDEM_TESTS_SUPPORT_CRASH_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>

#include "gtest/gtest.h"
#include "idem/clock.h"
#include "idem/store.h"
#include "tests/support/store_oracle.h"

namespace idem {

// Small files, short lives: everything comes around within some hundred calls.
Options CrashOptions(Durability durability, FakeClock* clock, FileSystem* files);

// For tests that have the mode as a parameter.
std::string NameOfMode(const testing::TestParamInfo<Durability>& mode);

class CrashWorkload {
 public:
  CrashWorkload(uint64_t seed, Options options, FakeClock* clock, StoreOracle* oracle)
      : random_(seed), options_(options), clock_(clock), oracle_(oracle) {}

  // False: the open was refused.
  bool Open();
  // One random call or step.
  void DoOne();
  // The store as it is; null between a close and the next open.
  Store* store() { return store_.get(); }
  std::unique_ptr<Store> TakeStore() { return std::move(store_); }
  const absl::Status& open_status() const { return open_status_; }

 private:
  uint64_t Choose(uint64_t n) { return random_() % n; }
  int ChooseKey() { return static_cast<int>(Choose(StoreOracle::kKeys)); }
  void Execute(std::span<StoreOracle::Call> calls, bool together);
  StoreOracle::Call SomeCall(int key);
  StoreOracle::Call SettleCall(int key);
  void AskToDedup(int key, Request& request);
  void MakeConditional(int key, Request& request);
  StoreOracle::Value SomeValue();
  void CallOne();
  void CallTogether();
  void Restart();

  std::mt19937_64 random_;
  const Options options_;
  FakeClock* const clock_;
  StoreOracle* const oracle_;
  std::unique_ptr<Store> store_;
  absl::Status open_status_;
};

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_CRASH_WORKLOAD_H_
