// Reads a whole log as its manifest names it, and judges its end. Changes no file.
//
//   newest whole snapshot ─► closed segments ─► segment in use ─► spare, if the log went on into it
//                                                                  ─► no valid batch: the end
//
// A closed segment that the snapshot covers is not read. The first one that is must go on where the
// snapshot ends, or earlier: older images are skipped when they are installed.
//
// What stands at the end is torn (a write that no answer depended on: cut it), or rotten (damage in
// what was known durable: refuse). The rule: let L be the LSN that would come next. If anything
// tells that L was durable, it is rot. Such evidence is
//   * a valid batch header behind the end, here or in the spare, whose durable_upto is L or more;
//   * a later segment's header that says it goes on behind L;
//   * the manifest's durable LSN, or the LSN of its clean stop;
//   * the end of a closed segment that was not reached;
//   * the highest LSN in a snapshot: it was published only once that was durable.
// One sync is outstanding at a time, so a batch that was followed by another one's durable_upto had
// been synced; what nothing tells of is the last batch alone, and idle marks narrow that.
//
// The records go to a ReplaySink, block by block; how far it is, to a listener about once a MiB.
//
// Thread rule: plain function.
#ifndef IDEM_LOG_LOG_REPLAY_H_
#define IDEM_LOG_LOG_REPLAY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "idem/stats.h"
#include "idem/store.h"
#include "log/log_reader.h"
#include "log/manifest.h"
#include "log/replay_sink.h"

namespace idem::engine {

struct ReplayedSegment {
  ManifestSegment segment;
  bool skipped = false;  // a snapshot covers it; its header was not read
  SegmentHeader header;
  SegmentEnd end;
  uint64_t record_bytes = 0;  // without headers and padding
};

struct ReplayedLog {
  std::vector<ReplayedSegment> segments;  // in use or closed, in order
  std::optional<ManifestSegment> untouched_spare;
  Lsn last_lsn = 0;
  Lsn durable_lsn = 0;  // proved to be on disk; last_lsn or less
  int64_t store_ms = 0;
  uint64_t records = 0;  // that were read, those of the snapshot included
  std::vector<ManifestSnapshot> damaged_snapshots;
  bool torn = false;  // something stood behind the last valid batch
};

// Gives every record to `sink`, and has it finished when it returns, also after an error.
// kDataLoss: rot, or a log that contradicts itself. Other errors are those of files and the sink.
absl::StatusOr<ReplayedLog> ReplayLog(FileSystem* file_system, const std::string& directory,
                                      const Manifest& manifest, ReplaySink& sink,
                                      const Store::OpenListener& listener = {});

}  // namespace idem::engine

#endif  // IDEM_LOG_LOG_REPLAY_H_
