// What a running snapshot costs the callers of a store: windows of full load, without and with
// snapshots in turn, printed as JSON.
//
//   snapshot_load --directory /some/disk --keys 1000000 --pairs 7 --seconds 3
//
// One thread executes batches of sixteen keys, chosen evenly: half of them are read, half are
// overwritten, so the store stays as large as it is and its log grows. The time of every batch
// counts, waiting for the log's backlog included. In every second window another thread takes
// one snapshot after the other. Interval mode: with every answer waiting for a disk, nothing else
// would be seen.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bench/key_space.h"
#include "bench/latency_histogram.h"
#include "idem/store.h"

ABSL_FLAG(std::string, directory, "", "for the store; must be empty");
ABSL_FLAG(uint64_t, keys, 1'000'000, "resident");
ABSL_FLAG(uint32_t, pairs, 7, "windows without and with snapshots");
ABSL_FLAG(double, seconds, 3, "of a window");

namespace idem::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBatch = 16;
constexpr int64_t kDayMs = 86'400'000;
const std::string kValue(100, 'v');

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "snapshot_load: %s\n", status.ToString().c_str());
  std::exit(2);
}

uint64_t ResidentSetBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// Sixteen keys a call.
class Caller {
 public:
  Caller(Store* store, uint64_t keys)
      : store_(store), keys_(keys), batch_(kBatch), requests_(kBatch), replies_(kBatch) {}

  void Fill() {
    for (uint64_t i = 0; i < keys_; i += kBatch) {
      for (size_t j = 0; j < kBatch; ++j) SetRequest(j, i + j, Op::kPut);
      Execute();
    }
  }

  void ReadAndOverwrite() {
    for (size_t j = 0; j < kBatch; ++j) {
      SetRequest(j, random_() % keys_, j % 2 == 0 ? Op::kPut : Op::kGet);
    }
    Execute();
  }

 private:
  void SetRequest(size_t index, uint64_t number, Op op) {
    batch_[index] = key_space_.KeyOf(number);
    Request& request = requests_[index];
    request.op = op;
    request.kind = Kind::kRegister;
    request.key = View(batch_[index]);
    request.value = kValue;
    request.retention_ms = kDayMs;
  }

  void Execute() {
    size_t done = 0;
    while (done < kBatch) {
      done +=
          store_->Execute(std::span(requests_).subspan(done), std::span(replies_).subspan(done));
      if (done < kBatch) std::this_thread::yield();
    }
    for (const Reply& reply : replies_) {
      if (reply.outcome != Outcome::kOk) Fail(absl::InternalError("a wrong answer"));
    }
  }

  Store* const store_;
  const uint64_t keys_;
  const KeySpace key_space_{1};
  std::mt19937_64 random_{1};
  std::vector<Key> batch_;
  std::vector<Request> requests_;
  std::vector<Reply> replies_;
};

struct Window {
  bool with_snapshots = false;
  uint64_t snapshots = 0;
  uint64_t rss_max = 0;
  double seconds = 0;
  LatencyHistogram batches;
};

// Takes snapshots until told to stop.
class SnapshotThread {
 public:
  explicit SnapshotThread(Store* store)
      : thread_([this, store] {
          while (!stop_) {
            if (const absl::Status status = store->Snapshot(); !status.ok()) Fail(status);
            ++taken_;
          }
        }) {}
  uint64_t Stop() {
    stop_ = true;
    thread_.join();
    return taken_;
  }

 private:
  std::atomic<bool> stop_ = false;
  uint64_t taken_ = 0;
  std::thread thread_;
};

void RunLoad(Caller& caller, double seconds, Window* window) {
  const Clock::time_point begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(seconds);
  Clock::time_point now = begin;
  Clock::time_point look = begin;
  while (now < end) {
    caller.ReadAndOverwrite();
    const Clock::time_point done = Clock::now();
    window->batches.Add(std::chrono::nanoseconds(done - now).count());
    now = done;
    if (now < look) continue;
    window->rss_max = std::max(window->rss_max, ResidentSetBytes());
    look = now + std::chrono::milliseconds(20);
    now = Clock::now();
  }
  window->seconds = std::chrono::duration<double>(now - begin).count();
}

Window Measure(Store* store, Caller& caller, bool with_snapshots) {
  Window window;
  window.with_snapshots = with_snapshots;
  if (!with_snapshots) {
    RunLoad(caller, absl::GetFlag(FLAGS_seconds), &window);
    return window;
  }
  SnapshotThread snapshots(store);
  RunLoad(caller, absl::GetFlag(FLAGS_seconds), &window);
  window.snapshots = snapshots.Stop();
  return window;
}

void Print(const Window& window, bool last) {
  const auto us = [&](double percent) {
    return static_cast<double>(window.batches.Percentile(percent)) / 1e3;
  };
  std::printf(
      "{\"with\": %s, \"snapshots\": %llu, \"operations_per_second\": %.0f, \"p99_us\": %.1f, "
      "\"p99_9_us\": %.1f, \"max_us\": %.1f, \"rss_max\": %llu}%s\n",
      window.with_snapshots ? "true" : "false", static_cast<unsigned long long>(window.snapshots),
      static_cast<double>(window.batches.count() * kBatch) / window.seconds, us(99), us(99.9),
      static_cast<double>(window.batches.max()) / 1e3,
      static_cast<unsigned long long>(window.rss_max), last ? "" : ",");
}

std::unique_ptr<Store> OpenStore() {
  Options options;
  options.directory = absl::GetFlag(FLAGS_directory) + "/store";
  options.durability = Durability::kInterval;
  options.memory_limit_bytes = uint64_t{8} << 30;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
  if (!store.ok()) Fail(store.status());
  return *std::move(store);
}

void Main() {
  const std::unique_ptr<Store> store = OpenStore();
  Caller caller(store.get(), absl::GetFlag(FLAGS_keys) / kBatch * kBatch);
  caller.Fill();
  if (const absl::Status status = store->Snapshot(); !status.ok()) Fail(status);
  Window warmup;
  RunLoad(caller, absl::GetFlag(FLAGS_seconds) / 2, &warmup);
  const uint32_t windows = 2 * absl::GetFlag(FLAGS_pairs);
  std::printf("[");
  for (uint32_t i = 0; i < windows; ++i) {
    // Without, with; with, without: so that neither is always first.
    Print(Measure(store.get(), caller, i % 4 == 1 || i % 4 == 2), i + 1 == windows);
  }
  std::printf("]\n");
}

}  // namespace
}  // namespace idem::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  idem::bench::Main();
}
