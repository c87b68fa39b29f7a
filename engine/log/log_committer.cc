// The half of LogWriter that writes: jobs, and the role under which they are done.
#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/seeded_bug.h"
#include "base/stopwatch.h"
#include "log/log_writer.h"

namespace idem::engine {
namespace {

constexpr int64_t kIdleMarkMs = 50;

ManifestSegment& Find(Manifest& manifest, uint64_t number) {
  for (ManifestSegment& segment : manifest.segments) {
    if (segment.number == number) return segment;
  }
  IDEM_CHECK(false);
  return manifest.segments.front();
}

}  // namespace

// --- choosing a job

LogWriter::Task LogWriter::TakeRoleLocked(Task task) {
  committing_ = true;
  committing_since_ms_ = options_.clock->BootMs();
  return task;
}

LogWriter::Task LogWriter::TakeBatchLocked() {
  if (committing_ && !IDEM_BUG(two_commit_at_once)) return {};
  if (queue_.empty() || !status_.ok()) return {};
  if (queue_.size() == 1 && !ledger_.MayTakeTail()) {
    tail_waits_ = true;
    return {};
  }
  return TakeRoleLocked({Job::kBatch, queue_.TakeFront()});
}

LogWriter::Task LogWriter::TakeJobLocked() {
  if (committing_ || !status_.ok()) return {};
  if (CommitWantedLocked()) {
    Task task = TakeBatchLocked();
    if (task.job != Job::kNone) return task;
  }
  const int64_t due_ms = NextDueMsLocked();
  if (due_ms > 0) return {};
  if (unsynced_since_ms_ != kAllSynced) return TakeRoleLocked({Job::kSync, nullptr});
  ledger_.TakeForMark();
  return TakeRoleLocked({Job::kIdleMark, nullptr});
}

LogWriter::Task LogWriter::TakeRoleFor(Job job) {
  MutexLock lock(mutex_);
  while (committing_) moved_.Wait(mutex_);
  if (!status_.ok()) return {};
  return TakeRoleLocked({job, nullptr});
}

// By hand everything that waits is wanted; otherwise what was asked for: who waits commits himself.
bool LogWriter::CommitWantedLocked() const {
  return options_.background == Background::kManual || requested_ > published_.written;
}

// Not while the disk is full: then what is left of the segment is the reserve.
bool LogWriter::IdleMarkWantedLocked() const {
  return !marked_ && published_.synced == appended_ && spare_.has_value() &&
         options_.durability != Durability::kOs && ledger_.IdleWith(SpaceLedger::kBatchOverheadMax);
}

// Milliseconds until a sync or an idle mark is due: 0 or less, now.
int64_t LogWriter::NextDueMsLocked() const {
  constexpr int64_t kNotDueMs = int64_t{1} << 40;
  const int64_t now_ms = options_.clock->BootMs();
  if (unsynced_since_ms_ != kAllSynced) {
    const bool interval = options_.durability == Durability::kInterval;
    return interval ? unsynced_since_ms_ + options_.sync_interval_ms - now_ms : kNotDueMs;
  }
  return IdleMarkWantedLocked() ? last_batch_ms_ + kIdleMarkMs - now_ms : kNotDueMs;
}

// --- doing it

void LogWriter::Run(Task task) {
  role_.AssertHeld();
  const absl::Status status = Do(task);
  progress_.segment = writer_.number();
  progress_.end = writer_.end();
  progress_.bytes_left = writer_.bytes_left();
  progress_.bytes_written = writer_.bytes_written();
  Publish(std::move(task), status);
}

absl::Status LogWriter::Do(Task& task) {
  switch (task.job) {
    case Job::kNone:
      break;
    case Job::kBatch:
      return WriteBatch(*task.batch);
    case Job::kSync:
      return SyncFile();
    case Job::kIdleMark:
      return WriteMark(BatchKind::kIdleMark);
    case Job::kSeal:
      return WriteMark(BatchKind::kSeal);
  }
  IDEM_CHECK(false);
  return absl::OkStatus();
}

absl::Status LogWriter::WriteBatch(Batch& batch) {
  ++progress_.batches;
  if (!writer_.Fits(batch)) return WriteIntoSpare(batch);
  if (options_.durability == Durability::kAlways) return WriteDurably(batch, BatchKind::kRecords);
  absl::Status status = writer_.Write(batch, BatchKind::kRecords, progress_.synced, clock_.NowMs());
  if (status.ok()) progress_.written = batch.last_lsn();
  return status;
}

absl::Status LogWriter::WriteDurably(Batch& batch, BatchKind kind) {
  IDEM_CHECK(progress_.synced == progress_.written);
  const Stopwatch stopwatch;
  absl::Status status = IDEM_BUG(acked_before_sync)
                            ? writer_.Write(batch, kind, progress_.synced, clock_.NowMs())
                            : writer_.WriteDurably(batch, kind, progress_.synced, clock_.NowMs());
  if (!status.ok() && !IDEM_BUG(failed_write_counted)) return status;
  progress_.written = batch.last_lsn();
  CountSync(stopwatch.ElapsedUs());
  return absl::OkStatus();
}

// The old segment is synced before, and the first batch of the new one at once: so a header that
// the manifest will name is durable, and proves all before it.
absl::Status LogWriter::WriteIntoSpare(Batch& batch) {
  const bool must_sync = progress_.synced < progress_.written && !IDEM_BUG(rotated_unsynced);
  absl::Status status = must_sync ? SyncFile() : absl::OkStatus();
  if (!status.ok()) return status;
  Spare spare = TakeSpare();
  const uint64_t old_number = writer_.number();
  const SegmentEnd old_end = writer_.end();
  SegmentHeader header = writer_.header();
  header.number = spare.segment.number;
  header.file_bytes = spare.segment.file_bytes;
  header.salt = spare.segment.salt;
  header.first_lsn = batch.first_lsn();
  header.previous_chain = old_end.chain;
  header.store_ms = clock_.NowMs();
  header.wall_ms = options_.clock->WallMs();
  header.epoch = manifest_->Get().epoch;
  status = writer_.Start(std::move(spare.file), header);
  if (status.ok()) status = WriteDurably(batch, BatchKind::kRecords);
  if (!status.ok()) return status;
  manifest_->Apply([&](Manifest& manifest) {
    Find(manifest, old_number).state = SegmentState::kClosed;
    Find(manifest, old_number).end = old_end;
    Find(manifest, header.number).state = SegmentState::kInUse;
  });
  return absl::OkStatus();
}

// A seal that does not fit is left out; the manifest tells of the clean stop, too.
absl::Status LogWriter::WriteMark(BatchKind kind) {
  Batch mark(0);
  mark.Clear(progress_.written + 1);
  return writer_.Fits(mark) ? WriteDurably(mark, kind) : absl::OkStatus();
}

absl::Status LogWriter::SyncFile() {
  const Stopwatch stopwatch;
  absl::Status status = writer_.Sync();
  if (status.ok()) CountSync(stopwatch.ElapsedUs());
  return status;
}

void LogWriter::CountSync(int64_t elapsed_us) {
  ++progress_.syncs;
  progress_.last_sync_us = elapsed_us;
  progress_.worst_sync_us = std::max(progress_.worst_sync_us, elapsed_us);
  progress_.all_syncs_us += elapsed_us;
  const auto below = static_cast<uint64_t>(std::max<int64_t>(elapsed_us, 1) - 1);
  const auto bucket = static_cast<size_t>(std::bit_width(below));
  ++progress_.syncs_by_duration[std::min(bucket, LogStats::kSyncBuckets - 1)];
  progress_.synced = progress_.written;
}

// The ledger has seen to it that there is one.
LogWriter::Spare LogWriter::TakeSpare() {
  MutexLock lock(mutex_);
  IDEM_CHECK(spare_.has_value());
  Spare spare = *std::move(spare_);
  spare_.reset();
  ledger_.SetSpareLeft(0);
  rotating_ = true;
  return spare;
}

// --- telling

void LogWriter::Publish(Task task, const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    committing_ = false;
    status.ok() ? AdvanceLocked(task) : FailLocked(status);
  }
  Moved();
}

