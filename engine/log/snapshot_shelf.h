// The snapshots of an open directory: begins one, publishes it, and drops what that makes needless.
//
//   published:  sealed and verified ► everything it copied is synced ► rename ► MANIFEST names it
//   kept:       the two newest, and the log from behind the older one
//   dropped:    MANIFEST forgets it first, then the file goes; a crash between leaves a file that
//               the next open or the next snapshot removes
//
// A crash at any step leaves the old state, or the new one.
//
// Beside that, what has expired as a whole needs no copy: a prefix of closed segments whose latest
// deadline has passed is dropped, with the snapshots that would need it. Not while the newest
// snapshot still holds something: what it holds may have been removed in the log behind it.
//
// What a cursor of the change stream still wants stays beyond all that, up to
// Options::max_pinned_log_bytes in closed segments: they are the first of the list, and an open
// does not read them.
//
// Thread rule: one thread at a time; Due and AddStats from any.
#ifndef IDEM_LOG_SNAPSHOT_SHELF_H_
#define IDEM_LOG_SNAPSHOT_SHELF_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/store_clock.h"
#include "idem/file_system.h"
#include "idem/options.h"
#include "idem/stats.h"
#include "log/log_pin.h"
#include "log/manifest.h"
#include "log/snapshot_writer.h"

namespace idem::engine {

// Removes the snapshots, finished or not, that `manifest` does not name. What cannot be removed now
// is tried again the next time.
void RemoveUnnamedSnapshots(FileSystem* file_system, const std::string& directory,
                            const Manifest& manifest);

// Where the log stands: what was appended, what is durable, bytes kept (whole files, of the one in
// use what is written).
struct LogExtent {
  Lsn appended = 0;
  Lsn synced = 0;
  uint64_t kept_bytes = 0;
};

class SnapshotShelf {
 public:
  // `manifest` outlives this.
  SnapshotShelf(const Options& options, ManifestFile* manifest, const StoreClock& clock);

  // Of everything up to log.appended. Null: the newest snapshot covers that.
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> Start(const LogExtent& log);
  // `writer` is verified, and log.synced has reached its highest LSN. After an error it may have
  // been published or not; nothing depends on it.
  absl::Status Publish(SnapshotWriter& writer, const LogExtent& log);

  // Whether a snapshot of `live_bytes` pays. Files then stay under 5 x live bytes and 4 segments:
  // the snapshots there are, one more while it is written, 2 segments that are not full, and a log
  // that takes the rest, which is the longer the fewer snapshots there are. A snapshot shortens the
  // log only up to the one before, so one is due when half of that length lies behind the newest;
  // or when the log is too long and a quarter of it is new. What it grew by while the last snapshot
  // was taken counts beforehand.
  bool Due(const LogExtent& log, uint64_t live_bytes) const IDEM_EXCLUDES(mutex_);
  // Whether the log has all of that already.
  bool Late(const LogExtent& log, uint64_t live_bytes) const;
  // Drops what has expired as a whole. An error hurts nobody: it is tried again.
  void DropExpired(Lsn synced);
  // Drops what both snapshots cover and no cursor wants any more. The same.
  void DropUnpinned(Lsn synced);
  // Asked before every drop, from then on.
  void SetPin(LogPinSource pin) { pin_ = std::move(pin); }

  void AddStats(LogStats& stats) const;

 private:
  struct Drop;
  uint64_t LongestLog(const Manifest& manifest, uint64_t live_bytes) const;
  size_t CountUnpinned(const Manifest& manifest, size_t count, Lsn synced) const;
  absl::Status Commit(const Drop& drop, const ManifestSnapshot* added, Lsn synced);

  const Options& options_;
  ManifestFile* const manifest_;
  const StoreClock clock_;
  LogPinSource pin_;
  bool unsettled_ = false;  // a commit has failed: the files may tell more than manifest_ does
  uint64_t kept_bytes_at_start_ = 0;
  mutable Mutex mutex_;
  uint64_t growth_bytes_ IDEM_GUARDED_BY(mutex_) = 0;  // of the log during the last snapshot
};

}  // namespace idem::engine

#endif  // IDEM_LOG_SNAPSHOT_SHELF_H_
