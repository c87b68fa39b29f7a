// The log as the store sees it: append, commit, replay. The store knows no file.
//
//   Reserve ──► (stripe lock) Append ──► LSN        RequestCommit / Commit / WaitCommitted
//                                                     │
//   committed: answers up to here may leave  ◄────────┤ written, in kAlways also synced
//   synced:    proved to be on disk          ◄────────┘
//
// Three logs fit behind it: files (file_log.h), none (memory_log.h), and one day a replicated one.
//
// Thread rule: every method from any thread. Append is called with stripe locks held and never
// waits for I/O; the log's own lock is the innermost one. Reserve, RequestCommit, Commit,
// WaitCommitted and Step are called with no lock held.
#ifndef IDEM_LOG_LOG_H_
#define IDEM_LOG_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "base/hash.h"
#include "base/store_clock.h"
#include "idem/changes.h"
#include "idem/options.h"
#include "idem/stats.h"
#include "idem/store.h"
#include "log/image.h"
#include "log/log_pin.h"
#include "log/snapshot_writer.h"

namespace idem::engine {

// Tokens first .. limit - 1 may be handed out: none of them ever was, and after any crash none of
// them will be again.
struct TokenRange {
  Token first = 0;
  Token limit = 0;
};

class Log {
 public:
  enum class Room {
    kGranted,
    kBacklogFull,  // ask again when committed() has moved
    kNoSpace,      // what is left of the files on disk cannot take it
    kFailed,       // see status()
  };

  virtual ~Log() = default;

  // Sets aside room for appends of at most `bytes` in all (MaxRecordBytes each). What is granted
  // must be given back with Release once the appends are made; an Append without room is a bug.
  virtual Room Reserve(size_t bytes) = 0;
  virtual void Release(size_t bytes) = 0;
  // False while the disk is full: claims and registers must be refused, what runs may finish.
  virtual bool accepts_claims() const = 0;

  // Appends the records, contiguous and in one batch; returns the LSN of the last one (they count
  // up by one). Copies what it needs; large bodies are shared.
  virtual Lsn Append(std::span<const Image> images) = 0;

  // Commits one batch on this thread, if there is one and nobody else is committing; as long as
  // that takes. False: it did nothing.
  virtual bool Commit() = 0;
  // Starts a commit of everything appended so far, in the background.
  virtual void RequestCommit() = 0;
  // Waits until `lsn` is committed; may do the commit itself. Not OK: the log has failed, and
  // whether `lsn` survives is unknown until the next open.
  virtual absl::Status WaitCommitted(Lsn lsn) = 0;
  virtual Lsn committed() const = 0;
  virtual Lsn synced() const = 0;
  // OK, or the first failed write or sync; nothing is committed after it.
  virtual absl::Status status() const = 0;
  // Called after committed() moved or the log failed, holding no lock of the log. Set once, before
  // the first Append.
  virtual void SetListener(std::function<void()> listener) = 0;

  // Raises the epoch: tokens that no crash can bring back. Blocks on I/O.
  virtual absl::StatusOr<TokenRange> RaiseEpoch() = 0;

  // --- The change stream

  // As Store::ReadChanges, whose cursor is not looked at; `after` is not above synced(). Blocks on
  // reading files.
  virtual absl::StatusOr<ChangesAnswer> ReadChanges(Lsn after, const ChangesOptions& which) = 0;
  // Asked before anything is dropped. Set once, before the first snapshot.
  virtual void SetPin(LogPinSource pin) = 0;

  // --- Snapshots: one at a time, by one thread at a time; the calls block on I/O.
  //
  // A snapshot of everything appended so far: who takes a stripe's lock from now on sees all of it,
  // because an append and its install share one hold. Add every entry, then Publish. Null: the
  // newest snapshot covers all there is. kFailedPrecondition: there is no log.
  virtual absl::StatusOr<std::unique_ptr<SnapshotWriter>> StartSnapshot() = 0;
  // Waits until what was copied is durable, publishes the snapshot, which is verified, and drops
  // what it makes needless.
  virtual absl::Status PublishSnapshot(SnapshotWriter& snapshot) = 0;
  // Whether the log has grown so long that a snapshot of about so many bytes pays.
  virtual bool SnapshotDue(uint64_t live_bytes) const = 0;
  // Whether it is longer than the bound on disk leaves to it: the one that is taken should hurry.
  virtual bool SnapshotLate(uint64_t live_bytes) const = 0;
  // Drops what has expired as a whole, without a copy, and what was kept for readers of the change
  // stream alone and is not wanted any more.
  virtual void DropExpired() = 0;

  // One step of background work; only for Background::kManual. True: there may be more to do.
  virtual bool Step(Store::StepKind kind) = 0;
  // Commits and syncs what was appended, and marks a clean stop. No call but the destructor and
  // the readers may follow.
  virtual absl::Status Close() = 0;

  virtual LogStats stats() const = 0;
};

// What opening a log gives.
struct OpenedLog {
  std::unique_ptr<Log> log;
  TokenRange tokens;
  StoreClock clock;   // goes on from the latest store time in the files
  HashSecret secret;  // of fingerprints; the same for the life of the directory
  std::string store_id;
  bool created;  // the directory was new
};

}  // namespace idem::engine

#endif  // IDEM_LOG_LOG_H_
