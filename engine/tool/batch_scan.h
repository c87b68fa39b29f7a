// Every batch of a segment whose own hashes are right, wherever it stands and whatever it follows:
// what is left to read when the reader of the log (log_reader.h) has met damage.
#ifndef IDEM_TOOL_BATCH_SCAN_H_
#define IDEM_TOOL_BATCH_SCAN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "idem/file_system.h"
#include "log/log_format.h"
#include "log/manifest.h"

namespace idem::engine {

struct ScannedBatch {
  BatchHeader header;
  std::string_view records;  // empty, though the header counts some: their hash is wrong
  uint64_t offset = 0;
};

// In the order of their offsets. Holds the whole file in memory.
absl::Status ScanBatches(FileSystem* files, const std::string& path, const ManifestSegment& segment,
                         const std::function<void(const ScannedBatch&)>& visit);

}  // namespace idem::engine

#endif  // IDEM_TOOL_BATCH_SCAN_H_
