// A snapshot file read block by block: all of it, or what damage has left.
#ifndef IDEM_TOOL_SNAPSHOT_SURVEY_H_
#define IDEM_TOOL_SNAPSHOT_SURVEY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "idem/file_system.h"
#include "log/image.h"
#include "log/snapshot_format.h"

namespace idem::engine {

struct SurveyedSnapshot {
  absl::Status damage;  // the first, with file and offset; OK: the snapshot is whole
  bool has_header = false;
  SnapshotHeader header;
  SnapshotFooter footer;  // if the snapshot is whole
  uint64_t records = 0;   // that were read
};

// `visit` is given every record that stands in a valid block. Holds the whole file in memory.
SurveyedSnapshot SurveySnapshot(FileSystem* files, const std::string& path,
                                const std::function<void(const Image&, Lsn)>& visit = {});

}  // namespace idem::engine

#endif  // IDEM_TOOL_SNAPSHOT_SURVEY_H_
