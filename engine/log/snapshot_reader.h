// Reads a snapshot, block after block, and tells whether it is, to the last byte, the one that a
// manifest names. Records are not looked at: their hashes are.
//
// Thread rule: one thread at a time.
#ifndef IDEM_LOG_SNAPSHOT_READER_H_
#define IDEM_LOG_SNAPSHOT_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "log/file_window.h"
#include "log/manifest.h"
#include "log/replay_sink.h"
#include "log/snapshot_format.h"

namespace idem::engine {

class SnapshotReader {
 public:
  // Errors, here and below: kDataLoss (missing or damaged; names file and offset),
  // kFailedPrecondition (a newer version), and those of the file system.
  static absl::StatusOr<SnapshotReader> Open(FileSystem* file_system, const std::string& directory,
                                             const ManifestSnapshot& wanted);

  const SnapshotHeader& header() const { return header_; }
  // The next block of records, or none at the end: then the whole file is right.
  absl::StatusOr<std::optional<RecordBlock>> Next();
  // Bytes read so far.
  uint64_t offset() const { return offset_; }

 private:
  SnapshotReader(std::unique_ptr<File> file, std::string path, const ManifestSnapshot& wanted);
  absl::Status ReadHeader();
  absl::StatusOr<std::string_view> Read(uint64_t length);
  absl::Status CheckFooter(const SnapshotBlockHeader& header, std::string_view payload);
  absl::Status Damaged(std::string_view why) const { return DamageAt(*path_, offset_, why); }

  std::shared_ptr<const std::string> path_;
  ManifestSnapshot wanted_;
  FileWindow window_;
  SnapshotHeader header_;
  uint64_t offset_ = 0;
  SnapshotFooter found_;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_SNAPSHOT_READER_H_
