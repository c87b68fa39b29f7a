// How often each command was called, and how long it took.
//
// Each event loop counts for itself; whoever asks adds the loops up. Durations are kept in powers
// of two of a microsecond, the buckets of Redis' LATENCY HISTOGRAM:
//
//   bucket     0      1      2      3        24        25
//   at most    1 us   2 us   4 us   8 us ..  16.8 s    longer
//
// Thread rule: one thread writes, any thread reads. Totals are plain values.
#ifndef IDEM_SERVER_COMMAND_STATS_H_
#define IDEM_SERVER_COMMAND_STATS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/counter.h"

namespace idem::server {

inline constexpr size_t kDurationBounds = 25;

// The longest that bucket i < kDurationBounds counts.
constexpr int64_t DurationBoundUs(size_t i) { return int64_t{1} << i; }
size_t DurationBucketOf(int64_t ns);

struct DurationTotals {
  std::array<uint64_t, kDurationBounds + 1> buckets{};
  uint64_t count = 0;
  uint64_t sum_ns = 0;

  double mean_us() const;
  // Such a part of all took no longer than this; to the bucket. 0 if there are none.
  int64_t PercentileUs(double percent) const;
};

class DurationHistogram {
 public:
  void Add(int64_t ns);
  void AddTo(DurationTotals& totals) const;

 private:
  std::array<Counter, kDurationBounds + 1> buckets_;
  Counter sum_ns_;
};

struct CommandTotals {
  uint64_t calls = 0;
  uint64_t failed = 0;
  DurationTotals durations;
};

struct CommandStats {
  Counter calls;
  Counter failed;               // answered with an error
  DurationHistogram durations;  // of the calls that were timed; see command_timing.h

  void AddTo(CommandTotals& totals) const;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMAND_STATS_H_
