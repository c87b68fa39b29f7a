// One stripe: a mutex with the table, entry memory and wheel of a part of the keys. A complete
// single-threaded thought; the store is many of them side by side.
//
//   Execute:  find ► decide (transition.h) ► prepare memory ► append to the log ► install ► unlock
//   Apply:    a record from the log or a snapshot ► install if newer
//   Expire:   wheel ► entries whose deadline has passed ► free
//
// Work under the lock is bounded: one entry, at most one split of a table segment (table.h), no
// system call, no I/O. Expire works in slices.
//
// A change is made in two steps, so that nothing can fail once the log has the record: Prepare
// takes all memory, Install only writes. Between them the caller appends.
//
// Thread rule: public methods from any thread but where the name says Locked. Lock order: stripes
// by index, then the log's lock; the page pool's lock is a leaf.
#ifndef IDEM_STORE_STRIPE_H_
#define IDEM_STORE_STRIPE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/arena.h"
#include "base/mutex.h"
#include "idem/request.h"
#include "idem/stats.h"
#include "log/image.h"
#include "log/log.h"
#include "log/snapshot_writer.h"
#include "store/entry.h"
#include "store/memory_meter.h"
#include "store/namespaces.h"
#include "store/stored_key.h"
#include "store/stripe_shared.h"
#include "store/table.h"
#include "store/transition.h"
#include "timer/timing_wheel.h"

namespace idem::engine {

// The wheel's tick. Entries are freed up to this much after their deadline, and those whose
// deadline came nearer while they waited up to 1/16 of the time that is left; nobody can see it.
inline constexpr int64_t kTickMs = 16;
inline uint64_t TickAt(int64_t now_ms) { return static_cast<uint64_t>(now_ms / kTickMs); }
// What background work does in one hold of a stripe's lock.
inline constexpr size_t kExpiryUnitsPerHold = 64;
inline constexpr size_t kSnapshotEntriesPerHold = 128;

// One request on its way: its key packed and hashed, its large value copied, before any lock is
// taken.
struct Call {
  const Request* request = nullptr;
  StoredKey key;
  Table::Place place{};
  Namespace* space = nullptr;            // of the key, if it has a policy of its own
  BodyRef body;                          // of request->value, if that does not fit into an entry
  Log::Room room = Log::Room::kGranted;  // what the log said about a record for it
  size_t value_room = 0;                 // .. with a value of this size
  bool steps_have_room = false;          // `body` is room for steps that take just this size

  // Makes room for the steps that the entry will have, if the request changes any.
  void MakeRoomForSteps();
};

class alignas(64) Stripe {
 public:
  explicit Stripe(const StripeShared* shared);
  ~Stripe();
  Stripe(const Stripe&) = delete;
  Stripe& operator=(const Stripe&) = delete;

  // False: nothing was done, because the record would be larger than the room that the log gave
  // (the deadline of a register with a large value is set, or a claim with many steps is taken
  // over), or because its steps need room. call.value_room says how much it takes; try again with
  // that.
  bool Execute(Call& call, const Moment& moment, Reply& reply) IDEM_EXCLUDES(mutex_);

  // For fetch_ahead.h. The first has the memory fetched that Execute and Apply look at first: the
  // lock and the line of the table. The second tells where the entry stands that most likely has
  // this place, or where a new one will; null if nobody knows. That may be wrong, and nobody's
  // memory by then: it may be fetched but not read.
  void PrefetchSlot(Table::Place place) const IDEM_NO_ANALYSIS {
    __builtin_prefetch(&mutex_, 1);
    table_.Prefetch(place);
  }
  struct Whereabouts {
    const char* entry = nullptr;
    bool is_new = false;  // it takes a block of the arena
  };
  Whereabouts EntryAt(Table::Place place) const IDEM_EXCLUDES(mutex_);
  // Recovery: installs `image`, whose key is `key`, if it is newer than what is there. kDataLoss:
  // the log contradicts itself. Memory limits do not count; kResourceExhausted: the system has no
  // more.
  absl::Status Apply(const StoredKey& key, Table::Place place, const Image& image, Lsn lsn)
      IDEM_EXCLUDES(mutex_);

  // Frees entries whose deadline has passed, at most `budget` units of work. True: all done. Then
  // it also moves the entries of one page, if they stand sparsely (arena.h).
  bool Expire(int64_t now_ms, size_t budget) IDEM_EXCLUDES(mutex_);

  // Copies of entries for Store::Scan: keys one after the other in `keys`.
  struct Copy {
    size_t key_end;  // in `keys`
    Reply about;
  };
  uint64_t CopyFrom(uint64_t from, size_t count, const Moment& moment, std::string& keys,
                    std::vector<Copy>& copies) IDEM_EXCLUDES(mutex_);
  // Adds the entries from `from` on to a snapshot, about `count` of them; returns where to go on,
  // Table::kEnd at the end.
  uint64_t AddTo(SnapshotWriter& snapshot, uint64_t from, size_t count) IDEM_EXCLUDES(mutex_);
  void AddStats(Stats& stats) const IDEM_EXCLUDES(mutex_);
  // Stops the program if the structure is broken or a count is wrong. Linear; for tests.
  void CheckInvariants() const IDEM_EXCLUDES(mutex_);

