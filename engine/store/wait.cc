// The part of Core that waits: BEGIN .. WAIT and the look that waits, and who is told when.
#include <algorithm>

#include "base/mutex.h"
#include "store/core.h"

namespace idem::engine {
namespace {

// Whether such a change may be what somebody waits for, or may move the moment of it: a look that
// found a lease over has none until there is a new claim.
bool ConcernsWaiters(const Request& request) {
  switch (request.op) {
    case Op::kStep:
    case Op::kPut:
    case Op::kSetDeadline:
    case Op::kGet:
    case Op::kAwait:
      return false;
    default:
      return true;
  }
}

// Where the answer of a blocked call is put.
struct Told {
  Mutex mutex;
  Condition condition;
  bool is_told IDEM_GUARDED_BY(mutex) = false;
  Reply reply IDEM_GUARDED_BY(mutex);

  void Tell(Reply& answer) {
    MutexLock lock(mutex);
    reply = std::move(answer);
    is_told = true;
    condition.NotifyAll();
  }
  Reply Wait() {
    MutexLock lock(mutex);
    while (!is_told) condition.Wait(mutex);
    return std::move(reply);
  }
};

}  // namespace

// Who waits comes before who begins now; and is told after a change, when the stripe is unlocked.
bool Core::ExecuteBesideWaiters(Started& started, const Moment& moment, Reply& reply) {
  if (started.stripe == nullptr) return true;
  const Request& request = *started.call.request;
  if (request.op == Op::kBegin && SomebodyWaits()) ServeWaitersOf(request.key);
  if (!ExecuteOne(started, moment, reply)) return false;
  if (reply.changed && ConcernsWaiters(request) && SomebodyWaits()) ServeWaitersOf(request.key);
  return true;
}

bool Core::ExecuteForWaiter(const Request& request, Reply& reply) {
  Started started;
  const size_t bytes = Start(request, reply, started);
  started.call.room = bytes == 0 ? Log::Room::kGranted : log_->Reserve(bytes);
  if (started.call.room == Log::Room::kBacklogFull) return false;
  RefillPages(1);
  const bool done = ExecuteOne(started, MomentFor({&request, 1}), reply);
  if (bytes != 0 && started.call.room == Log::Room::kGranted) log_->Release(bytes);
  return done;
}

Waiters& Core::WaitersOf(std::string_view key) {
  return *waiters_[StripeIndexOf(HashOf(StoredKey(key)), stripes_.size())];
}

void Core::ServeWaitersOf(std::string_view key) { WaitersOf(key).Serve(key); }

void Core::ServeAfter(std::span<const Request> requests, std::span<const Reply> replies) {
  if (!SomebodyWaits()) return;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (replies[i].changed && ConcernsWaiters(requests[i])) ServeWaitersOf(requests[i].key);
  }
}

void Core::ServeWaiters() {
  if (!SomebodyWaits()) return;
  const int64_t now_ms = NowMs();
  for (const auto& waiters : waiters_) waiters->ServeDue(now_ms);
}

int64_t Core::NextWaiterMs() const {
  int64_t next_ms = Waiters::kNever;
  if (!SomebodyWaits()) return next_ms;
  for (const auto& waiters : waiters_) next_ms = std::min(next_ms, waiters->due_ms());
  return next_ms;
}

Store::Waiting Core::ExecuteOrWait(const Request& request, Reply& reply, WaitId& id,
                                   const Store::WaitListener& told, Store::CommitBy by) {
  Renew(reply);
  id = 0;
  const bool may_wait = request.op == Op::kBegin || request.op == Op::kAwait;
  const char* const why =
      may_wait ? WhyInvalid(request, PolicyOf(request.key)) : "only kBegin and kAwait wait";
  if (why != nullptr) {
    reply.outcome = Outcome::kInvalid;
    reply.error = why;
    return Store::Waiting::kAnswered;
  }
  const Store::Waiting waiting = WaitersOf(request.key).ExecuteOrWait(request, reply, id, told);
  if (waiting == Store::Waiting::kAnswered && reply.changed && by == Store::CommitBy::kStore) {
    log_->RequestCommit();
  }
  return waiting;
}

bool Core::ForgetWaiter(WaitId id) { return waiters_[id % waiters_.size()]->Forget(id); }

absl::Status Core::CallAndWait(const Request& request, Reply& reply) {
  Told told;
  WaitId id = 0;
  for (;;) {
    const Store::Waiting waiting = ExecuteOrWait(
        request, reply, id, [&told](Reply& answer) { told.Tell(answer); },
        Store::CommitBy::kCaller);
    if (waiting == Store::Waiting::kAnswered) break;
    if (waiting == Store::Waiting::kWaits) {
      reply = told.Wait();
      ForgetWaiter(id);  // returns when who told it is done with it
      break;
    }
    absl::Status status = log_->WaitCommitted(log_->committed() + 1);
    if (!status.ok()) return status;
  }
  if (request.nowait && reply.changed) log_->RequestCommit();
  return log_->WaitCommitted(reply.lsn);
}

}  // namespace idem::engine
