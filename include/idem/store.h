// Idem: has this request been seen, and what was the answer?
//
// A Store is a table of idempotency keys with a write-ahead log. Begin asks for a key; whoever gets
// the Claim runs the request and completes it; everyone else is told what happened:
//
//   auto answer = store->Begin("order-7", store->FingerprintOf({body}));
//   if (auto* claim = std::get_if<idem::Claim>(&*answer)) claim->Complete(Charge(body));
//   else if (auto* replay = std::get_if<idem::Replay>(&*answer)) Send(replay->response.bytes());
//
// Thread rule: every call may be made from any thread at any time; all are atomic. Claims must be
// dropped, and blocked calls must have returned, before the Store is destroyed.
//
// Durability: blocking calls return when their answer is as durable as Options::durability
// promises, for what they changed and for what they merely saw; with nowait for the latter alone.
#ifndef IDEM_STORE_H_
#define IDEM_STORE_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/answer.h"
#include "idem/changes.h"
#include "idem/claim.h"
#include "idem/dedup.h"
#include "idem/fingerprint.h"
#include "idem/options.h"
#include "idem/request.h"
#include "idem/stats.h"
#include "idem/windowed_key.h"

namespace idem {

namespace engine {
class Core;
}

using WaitId = uint64_t;  // who waits in a store; 0 is nobody
using Answer = std::variant<Claim, Replay, Busy, Mismatch, TooOld>;

class Store {
 public:
  // Opens the store in options.directory, making it if there is none, and recovers what it holds.
  // Errors: kInvalidArgument (an option, named), kAlreadyExists (the directory is in use; says by
  // whom), kPermissionDenied, kResourceExhausted (no space), kDataLoss (damage in data known
  // durable: names file and offset, nothing was changed), kFailedPrecondition (a newer format).
  // `listener` is told about once a MiB how far the reading has come.
  using OpenListener = std::function<void(const OpenProgress&)>;
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options,
                                                     const OpenListener& listener = {});
  // Commits what was appended and marks a clean stop. What runs stays claimed.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Asks for `key` (1 .. 1024 bytes). Errors: kInvalidArgument (a limit), kFailedPrecondition (the
  // key is a register), kResourceExhausted (memory or disk: nothing changed), kDataLoss (the log
  // failed: unknown until the next open).
  absl::StatusOr<Answer> Begin(std::string_view key, const Fingerprint& fingerprint,
                               const BeginOptions& options = {});

  // Begin for a request that has no key of its own (windowed_key.h); Claim::key() tells it.
  absl::StatusOr<Answer> Begin(const WindowedKey& key, const BeginOptions& options = {});

  // Begin for each of `calls`, in order, into the answer beside it; waits once for all of them, and
  // for no claim that runs. Faster than one by one: the misses of the cache overlap.
  void BeginMany(std::span<const BeginCall> calls, std::span<absl::StatusOr<Answer>> answers);

  // The claim of `key` under `token`, as another process was handed it; checked when it is used.
  Claim Attach(std::string_view key, Token token);

  // Drops a record that is not in progress. With `force` also one that is: its token is fenced.
  absl::Status Forget(std::string_view key, bool force = false);
  // Drops what may be personal and keeps the fact: of a response its size and checksum
  // (Replay::response_omitted), of steps their names. A claim goes on; that needs `force`.
  absl::Status ForgetBody(std::string_view key, bool force = false);

  // Runs `work` once for `key`, or replays: what most callers want. While `work` runs its lease is
  // kept alive. If `work` returns bytes the claim is completed with them; if it returns an error
  // the claim fails for retry and the error is returned, unless `work` settled the claim itself.
  // Errors beside those of Begin: kUnavailable (busy; the message tells when to retry),
  // kAborted (mismatch: the key was used for another request; or `work` returned bytes after it had
  // failed its claim for retry), kOutOfRange (too old).
  using Work = std::function<absl::StatusOr<std::string>(Claim&)>;
  absl::StatusOr<Replay> Once(std::string_view key, const Fingerprint& fingerprint,
                              const Work& work, const BeginOptions& options = {});

  // --- Dedup without claims (dedup.h); errors as of Begin ----------------------------------------
  // True the first time that `id` (1 .. 1024 bytes) comes, false while it is remembered.
  absl::StatusOr<bool> Seen(std::string_view id, const SeenOptions& options = {});
  // As BeginMany: Seen for each of `ids`.
  void SeenMany(std::span<const std::string_view> ids, const SeenOptions& options,
                std::span<absl::StatusOr<bool>> first);
  // Whether number `seq` (0 .. 2^53 - 1) of `producer` in its `epoch` is new.
  absl::StatusOr<SeqAnswer> Seq(std::string_view producer, uint32_t epoch, uint64_t seq,
                                const SeqOptions& options = {});
  absl::StatusOr<SeqPosition> ReadSeq(std::string_view producer);
  // Stores `value` under `key` if the version that stands there is `expected`; 0: if there is none.
  absl::StatusOr<CasAnswer> Cas(std::string_view key, Token expected, std::string_view value,
                                const CasOptions& options = {});
  absl::StatusOr<Versioned> ReadVersion(std::string_view key);  // what Cas would compare with

