// Times of calls, sorted into those that ran through and those in which the system took the core
// away.
//
// The system tells how often it did: each involuntary switch is charged to the slowest calls of the
// block in which it happened, and these are counted apart as preempted. What the hypervisor steals
// it tells only in sum, and not here.
//
// Thread rule: the thread whose calls they are.
#ifndef IDEM_BENCH_TABLE_CALL_TIMES_H_
#define IDEM_BENCH_TABLE_CALL_TIMES_H_

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "bench/latency_histogram.h"

namespace idem::bench {

struct SlowCall {
  int64_t ns = 0;
  uint64_t at = 0;  // what the caller said beside it
};

class CallTimes {
 public:
  static constexpr size_t kBlock = 128;  // a good number of calls in a block

  // Before the first call of a block.
  void StartBlock() { switches_at_start_ = InvoluntarySwitches(); }
  void Add(int64_t ns, uint64_t at) { block_.push_back({.ns = ns, .at = at}); }
  size_t calls_in_block() const { return block_.size(); }
  // The undisturbed calls go to `also`, too, if there is one.
  void EndBlock(LatencyHistogram* also = nullptr) {
    if (block_.empty()) return;
    const uint64_t switches = InvoluntarySwitches() - switches_at_start_;
    const size_t preempted = std::min<size_t>(switches, block_.size());
    switches_ += switches;
    std::ranges::sort(block_, std::greater<>(), &SlowCall::ns);
    for (size_t i = 0; i < block_.size(); ++i) {
      const SlowCall& call = block_[i];
      SlowCall& slowest = i < preempted ? slowest_preempted_ : slowest_;
      if (call.ns > slowest.ns) slowest = call;
      all_.Add(call.ns);
      if (i < preempted) continue;
      undisturbed_.Add(call.ns);
      if (also != nullptr) also->Add(call.ns);
    }
    block_.clear();
  }

  const LatencyHistogram& undisturbed() const { return undisturbed_; }
  const LatencyHistogram& all() const { return all_; }
  const SlowCall& slowest() const { return slowest_; }  // undisturbed
  const SlowCall& slowest_preempted() const { return slowest_preempted_; }
  uint64_t switches() const { return switches_; }  // involuntary

 private:
  static uint64_t InvoluntarySwitches() {
    rusage used;
    getrusage(RUSAGE_THREAD, &used);
    return static_cast<uint64_t>(used.ru_nivcsw);
  }

  std::vector<SlowCall> block_;
  LatencyHistogram undisturbed_;
  LatencyHistogram all_;
  SlowCall slowest_;
  SlowCall slowest_preempted_;
  uint64_t switches_at_start_ = 0;
  uint64_t switches_ = 0;
};

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_CALL_TIMES_H_
