#include "store/stripe.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/seeded_bug.h"

namespace idem::engine {
namespace {

bool FinishesClaim(Op op) { return op == Op::kComplete || op == Op::kFail || op == Op::kResolve; }

Change Refuse(Outcome outcome, Reply& reply) {
  const Lsn lsn = reply.lsn;
  Renew(reply);
  reply.outcome = outcome;
  reply.lsn = lsn;
  return Change::kNone;
}

Outcome OutcomeOf(Log::Room room) {
  return room == Log::Room::kNoSpace ? Outcome::kNoSpace : Outcome::kUnavailable;
}

}  // namespace

void Call::MakeRoomForSteps() {
  if (!ChangesSteps(*request)) return;
  body = BodyRef(Body::NewRoom(value_room));
  steps_have_room = true;
}

Stripe::Stripe(const StripeShared* shared)
    : shared_(*shared),
      arena_(shared->entry_pool),
      chunks_(shared->entry_pool),
      table_(shared->index_pool),
      wheel_(&chunks_, 0),
      meter_(shared->memory) {}

// Looks at entries only if some of them own a body: a large store closes fast.
Stripe::~Stripe() {
  if (bodies_ == 0) return;
  for (uint64_t from = 0; from < Table::kEnd;) {
    from = table_.VisitFrom(from, table_.size(), [this](Ref ref) IDEM_NO_ANALYSIS {
      const BodyRef released(ReadEntry(arena_.At(ref)).value_body);
    });
  }
}

bool Stripe::Execute(Call& call, const Moment& moment, Reply& reply) {
  MutexLock lock(mutex_);
  Pending pending;
  PrepareLocked(call, moment, pending, reply);
  if (pending.needs_room) return false;
  CountReplyLocked(pending, reply);
  if (pending.change == Change::kNone) return true;
  if (IDEM_BUG(complete_not_in_one_hold) && call.request->op == Op::kComplete) {
    mutex_.Unlock();
    mutex_.Lock();
  }
  const Lsn lsn = shared_.log->Append({&pending.next, 1});
  InstallLocked(pending, lsn);
  if (!call.request->nowait) reply.lsn = lsn;  // else it stays that of what was seen
  return true;
}

Ref Stripe::FindLocked(const StoredKey& key, Table::Place place) const {
  return table_.Find(place, [&](Ref ref) IDEM_NO_ANALYSIS {
    const char* const entry = arena_.At(ref);
    PrefetchEntry(entry);  // its tail comes together with its key
    return EntryHasKey(entry, key);
  });
}

Stripe::Whereabouts Stripe::EntryAt(Table::Place place) const {
  MutexLock lock(mutex_);
  const Ref ref = table_.Find(place, [](Ref) { return true; });
  if (ref == 0) return {next_room_, true};
  return {arena_.At(ref), false};
}

Moment Stripe::MomentLocked(const Moment& moment, const Namespace* space) {
  now_ms_ = IDEM_BUG(stripe_time_goes_back) ? moment.now_ms : std::max(now_ms_, moment.now_ms);
  Moment exact = moment;
  exact.now_ms = now_ms_;
  exact.memory_full = shared_.memory->full();
  if (space != nullptr) {
    exact.policy = &space->options().policy;
    exact.quota_full = space->full();
  }
  exact.response_bytes_max =
      std::min<uint64_t>(exact.policy->max_response_bytes, shared_.memory->left());
  return exact;
}

void Stripe::PrepareLocked(Call& call, const Moment& moment, Pending& pending, Reply& reply) {
  const Request& request = *call.request;
  const Moment now = MomentLocked(moment, call.space);
  const Ref ref = FindLocked(call.key, call.place);
  Image entry = ref == 0 ? Image{} : ReadEntry(arena_.At(ref));
  entry.key = request.key;
  const bool absent = ref == 0 || Expired(entry, now.now_ms);
  reply.lsn = std::max(ref == 0 ? 0 : EntryLsn(arena_.At(ref)),
                       absent && !IDEM_BUG(absence_not_waited_for) ? removal_lsn_ : 0);

  pending.key = &call.key;
  pending.place = call.place;
  pending.space = call.space;
  pending.old_ref = ref;
  pending.finishes = FinishesClaim(request.op);
  pending.change = Transition(entry, request, now, pending.next, reply);
  if (pending.change != Change::kNone) TakeLocked(call, now, entry.token, pending, reply);
}

// Takes what the change needs: room in the log, a token, memory. Without it the request is refused.
void Stripe::TakeLocked(Call& call, const Moment& moment, Token old_token, Pending& pending,
                        Reply& reply) {
  Image& next = pending.next;
  if (call.room != Log::Room::kGranted) {
    pending.change = Refuse(OutcomeOf(call.room), reply);
    return;
  }
  if (pending.change == Change::kRemove) {
    next = Image{};
    next.key = call.request->key;
    next.token = old_token;
    return;
  }
  if (pending.change == Change::kInstallSteps && !PutStepsLocked(call, pending, reply)) return;
  pending.needs_room = next.value.size() > call.value_room;
  if (pending.needs_room) {
    call.value_room = next.value.size();
    pending.change = Refuse(Outcome::kUnavailable, reply);
    return;
  }
  if (pending.change == Change::kInstallNewToken) {
    reply.token = next.token = shared_.tokens->Next();
    if (reply.token == 0) {
      pending.change = Refuse(Outcome::kUnavailable, reply);
      return;
    }
  }
  if (!TakeMemoryLocked(call, moment, pending)) {
    pending.change = Refuse(Outcome::kOutOfMemory, reply);
  }
}

// Into a body of just their size, made before the lock for what was to be expected. False: it has
// another size; or there is no memory.
bool Stripe::PutStepsLocked(Call& call, Pending& pending, Reply& reply) {
  Image& next = pending.next;
  const size_t bytes = StepBytesAfter(next, *call.request);
  const bool has_room = call.steps_have_room && call.value_room == bytes;
  const bool grows = bytes > next.value.size();
  if (!has_room) {
    pending.needs_room = true;
    call.value_room = bytes;
    pending.change = Refuse(Outcome::kUnavailable, reply);
  } else if (call.body.get() == nullptr || (grows && bytes > shared_.memory->left())) {
    pending.change = Refuse(Outcome::kOutOfMemory, reply);
  } else {
    WriteStepsAfter(next, *call.request, call.body.get()->room());
    next.value_body = nullptr;
    next.value = call.body.get()->bytes();
    return true;
  }
  return false;
}

// A long value stands in the body that was made for it before the lock. Whoever finishes a claim
// never fails for memory: its response is dropped, and what is left fits where the claim stands.
bool Stripe::TakeMemoryLocked(const Call& call, const Moment& moment, Pending& pending) {
  Image& next = pending.next;
  const bool finishes = pending.finishes;
  const bool new_value = next.value_body == nullptr;  // the old entry's stands in one already
  if (new_value && next.value.size() > kInlineValueBytesMax) {
    next.value_body = call.body.get();
    if (next.value_body != nullptr) {
      next.value = next.value_body->bytes();
    } else if (finishes) {
      OmitValue(next.value, *moment.secret, next);
    } else {
      return false;
    }
  }
  if (TakeBlockLocked(pending)) return true;
  if (!finishes) return false;
  OmitValue(call.request->value, *moment.secret, next);
  return TakeBlockLocked(pending);
}

bool Stripe::TakeBlockLocked(Pending& pending) {
  const size_t bytes = EntryBytes(pending.next, *pending.key);
  const size_t old_bytes = pending.old_ref == 0 ? 0 : arena_.BlockBytes(pending.old_ref);
  if (Arena::BlockBytesFor(bytes) == old_bytes) {
    pending.new_ref = pending.old_ref;
  } else {
    pending.new_ref = arena_.Allocate(bytes);
    if (pending.new_ref == 0 && bytes <= old_bytes) pending.new_ref = pending.old_ref;
  }
  if (pending.new_ref == 0) return false;
  if (pending.old_ref == 0) return TakeSlotLocked(pending);
  const char* const entry = arena_.At(pending.old_ref);
  pending.mark = EntryWheelMark(entry);
  if (pending.mark != 0 && WaitsForLocked(pending.next.deadline_ms, EntryDeadlineMs(entry))) {
    return true;
  }
  // Without memory for a new item the one that waits must do, be it late; if there is none, the
  // entry is freed when its key is used again.
  (void)ScheduleLocked(pending.place.name(), pending.next.deadline_ms, pending.mark);
  return true;
}

bool Stripe::TakeSlotLocked(Pending& pending) {
  // Until it is installed the block must not look like an entry of some key.
  char* const block = arena_.At(pending.new_ref);
  std::memset(block, 0, Arena::kBlockBytesMin);
  next_room_ = block + arena_.BlockBytes(pending.new_ref);
  if (ScheduleLocked(pending.place.name(), pending.next.deadline_ms, pending.mark) &&
      table_.Insert(pending.place, pending.new_ref)) {
    return true;
  }
  arena_.Free(pending.new_ref);
  return false;
}

void Stripe::AbandonLocked(const Pending& pending) {
  if (pending.change == Change::kNone || pending.change == Change::kRemove) return;
  if (pending.new_ref == pending.old_ref) return;
  if (pending.old_ref == 0) table_.Erase(pending.place, pending.new_ref);
  arena_.Free(pending.new_ref);
}

void Stripe::InstallLocked(const Pending& pending, Lsn lsn) {
  if (pending.change == Change::kRemove) {
    DropLocked(pending.place, pending.old_ref);
    removal_lsn_ = lsn;
  } else {
    WriteLocked(pending, lsn);
  }
  MeterIndexLocked();
}

void Stripe::WriteLocked(const Pending& pending, Lsn lsn) {
  BodyRef old_body;
  if (pending.old_ref != 0) {
    const Image old = ReadEntry(arena_.At(pending.old_ref));
    old_body = BodyRef(old.value_body);
    CountLocked(old, pending.old_ref, -1);
  }
  BodyRef::Share(pending.next.value_body).release();  // the entry's own reference
  char* const entry = arena_.At(pending.new_ref);
  WriteEntry(pending.next, *pending.key, lsn, entry);
  SetEntryWheelMark(entry, pending.mark);
  CountLocked(pending.next, pending.new_ref, +1);
  if (pending.old_ref == 0 || pending.old_ref == pending.new_ref) return;
  table_.Replace(pending.place, pending.old_ref, pending.new_ref);
  arena_.Free(pending.old_ref);
}

void Stripe::DropLocked(Table::Place place, Ref ref) {
  const Image old = ReadEntry(arena_.At(ref));
  const BodyRef old_body(old.value_body);
  CountLocked(old, ref, -1);
  table_.Erase(place, ref);
  arena_.Free(ref);
}

}  // namespace idem::engine
