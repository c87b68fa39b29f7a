// The log in files while it runs: reservations, group commit, rotation, the spare segment.
//
//   Append ─► batch being filled ─┐            ┌─► written ─► synced ─► committed, waiters,
//   listener Append ─►        ..           ├─► queue ───┤      one batch, one sync at a time;
//   Append ─► batch being filled ─┘            └─ the next batch is filled meanwhile
//
// Committing is a role, not a thread: whoever needs a commit and finds nobody at it takes the role
// and does it himself, without a hand-over; everyone else waits for the result. The committer
// thread does what nobody waits for: RequestCommit, syncs in interval mode, idle marks.
//
// kAlways: written durably in one call, then committed. Weaker modes: written, then committed;
// kInterval syncs every sync_interval_ms. In every mode a segment is synced before the log goes on
// into the next one, and again after its first batch there.
//
// A batch that no longer fits goes into the spare, which the manifest names since it was made, so
// commits only ever write into space that is there. The preparer then makes the next spare. When
// the disk has no room for it, claims are refused; what is granted still fits (space_ledger.h), and
// the preparer tries again every second.
//
// After a failed write or sync nothing is ever committed again.
//
// Thread rule: as log.h. Lock order: mutex_ is the innermost but for the manifest's own.
#ifndef IDEM_LOG_LOG_WRITER_H_
#define IDEM_LOG_LOG_WRITER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "log/batch.h"
#include "log/change_reader.h"
#include "log/log.h"
#include "log/log_recovery.h"
#include "log/snapshot_shelf.h"
#include "log/space_ledger.h"

namespace idem::engine {

class LogWriter final : public Log {
 public:
  LogWriter(const Options& options, RecoveredLog recovered);
  ~LogWriter() override;

  Room Reserve(size_t bytes) override IDEM_EXCLUDES(mutex_);
  void Release(size_t bytes) override IDEM_EXCLUDES(mutex_);
  bool accepts_claims() const override { return accepts_claims_.load(std::memory_order_relaxed); }
  Lsn Append(std::span<const Image> images) override IDEM_EXCLUDES(mutex_);
  bool Commit() override IDEM_EXCLUDES(mutex_);
  void RequestCommit() override IDEM_EXCLUDES(mutex_);
  absl::Status WaitCommitted(Lsn lsn) override IDEM_EXCLUDES(mutex_);
  Lsn committed() const override { return committed_.load(std::memory_order_acquire); }
  Lsn synced() const override { return synced_.load(std::memory_order_acquire); }
  absl::Status status() const override IDEM_EXCLUDES(mutex_);
  void SetListener(std::function<void()> listener) override IDEM_EXCLUDES(mutex_);
  absl::StatusOr<TokenRange> RaiseEpoch() override;
  absl::StatusOr<ChangesAnswer> ReadChanges(Lsn after, const ChangesOptions& which) override
      IDEM_EXCLUDES(mutex_);
  void SetPin(LogPinSource pin) override { shelf_.SetPin(std::move(pin)); }
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> StartSnapshot() override IDEM_EXCLUDES(mutex_);
  absl::Status PublishSnapshot(SnapshotWriter& snapshot) override;
  bool SnapshotDue(uint64_t live_bytes) const override;
  bool SnapshotLate(uint64_t live_bytes) const override;
  void DropExpired() override;
  bool Step(Store::StepKind kind) override;
  absl::Status Close() override;
  LogStats stats() const override IDEM_EXCLUDES(mutex_);

  static TokenRange TokensOf(uint32_t epoch);

 private:
  // Held by the one thread that writes and syncs. A name for the analysis; committing_ is the lock.
  class IDEM_CAPABILITY("role") Role {
   public:
    void AssertHeld() const IDEM_ASSERT_HELD(this) {}
  };
  enum class Job : uint8_t { kNone, kBatch, kSync, kIdleMark, kSeal };
  struct Task {
    Job job = Job::kNone;
    std::unique_ptr<Batch> batch;
  };
  struct Spare {
    ManifestSegment segment;
    std::unique_ptr<File> file;
  };
  // What the role has done.
  struct Progress {
    Lsn written = 0;
    Lsn synced = 0;
    uint64_t segment = 0;
    SegmentEnd end;
    uint64_t bytes_left = 0;
    uint64_t bytes_written = 0;
    uint64_t batches = 0;
    uint64_t syncs = 0;
    int64_t last_sync_us = 0;
    int64_t worst_sync_us = 0;
    int64_t all_syncs_us = 0;
    std::array<uint64_t, LogStats::kSyncBuckets> syncs_by_duration{};
  };
  using Listener = std::shared_ptr<const std::function<void()>>;
  static constexpr int64_t kAllSynced = -1;

  // --- log_writer.cc: the callers' side
  Room RoomForLocked(size_t bytes) const IDEM_REQUIRES(mutex_);
  bool DoneWaitingLocked(Lsn lsn) const IDEM_REQUIRES(mutex_);
  bool MustPrepareLocked(Lsn lsn) const IDEM_REQUIRES(mutex_);

