// Fills a table from nothing and looks at every single call meanwhile: who stops the world to grow
// is seen in the worst ones.
//
// The system may take the core away in the middle of a call. It tells how often it did: each
// involuntary switch is charged to the slowest calls of the block of 128 in which it happened, and
// these are counted apart as preempted. What the hypervisor steals it tells only in sum.
#ifndef IDEM_BENCH_TABLE_GROWTH_H_
#define IDEM_BENCH_TABLE_GROWTH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/key_space.h"
#include "bench/latency_histogram.h"
#include "bench/table/table.h"

namespace idem::bench {

struct GrowthShape {
  uint64_t keys = 0;
  size_t batch = 1;            // items a call
  bool only_claims = false;    // or claims and completions together
  const ResponseShape* shape;  // of the responses
};

struct Slowest {
  int64_t ns = 0;
  uint64_t at = 0;  // keys in the table
};

struct Growth {
  static constexpr size_t kWindows = 20;

  double ns_per_key = 0;
  double rss_bytes_per_key = 0;           // by which the process has grown
  std::vector<LatencyHistogram> windows;  // calls in the order of time, preempted ones left out
  LatencyHistogram undisturbed;           // all of them together
  LatencyHistogram all;
  Slowest slowest;  // undisturbed
  Slowest slowest_preempted;
  uint64_t switches = 0;  // involuntary
  double stolen_ms = 0;   // by the hypervisor, from all cores
};

Growth Grow(Table* table, const GrowthShape& shape);

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_GROWTH_H_
