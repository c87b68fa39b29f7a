// Copies the records of a log's tail into a new segment, as they are, under their old LSNs.
//
// Thread rule: plain functions.
#ifndef IDEM_LOG_TAIL_COPIER_H_
#define IDEM_LOG_TAIL_COPIER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "log/log_replay.h"
#include "log/segment_writer.h"

namespace idem::engine {

// The records of `segments` above `after_lsn`.
struct Tail {
  std::vector<ReplayedSegment> segments;
  Lsn after_lsn = 0;

  uint64_t RecordBytesMax() const;
};

// Cuts `segment` behind its last batch of durable records; what follows becomes the tail.
absl::StatusOr<Tail> CutUnprovenTail(FileSystem* file_system, const std::string& directory,
                                     ReplayedSegment& segment, Lsn durable_lsn);

// Writes, without a sync.
absl::Status CopyTailTo(SegmentWriter& writer, FileSystem* file_system,
                        const std::string& directory, const Tail& tail, int64_t store_ms);

}  // namespace idem::engine

#endif  // IDEM_LOG_TAIL_COPIER_H_