  // --- log_committer.cc: the role
  Task TakeBatchLocked() IDEM_REQUIRES(mutex_);
  Task TakeRoleLocked(Task task) IDEM_REQUIRES(mutex_);
  Task TakeJobLocked() IDEM_REQUIRES(mutex_);
  Task TakeRoleFor(Job job) IDEM_EXCLUDES(mutex_);
  bool CommitWantedLocked() const IDEM_REQUIRES(mutex_);
  bool IdleMarkWantedLocked() const IDEM_REQUIRES(mutex_);
  int64_t NextDueMsLocked() const IDEM_REQUIRES(mutex_);
  void Run(Task task) IDEM_EXCLUDES(mutex_);
  absl::Status Do(Task& task) IDEM_REQUIRES(role_);
  absl::Status WriteBatch(Batch& batch) IDEM_REQUIRES(role_);
  absl::Status WriteIntoSpare(Batch& batch) IDEM_REQUIRES(role_);
  absl::Status WriteMark(BatchKind kind) IDEM_REQUIRES(role_);
  absl::Status WriteDurably(Batch& batch, BatchKind kind) IDEM_REQUIRES(role_);
  absl::Status SyncFile() IDEM_REQUIRES(role_);
  void CountSync(int64_t elapsed_us) IDEM_REQUIRES(role_);
  Spare TakeSpare() IDEM_EXCLUDES(mutex_);
  void Publish(Task task, const absl::Status& status) IDEM_REQUIRES(role_) IDEM_EXCLUDES(mutex_);
  void AdvanceLocked(Task& task) IDEM_REQUIRES(role_, mutex_);
  void FailLocked(const absl::Status& status) IDEM_REQUIRES(mutex_);
  bool CommitterMustWakeLocked() const IDEM_REQUIRES(mutex_);

  // --- log_upkeep.cc: threads, the spare, snapshots, the end
  void CommitterLoop() IDEM_EXCLUDES(mutex_);
  Task WaitForJob() IDEM_EXCLUDES(mutex_);
  void PreparerLoop() IDEM_EXCLUDES(mutex_);
  bool NeedsSpareLocked() const IDEM_REQUIRES(mutex_);
  bool PrepareSpare() IDEM_EXCLUDES(mutex_);
  absl::Status MakeSpare();
  absl::Status WaitSynced(Lsn lsn) IDEM_EXCLUDES(mutex_);
  LogExtent Extent() const IDEM_EXCLUDES(mutex_);
  void StopThreads() IDEM_EXCLUDES(mutex_);
  absl::Status MarkCleanStop() IDEM_EXCLUDES(mutex_);
  void Moved() IDEM_EXCLUDES(mutex_);

  const Options options_;
  const std::unique_ptr<DirectoryLock> lock_;
  const StoreClock clock_;
  const std::unique_ptr<ManifestFile> manifest_;
  SnapshotShelf shelf_;
  ChangeReader changes_;
  const LogStats recovered_;  // the part that recovery tells

  Role role_;
  SegmentWriter writer_ IDEM_GUARDED_BY(role_);
  Progress progress_ IDEM_GUARDED_BY(role_);

  // Of whoever has set preparing_.
  std::optional<Spare> prepared_;  // not named for certain yet
  uint64_t next_number_;

  std::atomic<Lsn> committed_;
  std::atomic<Lsn> synced_;
  std::atomic<bool> accepts_claims_{true};

  mutable Mutex mutex_;
  Condition moved_;           // for waiters: whatever they may wait for
  Condition committer_wake_;  // there may be a job
  Condition preparer_wake_;
  absl::Status status_ IDEM_GUARDED_BY(mutex_);
  Listener listener_ IDEM_GUARDED_BY(mutex_);
  BatchQueue queue_ IDEM_GUARDED_BY(mutex_);
  SpaceLedger ledger_ IDEM_GUARDED_BY(mutex_);
  Lsn appended_ IDEM_GUARDED_BY(mutex_);
  Progress published_ IDEM_GUARDED_BY(mutex_);
  Lsn requested_ IDEM_GUARDED_BY(mutex_) = 0;  // by RequestCommit
  bool committing_ IDEM_GUARDED_BY(mutex_) = false;
  int64_t committing_since_ms_ IDEM_GUARDED_BY(mutex_) = 0;  // clock's BootMs
  bool rotating_ IDEM_GUARDED_BY(mutex_) = false;    // the spare was taken, but is not proved yet
  bool refused_ IDEM_GUARDED_BY(mutex_) = false;     // a reservation, since something moved
  bool tail_waits_ IDEM_GUARDED_BY(mutex_) = false;  // for reservations to be given back
  bool committer_sleeps_ IDEM_GUARDED_BY(mutex_) = false;  // until it is woken
  bool marked_ IDEM_GUARDED_BY(mutex_) = true;  // nothing was written since the last idle mark
  int64_t last_batch_ms_ IDEM_GUARDED_BY(mutex_) = 0;  // clock's BootMs
  int64_t unsynced_since_ms_ IDEM_GUARDED_BY(mutex_) = kAllSynced;
  std::optional<Spare> spare_ IDEM_GUARDED_BY(mutex_);
  bool preparing_ IDEM_GUARDED_BY(mutex_) = false;
  bool disk_full_ IDEM_GUARDED_BY(mutex_) = false;
  bool stopping_ IDEM_GUARDED_BY(mutex_) = false;
  bool closed_ IDEM_GUARDED_BY(mutex_) = false;

  std::thread committer_;
  std::thread preparer_;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_LOG_WRITER_H_