  // --- The steps of a transaction over several stripes; the caller holds Lock() of all of them.

  void Lock() IDEM_ACQUIRE(mutex_) { mutex_.Lock(); }
  void Unlock() IDEM_RELEASE(mutex_) { mutex_.Unlock(); }

  // A change that is decided and has its memory, but is not made yet.
  struct Pending {
    Change change = Change::kNone;
    const StoredKey* key = nullptr;
    Table::Place place{};
    Ref old_ref = 0;          // 0: the key is new, and new_ref stands in the table already
    Ref new_ref = 0;          // equal to old_ref: written in place
    Image next;               // on kRemove: key and token
    uint16_t mark = 0;        // where the wheel waits for it
    bool needs_room = false;  // call.value_room, which was set: nothing was decided
    bool finishes = false;    // the request may finish a claim
    Namespace* space = nullptr;
  };
  // Decides, and takes what the change needs. The reply is complete but for the LSN of a change.
  void PrepareLocked(Call& call, const Moment& moment, Pending& pending, Reply& reply)
      IDEM_REQUIRES(mutex_);
  // Gives back what a Prepare took.
  void AbandonLocked(const Pending& pending) IDEM_REQUIRES(mutex_);
  void CountReplyLocked(const Pending& pending, const Reply& reply) IDEM_REQUIRES(mutex_);
  // Makes the change, whose record has `lsn`. Cannot fail.
  void InstallLocked(const Pending& pending, Lsn lsn) IDEM_REQUIRES(mutex_);

 private:
  Ref FindLocked(const StoredKey& key, Table::Place place) const IDEM_REQUIRES(mutex_);
  Moment MomentLocked(const Moment& moment, const Namespace* space) IDEM_REQUIRES(mutex_);
  void TakeLocked(Call& call, const Moment& moment, Token old_token, Pending& pending, Reply& reply)
      IDEM_REQUIRES(mutex_);
  bool PutStepsLocked(Call& call, Pending& pending, Reply& reply) IDEM_REQUIRES(mutex_);
  bool TakeMemoryLocked(const Call& call, const Moment& moment, Pending& pending)
      IDEM_REQUIRES(mutex_);
  bool TakeBlockLocked(Pending& pending) IDEM_REQUIRES(mutex_);
  bool TakeSlotLocked(Pending& pending) IDEM_REQUIRES(mutex_);
  bool WaitsForLocked(int64_t deadline_ms, int64_t old_deadline_ms) const IDEM_REQUIRES(mutex_);
  bool ScheduleLocked(uint32_t name, int64_t deadline_ms, uint16_t& mark) IDEM_REQUIRES(mutex_);
  void WriteLocked(const Pending& pending, Lsn lsn) IDEM_REQUIRES(mutex_);
  void DropLocked(Table::Place place, Ref ref) IDEM_REQUIRES(mutex_);
  size_t FetchDueLocked() IDEM_REQUIRES(mutex_);
  void ExpireItemLocked(TimingWheel::Item item) IDEM_REQUIRES(mutex_);
  void CompactLocked() IDEM_REQUIRES(mutex_);
  void CountLocked(const Image& image, Ref ref, int sign) IDEM_REQUIRES(mutex_);
  Namespace* NamespaceOf(const char* entry) const;
  size_t MemoryBytesLocked(const Image& image, Ref ref) const IDEM_REQUIRES(mutex_);
  void MeterIndexLocked() IDEM_REQUIRES(mutex_);

  const StripeShared& shared_;
  mutable Mutex mutex_;
  Arena arena_ IDEM_GUARDED_BY(mutex_);   // of entries
  Arena chunks_ IDEM_GUARDED_BY(mutex_);  // of the wheel
  Table table_ IDEM_GUARDED_BY(mutex_);
  TimingWheel wheel_ IDEM_GUARDED_BY(mutex_);
  MemoryMeter::Share meter_ IDEM_GUARDED_BY(mutex_);
  size_t index_bytes_ IDEM_GUARDED_BY(mutex_) = 0;  // of table and wheel, as metered
  int64_t now_ms_ IDEM_GUARDED_BY(mutex_) = 0;      // time never goes back in a stripe
  Lsn removal_lsn_ IDEM_GUARDED_BY(mutex_) = 0;     // of the last removal: absences wait for it
  size_t bodies_ IDEM_GUARDED_BY(mutex_) = 0;       // entries that own a reference of one
  const char* next_room_ IDEM_GUARDED_BY(mutex_) = nullptr;  // most likely, of a new entry
  Stats counts_ IDEM_GUARDED_BY(mutex_);
};

}  // namespace idem::engine

#endif  // IDEM_STORE_STRIPE_H_
