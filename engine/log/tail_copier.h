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
  uint64_t record_bytes = 0;
};

// Cuts `segment`, in which the log ends, behind its last durable batch; what follows becomes the
// tail. An idle mark tells that the records before it are durable, but may itself stand in the page
// cache only: the cut is behind records.
absl::StatusOr<Tail> CutUnprovenTail(FileSystem* file_system, const std::string& directory,
                                     ReplayedSegment& segment, Lsn durable_lsn);

// Writes, without a sync.
absl::Status CopyTailTo(SegmentWriter& writer, FileSystem* file_system,
                        const std::string& directory, const Tail& tail, int64_t store_ms);

}  // namespace idem::engine

#endif  // IDEM_LOG_TAIL_COPIER_H_
