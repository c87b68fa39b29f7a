// Takes snapshots: walks the stripes in slices while calls go on, and publishes what it copied.
//
//   idle ──► begin ──► walk: stripe 0 .. n, slice by slice ──► seal ──► verify ──► publish ──► idle
//
// A slice holds one stripe's lock for a hundred entries or so, in which no I/O is done and large
// values are not copied. The thread works for a millisecond, then pauses nine times as long, so
// that it takes a tenth of a core. It begins one when asked, or when the log says that one is
// due, which it asks ten times a second; after a failure it waits before it tries again by itself.
//
// Thread rule: everything from any thread. Lock order: before all others.
#ifndef IDEM_STORE_SNAPSHOTTER_H_
#define IDEM_STORE_SNAPSHOTTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "idem/clock.h"
#include "idem/options.h"
#include "idem/stats.h"
#include "log/log.h"
#include "log/snapshot_writer.h"
#include "store/memory_meter.h"
#include "store/stripe.h"

namespace idem::engine {

class Snapshotter {
 public:
  using Stripes = std::vector<std::unique_ptr<Stripe>>;

  // All of them outlive this; the thread runs if options.background says so.
  Snapshotter(const Options& options, Log* log, const Stripes* stripes, const MemoryMeter* memory);
  // Gives up the snapshot that is under way.
  ~Snapshotter();

  // Asks for a snapshot of at least what the store holds now. Returns its ticket.
  uint64_t Request() IDEM_EXCLUDES(mutex_);
  // Waits for it; without a thread, does it.
  absl::Status Wait(uint64_t ticket) IDEM_EXCLUDES(step_mutex_, mutex_);

  // One slice of work. True: there may be more to do.
  bool Step() IDEM_EXCLUDES(step_mutex_, mutex_);

  void AddStats(LogStats& stats) const IDEM_EXCLUDES(mutex_);

 private:
  void Loop();
  bool Begin() IDEM_REQUIRES(step_mutex_) IDEM_EXCLUDES(mutex_);
  bool Wanted() IDEM_EXCLUDES(mutex_);
  absl::StatusOr<bool> Continue() IDEM_REQUIRES(step_mutex_);
  absl::Status Walk() IDEM_REQUIRES(step_mutex_);
  void End(const absl::Status& status) IDEM_REQUIRES(step_mutex_) IDEM_EXCLUDES(mutex_);

  Clock* const clock_;
  const bool manual_;
  Log* const log_;
  const Stripes& stripes_;
  const MemoryMeter* const memory_;

  Mutex step_mutex_;                                                     // held for one Step
  std::unique_ptr<SnapshotWriter> writer_ IDEM_GUARDED_BY(step_mutex_);  // of one under way
  size_t stripe_ IDEM_GUARDED_BY(step_mutex_) = 0;
  uint64_t from_ IDEM_GUARDED_BY(step_mutex_) = 0;  // in that stripe
  bool sealed_ IDEM_GUARDED_BY(step_mutex_) = false;

  mutable Mutex mutex_;
  Condition wake_;   // the thread
  Condition ended_;  // who waits for a ticket
  // Tickets: asked for, begun, come to an end, well or not.
  uint64_t asked_ IDEM_GUARDED_BY(mutex_) = 0;
  uint64_t begun_ IDEM_GUARDED_BY(mutex_) = 0;
  uint64_t done_ IDEM_GUARDED_BY(mutex_) = 0;
  uint64_t last_good_ IDEM_GUARDED_BY(mutex_) = 0;
  absl::Status last_error_ IDEM_GUARDED_BY(mutex_);
  uint64_t taken_ IDEM_GUARDED_BY(mutex_) = 0;
  uint64_t failed_ IDEM_GUARDED_BY(mutex_) = 0;
  int64_t begun_unix_ms_ IDEM_GUARDED_BY(mutex_) = 0;
  int64_t good_unix_ms_ IDEM_GUARDED_BY(mutex_) = 0;  // when the last good one was begun
  int64_t pause_ms_ IDEM_GUARDED_BY(mutex_) = 0;      // after the last failure; 0: it went well
  int64_t retry_at_ms_ IDEM_GUARDED_BY(mutex_) = 0;   // clock's BootMs
  bool stopping_ IDEM_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace idem::engine

#endif  // IDEM_STORE_SNAPSHOTTER_H_
