// What can still be read of a damaged store: of every key the newest image, and which LSNs are
// lost.
//
//   MANIFEST, or the headers of segments and snapshots ─► which files belong together
//   snapshots ─► segments, in their order ─► Survivors
//
// With kCut the log ends at the first damage, as if nothing had been written since. With kSkip
// everything is taken whose own hashes are right: later changes are kept, and a key whose last
// change is lost shows an older one.
//
// Memory: all live keys and values, and one file.
//
// Thread rule: plain function.
#ifndef IDEM_TOOL_SURVIVORS_H_
#define IDEM_TOOL_SURVIVORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "log/image.h"
#include "log/manifest.h"
#include "tool/store_files.h"

namespace idem::engine {

enum class Salvage { kCut, kSkip };

struct LostRange {
  Lsn first = 0;
  Lsn last = 0;
};

class Survivors {
 public:
  // The newer image of each key stays.
  void Add(const Image& image, Lsn lsn);
  // Calls `visit(record, lsn)` with the encoded image of every key that is there, until it returns
  // an error.
  template <typename Visit>
  absl::Status ForEach(const Visit& visit) const {
    for (const auto& [key, newest] : keys_) {
      if (newest.removed) continue;
      absl::Status status = visit(newest.record, newest.lsn);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  uint64_t count() const;

 private:
  struct Newest {
    Lsn lsn = 0;
    bool removed = false;
    std::string record;  // encoded
  };
  absl::flat_hash_map<std::string, Newest> keys_;
};

struct SurvivingStore {
  Survivors keys;
  Manifest manifest;  // as it was read, or what the headers tell; without segments and snapshots
  std::vector<LostRange> lost;     // of the log, rising
  std::vector<std::string> notes;  // what else is lost, a line each
  Lsn top = 0;                     // no LSN above it was ever used for all we know
  uint64_t segment_bytes = 0;
};

// kDataLoss: nothing can be made of it; the message says why.
absl::StatusOr<SurvivingStore> FindSurvivors(FileSystem* files, const std::string& directory,
                                             const StoreFiles& found, Salvage how);

}  // namespace idem::engine

#endif  // IDEM_TOOL_SURVIVORS_H_
