// The store as a table, in memory mode, beside the striped map that people write instead.
//
//   <operation>/store      one key a call: Store::Begin, Claim::Complete
//   <operation>/batch16    sixteen keys a call: Store::Execute
//   <operation>/map        the same by the striped map, as far as it can
//
// Over the tables of resident.h, keys chosen evenly. items_per_second counts keys over all
// threads, whatever an iteration is. Making the text of a key is part of every figure; KeyText
// tells how much.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "bench/key_space.h"
#include "bench/latency_histogram.h"
#include "bench/resident.h"
#include "bench/striped_map.h"
#include "idem/store.h"

namespace idem::bench {
namespace {

constexpr size_t kBatch = 16;
constexpr int64_t kFreshKeys = 1 << 16;  // a thread and run

const KeySpace kFreshKeySpace(3);
std::atomic<uint64_t> next_fresh = 0;

// Each subject performs the operations on kKeys keys at once. One a thread.
class StoreCalls {
 public:
  static constexpr size_t kKeys = 1;

  void Claim(std::span<const Key> keys) { static_cast<void>(resident_.ClaimNew(keys[0])); }
  void ClaimAndComplete(std::span<const Key> keys) {
    if (!resident_.ClaimNew(keys[0]).Complete(kResponse).ok()) Fail("Complete failed");
  }
  void FindRunning(std::span<const Key> keys) {
    const auto answer = store_.Begin(View(keys[0]), resident_.fingerprint());
    if (!answer.ok() || !std::holds_alternative<Busy>(*answer)) Fail("not busy");
  }
  void FindFinished(std::span<const Key> keys) {
    const auto answer = store_.Begin(View(keys[0]), resident_.fingerprint());
    const Replay* const replay = answer.ok() ? std::get_if<Replay>(&*answer) : nullptr;
    if (replay == nullptr || replay->response.bytes() != kResponse) Fail("not the response");
  }
  void Erase(std::span<const Key> keys) {
    if (!store_.Forget(View(keys[0]), /*force=*/true).ok()) Fail("Forget failed");
  }

 private:
  ResidentStore& resident_ = ResidentStore::Get();
  Store& store_ = resident_.store();
};

class StoreBatches {
 public:
  static constexpr size_t kKeys = kBatch;

  void Claim(std::span<const Key> keys) { Begin(keys, Outcome::kClaimed); }
  void ClaimAndComplete(std::span<const Key> keys) {
    Begin(keys, Outcome::kClaimed);
    for (size_t i = 0; i < kKeys; ++i) {
      requests_[i].op = Op::kComplete;
      requests_[i].token = replies_[i].token;
      requests_[i].value = kResponse;
    }
    Execute(Outcome::kOk);
  }
  void FindRunning(std::span<const Key> keys) { Begin(keys, Outcome::kBusy); }
  void FindFinished(std::span<const Key> keys) {
    Begin(keys, Outcome::kReplay);
    for (const Reply& reply : replies_) {
      if (reply.response.bytes() != kResponse) Fail("not the response");
    }
  }
  void Erase(std::span<const Key> keys) {
    for (size_t i = 0; i < kKeys; ++i) {
      requests_[i] = {.op = Op::kRemove, .key = View(keys[i]), .force = true};
    }
    Execute(Outcome::kOk);
  }

 private:
  void Begin(std::span<const Key> keys, Outcome expected) {
    for (size_t i = 0; i < kKeys; ++i) {
      requests_[i] = {
          .op = Op::kBegin, .key = View(keys[i]), .fingerprint = resident_.fingerprint()};
    }
    Execute(expected);
  }
  void Execute(Outcome expected) {
    if (resident_.store().Execute(requests_, replies_) != kKeys) Fail("not all were executed");
    for (const Reply& reply : replies_) {
      if (reply.outcome != expected) Fail("not the expected outcome");
    }
  }

  ResidentStore& resident_ = ResidentStore::Get();
  std::array<Request, kKeys> requests_;
  std::array<Reply, kKeys> replies_;
};

class MapCalls {
 public:
  static constexpr size_t kKeys = 1;

