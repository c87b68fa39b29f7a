// What durability costs: claim and completion by the blocking calls, with the log on a real disk.
//
//   ClaimComplete/always     both answers wait for an fdatasync that covers them
//   ClaimComplete/interval   both answers wait for a write, synced every second
//   Disk/pwrite_fdatasync    the ceiling for one caller: 4 KiB on a file filled with zeros before
//
// Threads are callers. items_per_second counts pairs (or writes); the percentiles are of a whole
// pair. The files are in IDEM_BENCH_DIR, else in the system's temporary directory.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bench/key_space.h"
#include "bench/latency_histogram.h"
#include "bench/temporary_directory.h"
#include "idem/store.h"

namespace idem::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPageBytes = 4096;
constexpr size_t kDiskFileBytes = size_t{16} << 20;
const std::string kResponse(100, 'r');

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "durable_bench: %s\n", what.c_str());
  std::abort();
}

int64_t NsSince(Clock::time_point start) {
  return std::chrono::nanoseconds(Clock::now() - start).count();
}

void ShowPercentiles(const LatencyHistogram& latencies, benchmark::State& state) {
  for (const auto& [name, percent] :
       {std::pair{"p50_us", 50.0}, {"p99_us", 99.0}, {"p99_9_us", 99.9}}) {
    state.counters[name] = static_cast<double>(latencies.Percentile(percent)) / 1e3;
  }
}

// One store, opened before the threads of a run start and closed after them.
class Run {
 public:
  Run(Durability durability, int threads) : merged_(threads) {
    Options options;
    options.directory = directory_.path() + "/store";
    options.durability = durability;
    auto store = Store::Open(options);
    if (!store.ok()) Fail(store.status().ToString());
    store_ = *std::move(store);
    fingerprint_ = store_->FingerprintOf({"POST /charges", "amount=100"});
    syncs_before_ = store_->GetStats().log.syncs;
  }

  void ClaimAndComplete(const Key& key) {
    auto answer = store_->Begin(View(key), fingerprint_);
    if (!answer.ok() || !std::holds_alternative<Claim>(*answer)) Fail("no claim");
    const absl::Status done = std::get<Claim>(*answer).Complete(kResponse);
    if (!done.ok()) Fail(done.ToString());
  }

  // Called by every thread when it is through; returns when all are.
  void Merge(const LatencyHistogram& latencies) {
    {
      const std::lock_guard hold(mutex_);
      latencies_.Merge(latencies);
    }
    merged_.arrive_and_wait();
  }

  void Show(benchmark::State& state) const {
    const auto syncs = static_cast<double>(store_->GetStats().log.syncs - syncs_before_);
    state.counters["fdatasyncs"] = syncs;
    state.counters["fdatasyncs_per_pair"] = syncs / static_cast<double>(latencies_.count());
    ShowPercentiles(latencies_, state);
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  Fingerprint fingerprint_;
  uint64_t syncs_before_ = 0;
  std::latch merged_;
  std::mutex mutex_;
  LatencyHistogram latencies_;
};

std::unique_ptr<Run> run;

void OpenRun(const benchmark::State& state) {
  run = std::make_unique<Run>(static_cast<Durability>(state.range(0)), state.threads());
}
void CloseRun(const benchmark::State&) { run.reset(); }

void ClaimComplete(benchmark::State& state) {
  const KeySpace keys(static_cast<uint64_t>(state.thread_index()));
  LatencyHistogram latencies;
  uint64_t number = 0;
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    run->ClaimAndComplete(keys.KeyOf(number++));
    latencies.Add(NsSince(start));
  }
  state.SetItemsProcessed(state.iterations());
  run->Merge(latencies);
  if (state.thread_index() == 0) run->Show(state);
}

void Disk(benchmark::State& state) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const std::vector<char> zeros(kDiskFileBytes);
  if (file < 0 || pwrite(file, zeros.data(), zeros.size(), 0) != ssize_t{kDiskFileBytes} ||
      fsync(file) != 0) {
    Fail("cannot fill " + path);
  }
  std::array<char, kPageBytes> page;
  page.fill('x');
  LatencyHistogram latencies;
  off_t offset = 0;
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    if (pwrite(file, page.data(), page.size(), offset) != ssize_t{kPageBytes} ||
        fdatasync(file) != 0) {
      Fail("cannot write " + path);
    }
    latencies.Add(NsSince(start));
    offset = (offset + off_t{kPageBytes}) % off_t{kDiskFileBytes};
  }
  close(file);
  state.SetItemsProcessed(state.iterations());
  ShowPercentiles(latencies, state);
}

void Register(const char* name, Durability durability, int64_t most_iterations) {
  for (const int threads : {1, 16, 64}) {
    const int64_t iterations = most_iterations / (threads == 1 ? 1 : threads / 4);
    benchmark::RegisterBenchmark(name, ClaimComplete)
        ->Arg(static_cast<int64_t>(durability))
        ->Setup(OpenRun)
        ->Teardown(CloseRun)
        ->Threads(threads)
        ->Iterations(iterations)
        ->UseRealTime();
  }
}

}  // namespace
}  // namespace idem::bench

int main(int argc, char** argv) {
  using idem::Durability;
  benchmark::Initialize(&argc, argv);
  idem::bench::Register("ClaimComplete/always", Durability::kAlways, 800);
  idem::bench::Register("ClaimComplete/interval", Durability::kInterval, 10'000);
  benchmark::RegisterBenchmark("Disk/pwrite_fdatasync", idem::bench::Disk)
      ->Iterations(1000)
      ->UseRealTime();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
