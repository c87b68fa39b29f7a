// Opening a store: IDEM_BENCH_RESIDENT finished records (5,000,000) with 36-byte keys and 100-byte
// responses.
//
//   Open/..          Store::Open, until it would answer
//   ReadAndHash/..   the ceiling: reads the same files and hashes them (XXH3), on one thread
//   ../cold          nothing of the files is in the page cache; ../warm: all is
//
// Times are of one open. bytes_per_second counts the bytes of the files, zeros included. The files
// are in IDEM_BENCH_DIR, else in the system's temporary directory.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "bench/key_space.h"
#include "bench/temporary_directory.h"
#include "idem/store.h"

namespace idem::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kBatch = 64;
constexpr size_t kReadBytes = 1 << 20;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "open_bench: %s\n", what.c_str());
  std::abort();
}

uint64_t RecordCount() {
  const char* const given = std::getenv("IDEM_BENCH_RESIDENT");
  return given == nullptr ? uint64_t{5'000'000} : std::strtoull(given, nullptr, 10);
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Options OptionsOf(const std::string& directory) {
  Options options;
  options.directory = directory;
  options.durability = Durability::kOs;
  options.memory_limit_bytes = uint64_t{16} << 30;
  return options;
}

std::unique_ptr<Store> OpenStore(const std::string& directory) {
  auto store = Store::Open(OptionsOf(directory));
  if (!store.ok()) Fail(store.status().ToString());
  return *std::move(store);
}

// Executes all, however often the log's backlog is full.
void ExecuteAll(Store& store, std::span<const Request> requests, std::span<Reply> replies) {
  for (size_t done = 0; done < requests.size();) {
    done += store.Execute(requests.subspan(done), replies.subspan(done));
  }
}

// Claims and completes the keys [begin, begin + kBatch).
void FinishBatch(Store& store, const KeySpace& keys, uint64_t begin) {
  static const std::string response(100, 'r');
  std::array<Key, kBatch> names;
  std::array<Request, kBatch> requests;
  std::array<Reply, kBatch> replies;
  for (size_t i = 0; i < kBatch; ++i) {
    names[i] = keys.KeyOf(begin + i);
    requests[i].op = Op::kBegin;
    requests[i].key = View(names[i]);
    requests[i].fingerprint = store.FingerprintOf({View(names[i])});
  }
  ExecuteAll(store, requests, replies);
  for (size_t i = 0; i < kBatch; ++i) {
    requests[i] = Request{};
    requests[i].op = Op::kComplete;
    requests[i].key = View(names[i]);
    requests[i].token = replies[i].token;
    requests[i].value = response;
  }
  ExecuteAll(store, requests, replies);
}

// The files, made once.
class Directory {
 public:
  static Directory& Get() {
    static Directory directory;
    return directory;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::string store() const { return root_.path() + "/store"; }
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(store())) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }
  uint64_t Bytes() const {
    uint64_t bytes = 0;
    for (const std::string& file : Files()) bytes += fs::file_size(file);
    return bytes;
  }

 private:
  Directory() {
    const KeySpace keys(1);
    const std::unique_ptr<Store> opened = OpenStore(store());
    for (uint64_t i = 0; i < RecordCount(); i += kBatch) FinishBatch(*opened, keys, i);
  }

  TemporaryDirectory root_;
};

// Reads `file` in pieces and gives each to `visit`.
template <typename Visit>
void ReadFile(const std::string& file, const Visit& visit) {
  static std::vector<char> buffer(kReadBytes);
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) Fail("cannot open " + file);
  for (ssize_t count; (count = read(fd, buffer.data(), buffer.size())) > 0;) {
    visit(std::string_view(buffer.data(), static_cast<size_t>(count)));
  }
  close(fd);
}

void DropFromCache(const std::string& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  fdatasync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}

void SetCache(bool cold) {
  for (const std::string& file : Directory::Get().Files()) {
    if (cold) {
      DropFromCache(file);
    } else {
      ReadFile(file, [](std::string_view) {});
    }
  }
}

void Open(benchmark::State& state, bool cold) {
  Directory& directory = Directory::Get();
  uint64_t bytes = 0;
  for (auto _ : state) {
    SetCache(cold);
    bytes = directory.Bytes();
    const auto start = Clock::now();
    const std::unique_ptr<Store> store = OpenStore(directory.store());
    state.SetIterationTime(SecondsSince(start));
    if (store->GetStats().records < RecordCount()) Fail("records are missing");
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
}

void ReadAndHash(benchmark::State& state, bool cold) {
  uint64_t bytes = 0;
  for (auto _ : state) {
    SetCache(cold);
    bytes = Directory::Get().Bytes();
    const auto start = Clock::now();
    for (const std::string& file : Directory::Get().Files()) {
      ReadFile(file, [](std::string_view piece) {
        benchmark::DoNotOptimize(engine::Checksum(1, piece));
      });
    }
    state.SetIterationTime(SecondsSince(start));
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
}

void Once(benchmark::internal::Benchmark* bench) {
  bench->UseManualTime()->Iterations(1)->Repetitions(5)->Unit(benchmark::kMillisecond);
  bench->ReportAggregatesOnly(false);
}

BENCHMARK_CAPTURE(Open, log_cold, true)->Apply(Once);
BENCHMARK_CAPTURE(ReadAndHash, log_cold, true)->Apply(Once);
BENCHMARK_CAPTURE(Open, log_warm, false)->Apply(Once);
BENCHMARK_CAPTURE(ReadAndHash, log_warm, false)->Apply(Once);

}  // namespace
}  // namespace idem::bench
