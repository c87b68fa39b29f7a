// One operation on a filled table by so many threads for a while.
//
//   find       a resident finished key, chosen evenly; its response is copied out and compared
//   hot        the same, but always the same key: what stands beside `find` on another thread
//   duplicate  a claim of a key that is claimed and not finished, chosen evenly
//   claim      of a fresh key
//   insert     of a fresh key with its response: claim and completion
//
//   find-apart, ..   the same, but no call begins before the one before has its answer. Else a
//                    core begins with the next one while it waits for memory, if a call is short
//                    enough; a caller who does something with the answer does not gain by that.
//
// Every answer is checked. Fresh keys stay, so `claim` and `insert` are done for a number of keys
// and not for a time.
#ifndef IDEM_BENCH_TABLE_PHASE_H_
#define IDEM_BENCH_TABLE_PHASE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/key_space.h"
#include "bench/table/table.h"

namespace idem::bench {

struct Resident {
  uint64_t finished = 0;
  uint64_t claimed = 0;
  const ResponseShape* shape;
};

struct Effort {
  double seconds = 0;       // of the operations on resident keys
  uint64_t fresh_keys = 0;  // of each thread
};

struct PhaseResult {
  std::vector<double> ns_per_key;  // of each thread, without the making of keys
  double keys_per_second = 0;      // of all together by the clock on the wall, with it
};

// One operation's name for each thread.
PhaseResult RunPhase(Table* table, const Resident& resident, const Effort& effort, size_t batch,
                     const std::vector<std::string>& operations);

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_PHASE_H_
