// MANIFEST: which segments and snapshots make the log, and what must outlive any of them.
//
//     0  magic 8                            272  all up to this LSN was durable 8
//     8  hash 8, of all that follows        280  LSN of a clean stop, 0: none 8
//    16  bytes in all 4                     288  boot id: length 4, 64 bytes
//    20  major 2, minor 2                   356  salvages 4
//    24  incompatible features 4            360  the two newest snapshots: 2 x 48, zero: none
//    28  compatible features 4              456  forgotten up to this LSN 8
//    32  generation 8                       464  segments, in order, each 64
//    40  store id 16
//    56  fingerprint secret 192
//   248  epoch 4, segment count 4
//   256  store time, ms 8
//   264  wall time, ms 8
//
//   snapshot                                segment
//     0  covers: LSN 8                        0  number 8        32  end: offset 8
//     8  highest LSN 8                        8  salt 8          40  end: last LSN 8
//    16  bytes 8                             16  file bytes 8    48  end: chain 8
//    24  hash 8                              24  state 4         56  end: latest deadline, ms 8
//    32  latest deadline, ms 8               28  zero 4
//    40  wall time, ms 8
//
// It is replaced as a whole: MANIFEST.tmp, sync, rename, sync of the directory. So a reader finds
// the old one or the new one; one that is neither is damaged.
//
// A segment is closed (its end is known and durable), or in use (its header is durable), or spare
// (zeros when it was named; the log may have gone on into it since). In the file they stand in
// this order: any number closed, at most one in use, at most one spare.
#ifndef IDEM_LOG_MANIFEST_H_
#define IDEM_LOG_MANIFEST_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "idem/file_system.h"
#include "log/log_format.h"
#include "log/store_id.h"

namespace idem::engine {

// A token has 53 bits: 21 of the epoch, 32 of a counter.
inline constexpr uint32_t kEpochMax = (1 << 21) - 1;

enum class SegmentState : uint32_t { kClosed = 1, kInUse = 2, kSpare = 3 };

struct ManifestSegment {
  uint64_t number = 0;
  uint64_t salt = 0;
  uint64_t file_bytes = 0;
  SegmentState state = SegmentState::kInUse;
  SegmentEnd end;  // of a closed one

  friend bool operator==(const ManifestSegment&, const ManifestSegment&) = default;
};

struct ManifestSnapshot {
  Lsn covers = 0;
  Lsn highest_lsn = 0;  // as in its footer
  uint64_t bytes = 0;
  uint64_t hash = 0;  // header hash of its footer
  int64_t latest_deadline_ms = 0;
  int64_t wall_ms = 0;  // when it was begun

  friend bool operator==(const ManifestSnapshot&, const ManifestSnapshot&) = default;
};

struct Manifest {
  uint64_t generation = 0;
  StoreId store_id{};
  HashSecret secret{};
  uint32_t epoch = 0;
  int64_t store_ms = 0;
  int64_t wall_ms = 0;
  std::string boot_id;
  Lsn durable_lsn = 0;
  Lsn clean_stop_lsn = 0;
  uint32_t salvages = 0;  // how often damage was cut out of this store (idem-tool salvage)
  std::vector<ManifestSnapshot> snapshots;  // the newest first; at most two
  // Records up to here were dropped because all their deadlines had passed: without a snapshot the
  // log is whole if it goes on here, or begins before.
  Lsn forgotten_lsn = 0;
  std::vector<ManifestSegment> segments;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

std::string EncodeManifest(const Manifest& manifest);
// kDataLoss: damaged. kFailedPrecondition: written by a newer version.
absl::StatusOr<Manifest> DecodeManifest(std::string_view file, std::string_view bytes);

// The manifest of an open directory. Thread rule: any thread.
class ManifestFile {
 public:
  using Change = std::function<void(Manifest&)>;

  ManifestFile(FileSystem* file_system, std::string directory, Manifest manifest);

  // kNotFound: there is none.
  static absl::StatusOr<Manifest> Read(FileSystem* file_system, const std::string& directory);

  // Writes a changed manifest; blocks on I/O. After an error either of the two may be found on
  // disk, and the change does not count here. `change` is called twice, on equal manifests but for
  // what Apply did meanwhile.
  absl::Status Commit(const Change& change) IDEM_EXCLUDES(write_mutex_, mutex_);
  // Changes what the next Commit writes.
  void Apply(const Change& change) IDEM_EXCLUDES(mutex_);
  Manifest Get() const IDEM_EXCLUDES(mutex_);

 private:
  absl::Status Write(const Manifest& manifest);

  FileSystem* const file_system_;
  const std::string directory_;
  Mutex write_mutex_;  // held while writing, before mutex_
  mutable Mutex mutex_;
  uint64_t generation_ IDEM_GUARDED_BY(write_mutex_);  // of the last attempt
  Manifest manifest_ IDEM_GUARDED_BY(mutex_);
};

}  // namespace idem::engine

#endif  // IDEM_LOG_MANIFEST_H_
