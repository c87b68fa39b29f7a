// Writes one snapshot, under its temporary name.
//
//   Add, Add, ..   under a stripe's lock: encodes into memory, no I/O
//   Write          no lock held: fills blocks, writes full ones, syncs every few MiB
//   Seal           the last block, the footer, the sync
//   Verify ..      reads the whole file again, a block a call
//   Publish        rename, sync of the directory
//
// The destructor removes the temporary file. After an error the writer is used up.
//
// Thread rule: one thread at a time.
#ifndef IDEM_LOG_SNAPSHOT_WRITER_H_
#define IDEM_LOG_SNAPSHOT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/body.h"
#include "idem/file_system.h"
#include "log/image.h"
#include "log/manifest.h"
#include "log/snapshot_format.h"
#include "log/snapshot_verifier.h"

namespace idem::engine {

class SnapshotWriter {
 public:
  static absl::StatusOr<std::unique_ptr<SnapshotWriter>> Create(FileSystem* file_system,
                                                                const std::string& directory,
                                                                const SnapshotHeader& header);
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  // Copies the image, which is present; a large body is shared. Until the next Write it is held in
  // memory.
  void Add(const Image& image, Lsn lsn);
  // That an entry is missing may have come about up to this LSN: it must not be published before
  // that is durable.
  void Misses(Lsn removal);
  absl::Status Write();
  absl::Status Seal();
  // True: there is more to read. kDataLoss: what stands there is not what was written.
  absl::StatusOr<bool> Verify();
  // Only after Verify has read all.
  absl::Status Publish();

  // As the manifest will name it, once it is sealed; before that, so far.
  const ManifestSnapshot& snapshot() const { return snapshot_; }

 private:
  struct Added {
    size_t bytes;  // encoded, in added_bytes_
    BodyRef body;  // the value behind them, if it is shared
  };

  SnapshotWriter(FileSystem* file_system, const std::string& directory,
                 const SnapshotHeader& header);
  absl::Status WriteHeader(const SnapshotHeader& header);
  absl::Status PutRecord(std::string_view encoded, std::string_view body);
  absl::Status WriteBlock(SnapshotBlockKind kind);
  absl::Status Sync();

  FileSystem* const file_system_;
  const std::string directory_;
  const std::string temporary_path_;
  const uint64_t salt_;
  std::unique_ptr<File> file_;
  std::string added_bytes_;
  std::vector<Added> added_;
  std::string block_;  // room for its header, then payload
  uint32_t block_records_ = 0;
  uint64_t unsynced_bytes_ = 0;
  ManifestSnapshot snapshot_;
  SnapshotFooter footer_;  // its chain goes on
  std::optional<SnapshotVerifier> verifier_;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_SNAPSHOT_WRITER_H_
