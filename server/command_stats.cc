#include "server/command_stats.h"

#include <algorithm>
#include <bit>

namespace idem::server {

size_t DurationBucketOf(int64_t ns) {
  const auto us = static_cast<uint64_t>(std::max<int64_t>(ns, 1) - 1) / 1000;  // one less, if even
  return std::min<size_t>(static_cast<size_t>(std::bit_width(us)), kDurationBounds);
}

double DurationTotals::mean_us() const {
  return count == 0 ? 0 : static_cast<double>(sum_ns) / 1000 / static_cast<double>(count);
}

int64_t DurationTotals::PercentileUs(double percent) const {
  if (count == 0) return 0;
  const double wanted = percent / 100 * static_cast<double>(count);
  uint64_t seen = 0;
  size_t i = 0;
  for (; i < kDurationBounds; ++i) {
    seen += buckets[i];
    if (static_cast<double>(seen) >= wanted) break;
  }
  return DurationBoundUs(i);
}

void DurationHistogram::Add(int64_t ns) {
  buckets_[DurationBucketOf(ns)].Add(1);
  sum_ns_.Add(static_cast<uint64_t>(std::max<int64_t>(ns, 0)));
}

void DurationHistogram::AddTo(DurationTotals& totals) const {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const uint64_t count = buckets_[i].value();
    totals.buckets[i] += count;
    totals.count += count;
  }
  totals.sum_ns += sum_ns_.value();
}

void CommandStats::AddTo(CommandTotals& totals) const {
  totals.calls += calls.value();
  totals.failed += failed.value();
  durations.AddTo(totals.durations);
}

}  // namespace idem::server
