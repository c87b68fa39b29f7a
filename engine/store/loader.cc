#include "store/loader.h"

#include <utility>

namespace idem::engine {

Loader::Loader(const LoadTarget& target, size_t workers, size_t chunk_bytes)
    : target_(target), workers_(workers), chunk_bytes_(chunk_bytes), whole_(target, 0, 1) {}

Loader::~Loader() { StopWorkers(); }

bool Loader::Add(RecordBlock block) {
  filling_bytes_ += block.records.size();
  filling_.push_back(std::move(block));
  if (filling_bytes_ < chunk_bytes_) return true;
  if (workers_ == 0) return InstallHere();
  StartWorkers();
  return Publish();
}

absl::Status Loader::Finish() {
  if (threads_.empty()) {
    InstallHere();
    return whole_.refusal().status;
  }
  Publish();
  MutexLock lock(mutex_);
  while (!chunks_.empty()) room_.Wait(mutex_);
  return first_.status;
}

void Loader::Clear() {
  StopWorkers();
  for (auto& stripe : *target_.stripes) stripe = std::make_unique<Stripe>(target_.shared);
  filling_.clear();
  filling_bytes_ = 0;
  whole_.Reset();
  MutexLock lock(mutex_);
  chunks_gone_ = 0;
  stopping_ = false;
  first_ = {};
}

bool Loader::InstallHere() {
  whole_.Install(filling_);
  filling_.clear();
  filling_bytes_ = 0;
  return whole_.refusal().status.ok();
}

// False: a worker has refused something, so there is no use in going on.
bool Loader::Publish() {
  if (filling_.empty()) return true;
  auto chunk = std::make_unique<Chunk>();
  chunk->blocks = std::exchange(filling_, {});
  chunk->workers_left = workers_;
  filling_bytes_ = 0;
  MutexLock lock(mutex_);
  while (chunks_.size() == kChunksAhead) room_.Wait(mutex_);
  chunks_.push_back(std::move(chunk));
  work_.NotifyAll();
  return first_.status.ok();
}

void Loader::StartWorkers() {
  if (!threads_.empty()) return;
  for (size_t worker = 0; worker < workers_; ++worker) {
    threads_.emplace_back([this, worker] { Work(worker); });
  }
}

void Loader::StopWorkers() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Loader::Work(size_t worker) {
  LoadShare share(target_, worker, workers_);
  for (uint64_t number = 0; Chunk* const chunk = Wait(number); ++number) {
    share.Install(chunk->blocks);
    Done(chunk, share);
  }
}

// Null: there will be none.
Loader::Chunk* Loader::Wait(uint64_t number) {
  MutexLock lock(mutex_);
  while (number - chunks_gone_ == chunks_.size() && !stopping_) work_.Wait(mutex_);
  if (number - chunks_gone_ == chunks_.size()) return nullptr;
  return chunks_[number - chunks_gone_].get();
}

// Workers come to the chunks in order, so the front one is done with first.
void Loader::Done(Chunk* chunk, const LoadShare& share) {
  MutexLock lock(mutex_);
  const LoadShare::Refusal& refusal = share.refusal();
  if (!refusal.status.ok() && (first_.status.ok() || refusal.place < first_.place)) {
    first_ = refusal;
  }
  if (--chunk->workers_left > 0) return;
  chunks_.pop_front();
  ++chunks_gone_;
  room_.NotifyAll();
}

}  // namespace idem::engine
