#include "bench/table/growth.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <span>
#include <string>

#include "bench/table/block.h"

namespace idem::bench {
namespace {

double ResidentSetBytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double StolenMs() {
  std::ifstream stat("/proc/stat");
  std::string name;
  double ticks = 0;
  stat >> name;
  constexpr int kStealField = 8;
  for (int field = 0; field < kStealField; ++field) stat >> ticks;
  return ticks * 1000 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

uint64_t InvoluntarySwitches() {
  rusage used;
  getrusage(RUSAGE_THREAD, &used);
  return static_cast<uint64_t>(used.ru_nivcsw);
}

// Sorts the calls of one block into the histograms.
class Sorter {
 public:
  explicit Sorter(Growth* growth) : growth_(growth), switches_(InvoluntarySwitches()) {}

  void Add(int64_t ns, uint64_t at) { calls_.push_back({.ns = ns, .at = at}); }

  void EndBlock(LatencyHistogram* window) {
    const uint64_t switches = InvoluntarySwitches();
    const size_t preempted = std::min<size_t>(switches - switches_, calls_.size());
    growth_->switches += switches - switches_;
    switches_ = switches;
    std::ranges::sort(calls_, std::greater<>(), &Slowest::ns);
    for (size_t i = 0; i < calls_.size(); ++i) {
      const Slowest& call = calls_[i];
      Slowest& slowest = i < preempted ? growth_->slowest_preempted : growth_->slowest;
      if (call.ns > slowest.ns) slowest = call;
      growth_->all.Add(call.ns);
      if (i < preempted) continue;
      window->Add(call.ns);
      growth_->undisturbed.Add(call.ns);
    }
    calls_.clear();
  }

 private:
  Growth* const growth_;
  uint64_t switches_;
  std::vector<Slowest> calls_;
};

}  // namespace

Growth Grow(Table* table, const GrowthShape& shape) {
  Growth growth;
  growth.windows.resize(Growth::kWindows);
  Block block(*shape.shape);
  Sorter sorter(&growth);
  const double stolen_before = StolenMs();
  const double rss_before = ResidentSetBytes();
  int64_t total_ns = 0;
  for (uint64_t done = 0; done < shape.keys;) {
    const size_t count = std::min<uint64_t>(Block::kItems, shape.keys - done);
    for (size_t i = 0; i < count; ++i) {
      block.Set(i, kFinishedKeys.KeyOf(done + i), !shape.only_claims);
    }
    int64_t start = NowNs();
    const int64_t block_start = start;
    for (size_t i = 0; i < count; i += shape.batch) {
      const size_t some = std::min(shape.batch, count - i);
      if (table->Insert(block.items().subspan(i, some)) != some) Fail("a key is there already");
      const int64_t end = NowNs();
      sorter.Add(end - start, done + i);
      start = end;
    }
    total_ns += start - block_start;
    sorter.EndBlock(&growth.windows[done * Growth::kWindows / shape.keys]);
    done += count;
  }
  const auto keys = static_cast<double>(shape.keys);
  growth.ns_per_key = static_cast<double>(total_ns) / keys;
  growth.rss_bytes_per_key = (ResidentSetBytes() - rss_before) / keys;
  growth.stolen_ms = StolenMs() - stolen_before;
  return growth;
}

}  // namespace idem::bench
