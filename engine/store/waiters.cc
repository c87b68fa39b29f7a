#include "store/waiters.h"

#include <algorithm>

namespace idem::engine {
namespace {

// A held record is for an operator: nobody waits for it.
bool IsToBeWaitedFor(const Reply& reply) {
  return reply.outcome == Outcome::kBusy && reply.busy_reason != Busy::Reason::kHeld;
}

}  // namespace

Store::Waiting Waiters::ExecuteOrWait(const Request& request, Reply& reply, WaitId& id,
                                      const Store::WaitListener& told) {
  MutexLock lock(mutex_);
  const int64_t now_ms = shared_.now_ms();
  shared_.all.fetch_add(1, std::memory_order_relaxed);
  ServeKey(request.key);  // those who came before
  const bool executed = shared_.execute(request, reply);
  if (executed && reply.changed) ServeKey(request.key);  // the claim has a lease that ends
  const bool waits = executed && request.wait_ms > 0 && IsToBeWaitedFor(reply);
  if (!waits || !Admits(request.key)) {
    shared_.all.fetch_sub(1, std::memory_order_relaxed);
    return executed ? Store::Waiting::kAnswered : Store::Waiting::kBacklogFull;
  }
  id = ++last_number_ * stripes_ + index_;
  Line& line = Enlist(request, told, now_ms + request.wait_ms, id);
  const Waiter& waiter = line.waiters.back();
  Schedule(line, std::min(line.due_ms, AskAgainMs(waiter, now_ms, reply)));
  return Store::Waiting::kWaits;
}

// This one is counted already.
bool Waiters::Admits(std::string_view key) {
  const auto line = lines_.find(key);
  const size_t of_key = line == lines_.end() ? 0 : line->second.waiters.size();
  const bool admits = of_key < shared_.per_key_max &&
                      shared_.all.load(std::memory_order_relaxed) <= shared_.all_max;
  if (!admits) shared_.refused.fetch_add(1, std::memory_order_relaxed);
  return admits;
}

Waiters::Line& Waiters::Enlist(const Request& request, const Store::WaitListener& told,
                               int64_t deadline_ms, WaitId id) {
  auto line = lines_.find(request.key);
  if (line == lines_.end()) line = lines_.emplace(request.key, Line()).first;
  line->second.key = line->first;
  Waiter& waiter = line->second.waiters.emplace_back();
  waiter.id = id;
  waiter.owner = request.owner;
  waiter.request = request;
  waiter.request.key = line->first;
  waiter.request.owner = waiter.owner;
  waiter.deadline_ms = deadline_ms;
  waiter.told = told;
  line_of_[id] = &line->second;
  return line->second;
}

void Waiters::Serve(std::string_view key) {
  MutexLock lock(mutex_);
  ServeKey(key);
}

void Waiters::ServeKey(std::string_view key) {
  const auto found = lines_.find(key);
  if (found == lines_.end()) return;
  Line& line = found->second;
  bool claimed = false;
  while (AskAll(line)) claimed = true;
  if (line.waiters.empty()) lines_.erase(found);
  if (claimed) shared_.commit();
}

// Where one BEGIN finds the key busy so do those behind it, whose fingerprint is the same. True:
// one of them has the claim now, so that those before it are to be asked once more.
bool Waiters::AskAll(Line& line) {
  const int64_t now_ms = shared_.now_ms();
  int64_t due_ms = kNever;
  bool busy = false;
  bool claimed = false;
  for (auto next = line.waiters.begin(); next != line.waiters.end();) {
    const auto waiter = next++;
    if (busy && now_ms < waiter->deadline_ms) {
      due_ms = std::min(due_ms, waiter->deadline_ms);
      continue;
    }
    Reply reply;
    const std::optional<int64_t> again_ms = Ask(*waiter, now_ms, reply);
    if (again_ms.has_value()) {
      busy |= waiter->request.op == Op::kBegin;
      due_ms = std::min(due_ms, *again_ms);
      continue;
    }
    claimed |= reply.changed;
    waiter->told(reply);
    Drop(line, waiter);
  }
  Schedule(line, due_ms);
  return claimed;
}

// When it is to be asked for again; not at all: `reply` is its answer.
std::optional<int64_t> Waiters::Ask(const Waiter& waiter, int64_t now_ms, Reply& reply) {
  if (!shared_.execute(waiter.request, reply)) return now_ms + 1;
  if (!IsToBeWaitedFor(reply) || now_ms >= waiter.deadline_ms) return std::nullopt;
  return AskAgainMs(waiter, now_ms, reply);
}

// When the lease or the pause ends, and if that is over, or never comes, when the record goes.
int64_t Waiters::AskAgainMs(const Waiter& waiter, int64_t now_ms, const Reply& busy) {
  int64_t again_ms = waiter.deadline_ms;
  if (busy.retry_after_ms > 0) again_ms = std::min(again_ms, now_ms + busy.retry_after_ms);
  if (busy.ttl_ms > 0) again_ms = std::min(again_ms, now_ms + busy.ttl_ms);
  return again_ms;
}

void Waiters::Drop(Line& line, Queue::iterator waiter) {
  line_of_.erase(waiter->id);
  line.waiters.erase(waiter);
  shared_.all.fetch_sub(1, std::memory_order_relaxed);
}

void Waiters::Schedule(Line& line, int64_t due_ms) {
  if (line.due_ms != kNever) due_.erase({line.due_ms, &line});
  line.due_ms = due_ms;
  if (due_ms != kNever) due_.insert({due_ms, &line});
  const int64_t first_ms = due_.empty() ? kNever : due_.begin()->first;
  const int64_t before_ms = due_ms_.exchange(first_ms, std::memory_order_relaxed);
  if (first_ms < before_ms) shared_.wake();
}

void Waiters::ServeDue(int64_t now_ms) {
  if (due_ms() > now_ms) return;
  MutexLock lock(mutex_);
  while (!due_.empty() && due_.begin()->first <= now_ms) {
    const std::string key(due_.begin()->second->key);
    ServeKey(key);
  }
}

bool Waiters::Forget(WaitId id) {
  MutexLock lock(mutex_);
  const auto found = line_of_.find(id);
  if (found == line_of_.end()) return false;
  Line& line = *found->second;
  Drop(line, std::find_if(line.waiters.begin(), line.waiters.end(),
                          [id](const Waiter& waiter) { return waiter.id == id; }));
  if (!line.waiters.empty()) return true;
  Schedule(line, kNever);
  lines_.erase(lines_.find(line.key));
  return true;
}

}  // namespace idem::engine
