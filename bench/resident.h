// The tables that the memory benchmarks run over: filled once, on first use, and kept.
//
// Each holds IDEM_BENCH_RESIDENT finished requests (1,000,000) and a quarter as many running ones,
// with UUID keys, 100-byte responses and a deadline a day away.
#ifndef IDEM_BENCH_RESIDENT_H_
#define IDEM_BENCH_RESIDENT_H_

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "bench/key_space.h"
#include "bench/striped_map.h"
#include "idem/store.h"

namespace idem::bench {

constexpr int64_t kRetentionMs = 86'400'000;
constexpr auto kRetention = std::chrono::milliseconds(kRetentionMs);

inline const KeySpace kFinishedKeys(1);
inline const KeySpace kRunningKeys(2);
inline const std::string kResponse(100, 'r');

[[noreturn]] inline void Fail(std::string_view what) {
  std::fprintf(stderr, "benchmark: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline uint64_t FinishedCount() {
  static const uint64_t count = [] {
    const char* const given = std::getenv("IDEM_BENCH_RESIDENT");
    return given == nullptr ? uint64_t{1'000'000} : std::strtoull(given, nullptr, 10);
  }();
  return count;
}
inline uint64_t RunningCount() { return FinishedCount() / 4; }

// What a finished request costs, over the fill of the whole table.
struct Footprint {
  double rss_bytes = 0;  // the process grew by so much
  double fill_ns = 0;    // claim, completion and the growth of the table
};

inline double ResidentSetBytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

inline Footprint FillWith(const std::function<void(const Key&)>& finish) {
  using Clock = std::chrono::steady_clock;
  const double rss_before = ResidentSetBytes();
  const Clock::time_point start = Clock::now();
  for (uint64_t i = 0; i < FinishedCount(); ++i) finish(kFinishedKeys.KeyOf(i));
  const std::chrono::duration<double, std::nano> taken = Clock::now() - start;
  const auto count = static_cast<double>(FinishedCount());
  return {.rss_bytes = (ResidentSetBytes() - rss_before) / count, .fill_ns = taken.count() / count};
}

class ResidentStore {
 public:
  static ResidentStore& Get() {
    static auto* const resident = new ResidentStore;
    return *resident;
  }

  Store& store() { return *store_; }
  // Of every request in it.
  const Fingerprint& fingerprint() const { return fingerprint_; }
  const Footprint& footprint() const { return footprint_; }
  // By the store's own account.
  double counted_bytes() const { return counted_bytes_; }

  Claim ClaimNew(const Key& key) {
    auto answer = store_->Begin(View(key), fingerprint_);
    if (!answer.ok() || !std::holds_alternative<Claim>(*answer)) Fail("the store has the key");
    return std::get<Claim>(*std::move(answer));
  }

 private:
  ResidentStore() {
    Options options;
    options.durability = Durability::kMemory;
    options.memory_limit_bytes = uint64_t{64} << 30;
    options.default_lease_ms = kRetentionMs;
    options.default_retention_ms = kRetentionMs;
    auto store = Store::Open(options);
    if (!store.ok()) Fail(store.status().ToString());
    store_ = *std::move(store);
    fingerprint_ = store_->FingerprintOf({"POST /charges", "amount=100"});
    footprint_ = FillWith([this](const Key& key) {
      if (!ClaimNew(key).Complete(kResponse).ok()) Fail("Complete failed");
    });
    counted_bytes_ =
        static_cast<double>(store_->GetStats().memory_bytes) / static_cast<double>(FinishedCount());
    for (uint64_t i = 0; i < RunningCount(); ++i) {
      static_cast<void>(ClaimNew(kRunningKeys.KeyOf(i)));  // dropping it settles nothing
    }
  }

  std::unique_ptr<Store> store_;
  Fingerprint fingerprint_;
  Footprint footprint_;
  double counted_bytes_ = 0;
};

class ResidentMap {
 public:
  static ResidentMap& Get() {
    static auto* const resident = new ResidentMap;
    return *resident;
  }

  StripedMap& map() { return map_; }
  const Footprint& footprint() const { return footprint_; }

 private:
  ResidentMap() {
    footprint_ = FillWith([this](const Key& key) {
      if (!map_.Claim(View(key), kRetention)) Fail("the map has the key");
      map_.Complete(View(key), kResponse, kRetention);
    });
    for (uint64_t i = 0; i < RunningCount(); ++i) {
      map_.Claim(View(kRunningKeys.KeyOf(i)), kRetention);
    }
  }

  StripedMap map_;
  Footprint footprint_;
};

}  // namespace idem::bench

#endif  // IDEM_BENCH_RESIDENT_H_
