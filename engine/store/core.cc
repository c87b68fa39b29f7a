#include "store/core.h"

#include <algorithm>
#include <thread>

#include "log/file_log.h"
#include "log/memory_log.h"
#include "store/loader.h"
#include "store/open_options.h"

namespace idem::engine {
namespace {

constexpr size_t kScanMax = 1000;

int64_t GraceMs(const Options& options) {
  return options.restart_grace_ms == -1 ? options.policy.default_lease_ms
                                        : options.restart_grace_ms;
}

// More would wait for the disk.
size_t LoadingThreads(const Options& options) {
  constexpr size_t kThreadsMax = 8;
  if (options.background == Background::kManual) return 0;
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kThreadsMax);
}

}  // namespace

Core::Core(const Options& options)
    : options_(options), namespaces_(options.namespaces), memory_(options.memory_limit_bytes) {
  shared_.entry_pool = &entry_pool_;
  shared_.index_pool = &index_pool_;
  shared_.memory = &memory_;
  shared_.table_secret = &table_secret_;
  shared_.namespaces = &namespaces_;
  for (uint32_t i = 0; i < options.stripes; ++i) {
    stripes_.push_back(std::make_unique<Stripe>(&shared_));
    waiters_.push_back(std::make_unique<Waiters>(&waiting_, i, options.stripes));
  }
  waiting_.per_key_max = options.max_key_waiters;
  waiting_.all_max = options.max_waiters;
  waiting_.execute = [this](const Request& request, Reply& reply) {
    return ExecuteForWaiter(request, reply);
  };
  waiting_.now_ms = [this] { return NowMs(); };
  waiting_.wake = [this] { housekeeper_->Wake(); };
  waiting_.commit = [this] { log_->RequestCommit(); };
}

Core::~Core() {
  snapshotter_.reset();
  housekeeper_.reset();
  if (log_ != nullptr) log_->Close().IgnoreError();  // a failed log has told so before
}

absl::StatusOr<std::unique_ptr<Core>> Core::Open(const Options& options,
                                                 const Store::OpenListener& listener) {
  absl::Status status = ValidateOptions(options);
  if (!status.ok()) return status;
  std::unique_ptr<Core> core(new Core(options));
  status = core->OpenLog(listener);
  if (!status.ok()) return status;
  core->housekeeper_ = std::make_unique<Housekeeper>(core.get(), options.background);
  core->snapshotter_ = std::make_unique<Snapshotter>(core->options_, core->log_.get(),
                                                     &core->stripes_, &core->memory_);
  return core;
}

absl::Status Core::OpenLog(const Store::OpenListener& listener) {
  Loader loader({&shared_, &stripes_, &cursors_}, LoadingThreads(options_));
  absl::StatusOr<OpenedLog> opened = options_.durability == Durability::kMemory
                                         ? OpenMemoryLog(options_)
                                         : OpenFileLog(options_, loader, listener);
  if (!opened.ok()) return opened.status();
  log_ = std::move(opened->log);
  log_->SetListener([this] { NotifyListeners(); });
  log_->SetPin([this] { return Pin(); });
  clock_ = std::make_unique<StoreClock>(opened->clock);
  grace_end_ms_ = clock_->opened_ms() + (opened->created ? 0 : GraceMs(options_));
  secret_ = opened->secret;
  store_id_ = opened->store_id;
  tokens_ = std::make_unique<TokenSource>(opened->tokens);
  shared_.log = log_.get();
  shared_.tokens = tokens_.get();
  return absl::OkStatus();
}

// The wall clock is asked only if somebody wants to know.
Moment Core::MomentFor(std::span<const Request> requests) const {
  const auto tells_age = [](const Request& request) { return request.issued_unix_ms != 0; };
  Moment moment;
  moment.now_ms = clock_->NowMs();
  if (std::any_of(requests.begin(), requests.end(), tells_age)) {
    moment.wall_ms = clock_->source().WallMs();
  }
  moment.offset_ms = clock_->offset_ms();
  moment.opened_ms = clock_->opened_ms();
  moment.grace_end_ms = grace_end_ms_;
  moment.disk_full = !log_->accepts_claims();
  moment.policy = &options_.policy;
  moment.secret = &secret_;
  return moment;
}

