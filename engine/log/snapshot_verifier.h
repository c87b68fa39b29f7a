// Reads a snapshot and tells whether it is, to the last byte, the one that a manifest names.
// Records are not looked at: their hashes are.
//
// Thread rule: one thread at a time.
#ifndef IDEM_LOG_SNAPSHOT_VERIFIER_H_
#define IDEM_LOG_SNAPSHOT_VERIFIER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "log/manifest.h"
#include "log/snapshot_format.h"

namespace idem::engine {

class SnapshotVerifier {
 public:
  // Errors, here and below: kDataLoss (damage; names file and offset), kFailedPrecondition (a newer
  // version), and those of the file system.
  static absl::StatusOr<SnapshotVerifier> Open(FileSystem* file_system, const std::string& path,
                                               const ManifestSnapshot& wanted);

  // Reads one block. True: there are more.
  absl::StatusOr<bool> Next();
  bool done() const { return done_; }

 private:
  SnapshotVerifier(std::unique_ptr<File> file, std::string path, const ManifestSnapshot& wanted)
      : file_(std::move(file)), path_(std::move(path)), wanted_(wanted) {}

  absl::Status ReadHeader();
  absl::Status Read(uint64_t length);
  absl::Status CheckFooter(const SnapshotBlockHeader& header);
  absl::Status Damaged(absl::string_view why) const;

  std::unique_ptr<File> file_;
  std::string path_;
  ManifestSnapshot wanted_;
  uint64_t salt_ = 0;
  uint64_t offset_ = 0;  // of what is read
  SnapshotFooter found_;
  std::string bytes_;
  bool done_ = false;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_SNAPSHOT_VERIFIER_H_
