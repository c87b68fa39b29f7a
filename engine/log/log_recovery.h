// Opening a log in files, step by step. Every step may be cut short by a crash, and the whole may
// be run again any number of times: it gives the same state.
//
//   1  lock the directory
//   2  read the manifest (a new directory gets one, without segments); raise the epoch in memory
//   3  load the newest whole snapshot, replay the records behind it and judge the end
//      (log_replay.h)                                            up to here nothing was changed
//   4  make the next segment: the untouched spare, or a new file
//   5  copy the tail into it and sync: everything that is not proved durable (what was read may
//      stand in the page cache only), and the last segments whole if they hold little, so that
//      many restarts do not leave many nearly empty files
//   6  write the manifest: new segment, new epoch, ends of the others; a damaged snapshot is not
//      named any more. From here on it counts
//   7  remove the files that it no longer names
//
// Thread rule: plain function.
#ifndef IDEM_LOG_LOG_RECOVERY_H_
#define IDEM_LOG_LOG_RECOVERY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "base/store_clock.h"
#include "idem/file_system.h"
#include "log/log.h"
#include "log/manifest.h"
#include "log/replay_sink.h"
#include "log/segment_writer.h"

namespace idem::engine {

// What there is to go on with.
struct RecoveredLog {
  std::unique_ptr<DirectoryLock> lock;
  std::unique_ptr<ManifestFile> manifest;
  SegmentWriter writer;
  StoreClock clock;
  Lsn last_lsn = 0;
  uint64_t next_number = 0;  // of the next segment to be made
  uint64_t records = 0;
  uint64_t torn_tails_cut = 0;
  uint64_t damaged_snapshots = 0;
  bool created = false;
};

// Errors as OpenFileLog.
absl::StatusOr<RecoveredLog> RecoverLog(const Options& options, ReplaySink& sink,
                                        const Store::OpenListener& listener);

// Bytes of the segments that this store makes.
uint64_t SegmentBytes(const Options& options);

// What every manifest tells about the moment it was written.
void Stamp(Manifest& manifest, Lsn durable_lsn, const StoreClock& clock);

}  // namespace idem::engine

#endif  // IDEM_LOG_LOG_RECOVERY_H_
