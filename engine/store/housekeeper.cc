#include "store/housekeeper.h"

#include <algorithm>

#include "store/core.h"

namespace idem::engine {

Housekeeper::Housekeeper(Core* core, Background background) : core_(core) {
  if (background == Background::kThreads) thread_ = std::thread([this] { Loop(); });
}

Housekeeper::~Housekeeper() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Housekeeper::Loop() {
  for (;;) {
    bool more = RunOnce();
    MutexLock lock(mutex_);
    if (!more && !stopping_) wake_.WaitFor(mutex_, NextRoundMs());
    if (stopping_) return;
  }
}

bool Housekeeper::RunOnce() {
  Beat();
  core_->ServeWaiters();
  core_->RefillTokens();
  core_->TendPages();
  if (!core_->ExpireSlice()) return true;
  core_->TrimPages();
  return false;
}

int64_t Housekeeper::NextRoundMs() const {
  const int64_t next_waiter_ms = core_->NextWaiterMs();
  int64_t round_ms = kRoundMs;
  if (next_waiter_ms != Waiters::kNever) {
    round_ms = std::clamp<int64_t>(next_waiter_ms - core_->NowMs(), 1, kRoundMs);
  }
  for (const Heartbeat* beat : heartbeats_) round_ms = std::min(round_ms, beat->PauseMs());
  return round_ms;
}

// The requests are made under the lock, which keeps each Heartbeat alive meanwhile; they only
// append to the log and wait for nothing.
void Housekeeper::Beat() {
  MutexLock lock(mutex_);
  for (Heartbeat* beat : heartbeats_) {
    const int64_t now_ms = core_->NowMs();
    if (now_ms < beat->next_ms_) continue;
    beat->next_ms_ = now_ms + beat->PauseMs();
    Request extend;
    extend.op = Op::kExtend;
    extend.key = beat->key_;
    extend.token = beat->token_;
    extend.lease_ms = beat->lease_ms_;
    Reply reply;
    core_->Execute({&extend, 1}, {&reply, 1}, Store::CommitBy::kStore);
  }
}

Housekeeper::Heartbeat::Heartbeat(Housekeeper* housekeeper, std::string_view key, Token token,
                                  int64_t lease_ms)
    : housekeeper_(housekeeper),
      key_(key),
      token_(token),
      lease_ms_(lease_ms),
      next_ms_(housekeeper->core_->NowMs() + PauseMs()) {
  {
    MutexLock lock(housekeeper_->mutex_);
    position_ = housekeeper_->heartbeats_.insert(housekeeper_->heartbeats_.end(), this);
  }
  housekeeper_->wake_.NotifyAll();
}

Housekeeper::Heartbeat::~Heartbeat() {
  MutexLock lock(housekeeper_->mutex_);
  housekeeper_->heartbeats_.erase(position_);
}

int64_t Housekeeper::Heartbeat::PauseMs() const { return std::max<int64_t>(1, lease_ms_ / 3); }

}  // namespace idem::engine