void LogWriter::AdvanceLocked(Task& task) {
  const int64_t now_ms = options_.clock->BootMs();
  const bool always = options_.durability == Durability::kAlways;
  published_ = progress_;
  synced_.store(progress_.synced, std::memory_order_release);
  const Lsn committed = always ? progress_.synced : progress_.written;
  committed_.store(IDEM_BUG(later_appends_counted) ? appended_ : committed,
                   std::memory_order_release);
  ledger_.SetInUseLeft(progress_.bytes_left);
  if (progress_.synced == progress_.written) {
    unsynced_since_ms_ = kAllSynced;
  } else if (unsynced_since_ms_ == kAllSynced) {
    unsynced_since_ms_ = now_ms;
  }
  marked_ = task.job == Job::kIdleMark || task.job == Job::kSeal || (marked_ && !task.batch);
  if (!task.batch) return;
  last_batch_ms_ = now_ms;
  ledger_.Written(task.batch->payload_bytes());
  queue_.Recycle(std::move(task.batch));
  if (rotating_) preparer_wake_.NotifyOne();
  rotating_ = false;
}

void LogWriter::FailLocked(const absl::Status& status) {
  status_ = absl::DataLossError(
      absl::StrCat("the log has failed (", status.message(),
                   "); what was not acknowledged is unknown until the store is opened anew"));
}

bool LogWriter::CommitterMustWakeLocked() const {
  if (!status_.ok() || committing_) return false;
  if (!queue_.empty() && CommitWantedLocked()) return true;
  return committer_sleeps_ && (unsynced_since_ms_ != kAllSynced || IdleMarkWantedLocked());
}

}  // namespace idem::engine
