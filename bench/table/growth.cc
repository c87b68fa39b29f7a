#include "bench/table/growth.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
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

}  // namespace

Growth Grow(Table* table, const GrowthShape& shape) {
  Growth growth;
  growth.windows.resize(Growth::kWindows);
  Block block(*shape.shape);
  const double stolen_before = StolenMs();
  const double rss_before = ResidentSetBytes();
  int64_t total_ns = 0;
  for (uint64_t done = 0; done < shape.keys;) {
    const size_t count = std::min<uint64_t>(Block::kItems, shape.keys - done);
    for (size_t i = 0; i < count; ++i) {
      block.Set(i, kFinishedKeys.KeyOf(done + i), !shape.only_claims);
    }
    growth.calls.StartBlock();
    int64_t start = NowNs();
    const int64_t block_start = start;
    for (size_t i = 0; i < count; i += shape.batch) {
      const size_t some = std::min(shape.batch, count - i);
      if (table->Insert(block.items().subspan(i, some)) != some) Fail("a key is there already");
      const int64_t end = NowNs();
      growth.calls.Add(end - start, done + i);
      start = end;
    }
    total_ns += start - block_start;
    growth.calls.EndBlock(&growth.windows[done * Growth::kWindows / shape.keys]);
    done += count;
  }
  const auto keys = static_cast<double>(shape.keys);
  growth.ns_per_key = static_cast<double>(total_ns) / keys;
  growth.rss_bytes_per_key = (ResidentSetBytes() - rss_before) / keys;
  growth.stolen_ms = StolenMs() - stolen_before;
  return growth;
}

}  // namespace idem::bench
