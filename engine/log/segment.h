// Segment files: their names, and making one that is full of zeros.
//
// Thread rule: plain functions over a FileSystem.
#ifndef IDEM_LOG_SEGMENT_H_
#define IDEM_LOG_SEGMENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "idem/options.h"

namespace idem::engine {

// "<directory>/wal-<number, 16 digits>.log"
std::string SegmentPath(const std::string& directory, uint64_t number);
// The number in a file's name (without directory); none if it is not a segment's.
std::optional<uint64_t> SegmentNumber(std::string_view name);

// Makes the file and really writes `file_bytes` zeros, so that later writes and syncs into it need
// no space and no change of the file system's own structures. On success file and entry are on
// disk. On an error nothing may name the file; it is removed if that is possible.
//
// In kAlways the zeros are written as the batches will be, durably: that leaves nothing in the page
// cache, and a commit that comes meanwhile waits for one chunk, not for a flush of them all. The
// weaker modes write parts of pages and want them in the cache.
absl::StatusOr<std::unique_ptr<File>> CreateZeroedSegment(const Options& options, uint64_t number,
                                                          uint64_t file_bytes);

}  // namespace idem::engine

#endif  // IDEM_LOG_SEGMENT_H_
