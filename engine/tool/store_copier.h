// Copies a store into an empty directory, also while it runs.
//
//   MANIFEST is read ─► snapshots ─► segments, the last one first ─► the copy's MANIFEST ─► verify
//
// What a manifest names is a prefix of the log, and stays one while the store goes on: closed
// segments and snapshots do not change, and valid batches are never written again. So of the
// segment in use, and of the spare if the log has gone on into it, the valid batches are copied and
// nothing behind them. The last segment comes first: what it continues was whole before.
//
// A file that vanishes meanwhile (the log was cut behind a snapshot) or a header that tells of
// batches which were not there yet means that the store has moved on: the copy is begun anew.
//
// Thread rule: plain function.
#ifndef IDEM_TOOL_STORE_COPIER_H_
#define IDEM_TOOL_STORE_COPIER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "tool/judge.h"

namespace idem::engine {

struct CopiedStore {
  Verdict verdict;  // of the copy
  uint64_t files = 0;
  uint64_t bytes = 0;  // that were written; zeros at the ends of files are holes
  uint32_t epoch = 0;
};

// Adds `raise_epoch` to the epoch in the copy's manifest. `to` is made if missing; it must hold no
// file. kFailedPrecondition: it does. kDataLoss: the source is damaged. After an error nothing is
// left in `to` but LOCK.
absl::StatusOr<CopiedStore> CopyStore(FileSystem* files, const std::string& from,
                                      const std::string& to, uint32_t raise_epoch);

}  // namespace idem::engine

#endif  // IDEM_TOOL_STORE_COPIER_H_
