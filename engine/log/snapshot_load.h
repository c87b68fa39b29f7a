// What an open begins with: the newest snapshot that is whole.
//
//   newest ──► sink ── damaged? forget all ──► the one before ──► sink ── damaged? forget all ──►
//   none
//
// Whether the log reaches back far enough is the caller's question: it does to the older of two, so
// one bad snapshot is harmless.
//
// Thread rule: plain function.
#ifndef IDEM_LOG_SNAPSHOT_LOAD_H_
#define IDEM_LOG_SNAPSHOT_LOAD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "log/manifest.h"
#include "log/replay_sink.h"

namespace idem::engine {

struct LoadedSnapshot {
  std::optional<ManifestSnapshot> loaded;
  int64_t store_ms = 0;  // when that was begun
  uint64_t records = 0;  // in it
  std::vector<ManifestSnapshot> damaged;
  absl::Status first_damage;  // names file and offset; OK if there is none
};

// `tell(snapshot, bytes, records)`: so much of `snapshot` has been read.
using TellSnapshotRead =
    absl::FunctionRef<void(const ManifestSnapshot& snapshot, uint64_t bytes, uint64_t records)>;

// What cannot be read counts as damaged. Errors: kFailedPrecondition (a newer version),
// kResourceExhausted (no memory).
absl::StatusOr<LoadedSnapshot> LoadNewestSnapshot(FileSystem* file_system,
                                                  const std::string& directory,
                                                  const Manifest& manifest, ReplaySink& sink,
                                                  TellSnapshotRead tell);

}  // namespace idem::engine

#endif  // IDEM_LOG_SNAPSHOT_LOAD_H_
