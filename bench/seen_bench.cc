// Seen ids in process, in memory mode: batches of 64 UUIDs, one thread. items_per_second counts
// ids.
//
//   ../known   ids that are remembered, at random among 1,000,000
//   ../fresh   ids that never came; the table grows from 1,000,000 to twice that
//
//   Idem       Store::SeenMany
//   Striped    the peer: an absl::flat_hash_map from the 36 bytes to a deadline, 64 stripes with a
//              mutex each, one by one. It packs nothing, frees nothing by time, and stops a stripe
//              to rehash it.
//
// Run by hand, interleaved:
//   seen_bench --benchmark_enable_random_interleaving=true --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <random>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "bench/key_space.h"
#include "idem/store.h"

namespace idem::bench {
namespace {

constexpr size_t kBatch = 64;
constexpr uint64_t kResident = 1'000'000;
constexpr int64_t kBatches = static_cast<int64_t>(kResident / kBatch);
constexpr int64_t kTtlMs = 3'600'000;

using Ids = std::array<std::string_view, kBatch>;

int64_t CoarseNowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

class Idem {
 public:
  Idem() {
    Options options;
    options.durability = Durability::kMemory;
    options.memory_limit_bytes = uint64_t{2} << 30;
    store_ = Store::Open(options).value();
  }

  size_t CountFirst(const Ids& ids) {
    store_->SeenMany(ids, {.ttl_ms = kTtlMs}, first_);
    return static_cast<size_t>(
        std::count_if(first_.begin(), first_.end(), [](const auto& first) { return *first; }));
  }

 private:
  std::unique_ptr<Store> store_;
  std::array<absl::StatusOr<bool>, kBatch> first_;
};

class Striped {
 public:
  size_t CountFirst(const Ids& ids) {
    const int64_t now_ms = CoarseNowMs();
    size_t count = 0;
    for (const std::string_view id : ids) {
      Stripe& stripe = stripes_[absl::HashOf(id) >> 58];
      const std::lock_guard hold(stripe.mutex);
      Key key;
      std::copy(id.begin(), id.end(), key.begin());
      const auto [found, is_new] = stripe.deadlines.try_emplace(key, now_ms + kTtlMs);
      if (!is_new && now_ms < found->second) continue;
      found->second = now_ms + kTtlMs;
      ++count;
    }
    return count;
  }

 private:
  struct alignas(64) Stripe {
    std::mutex mutex;
    absl::flat_hash_map<Key, int64_t> deadlines;
  };
  std::array<Stripe, 64> stripes_;
};

// The keys stand elsewhere, as in a message that was received.
std::vector<Key> Keys(uint64_t first, uint64_t count) {
  const KeySpace space(7);
  std::vector<Key> keys;
  for (uint64_t i = 0; i < count; ++i) keys.push_back(space.KeyOf(first + i));
  return keys;
}

template <typename Table>
void Mark(benchmark::State& state, Table& table, const std::vector<Key>& keys, size_t wanted) {
  size_t next = 0, first = 0;
  for (auto _ : state) {
    Ids ids;
    for (std::string_view& id : ids) {
      id = View(keys[next]);
      next = next + 1 == keys.size() ? 0 : next + 1;
    }
    first += table.CountFirst(ids);
  }
  const auto done = static_cast<size_t>(state.iterations()) * kBatch;
  if (first != wanted * done) state.SkipWithError("a wrong answer");
  state.SetItemsProcessed(static_cast<int64_t>(done));
}

template <typename Table>
void Fill(Table& table, const std::vector<Key>& keys) {
  for (size_t i = 0; i + kBatch <= keys.size(); i += kBatch) {
    Ids ids;
    for (size_t j = 0; j < kBatch; ++j) ids[j] = View(keys[i + j]);
    table.CountFirst(ids);
  }
}

template <typename Table>
void Known(benchmark::State& state) {
  Table table;
  std::vector<Key> keys = Keys(0, kBatches * kBatch);
  Fill(table, keys);
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(1));
  Mark(state, table, keys, 0);
}

template <typename Table>
void Fresh(benchmark::State& state) {
  Table table;
  Fill(table, Keys(0, kBatches * kBatch));
  Mark(state, table, Keys(kResident, kBatches * kBatch), 1);
}

BENCHMARK_TEMPLATE(Known, Idem)->Name("Idem/known")->Iterations(kBatches);
BENCHMARK_TEMPLATE(Known, Striped)->Name("Striped/known")->Iterations(kBatches);
BENCHMARK_TEMPLATE(Fresh, Idem)->Name("Idem/fresh")->Iterations(kBatches);
BENCHMARK_TEMPLATE(Fresh, Striped)->Name("Striped/fresh")->Iterations(kBatches);

}  // namespace
}  // namespace idem::bench