  void Claim(std::span<const Key> keys) {
    if (!map_.Claim(View(keys[0]), kRetention)) Fail("the map has the key");
  }
  void ClaimAndComplete(std::span<const Key> keys) {
    Claim(keys);
    map_.Complete(View(keys[0]), kResponse, kRetention);
  }
  void FindRunning(std::span<const Key> keys) {
    if (map_.Claim(View(keys[0]), kRetention)) Fail("the map has lost the key");
  }
  void FindFinished(std::span<const Key> keys) {
    if (!map_.Find(View(keys[0]), &response_) || response_ != kResponse) Fail("not the response");
  }
  void Erase(std::span<const Key> keys) { map_.Erase(View(keys[0])); }

 private:
  StripedMap& map_ = ResidentMap::Get().map();
  std::string response_;
};

template <size_t kKeys>
std::array<Key, kKeys> KeysFrom(const KeySpace& space, uint64_t first) {
  std::array<Key, kKeys> keys;
  for (size_t i = 0; i < kKeys; ++i) keys[i] = space.KeyOf(first + i);
  return keys;
}

// Evenly among the first `count` of a key space.
class EvenChoice {
 public:
  EvenChoice(const KeySpace& space, uint64_t count, int thread)
      : space_(space), count_(count), turn_(static_cast<uint64_t>(thread) << 48) {}

  template <size_t kKeys>
  std::array<Key, kKeys> Next() {
    std::array<Key, kKeys> keys;
    for (Key& key : keys) key = space_.KeyOf(Mix(turn_++) % count_);
    return keys;
  }

