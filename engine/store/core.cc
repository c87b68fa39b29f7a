#include "store/core.h"

#include <algorithm>
#include <array>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "base/check.h"
#include "log/file_log.h"
#include "log/memory_log.h"
#include "log/record.h"
#include "store/loader.h"
#include "store/open_options.h"

namespace idem::engine {
namespace {

// Requests that share one reservation of log room, and one look at the clock.
constexpr size_t kBatch = 64;
constexpr size_t kScanMax = 1000;
// Requests whose misses of the cache overlap: as many as a core has in flight, and a few.
constexpr size_t kTogether = 16;

bool MayChange(const Request& request) { return request.op != Op::kGet; }

// Whether the request's value may become the value of an entry.
bool KeepsValue(const Request& request, const RequestDefaults& defaults) {
  switch (request.op) {
    case Op::kComplete:
    case Op::kResolve:
    case Op::kPut:
      return request.value.size() <= defaults.response_bytes_max;
    case Op::kFail:
      return request.final && request.value.size() <= defaults.response_bytes_max;
    default:
      return false;
  }
}

// The largest value of a record that this request can make, unless it sets the deadline of a
// register whose value is larger.
size_t ValueRoom(const Request& request, const RequestDefaults& defaults) {
  const size_t value_bytes = KeepsValue(request, defaults) ? request.value.size() : 0;
  return std::max(value_bytes, kInlineValueBytesMax);
}

int64_t GraceMs(const Options& options) {
  return options.restart_grace_ms == -1 ? options.default_lease_ms : options.restart_grace_ms;
}

// More would wait for the disk.
size_t LoadingThreads(const Options& options) {
  constexpr size_t kThreadsMax = 8;
  if (options.background == Background::kManual) return 0;
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kThreadsMax);
}

}  // namespace

Core::Core(const Options& options)
    : options_(options),
      defaults_{options.default_lease_ms, options.default_retention_ms, options.max_response_bytes},
      memory_(options.memory_limit_bytes) {
  shared_.pool = &pool_;
  shared_.memory = &memory_;
  for (uint32_t i = 0; i < options.stripes; ++i) {
    stripes_.push_back(std::make_unique<Stripe>(&shared_));
  }
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
  Loader loader({&shared_, &table_secret_, &stripes_}, LoadingThreads(options_));
  absl::StatusOr<OpenedLog> opened = options_.durability == Durability::kMemory
                                         ? OpenMemoryLog(options_)
                                         : OpenFileLog(options_, loader, listener);
  if (!opened.ok()) return opened.status();
  log_ = std::move(opened->log);
  log_->SetListener([this] { NotifyListeners(); });
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
  moment.opened_ms = clock_->opened_ms();
  moment.grace_end_ms = grace_end_ms_;
  moment.disk_full = !log_->accepts_claims();
  moment.defaults = &defaults_;
  moment.secret = &secret_;
  return moment;
}

void Core::RefillPages(size_t requests) {
  if (pool_.Refill(requests)) housekeeper_->Wake();
}

Stripe& Core::Prepare(const Request& request, Log::Room room, engine::Call& call) {
  call.request = &request;
  call.key = StoredKey(request.key);
  const uint64_t hash = HashOf(call.key);
  call.place = Table::PlaceOf(static_cast<uint32_t>(hash));
  call.room = room;
  call.value_room = ValueRoom(request, defaults_);
  if (request.value.size() > kInlineValueBytesMax && KeepsValue(request, defaults_)) {
    call.body = BodyRef(Body::New(request.value));
  }
  return StripeOf(hash);
}

size_t Core::RoomFor(std::span<const Request> requests) const {
  size_t bytes = 0;
  for (const Request& request : requests) {
    if (!MayChange(request)) continue;
    bytes += MaxRecordBytes(request.key.size(), ValueRoom(request, defaults_));
  }
  return bytes;
}

size_t Core::Execute(std::span<const Request> requests, std::span<Reply> replies,
                     Store::CommitBy by) {
  const size_t done = ExecuteAppending(requests, replies);
  if (by == Store::CommitBy::kCaller) return done;
  const auto changed = [](const Reply& reply) { return reply.changed; };
  if (std::any_of(replies.begin(), replies.begin() + static_cast<ptrdiff_t>(done), changed)) {
    log_->RequestCommit();
  }
  return done;
}

