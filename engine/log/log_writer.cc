#include "log/log_writer.h"

#include <utility>

#include "base/check.h"

namespace idem::engine {
namespace {

constexpr int kTokenCounterBits = 32;

LogStats WhatRecoveryTells(const RecoveredLog& recovered, const ManifestFile& manifest) {
  LogStats stats;
  stats.torn_tails_cut = recovered.torn_tails_cut;
  stats.damaged_snapshots = recovered.damaged_snapshots;
  stats.records_recovered = recovered.records;
  stats.salvages = manifest.Get().salvages;
  return stats;
}

}  // namespace

LogWriter::LogWriter(const Options& options, RecoveredLog recovered)
    : options_(options),
      lock_(std::move(recovered.lock)),
      clock_(recovered.clock),
      manifest_(std::move(recovered.manifest)),
      shelf_(options_, manifest_.get(), clock_),
      changes_(options_, manifest_.get()),
      recovered_(WhatRecoveryTells(recovered, *manifest_)),
      writer_(std::move(recovered.writer)),
      next_number_(recovered.next_number),
      committed_(recovered.last_lsn),
      synced_(recovered.last_lsn),
      ledger_(options.backlog_bytes, SegmentBytes(options) - kBlockBytes),
      appended_(recovered.last_lsn) {
  progress_.written = progress_.synced = recovered.last_lsn;
  progress_.segment = writer_.number();
  progress_.end = writer_.end();
  progress_.bytes_left = writer_.bytes_left();
  published_ = progress_;
  ledger_.SetInUseLeft(writer_.bytes_left());
  if (options_.background == Background::kManual) return;
  committer_ = std::thread([this] { CommitterLoop(); });
  preparer_ = std::thread([this] { PreparerLoop(); });
}

LogWriter::~LogWriter() { StopThreads(); }

Log::Room LogWriter::RoomForLocked(size_t bytes) const {
  if (!status_.ok()) return Room::kFailed;
  if (ledger_.NeverFits(bytes)) return Room::kNoSpace;
  if (!ledger_.FitsFiles(bytes) && disk_full_) return Room::kNoSpace;
  return ledger_.FitsFiles(bytes) && ledger_.FitsBacklog(bytes) ? Room::kGranted
                                                                : Room::kBacklogFull;
}

Log::Room LogWriter::Reserve(size_t bytes) {
  MutexLock lock(mutex_);
  const Room room = RoomForLocked(bytes);
  if (room == Room::kGranted) ledger_.Reserve(bytes);
  if (room == Room::kBacklogFull) {
    refused_ = true;
    requested_ = appended_;
    committer_wake_.NotifyOne();
  }
  return room;
}

void LogWriter::Release(size_t bytes) {
  {
    MutexLock lock(mutex_);
    ledger_.Release(bytes);
    if (!refused_ && !tail_waits_) return;
  }
  Moved();
}

Lsn LogWriter::Append(std::span<const Image> images) {
  MutexLock lock(mutex_);
  const BatchQueue::Appended appended = queue_.Append(images, appended_ + 1);
  ledger_.Appended(appended.bytes, appended.new_batch);
  appended_ += images.size();
  return appended_;
}

bool LogWriter::Commit() {
  Task task;
  {
    MutexLock lock(mutex_);
    task = TakeBatchLocked();
  }
  if (task.job == Job::kNone) return false;
  Run(std::move(task));
  return true;
}

void LogWriter::RequestCommit() {
  {
    MutexLock lock(mutex_);
    requested_ = appended_;
    if (!CommitWantedLocked()) return;
  }
  committer_wake_.NotifyOne();
}

// A position that nobody has appended is asked for after a refused reservation: until anything has
// moved that could have been in its way.
bool LogWriter::DoneWaitingLocked(Lsn lsn) const {
  return committed() >= lsn || !status_.ok() || (lsn > appended_ && !refused_);
}

// Nobody else makes the segment that the reservation waits for.
bool LogWriter::MustPrepareLocked(Lsn lsn) const {
  return options_.background == Background::kManual && lsn > appended_ && NeedsSpareLocked();
}

absl::Status LogWriter::WaitCommitted(Lsn lsn) {
  while (committed() < lsn) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (!DoneWaitingLocked(lsn)) {
        task = TakeBatchLocked();
        if (task.job != Job::kNone || MustPrepareLocked(lsn)) break;
        moved_.Wait(mutex_);
      }
      if (DoneWaitingLocked(lsn)) return committed() >= lsn ? absl::OkStatus() : status_;
    }
    task.job == Job::kNone ? static_cast<void>(PrepareSpare()) : Run(std::move(task));
  }
  return absl::OkStatus();
}

absl::Status LogWriter::status() const {
  MutexLock lock(mutex_);
  return status_;
}

void LogWriter::SetListener(std::function<void()> listener) {
  MutexLock lock(mutex_);
  listener_ = std::make_shared<const std::function<void()>>(std::move(listener));
}

TokenRange LogWriter::TokensOf(uint32_t epoch) {
  const Token first = Token{epoch} << kTokenCounterBits;
  return {first + 1, first + (Token{1} << kTokenCounterBits)};
}

absl::StatusOr<TokenRange> LogWriter::RaiseEpoch() {
  if (manifest_->Get().epoch >= kEpochMax) {
    return absl::ResourceExhaustedError("all epochs are used up; begin a new directory");
  }
  uint32_t epoch = 0;
  absl::Status status = manifest_->Commit([&](Manifest& manifest) {
    epoch = ++manifest.epoch;
    Stamp(manifest, synced(), clock_);
  });
  if (!status.ok()) return status;
  return TokensOf(epoch);
}

LogStats LogWriter::stats() const {
  LogStats stats = recovered_;
  const Manifest manifest = manifest_->Get();
  stats.epoch = manifest.epoch;
  stats.segments = manifest.segments.size();
  for (const ManifestSegment& segment : manifest.segments) {
    stats.segment_bytes += segment.file_bytes;
  }
  stats.kept_bytes = Extent().kept_bytes;
  shelf_.AddStats(stats);
  MutexLock lock(mutex_);
  stats.appended = appended_;
  stats.committed = committed();
  stats.synced = synced();
  stats.batches = published_.batches;
  stats.syncs = published_.syncs;
  stats.bytes_written = published_.bytes_written;
  stats.last_sync_us = published_.last_sync_us;
  stats.worst_sync_us = published_.worst_sync_us;
  stats.all_syncs_us = published_.all_syncs_us;
  stats.syncs_by_duration = published_.syncs_by_duration;
  if (committing_) stats.commit_running_ms = options_.clock->BootMs() - committing_since_ms_;
  stats.spare_ready = spare_.has_value();
  stats.disk_full = disk_full_;
  stats.failed = !status_.ok();
  return stats;
}

}  // namespace idem::engine
