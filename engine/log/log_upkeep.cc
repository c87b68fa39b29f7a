// The half of LogWriter that no commit waits for: its threads, the next spare, reading changes,
// snapshots, the clean stop.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/seeded_bug.h"
#include "log/log_writer.h"
#include "log/segment.h"

namespace idem::engine {
namespace {

constexpr int64_t kRetrySpareMs = 1000;
constexpr int64_t kLongMs = 60'000;

}  // namespace

// Wakes whoever waits, and tells the listener. After any event that could end a wait.
void LogWriter::Moved() {
  Listener listener;
  bool wake_committer = false;
  {
    MutexLock lock(mutex_);
    refused_ = tail_waits_ = false;
    wake_committer = CommitterMustWakeLocked();
    listener = listener_;
  }
  moved_.NotifyAll();
  if (wake_committer) committer_wake_.NotifyOne();
  if (listener != nullptr) (*listener)();
}

// --- the committer

void LogWriter::CommitterLoop() {
  while (true) {
    Task task = WaitForJob();
    if (task.job == Job::kNone) return;
    Run(std::move(task));
  }
}

// No job: the threads stop.
LogWriter::Task LogWriter::WaitForJob() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    Task task = TakeJobLocked();
    if (task.job != Job::kNone) return task;
    const int64_t due_ms = NextDueMsLocked();
    committer_sleeps_ = committing_ || due_ms > kLongMs;
    if (committer_sleeps_) {
      committer_wake_.Wait(mutex_);
    } else {
      committer_wake_.WaitFor(mutex_, std::max<int64_t>(1, due_ms));
    }
    committer_sleeps_ = false;
  }
  return {};
}

// --- the preparer

void LogWriter::PreparerLoop() {
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!stopping_ && !NeedsSpareLocked()) preparer_wake_.Wait(mutex_);
      if (stopping_) return;
    }
    if (PrepareSpare()) continue;
    MutexLock lock(mutex_);
    if (!stopping_) preparer_wake_.WaitFor(mutex_, kRetrySpareMs);
  }
}

bool LogWriter::NeedsSpareLocked() const {
  return !spare_.has_value() && !preparing_ && !rotating_ && status_.ok();
}

// False: there is none to make, or it failed.
bool LogWriter::PrepareSpare() {
  {
    MutexLock lock(mutex_);
    if (!NeedsSpareLocked()) return false;
    preparing_ = true;
  }
  const bool made = MakeSpare().ok();
  {
    MutexLock lock(mutex_);
    preparing_ = false;
    disk_full_ = !made || (disk_full_ && IDEM_BUG(full_for_ever));
    if (made) {
      ledger_.SetSpareLeft(prepared_->segment.file_bytes - kBlockBytes);
      spare_ = *std::exchange(prepared_, std::nullopt);
    }
    accepts_claims_.store(!disk_full_ || IDEM_BUG(claims_eat_the_reserve),
                          std::memory_order_relaxed);
  }
  Moved();
  return made;
}

// A file that a manifest may name already is kept for the next attempt.
absl::Status LogWriter::MakeSpare() {
  if (!prepared_.has_value()) {
    ManifestSegment segment;
    segment.number = next_number_++;
    segment.salt = Random64();
    segment.file_bytes = SegmentBytes(options_);
    segment.state = SegmentState::kSpare;
    absl::StatusOr<std::unique_ptr<File>> file =
        CreateZeroedSegment(options_, segment.number, segment.file_bytes);
    if (!file.ok()) return file.status();
    prepared_ = Spare{segment, *std::move(file)};
  }
  return manifest_->Commit([this](Manifest& manifest) {
    IDEM_CHECK(manifest.segments.back().state == SegmentState::kInUse);
    manifest.segments.push_back(prepared_->segment);
    Stamp(manifest, synced(), clock_);
  });
}

// --- the change stream