  // --- Fingerprints and the change stream --------------------------------------------------------
  // Keyed hash of the parts and their lengths: {"ab","c"} differs from {"a","bc"}.
  Fingerprint FingerprintOf(std::initializer_list<std::string_view> parts) const;
  // For callers who have a digest already: 1 .. 32 bytes.
  absl::StatusOr<Fingerprint> FingerprintOfDigest(std::string_view digest) const;

  // What was finished behind the LSN `after`, 0 from the beginning, in the order of the log, as far
  // as it is synced; see changes.h. Errors: kFailedPrecondition (memory mode; `after` is ahead of
  // this log), kDataLoss (damage: names file and offset), kInvalidArgument, those of the disk, and
  // with a cursor those of a plain value.
  absl::StatusOr<ChangesAnswer> ReadChanges(Lsn after, const ChangesOptions& options = {});

  // --- For event loops ---------------------------------------------------------------------------
  // Who has changes committed: a thread of the store, at once; or the caller, who asks for more
  // first, and then for one commit of it all: RequestCommit or Commit.
  enum class CommitBy : uint8_t { kStore, kCaller };
  // Executes requests in order and never waits. Returns how many: fewer than all only when the
  // log's backlog is full; try the rest when committed() has moved.
  size_t Execute(std::span<const Request> requests, std::span<Reply> replies,
                 CommitBy by = CommitBy::kStore);
  // All or none, atomically, over at most 64 keys: if one outcome is an error, kNotMet, kDuplicate,
  // kGap or kStaleEpoch, nothing is changed; the replies tell which. False: the backlog is full.
  bool Transact(std::span<const Request> requests, std::span<Reply> replies,
                CommitBy by = CommitBy::kStore);
  // Has what was executed committed in the background.
  void RequestCommit();
  // Commits on this thread, a batch of it, unless another one is at it; in kAlways that waits for
  // the disk. For a caller who has nothing to do but to wait. False: nothing was done.
  bool Commit();
  // Replies up to this position may leave. Rises only.
  Lsn committed() const;
  // Everything up to this position is proved to be on disk. Rises only.
  Lsn synced() const;
  // OK, or why the log has failed: replies above committed() are unknown for ever.
  absl::Status log_status() const;
  // Execute for one kBegin or kAwait that has wait_ms: instead of kBusy, running or backoff, it is
  // kept, and asked again when that may have changed; `told` gets the reply, at the latest when the
  // time is over, on any thread, under a lock of the store: as short as a commit listener. kWaits:
  // `id` names it. kBacklogFull: nothing was done. A store that is destroyed forgets its waiters.
  enum class Waiting : uint8_t { kAnswered, kWaits, kBacklogFull };
  using WaitListener = std::function<void(Reply& reply)>;
  Waiting ExecuteOrWait(const Request& request, Reply& reply, WaitId& id, const WaitListener& told,
                        CommitBy by = CommitBy::kStore);
  // After its return `told` is not running and is not called any more. False: it was called.
  bool ForgetWaiter(WaitId id);
  // Begin for a WindowedKey; `begin` names the rest, `stands` becomes its key. kCancelled as below.
  absl::Status ExecuteWindowed(const WindowedKey& key, const Request& begin, std::string& stands,
                               Reply& reply);
  // Waits for files alone; to be told when committed() >= cursor.lsn, which the caller commits.
  // kCancelled: nothing was done, the backlog is full. kAborted: the cursor's outcome tells why.
  absl::StatusOr<ChangesAnswer> ReadChanges(Lsn after, const ChangesOptions& options,
                                            Reply& cursor);
  // Called after committed() or synced() moved or the log failed, on any thread, holding no lock.
  // It must be short, and must not call the store but for those and log_status(). Returns an id.
  int AddCommitListener(std::function<void()> listener);
  // After its return the listener is not running and is not called again.
  void RemoveCommitListener(int id);

  // Visits entries in hash order from `cursor` (0 starts), about `count` (1 .. 1000) of them;
  // returns the next cursor, 0 at the end. An entry that is there from the first call to the last
  // is visited at least once. `visit` runs under no lock; what it is shown is valid meanwhile.
  struct Entry {
    std::string_view key;
    const Reply* about;  // as kGet would answer without the value
  };
  uint64_t Scan(uint64_t cursor, size_t count, const std::function<void(const Entry&)>& visit);
  Stats GetStats() const;

  // --- Snapshots ---------------------------------------------------------------------------------
  // Writes a snapshot of what the store holds while calls go on, blocks until it is published, and
  // drops the log behind the one before. The store does so by itself as the log grows. Errors:
  // kFailedPrecondition (memory mode), kDataLoss (the log has failed), the disk's: nothing is lost.
  absl::Status Snapshot();
  absl::Status StartSnapshot();  // only asks for one; GetStats tells what becomes of it
  // One step of background work, for Background::kManual. True: there may be more to do.
  enum class StepKind : uint8_t { kCommit, kExpire, kPrepareSegment, kSnapshot };
  bool Step(StepKind kind);

 private:
  explicit Store(std::unique_ptr<engine::Core> core);
  friend class Claim;
  absl::StatusOr<Answer> AnswerOf(std::string_view key, Reply& reply);
  absl::Status Settle(const Request& request);
  absl::StatusOr<Replay> FinishOf(const Claim& claim);

  std::unique_ptr<engine::Core> core_;
};

}  // namespace idem

#endif  // IDEM_STORE_H_
