#include "store/snapshotter.h"

#include <algorithm>

#include "base/stopwatch.h"
#include "store/table.h"

namespace idem::engine {
namespace {

constexpr int64_t kWorkUs = 1000;
constexpr int64_t kPausePerWork = 9;
constexpr int64_t kIdleMs = 100;
constexpr int64_t kFirstRetryMs = 1000;
constexpr int64_t kLastRetryMs = 300'000;

}  // namespace

Snapshotter::Snapshotter(const Options& options, Log* log, const Stripes* stripes,
                         const MemoryMeter* memory)
    : clock_(options.clock),
      manual_(options.background == Background::kManual),
      log_(log),
      stripes_(*stripes),
      memory_(memory) {
  const bool in_memory = options.durability == Durability::kMemory;
  if (!manual_ && !in_memory) thread_ = std::thread([this] { Loop(); });
}

Snapshotter::~Snapshotter() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Snapshotter::Loop() {
  for (;;) {
    const Stopwatch stopwatch;
    bool more = true;
    while (more && stopwatch.ElapsedUs() < kWorkUs) more = Step();
    const bool late = more && log_->SnapshotLate(memory_->used());
    const int64_t pause_ms = late ? 0 : stopwatch.ElapsedUs() * kPausePerWork / 1000;
    MutexLock lock(mutex_);
    const bool idle = !more && asked_ == begun_;
    if (!stopping_) wake_.WaitFor(mutex_, idle ? kIdleMs : std::min(pause_ms, kIdleMs));
    if (stopping_) return;
  }
}

uint64_t Snapshotter::Request() {
  uint64_t ticket = 0;
  {
    MutexLock lock(mutex_);
    ticket = asked_ = begun_ + 1;
  }
  wake_.NotifyAll();
  return ticket;
}

absl::Status Snapshotter::Wait(uint64_t ticket) {
  MutexLock lock(mutex_);
  while (done_ < ticket) {
    if (!manual_) {
      ended_.Wait(mutex_);
      continue;
    }
    mutex_.Unlock();
    Step();
    mutex_.Lock();
  }
  return last_good_ >= ticket ? absl::OkStatus() : last_error_;
}

bool Snapshotter::Step() {
  MutexLock lock(step_mutex_);
  if (writer_ == nullptr) return Begin();
  const absl::StatusOr<bool> more = Continue();
  if (!more.ok() || !*more) End(more.status());
  return true;
}

bool Snapshotter::Begin() {
  if (!Wanted()) {
    log_->DropExpired();
    return false;
  }
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> writer = log_->StartSnapshot();
  if (!writer.ok() || *writer == nullptr) {
    End(writer.status());
    return true;
  }
  writer_ = *std::move(writer);
  stripe_ = 0;
  from_ = 0;
  sealed_ = false;
  return true;
}

bool Snapshotter::Wanted() {
  const bool due = log_->SnapshotDue(memory_->used());
  MutexLock lock(mutex_);
  if (asked_ == begun_ && (!due || clock_->BootMs() < retry_at_ms_)) return false;
  asked_ = ++begun_;
  begun_unix_ms_ = clock_->WallMs();
  return true;
}

// False: it is published.
absl::StatusOr<bool> Snapshotter::Continue() {
  absl::Status status;
  if (stripe_ < stripes_.size()) {
    status = Walk();
  } else if (!sealed_) {
    status = writer_->Seal();
    sealed_ = true;
  } else {
    absl::StatusOr<bool> more = writer_->Verify();
    if (!more.ok() || *more) return more;
    status = log_->PublishSnapshot(*writer_);
    if (status.ok()) return false;
  }
  return status.ok() ? absl::StatusOr<bool>(true) : status;
}

absl::Status Snapshotter::Walk() {
  from_ = stripes_[stripe_]->AddTo(*writer_, from_, kSnapshotEntriesPerHold);
  if (from_ == Table::kEnd) {
    from_ = 0;
    ++stripe_;
  }
  return writer_->Write();
}

void Snapshotter::End(const absl::Status& status) {
  const bool published = status.ok() && writer_ != nullptr;
  writer_.reset();
  {
    MutexLock lock(mutex_);
    done_ = begun_;
    if (status.ok()) {
      last_good_ = done_;
      good_unix_ms_ = begun_unix_ms_;
      if (published) ++taken_;
      pause_ms_ = 0;
    } else {
      ++failed_;
      last_error_ = status;
      pause_ms_ = std::clamp(2 * pause_ms_, kFirstRetryMs, kLastRetryMs);
    }
    retry_at_ms_ = clock_->BootMs() + pause_ms_;
  }
  ended_.NotifyAll();
}

void Snapshotter::AddStats(LogStats& stats) const {
  MutexLock lock(mutex_);
  stats.snapshots = taken_;
  stats.snapshots_failed = failed_;
  stats.snapshot_running = done_ < begun_;
  stats.last_snapshot_failed = pause_ms_ != 0;
  if (good_unix_ms_ != 0) stats.snapshot_unix_ms = good_unix_ms_;
}

}  // namespace idem::engine
