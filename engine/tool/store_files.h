// What stands in a store's directory, by the names of the files and by the manifest.
#ifndef IDEM_TOOL_STORE_FILES_H_
#define IDEM_TOOL_STORE_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "log/manifest.h"

namespace idem::engine {

struct StoreFiles {
  absl::StatusOr<Manifest> manifest;     // or why it cannot be read
  std::vector<uint64_t> segments;        // numbers of all segment files, rising
  std::vector<Lsn> snapshots;            // what the finished snapshot files cover, rising
  std::vector<std::string> other_files;  // neither; not LOCK, not MANIFEST

  const ManifestSegment* Named(uint64_t number) const;
  const ManifestSnapshot* NamedSnapshot(Lsn covers) const;
};

// kNotFound: no such directory, or no store in it.
absl::StatusOr<StoreFiles> FindStoreFiles(FileSystem* files, const std::string& directory);

// None if the header cannot be read.
std::optional<SegmentHeader> ReadSegmentHeader(FileSystem* files, const std::string& directory,
                                               uint64_t number);
// The segment as its own header tells it, as if in use; for files that no manifest names. None if
// the header cannot be read.
std::optional<ManifestSegment> DescribeSegment(FileSystem* files, const std::string& directory,
                                               uint64_t number);

}  // namespace idem::engine

#endif  // IDEM_TOOL_STORE_FILES_H_
