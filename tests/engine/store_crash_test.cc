// Power cuts at every call to the files, everything that may be left of what was not synced,
// crashes in the recovery from them, and the next power cut: what clients were told must hold.
//
//   workload ──► call 1 ── call 2 ── .. ── call 500      a store's files, watched
//                  │
//                  └─► fork ─► power cut ─► (a recovery that is cut short ─► power cut)
//                                        ─► recovery: the oracle judges ─► a short life ─► ..
//
// A failure prints IDEM_SEED and IDEM_CRASH=<call>:<cut>, which replay that one crash.
// IDEM_T3_STATES is the number of crash states of all tests together (100,000).
#include <malloc.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "tests/support/crash_workload.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"
#include "tests/support/watched_file_system.h"

namespace idem {
namespace {

using Death = StoreOracle::Death;

constexpr int64_t kCalls = 500;
constexpr int64_t kStatesPerCut = 3;  // about
constexpr int64_t kModes = 3;

int64_t AllStates() {
  const char* const text = std::getenv("IDEM_T3_STATES");
  return text != nullptr ? std::strtoll(text, nullptr, 10) : TestSize(100'000);
}

// One of the futures that a moment can have.
class Future {
 public:
  Future(uint64_t seed, const MemoryFileSystem& files, const FakeClock& clock,
         const StoreOracle& oracle, const Options& options)
      : random_(seed),
        files_(files.Fork()),
        clock_(clock.BootMs(), clock.WallMs()),
        oracle_(oracle),
        options_(options) {
    options_.clock = &clock_;
    options_.file_system = files_.get();
    oracle_.SetClock(&clock_);
  }

  // Returns the number of crash states seen.
  int64_t Run() {
    Crash(nullptr);
    for (int lives = 1 + static_cast<int>(random_() % 2); lives > 0; --lives) {
      while (random_() % 3 == 0) CutRecoveryShort();
      if (!LiveAndCrash() || testing::Test::HasFailure()) break;
    }
    return states_;
  }

 private:
  // What a dead store still does by path fails.
  void Crash(std::unique_ptr<Store> store) {
    const bool kill = random_() % 8 == 0;
    kill ? files_->Kill() : files_->Crash(random_());
    files_->FailCall(1, broken_, /*keep_failing=*/true);
    store.reset();
    files_->FailCall(0, broken_);
    oracle_.Died(kill ? Death::kKill : Death::kPowerCut);
    if (random_() % 2 == 0) clock_.Advance(static_cast<int64_t>(random_() % 1000));
    ++states_;
  }
  void CutRecoveryShort() {
    files_->FailCall(static_cast<int64_t>(1 + random_() % 40), broken_, /*keep_failing=*/true);
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
    if (store.ok()) {
      EXPECT_TRUE(oracle_.Opened(**store));
    } else {
      EXPECT_EQ(store.status(), broken_) << "P10: not the disk's error";
    }
    Crash(store.ok() ? *std::move(store) : nullptr);
  }
  bool LiveAndCrash() {
    CrashWorkload life(random_(), options_, &clock_, &oracle_);
    if (!life.Open()) {
      EXPECT_TRUE(life.open_status().ok()) << "P10: refused: " << life.open_status();
      return false;
    }
    for (uint64_t i = random_() % 12; i > 0 && !testing::Test::HasFailure(); --i) life.DoOne();
    Crash(life.TakeStore());
    return true;
  }

  std::mt19937_64 random_;
  const std::unique_ptr<MemoryFileSystem> files_;
  FakeClock clock_;
  StoreOracle oracle_;
  Options options_;
  int64_t states_ = 0;
  const absl::Status broken_ = absl::UnavailableError("no power");
};

// Only this crash, if IDEM_CRASH names one.
struct Replay {
  long long call = 0;  // 0: all
  long long cut = 0;

  static Replay FromEnvironment() {
    Replay replay;
    const char* const text = std::getenv("IDEM_CRASH");
    if (text != nullptr) std::sscanf(text, "%lld:%lld", &replay.call, &replay.cut);
    return replay;
  }
  bool Wants(int64_t at_call, int64_t at_cut) const {
    return call == 0 || (call == at_call && cut == at_cut);
  }
};

class StoreCrashTest : public testing::TestWithParam<Durability> {
 protected:
  StoreCrashTest() {
    // A store opens with some MiB of memory, which is to be used again instead of given back.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
  }

  // One workload, with `cuts` power cuts at every `stride`-th call.
  void Run(uint64_t seed, int64_t cuts, int64_t stride) {
    MemoryFileSystem files;
    WatchedFileSystem watched(&files);
    FakeClock clock;
    const Options options = CrashOptions(GetParam(), &clock, &watched);
    StoreOracle oracle(options);
    CrashWorkload workload(seed, options, &clock, &oracle);
    int64_t call = 0;
    watched.before = [&] {
      ++call;
      if (workload.store() != nullptr) oracle.SawPositions(*workload.store());
      for (int64_t cut = 0; cut < cuts && call % stride == 0 && !HasFailure(); ++cut) {
        if (!replay_.Wants(call, cut)) continue;
        std::snprintf(replay_more, sizeof(replay_more), " IDEM_CRASH=%lld:%lld",
                      static_cast<long long>(call), static_cast<long long>(cut));
        SCOPED_TRACE("IDEM_CRASH=" + std::to_string(call) + ":" + std::to_string(cut));
        const uint64_t future_seed = (seed * 1'000'000 + static_cast<uint64_t>(call)) * 1000;
        states_ +=
            Future(future_seed + static_cast<uint64_t>(cut), files, clock, oracle, options).Run();
      }
    };
    ASSERT_TRUE(workload.Open()) << workload.open_status();
    while (call < kCalls && !HasFailure()) workload.DoOne();
    calls_ += call;
    watched.before = [] {};
  }

  const Replay replay_ = Replay::FromEnvironment();
  int64_t states_ = 0;
  int64_t calls_ = 0;
};

TEST_P(StoreCrashTest, WhatWasToldHolds) {
  constexpr int64_t kSeeds = 3;
  const int64_t cuts = AllStates() / (kModes * kSeeds * kStatesPerCut);
  const int64_t stride = (kCalls + cuts - 1) / cuts;
  RunSeeds(kSeeds,
           [&](uint64_t seed) { Run(seed, (cuts * stride + kCalls - 1) / kCalls, stride); });
  std::printf("%lld crash states at %lld calls\n", static_cast<long long>(states_),
              static_cast<long long>(calls_));
}

INSTANTIATE_TEST_SUITE_P(Modes, StoreCrashTest,
                         testing::Values(Durability::kAlways, Durability::kInterval,
                                         Durability::kOs),
                         NameOfMode);

}  // namespace
}  // namespace idem