absl::StatusOr<ChangesAnswer> LogWriter::ReadChanges(Lsn after, const ChangesOptions& which) {
  WrittenLog written;
  {
    MutexLock lock(mutex_);
    written = {published_.segment, published_.end.offset,
               IDEM_BUG(unsynced_changes_told) ? published_.written : published_.synced};
  }
  return changes_.Read(after, which, written);
}

// --- snapshots

absl::StatusOr<std::unique_ptr<SnapshotWriter>> LogWriter::StartSnapshot() {
  absl::Status failed = status();
  if (!failed.ok()) return failed;
  return shelf_.Start(Extent());
}

absl::Status LogWriter::PublishSnapshot(SnapshotWriter& snapshot) {
  const Lsn upto = IDEM_BUG(snapshot_ahead_of_the_log) ? 0 : snapshot.snapshot().highest_lsn;
  absl::Status status = WaitSynced(upto);
  return status.ok() ? shelf_.Publish(snapshot, Extent()) : status;
}

bool LogWriter::SnapshotDue(uint64_t live_bytes) const { return shelf_.Due(Extent(), live_bytes); }

bool LogWriter::SnapshotLate(uint64_t live_bytes) const {
  return shelf_.Late(Extent(), live_bytes);
}

void LogWriter::DropExpired() {
  shelf_.DropExpired(synced());
  shelf_.DropUnpinned(synced());
}

absl::Status LogWriter::WaitSynced(Lsn lsn) {
  absl::Status status = WaitCommitted(lsn);
  if (!status.ok() || synced() >= lsn) return status;
  Task task = TakeRoleFor(Job::kSync);
  if (task.job == Job::kNone) return this->status();
  Run(std::move(task));
  return this->status();
}

LogExtent LogWriter::Extent() const {
  uint64_t closed_bytes = 0;
  for (const ManifestSegment& segment : manifest_->Get().segments) {
    if (segment.state == SegmentState::kClosed) closed_bytes += segment.file_bytes;
  }
  MutexLock lock(mutex_);
  return {appended_, synced(), closed_bytes + published_.end.offset};
}

// --- by hand, and the end

bool LogWriter::Step(Store::StepKind kind) {
  switch (kind) {
    case Store::StepKind::kCommit: {
      Task task;
      {
        MutexLock lock(mutex_);
        task = TakeJobLocked();
      }
      if (task.job == Job::kNone) return false;
      Run(std::move(task));
      return true;
    }
    case Store::StepKind::kPrepareSegment:
      return PrepareSpare();
    case Store::StepKind::kExpire:
    case Store::StepKind::kSnapshot:
      return false;  // the store's
  }
  return false;
}

void LogWriter::StopThreads() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  committer_wake_.NotifyAll();
  preparer_wake_.NotifyAll();
  if (committer_.joinable()) committer_.join();
  if (preparer_.joinable()) preparer_.join();
}

absl::Status LogWriter::Close() {
  StopThreads();
  Lsn last = 0;
  {
    MutexLock lock(mutex_);
    if (std::exchange(closed_, true)) return status_;
    last = appended_;
  }
  absl::Status status = WaitCommitted(last);
  for (const Job job : {Job::kSync, Job::kSeal}) {
    Task task = TakeRoleFor(job);
    if (task.job == Job::kNone) return this->status();
    Run(std::move(task));
  }
  if (status.ok()) status = this->status();
  return status.ok() ? MarkCleanStop() : status;
}

absl::Status LogWriter::MarkCleanStop() {
  Progress last;
  {
    MutexLock lock(mutex_);
    last = published_;
  }
  return manifest_->Commit([&](Manifest& manifest) {
    for (ManifestSegment& segment : manifest.segments) {
      if (segment.number != last.segment) continue;
      segment.state = SegmentState::kClosed;
      segment.end = last.end;
    }
    manifest.clean_stop_lsn = last.synced;
    Stamp(manifest, last.synced, clock_);
  });
}

}  // namespace idem::engine
