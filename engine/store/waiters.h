// Those who wait for a key of one stripe: BEGIN .. WAIT, and the look that waits (kAwait).
//
//   ExecuteOrWait ──► busy: enlisted, with the whole request
//   a settlement, a removal ─┐
//   a lease, a pause ends ───┼──► Serve: asks again for each who waits for the key, the first first
//   its time is over ────────┘           no longer busy: told so; busy: waits on, or is told that
//
// A waiter's request is an ordinary one that is made again. So the rules stay in transition.h: of
// several who wait for a claim the oldest asks first and gets it, and to the others the key is busy
// again. Nobody waits in here: a listener is told.
//
// Nothing is missed: a waiter is counted before it asks, and whoever changes a key looks at the
// count after its change; both hold the stripe's lock in between.
//
// Thread rule: everything from any thread. Lock order: the waiters of a stripe, then stripes;
// listeners are called under the former, so each waiter is told at most once, and none after
// Forget.
#ifndef IDEM_STORE_WAITERS_H_
#define IDEM_STORE_WAITERS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "idem/request.h"
#include "idem/store.h"

namespace idem::engine {

// What the waiters of all stripes share. Outlives them.
struct WaitersShared {
  uint64_t per_key_max = 0;
  uint64_t all_max = 0;
  // Executes one request. False: the log has no room just now, and nothing was done.
  std::function<bool(const Request& request, Reply& reply)> execute;
  std::function<int64_t()> now_ms;  // store time
  // Somebody has to be served at this moment, earlier than all before.
  std::function<void()> wake;
  // A waiter's claim was appended.
  std::function<void()> commit;
  // Everybody who waits, or is about to. Whoever changes a key looks here after its change.
  std::atomic<uint64_t> all{0};
  std::atomic<uint64_t> refused{0};  // answered at once, because too many waited
};

class Waiters {
 public:
  // Of the stripe `index` of so many.
  Waiters(WaitersShared* shared, uint64_t index, uint64_t stripes)
      : shared_(*shared), index_(index), stripes_(stripes) {}
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  // As Store::ExecuteOrWait; the request is valid.
  Store::Waiting ExecuteOrWait(const Request& request, Reply& reply, WaitId& id,
                               const Store::WaitListener& told) IDEM_EXCLUDES(mutex_);
  // False: it is not here any more.
  bool Forget(WaitId id) IDEM_EXCLUDES(mutex_);

  // The key may have changed, or somebody else is about to ask for it.
  void Serve(std::string_view key) IDEM_EXCLUDES(mutex_);
  // Those whose moment has come.
  void ServeDue(int64_t now_ms) IDEM_EXCLUDES(mutex_);
  // When that will be; kNever: nobody waits.
  int64_t due_ms() const { return due_ms_.load(std::memory_order_relaxed); }
  static constexpr int64_t kNever = INT64_MAX;

 private:
  struct Waiter {
    WaitId id = 0;
    Request request;  // its views are of the line's key and of `owner`
    std::string owner;
    int64_t deadline_ms = 0;
    Store::WaitListener told;
  };
  using Queue = std::list<Waiter>;  // of one key, the oldest first
  struct Line {
    std::string_view key;
    Queue waiters;
    int64_t due_ms = kNever;  // the earliest moment at which one of them is to be asked for
  };

  bool Admits(std::string_view key) IDEM_REQUIRES(mutex_);
  Line& Enlist(const Request& request, const Store::WaitListener& told, int64_t deadline_ms,
               WaitId id) IDEM_REQUIRES(mutex_);
  void ServeKey(std::string_view key) IDEM_REQUIRES(mutex_);
  bool AskAll(Line& line) IDEM_REQUIRES(mutex_);
  std::optional<int64_t> Ask(const Waiter& waiter, int64_t now_ms, Reply& reply)
      IDEM_REQUIRES(mutex_);
  static int64_t AskAgainMs(const Waiter& waiter, int64_t now_ms, const Reply& busy);
  void Drop(Line& line, Queue::iterator waiter) IDEM_REQUIRES(mutex_);
  void Schedule(Line& line, int64_t due_ms) IDEM_REQUIRES(mutex_);

  WaitersShared& shared_;
  const uint64_t index_;
  const uint64_t stripes_;
  std::atomic<int64_t> due_ms_{kNever};
  Mutex mutex_;
  uint64_t last_number_ IDEM_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Line, std::less<>> lines_ IDEM_GUARDED_BY(mutex_);  // by key
  absl::flat_hash_map<WaitId, Line*> line_of_ IDEM_GUARDED_BY(mutex_);
  std::set<std::pair<int64_t, Line*>> due_ IDEM_GUARDED_BY(mutex_);
};

}  // namespace idem::engine

#endif  // IDEM_STORE_WAITERS_H_