// Batch by batch; one by one where the log has little room.
size_t Core::ExecuteAppending(std::span<const Request> requests, std::span<Reply> replies) {
  size_t done = 0;
  size_t batch_max = kBatch;
  while (done < requests.size()) {
    const auto batch = requests.subspan(done, std::min(batch_max, requests.size() - done));
    const size_t bytes = RoomFor(batch);
    const Log::Room room = bytes == 0 ? Log::Room::kGranted : log_->Reserve(bytes);
    if (room != Log::Room::kGranted && batch.size() > 1) {
      batch_max = 1;
      continue;
    }
    if (room == Log::Room::kBacklogFull) break;
    const size_t executed = ExecuteBatch(batch, replies.subspan(done, batch.size()), room);
    if (bytes != 0 && room == Log::Room::kGranted) log_->Release(bytes);
    done += executed;
    if (executed == batch.size()) continue;
    if (executed > 0 || batch.size() == 1) break;
    batch_max = 1;  // what the others set aside must not stand in the way of a large one
  }
  return done;
}

size_t Core::ExecuteBatch(std::span<const Request> requests, std::span<Reply> replies,
                          Log::Room room) {
  const Moment moment = MomentFor(requests);
  RefillPages(requests.size());
  if (requests.size() > 1) {
    size_t done = 0;
    while (done < requests.size()) {
      const size_t together = std::min(kTogether, requests.size() - done);
      const size_t executed = ExecuteTogether(requests.subspan(done, together),
                                              replies.subspan(done, together), room, moment);
      done += executed;
      if (executed < together) break;
    }
    return done;
  }
  Started started;
  Start(requests[0], room, replies[0], started);
  return ExecuteOne(started, moment, replies[0]) ? 1 : 0;
}

// In three rounds over all, so that the misses of the cache overlap: first the lines of the table
// are fetched, then the entries that these lead to, and then all is there.
size_t Core::ExecuteTogether(std::span<const Request> requests, std::span<Reply> replies,
                             Log::Room room, const Moment& moment) {
  std::array<Started, kTogether> started;
  const size_t count = requests.size();
  for (size_t i = 0; i < count; ++i) Start(requests[i], room, replies[i], started[i]);
  for (size_t i = 0; i < count; ++i) {
    if (started[i].stripe != nullptr) started[i].stripe->PrefetchEntry(started[i].call.place);
  }
  for (size_t i = 0; i < count; ++i) {
    if (!ExecuteOne(started[i], moment, replies[i])) return i;
  }
  return count;
}

void Core::Start(const Request& request, Log::Room room, Reply& reply, Started& started) {
  Renew(reply);
  if (const char* why = WhyInvalid(request, defaults_)) {
    reply.outcome = Outcome::kInvalid;
    reply.error = why;
    return;
  }
  started.stripe = &Prepare(request, room, started.call);
  started.stripe->PrefetchSlot(started.call.place);
}

bool Core::ExecuteOne(Started& started, const Moment& moment, Reply& reply) {
  if (started.stripe == nullptr) return true;
  return started.stripe->Execute(started.call, moment, reply) ||
         ExecuteLarge(started, moment, reply);
}

// Once more, with room for the value that stands there; others may make it longer meanwhile.
bool Core::ExecuteLarge(Started& started, const Moment& moment, Reply& reply) {
  engine::Call& call = started.call;
  for (bool done = false; !done;) {
    const size_t bytes = MaxRecordBytes(call.request->key.size(), call.value_room);
    call.room = log_->Reserve(bytes);
    if (call.room == Log::Room::kBacklogFull) return false;
    reply = Reply{};
    done = started.stripe->Execute(call, moment, reply);
    if (call.room == Log::Room::kGranted) log_->Release(bytes);
  }
  return true;
}

absl::Status Core::Call(std::span<const Request> requests, std::span<Reply> replies) {
  Lsn lsn = 0;
  bool unwaited = false;
  for (size_t done = 0; done < requests.size();) {
    const size_t executed = ExecuteAppending(requests.subspan(done), replies.subspan(done));
    for (size_t i = done; i < done + executed; ++i) {
      lsn = std::max(lsn, replies[i].lsn);
      unwaited |= requests[i].nowait && replies[i].changed;
    }
    done += executed;
    if (done == requests.size()) break;
    absl::Status status = log_->WaitCommitted(log_->committed() + 1);
    if (!status.ok()) return status;
  }
  if (unwaited) log_->RequestCommit();
  return log_->WaitCommitted(lsn);
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
  stats.page_bytes = pool_.memory_bytes();
  for (const auto& stripe : stripes_) stripe->AddStats(stats);
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
  constexpr size_t kUnitsPerSlice = 64;
  const int64_t now_ms = clock_->NowMs();
  bool done = true;
  for (const auto& stripe : stripes_) done &= stripe->Expire(now_ms, kUnitsPerSlice);
  return done;
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
