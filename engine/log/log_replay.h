// Reads a whole log as its manifest names it, and judges its end. Changes no file.
//
//   closed segments ─► segment in use ─► spare, if the log went on into it ─► no valid batch: the
//   end
//
// What stands at the end is torn (a write that no answer depended on: cut it), or rotten (damage in
// what was known durable: refuse). The rule: let L be the LSN that would come next. If anything
// tells that L was durable, it is rot. Such evidence is
//   * a valid batch header behind the end, here or in the spare, whose durable_upto is L or more;
//   * a later segment's header that says it goes on behind L;
//   * the manifest's durable LSN, or the LSN of its clean stop;
//   * the end of a closed segment that was not reached.
// One sync is outstanding at a time, so a batch that was followed by another one's durable_upto had
// been synced; what nothing tells of is the last batch alone, and idle marks narrow that.
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
#include "log/log.h"
#include "log/log_reader.h"
#include "log/manifest.h"

namespace idem::engine {

struct ReplayedSegment {
  ManifestSegment segment;
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
  uint64_t records = 0;
  bool torn = false;  // something stood behind the last valid batch
};

// Gives every record to `visitor`. kDataLoss: rot, or a log that contradicts itself.
absl::StatusOr<ReplayedLog> ReplayLog(FileSystem* file_system, const std::string& directory,
                                      const Manifest& manifest, const ReplayVisitor& visitor);

}  // namespace idem::engine

#endif  // IDEM_LOG_LOG_REPLAY_H_
