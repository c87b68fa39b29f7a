// What a stripe does beside answering: recovery, expiry, walks and counts.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/seeded_bug.h"
#include "store/stripe.h"

namespace idem::engine {
namespace {

// How far ahead of the wheel's time an item may wait: 99 days. What is due later is looked at in
// between. Half of what the wheel can tell, because its time may be as far behind now.
constexpr int64_t kAheadMsMax = int64_t{TimingWheel::kMaxAheadTicks / 2 - 1} * kTickMs;

uint32_t TickAt(int64_t now_ms) { return static_cast<uint32_t>(now_ms / kTickMs); }

// The first tick that begins at or after `due_ms`.
uint32_t TickAfter(int64_t due_ms) { return TickAt(due_ms + kTickMs - 1); }

void CountEntry(const Image& image, int sign, Stats& counts) {
  const uint64_t one = static_cast<uint64_t>(int64_t{sign});
  if (image.kind == Kind::kRegister) {
    counts.registers += one;
    if (image.deadline_ms != 0) counts.registers_with_deadline += one;
    return;
  }
  counts.records += one;
  if (image.state == State::kInProgress) counts.in_progress += one;
}

}  // namespace

// Where the wheel goes next. Ticks have 32 bits, so a long way (a recovered store is at 0, a
// machine has slept for years) is gone in steps.
int64_t Stripe::WheelTargetMsLocked() const { return std::min(now_ms_, wheel_ms_ + kAheadMsMax); }

// An item that waits for a moment before the deadline, or little after it, serves; it finds its
// entry by hash, so it serves even if the entry has moved.
bool Stripe::ScheduleLocked(uint32_t hash, int64_t deadline_ms, WheelMark& mark) {
  if (deadline_ms == 0) return true;
  const int64_t due_ms = std::clamp(deadline_ms, wheel_ms_, WheelTargetMsLocked() + kAheadMsMax);
  const uint32_t tick = TickAfter(due_ms);
  const int64_t slack_ticks = std::max<int64_t>(0, due_ms - now_ms_) / 16 / kTickMs;
  if (mark.scheduled && static_cast<int32_t>(mark.tick - tick) <= slack_ticks) return true;
  if (!wheel_.Add({hash, tick})) return false;
  mark = {true, tick};
  return true;
}

bool Stripe::Expire(int64_t now_ms, size_t budget) {
  MutexLock lock(mutex_);
  now_ms_ = std::max(now_ms_, now_ms);
  const int64_t target_ms = WheelTargetMsLocked();
  const bool arrived = wheel_.Advance(TickAt(target_ms), budget, [this](TimingWheel::Item item) {
    mutex_.AssertHeld();
    ExpireItemLocked(item);
  });
  if (arrived) wheel_ms_ = target_ms;
  MeterIndexLocked();
  return arrived && wheel_ms_ == now_ms_;
}

// A stale item finds no entry that waits for its tick. Of several with one hash and one tick each
// has an item of its own.
void Stripe::ExpireItemLocked(TimingWheel::Item item) {
  const Table::Slot* slot = table_.Find(item.hash, [&](Ref ref) IDEM_NO_ANALYSIS {
    const WheelMark mark = EntryWheelMark(arena_.At(ref));
    return mark.scheduled && mark.tick == item.tick;
  });
  if (slot == nullptr) return;
  char* const entry = arena_.At(slot->ref);
  const int64_t deadline_ms = EntryDeadlineMs(entry);
  if (deadline_ms != 0 && deadline_ms <= now_ms_) {
    DropLocked(item.hash, slot->ref);
    ++counts_.expired;
    return;
  }
  WheelMark mark;
  (void)ScheduleLocked(item.hash, deadline_ms, mark);  // the wheel has room for one item again
  SetEntryWheelMark(entry, mark);
}

absl::Status Stripe::Apply(uint32_t hash, const Image& image, Lsn lsn) {
  MutexLock lock(mutex_);
  Pending pending;
  pending.hash = hash;
  pending.old_ref = FindLocked(image.key, hash);
  if (pending.old_ref != 0) {
    const char* entry = arena_.At(pending.old_ref);
    if (EntryLsn(entry) >= lsn && !IDEM_BUG(older_image_applied)) return absl::OkStatus();
    if (image.token < ReadEntry(entry).token) {
      return absl::DataLossError("the token of a key falls while its log goes on, at LSN " +
                                 std::to_string(lsn));
    }
  }
  pending.next = image;
  if (image.absent()) {
    pending.change = Change::kRemove;
    if (pending.old_ref != 0 && !IDEM_BUG(removal_not_replayed)) InstallLocked(pending, lsn);
    removal_lsn_ = std::max(removal_lsn_, lsn);
    return absl::OkStatus();
  }
  const bool shared = image.value.size() > kInlineValueBytesMax;
  const BodyRef body(shared ? Body::New(image.value) : nullptr);
  if (shared && body.get() != nullptr) {
    pending.next.value_body = body.get();
    pending.next.value = body.get()->bytes();
  }
  pending.change = Change::kInstall;
  if ((shared && body.get() == nullptr) || !TakeBlockLocked(pending)) {
    return absl::ResourceExhaustedError("the system has no memory for what the log holds");
  }
  InstallLocked(pending, lsn);
  return absl::OkStatus();
}

uint64_t Stripe::CopyFrom(uint64_t from, size_t count, const Moment& moment, std::string& keys,
                          std::vector<Copy>& copies) {
  MutexLock lock(mutex_);
  const Moment now = MomentLocked(moment);
  return table_.VisitFrom(from, count, [&](Ref ref) IDEM_NO_ANALYSIS {
    const char* const entry = arena_.At(ref);
    const Image image = ReadEntry(entry);
    if (Expired(image, now.now_ms)) return;
    keys.append(image.key);
    Copy& copy = copies.emplace_back();
    copy.key_end = keys.size();
    Request get;
    get.key = image.key;
    Image unchanged;
    Transition(image, get, now, unchanged, copy.about);
    copy.about.lsn = EntryLsn(entry);
  });
}

uint64_t Stripe::AddTo(SnapshotWriter& snapshot, uint64_t from, size_t count) {
  MutexLock lock(mutex_);
  return table_.VisitFrom(from, count, [&](Ref ref) IDEM_NO_ANALYSIS {
    const char* const entry = arena_.At(ref);
    snapshot.Add(ReadEntry(entry), EntryLsn(entry));
  });
}

// What an entry takes: its block, and its part of a shared body.
size_t Stripe::MemoryBytesLocked(const Image& image, Ref ref) const {
  const size_t body_bytes = image.value_body == nullptr ? 0 : image.value_body->memory_bytes();
  return arena_.BlockBytes(ref) + body_bytes;
}

void Stripe::CountLocked(const Image& image, Ref ref, int sign) {
  const size_t bytes = MemoryBytesLocked(image, ref);
  sign > 0 ? meter_.Add(bytes) : meter_.Subtract(bytes);
  CountEntry(image, sign, counts_);
}

void Stripe::MeterIndexLocked() {
  const size_t bytes = table_.memory_bytes() + wheel_.memory_bytes();
  if (bytes > index_bytes_) meter_.Add(bytes - index_bytes_);
  if (bytes < index_bytes_) meter_.Subtract(index_bytes_ - bytes);
  index_bytes_ = bytes;
}

void Stripe::CountReplyLocked(const Pending& pending, const Reply& reply) {
  switch (reply.outcome) {
    case Outcome::kClaimed:
      ++counts_.claims;
      if (reply.attempt > 1) ++counts_.takeovers;
      break;
    case Outcome::kReplay:
      ++counts_.replays;
      break;
    case Outcome::kBusy:
      ++counts_.busy;
      break;
    case Outcome::kMismatch:
      ++counts_.mismatches;
      break;
    case Outcome::kFenced:
      ++counts_.fenced;
      break;
    case Outcome::kOutOfMemory:
      ++counts_.refused_for_memory;
      break;
    case Outcome::kNoSpace:
      ++counts_.refused_for_disk;
      break;
    case Outcome::kOk:
      if (!reply.changed || !pending.next.finished()) break;
      ++counts_.finishes;
      if (pending.next.value_omitted) ++counts_.responses_omitted;
      break;
    default:
      break;
  }
}

void Stripe::AddStats(Stats& stats) const {
  MutexLock lock(mutex_);
  stats.records += counts_.records;
  stats.registers += counts_.registers;
  stats.registers_with_deadline += counts_.registers_with_deadline;
  stats.in_progress += counts_.in_progress;
  stats.claims += counts_.claims;
  stats.takeovers += counts_.takeovers;
  stats.replays += counts_.replays;
  stats.busy += counts_.busy;
  stats.mismatches += counts_.mismatches;
  stats.finishes += counts_.finishes;
  stats.fenced += counts_.fenced;
  stats.expired += counts_.expired;
  stats.responses_omitted += counts_.responses_omitted;
  stats.refused_for_memory += counts_.refused_for_memory;
  stats.refused_for_disk += counts_.refused_for_disk;
}

void Stripe::CheckInvariants() const {
  MutexLock lock(mutex_);
  arena_.CheckInvariants();
  table_.CheckInvariants();
  wheel_.CheckInvariants();
  Stats counts;
  size_t bytes = index_bytes_;
  for (uint64_t from = 0; from < Table::kEnd;) {
    from = table_.VisitFrom(from, kPageBytes, [&](Ref ref) IDEM_NO_ANALYSIS {
      const Image image = ReadEntry(arena_.At(ref));
      IDEM_CHECK(!image.key.empty() && EntryBytes(image) <= arena_.BlockBytes(ref));
      bytes += MemoryBytesLocked(image, ref);
      CountEntry(image, +1, counts);
    });
  }
  IDEM_CHECK(arena_.CountBlocks() == table_.size());
  IDEM_CHECK(meter_.bytes() == static_cast<int64_t>(bytes));
  IDEM_CHECK(counts.records == counts_.records && counts.registers == counts_.registers);
  IDEM_CHECK(counts.registers_with_deadline == counts_.registers_with_deadline);
  IDEM_CHECK(counts.in_progress == counts_.in_progress);
}

}  // namespace idem::engine
