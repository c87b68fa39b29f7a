// The store behind idem::Store: stripes, log, tokens and time brought together.
//
//   Execute ──► hash, fetch ──► room in the log ──► stripe (decide, append, install) ──► Reply, LSN
//
// Thread rule: everything from any thread. No lock of its own: stripes and log have theirs.
#ifndef IDEM_STORE_CORE_H_
#define IDEM_STORE_CORE_H_

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/page_pool.h"
#include "idem/changes.h"
#include "idem/options.h"
#include "idem/request.h"
#include "idem/stats.h"
#include "idem/store.h"
#include "log/log.h"
#include "store/cursors.h"
#include "store/housekeeper.h"
#include "store/load_share.h"
#include "store/memory_meter.h"
#include "store/namespaces.h"
#include "store/snapshotter.h"
#include "store/stripe.h"
#include "store/token_source.h"
#include "store/waiters.h"

namespace idem::engine {

class Core {
 public:
  static absl::StatusOr<std::unique_ptr<Core>> Open(const Options& options,
                                                    const Store::OpenListener& listener);
  ~Core();

  // As in idem/store.h.
  size_t Execute(std::span<const Request> requests, std::span<Reply> replies, Store::CommitBy by);
  Store::Waiting ExecuteOrWait(const Request& request, Reply& reply, WaitId& id,
                               const Store::WaitListener& told, Store::CommitBy by);
  bool ForgetWaiter(WaitId id);
  bool Transact(std::span<const Request> requests, std::span<Reply> replies, Store::CommitBy by);
  uint64_t Scan(uint64_t cursor, size_t count,
                const std::function<void(const Store::Entry&)>& visit);
  // Does not wait. `cursor` is what the cursor's register answered: with its lsn the answer may be
  // told; where it is an error the status is kAborted. kCancelled: the backlog is full.
  absl::StatusOr<ChangesAnswer> ReadChanges(Lsn after, const ChangesOptions& options,
                                            Reply& cursor);
  Stats GetStats() const;
  absl::StatusOr<uint64_t> RequestSnapshot();
  absl::Status Snapshot();
  bool Step(Store::StepKind kind);
  int AddCommitListener(std::function<void()> listener);
  void RemoveCommitListener(int id);

  // Executes all and waits until their replies may be told. Not OK: the log has failed, and whether
  // the requests took effect is unknown.
  absl::Status Call(std::span<const Request> requests, std::span<Reply> replies);
  // The same with Transact.
  absl::Status CallTogether(std::span<const Request> requests, std::span<Reply> replies);

  // The same for one request that may wait for its answer (wait_ms).
  absl::Status CallAndWait(const Request& request, Reply& reply);

  // Call for so many requests, some at a time, so that the caller keeps no array of them all:
  // make(i) gives each, tell(i, called, reply) takes what came of it.
  template <typename Make, typename Tell>
  void CallMany(size_t count, Make&& make, Tell&& tell);

  Log& log() { return *log_; }
  int64_t NowMs() const { return clock_->NowMs(); }
  const HashSecret& fingerprint_secret() const { return secret_; }
  Housekeeper& housekeeper() { return *housekeeper_; }
  // Of keys that are of no namespace, and what `key` is subject to.
  const Policy& policy() const { return options_.policy; }
  const Policy& PolicyOf(std::string_view key) const { return PolicyIn(namespaces_.Find(key)); }

  // Frees what has expired, in slices; true when all is done. For the housekeeper.
  bool ExpireSlice();
  // Tells waiters whose moment has come. For the housekeeper, as is the store time when there will
  // be more: Waiters::kNever if nobody waits.
  void ServeWaiters();
  int64_t NextWaiterMs() const;
  // Asks the log for an epoch when tokens run low. For the housekeeper.
  void RefillTokens();
  // Has pages stand by, gives back regions that are not needed; and the rest of what is not needed,
  // once nothing is left to free. For the housekeeper.
  void TendPages();
  void TrimPages();

 private:
  struct Transaction;
  // A request that has been looked at but not executed.
  struct Started {
    Stripe* stripe = nullptr;  // null: it is invalid, and its reply says so
    engine::Call call;
  };

