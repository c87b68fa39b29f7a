// Fills a table from nothing and looks at every single call meanwhile: who stops the world to grow
// is seen in the worst ones.
//
// Calls in which the system took the core away are told apart (call_times.h), by blocks of 128.
#ifndef IDEM_BENCH_TABLE_GROWTH_H_
#define IDEM_BENCH_TABLE_GROWTH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/key_space.h"
#include "bench/latency_histogram.h"
#include "bench/table/call_times.h"
#include "bench/table/table.h"

namespace idem::bench {

struct GrowthShape {
  uint64_t keys = 0;
  size_t batch = 1;            // items a call
  bool only_claims = false;    // or claims and completions together
  const ResponseShape* shape;  // of the responses
};

struct Growth {
  static constexpr size_t kWindows = 20;

  double ns_per_key = 0;
  double rss_bytes_per_key = 0;           // by which the process has grown
  std::vector<LatencyHistogram> windows;  // calls in the order of time, preempted ones left out
  CallTimes calls;                        // beside each how many keys were in the table
  double stolen_ms = 0;                   // by the hypervisor, from all cores
};

Growth Grow(Table* table, const GrowthShape& shape);

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_GROWTH_H_