 private:
  const KeySpace& space_;
  uint64_t count_;
  uint64_t turn_;
};

template <typename Subject>
void CountKeys(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(Subject::kKeys));
}

// Runs `operation` on fresh keys and erases them again, untimed.
template <typename Subject, typename Operation>
void OnFreshKeys(benchmark::State& state, Operation operation) {
  Subject subject;
  const auto keys = static_cast<uint64_t>(state.max_iterations) * Subject::kKeys;
  const uint64_t first = next_fresh.fetch_add(keys);
  uint64_t number = first;
  for (auto _ : state) {
    operation(subject, KeysFrom<Subject::kKeys>(kFreshKeySpace, number));
    number += Subject::kKeys;
  }
  for (uint64_t i = first; i < number; i += Subject::kKeys) {
    subject.Erase(KeysFrom<Subject::kKeys>(kFreshKeySpace, i));
  }
  CountKeys<Subject>(state);
}

template <typename Subject>
void FreshClaim(benchmark::State& state) {
  OnFreshKeys<Subject>(state, [](Subject& subject, const auto& keys) { subject.Claim(keys); });
}

template <typename Subject>
void ClaimComplete(benchmark::State& state) {
  OnFreshKeys<Subject>(state,
                       [](Subject& subject, const auto& keys) { subject.ClaimAndComplete(keys); });
}

template <typename Subject>
void Replay(benchmark::State& state) {
  Subject subject;
  EvenChoice choice(kFinishedKeys, FinishedCount(), state.thread_index());
  for (auto _ : state) subject.FindFinished(choice.Next<Subject::kKeys>());
  CountKeys<Subject>(state);
}

template <typename Subject>
void Duplicate(benchmark::State& state) {
  Subject subject;
  EvenChoice choice(kRunningKeys, RunningCount(), state.thread_index());
  for (auto _ : state) subject.FindRunning(choice.Next<Subject::kKeys>());
  CountKeys<Subject>(state);
}

// Half fresh claims, half replays, each timed by itself; two clock reads are in every figure.
template <typename Subject>
void Latency(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  Subject subject;
  EvenChoice choice(kFinishedKeys, FinishedCount(), state.thread_index());
  const uint64_t first = next_fresh.fetch_add(static_cast<uint64_t>(state.max_iterations));
  uint64_t number = first;
  LatencyHistogram latencies;
  for (auto _ : state) {
    const bool is_claim = number % 2 == 0;
    const auto keys = is_claim ? KeysFrom<1>(kFreshKeySpace, number) : choice.Next<1>();
    const Clock::time_point start = Clock::now();
    if (is_claim) {
      subject.Claim(keys);
    } else {
      subject.FindFinished(keys);
    }
    latencies.Add(std::chrono::nanoseconds(Clock::now() - start).count());
    ++number;
  }
  for (uint64_t i = first + first % 2; i < number; i += 2) {
    subject.Erase(KeysFrom<1>(kFreshKeySpace, i));
  }
  for (const auto& [name, percent] :
       {std::pair{"p50_ns", 50.0}, {"p99_ns", 99.0}, {"p99_9_ns", 99.9}, {"p99_99_ns", 99.99}}) {
    state.counters[name] = static_cast<double>(latencies.Percentile(percent));
  }
  state.counters["max_ns"] = static_cast<double>(latencies.max());
}

template <typename Table>
void Memory(benchmark::State& state) {
  const Footprint& footprint = Table::Get().footprint();
  for (auto _ : state) benchmark::DoNotOptimize(&footprint);
  state.counters["rss_bytes_per_entry"] = footprint.rss_bytes;
  state.counters["fill_ns_per_entry"] = footprint.fill_ns;
  if constexpr (std::is_same_v<Table, ResidentStore>) {
    state.counters["counted_bytes_per_entry"] = Table::Get().counted_bytes();
  }
}

void KeyText(benchmark::State& state) {
  EvenChoice choice(kFinishedKeys, FinishedCount(), 0);
  for (auto _ : state) benchmark::DoNotOptimize(choice.Next<1>());
  state.SetItemsProcessed(state.iterations());
}

void FingerprintOf(benchmark::State& state) {
  const Store& store = ResidentStore::Get().store();
  for (auto _ : state) benchmark::DoNotOptimize(store.FingerprintOf({"POST", kResponse}));
  state.SetItemsProcessed(state.iterations());
}

void OnOneAndTwoThreads(benchmark::internal::Benchmark* bench) {
  bench->Threads(1)->Threads(2)->UseRealTime();
}
void OnFreshKeysOfOneCall(benchmark::internal::Benchmark* bench) {
  OnOneAndTwoThreads(bench->Iterations(kFreshKeys));
}
void OnFreshKeysOfOneBatch(benchmark::internal::Benchmark* bench) {
  OnOneAndTwoThreads(bench->Iterations(kFreshKeys / static_cast<int64_t>(kBatch)));
}

// The tables are filled here, before anything else has touched the process's memory.
BENCHMARK(Memory<ResidentStore>)->Name("Memory/store")->Iterations(1);
BENCHMARK(Memory<ResidentMap>)->Name("Memory/map")->Iterations(1);

BENCHMARK(FreshClaim<StoreCalls>)->Name("FreshClaim/store")->Apply(OnFreshKeysOfOneCall);
BENCHMARK(FreshClaim<StoreBatches>)->Name("FreshClaim/batch16")->Apply(OnFreshKeysOfOneBatch);
BENCHMARK(FreshClaim<MapCalls>)->Name("FreshClaim/map")->Apply(OnFreshKeysOfOneCall);
BENCHMARK(ClaimComplete<StoreCalls>)->Name("ClaimComplete/store")->Apply(OnFreshKeysOfOneCall);
BENCHMARK(ClaimComplete<StoreBatches>)->Name("ClaimComplete/batch16")->Apply(OnFreshKeysOfOneBatch);
BENCHMARK(ClaimComplete<MapCalls>)->Name("ClaimComplete/map")->Apply(OnFreshKeysOfOneCall);
BENCHMARK(Replay<StoreCalls>)->Name("Replay/store")->Apply(OnOneAndTwoThreads);
BENCHMARK(Replay<StoreBatches>)->Name("Replay/batch16")->Apply(OnOneAndTwoThreads);
BENCHMARK(Replay<MapCalls>)->Name("Replay/map")->Apply(OnOneAndTwoThreads);
BENCHMARK(Duplicate<StoreCalls>)->Name("Duplicate/store")->Apply(OnOneAndTwoThreads);
BENCHMARK(Duplicate<StoreBatches>)->Name("Duplicate/batch16")->Apply(OnOneAndTwoThreads);
BENCHMARK(Duplicate<MapCalls>)->Name("Duplicate/map")->Apply(OnOneAndTwoThreads);

BENCHMARK(Latency<StoreCalls>)->Name("Latency/store")->Iterations(kFreshKeys)->UseRealTime();
BENCHMARK(Latency<MapCalls>)->Name("Latency/map")->Iterations(kFreshKeys)->UseRealTime();

BENCHMARK(KeyText);
BENCHMARK(FingerprintOf);

}  // namespace
}  // namespace idem::bench