  explicit Core(const Options& options);
  absl::Status OpenLog(const Store::OpenListener& listener);

  const Policy& PolicyIn(const Namespace* space) const {
    return space == nullptr ? options_.policy : space->options().policy;
  }
  uint64_t HashOf(const StoredKey& key) const { return shared_.HashOf(key.bytes()); }
  Moment MomentFor(std::span<const Request> requests) const;
  void RefillPages(size_t requests);
  size_t ExecuteAppending(std::span<const Request> requests, std::span<Reply> replies);
  size_t ExecuteRound(std::span<const Request> requests, std::span<Reply> replies);
  size_t ExecuteStarted(std::span<const Request> requests, std::span<Reply> replies,
                        std::span<Started> started);
  bool ExecuteBesideWaiters(Started& started, const Moment& moment, Reply& reply);
  bool ExecuteForWaiter(const Request& request, Reply& reply);
  bool SomebodyWaits() const { return waiting_.all.load(std::memory_order_relaxed) != 0; }
  Waiters& WaitersOf(std::string_view key);
  void ServeWaitersOf(std::string_view key);
  void ServeAfter(std::span<const Request> requests, std::span<const Reply> replies);
  bool ExecuteOne(Started& started, const Moment& moment, Reply& reply);
  bool ExecuteLarge(Started& started, const Moment& moment, Reply& reply);
  size_t Start(const Request& request, Reply& reply, Started& started) const;
  static void Fetch(std::span<const Started> all);
  size_t Prepare(const Request& request, engine::Call& call) const;
  void CopyValue(engine::Call& call) const;
  void PrepareAll(std::span<const Request> requests, Transaction& transaction);
  static size_t RoomFor(const engine::Call& call);
  static size_t RoomFor(const Transaction& transaction);
  static bool NeedsRoom(const Transaction& transaction);
  void LockAndExecute(std::span<const Request> requests, Transaction& transaction,
                      std::span<Reply> replies);
  void Abandon(Transaction& transaction, std::span<Reply> replies);
  void Install(Transaction& transaction, std::span<Reply> replies);
  void NotifyListeners();
  absl::StatusOr<Lsn> MoveCursor(const std::string& key, Lsn to, Reply& reply);
  LogPin Pin();

  const Options options_;
  const Namespaces namespaces_;
  const HashSecret table_secret_ = RandomSecret();
  HashSecret secret_{};  // of fingerprints and owners; the log keeps it
  std::string store_id_;
  PagePool entry_pool_{PagePool::kStandbyOfEntries};
  PagePool index_pool_{PagePool::kStandbyOfIndex};
  MemoryMeter memory_;
  StripeShared shared_;
  std::unique_ptr<StoreClock> clock_;
  int64_t grace_end_ms_ = 0;
  std::unique_ptr<Log> log_;
  std::unique_ptr<TokenSource> tokens_;
  Stripes stripes_;
  WaitersShared waiting_;
  std::vector<std::unique_ptr<Waiters>> waiters_;  // as many as stripes
  Cursors cursors_;

  struct Listener {
    int id;
    std::function<void()> call;
  };
  mutable Mutex listeners_mutex_;
  std::vector<Listener> listeners_ IDEM_GUARDED_BY(listeners_mutex_);
  int last_listener_id_ IDEM_GUARDED_BY(listeners_mutex_) = 0;

  // Last: their threads use all of the above.
  std::unique_ptr<Housekeeper> housekeeper_;
  std::unique_ptr<Snapshotter> snapshotter_;
};

template <typename Make, typename Tell>
void Core::CallMany(size_t count, Make&& make, Tell&& tell) {
  constexpr size_t kAtOnce = 64;
  std::array<Request, kAtOnce> requests;
  std::array<Reply, kAtOnce> replies;
  for (size_t done = 0; done < count; done += kAtOnce) {
    const size_t some = std::min(kAtOnce, count - done);
    for (size_t i = 0; i < some; ++i) requests[i] = make(done + i);
    const absl::Status called = Call({requests.data(), some}, std::span(replies).first(some));
    for (size_t i = 0; i < some; ++i) tell(done + i, called, replies[i]);
  }
}

}  // namespace idem::engine

#endif  // IDEM_STORE_CORE_H_