uint64_t Core::Scan(uint64_t cursor, size_t count,
                    const std::function<void(const Store::Entry&)>& visit) {
  std::string keys;
  std::vector<Stripe::Copy> copies;
  const Moment moment = MomentFor({});
  count = std::clamp<size_t>(count, 1, kScanMax);
  size_t stripe = static_cast<size_t>(cursor >> 32);
  uint64_t from = cursor & 0xffffffff;
  while (stripe < stripes_.size() && copies.size() < count) {
    from = stripes_[stripe]->CopyFrom(from, count - copies.size(), moment, keys, copies);
    if (from < Table::kEnd) break;
    from = 0;
    ++stripe;
  }
  size_t key_start = 0;
  for (const Stripe::Copy& copy : copies) {
    visit({std::string_view(keys).substr(key_start, copy.key_end - key_start), &copy.about});
    key_start = copy.key_end;
  }
  return stripe < stripes_.size() ? (uint64_t{stripe} << 32) | from : 0;
}

Stats Core::GetStats() const {
  Stats stats;
  stats.store_id = store_id_;
  stats.durability = options_.durability;
  stats.memory_bytes = memory_.used();
  stats.memory_limit_bytes = memory_.limit();
  stats.page_bytes = entry_pool_.memory_bytes() + index_pool_.memory_bytes();
  for (const auto& stripe : stripes_) stripe->AddStats(stats);
  namespaces_.AddStats(stats);
  stats.waiting = waiting_.all.load(std::memory_order_relaxed);
  stats.waits_refused = waiting_.refused.load(std::memory_order_relaxed);
  stats.log = log_->stats();
  snapshotter_->AddStats(stats.log);
  return stats;
}

absl::StatusOr<uint64_t> Core::RequestSnapshot() {
  if (options_.durability == Durability::kMemory) {
    return absl::FailedPreconditionError("a store in memory mode has no log: nothing to save");
  }
  return snapshotter_->Request();
}

absl::Status Core::Snapshot() {
  const absl::StatusOr<uint64_t> ticket = RequestSnapshot();
  return ticket.ok() ? snapshotter_->Wait(*ticket) : ticket.status();
}

bool Core::ExpireSlice() {
  const int64_t now_ms = clock_->NowMs();
  bool done = true;
  for (const auto& stripe : stripes_) {
    done &= stripe->Expire(now_ms, kExpiryUnitsPerHold);
    std::this_thread::yield();  // who waits for this core comes first
  }
  return done;
}

void Core::TendPages() {
  entry_pool_.Tend();
  index_pool_.Tend();
}

void Core::TrimPages() {
  while (entry_pool_.Trim() || index_pool_.Trim()) std::this_thread::yield();
}

void Core::RefillTokens() {
  if (!tokens_->LowOnTokens()) return;
  const absl::StatusOr<TokenRange> range = log_->RaiseEpoch();
  if (range.ok()) tokens_->Refill(*range);
}

bool Core::Step(Store::StepKind kind) {
  switch (kind) {
    case Store::StepKind::kExpire:
      return housekeeper_->RunOnce();
    case Store::StepKind::kSnapshot:
      return snapshotter_->Step();
    default:
      return log_->Step(kind);
  }
}

int Core::AddCommitListener(std::function<void()> listener) {
  MutexLock lock(listeners_mutex_);
  listeners_.push_back({++last_listener_id_, std::move(listener)});
  return last_listener_id_;
}

void Core::RemoveCommitListener(int id) {
  MutexLock lock(listeners_mutex_);
  std::erase_if(listeners_, [id](const Listener& listener) { return listener.id == id; });
}

// Under the lock, so that a listener that was removed is not running any more.
void Core::NotifyListeners() {
  MutexLock lock(listeners_mutex_);
  for (const Listener& listener : listeners_) listener.call();
}

}  // namespace idem::engine
