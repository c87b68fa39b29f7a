// What a stripe does beside answering: recovery, expiry, walks and counts.
#include <algorithm>
#include <string>

#include "store/stripe.h"

namespace idem::engine {
namespace {

// Far enough for 90 days; what waits longer is looked at in between.
constexpr int64_t kAheadMsMax = int64_t{TimingWheel::kMaxAheadTicks / 2} * kTickMs;

// The first tick that begins at or after the deadline.
uint32_t TickOf(int64_t deadline_ms, int64_t now_ms) {
  const int64_t due_ms = std::min(deadline_ms, now_ms + kAheadMsMax);
  return static_cast<uint32_t>((due_ms + kTickMs - 1) / kTickMs);
}

uint32_t TickAt(int64_t now_ms) { return static_cast<uint32_t>(now_ms / kTickMs); }

int32_t Ticks(uint32_t from, uint32_t to) { return static_cast<int32_t>(to - from); }

}  // namespace

// An item that waits for a moment before the deadline, or little after it, serves; it finds its
// entry by hash, so it serves even if the entry has moved.
bool Stripe::ScheduleLocked(uint32_t hash, int64_t deadline_ms, WheelMark& mark) {
  if (deadline_ms == 0) return true;
  const uint32_t now_tick = TickAt(now_ms_);
  const uint32_t tick = TickOf(deadline_ms, now_ms_);
  const int32_t slack = std::max(0, Ticks(now_tick, tick) / 16);
  if (mark.scheduled && Ticks(tick, mark.tick) <= slack) return true;
  if (!wheel_.Add({hash, tick})) return false;
  mark = {true, tick};
  return true;
}

bool Stripe::Expire(int64_t now_ms, size_t budget) {
  MutexLock lock(mutex_);
  now_ms_ = std::max(now_ms_, now_ms);
  const bool done = wheel_.Advance(TickAt(now_ms_), budget, [this](TimingWheel::Item item) {
    mutex_.AssertHeld();
    ExpireItemLocked(item);
  });
  MeterIndexLocked();
  return done;
}

// A stale item finds no entry that waits for its tick.
void Stripe::ExpireItemLocked(TimingWheel::Item item) {
  for (;;) {
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
      continue;
    }
    WheelMark mark;
    (void)ScheduleLocked(item.hash, deadline_ms, mark);
    SetEntryWheelMark(entry, mark);
  }
}

absl::Status Stripe::Apply(uint32_t hash, const Image& image, Lsn lsn) {
  MutexLock lock(mutex_);
  Pending pending;
  pending.hash = hash;
  pending.old_ref = FindLocked(image.key, hash);
  if (pending.old_ref != 0) {
    const char* entry = arena_.At(pending.old_ref);
    if (EntryLsn(entry) >= lsn) return absl::OkStatus();
    if (image.token < ReadEntry(entry).token) {
      return absl::DataLossError("the token of a key falls while its log goes on, at LSN " +
                                 std::to_string(lsn));
    }
  }
  pending.next = image;
  if (image.absent()) {
    pending.change = Change::kRemove;
    if (pending.old_ref != 0) InstallLocked(pending, lsn);
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

// What an entry takes: its block, and its part of a shared body.
void Stripe::CountLocked(const Image& image, Ref ref, int sign) {
  const size_t body_bytes = image.value_body == nullptr ? 0 : image.value_body->memory_bytes();
  const size_t bytes = arena_.BlockBytes(ref) + body_bytes;
  sign > 0 ? meter_.Add(bytes) : meter_.Subtract(bytes);
  const uint64_t one = static_cast<uint64_t>(int64_t{sign});
  if (image.kind == Kind::kRegister) {
    counts_.registers += one;
    if (image.deadline_ms != 0) counts_.registers_with_deadline += one;
    return;
  }
  counts_.records += one;
  if (image.state == State::kInProgress) counts_.in_progress += one;
}

void Stripe::MeterIndexLocked() {
  const size_t bytes = table_.memory_bytes() + wheel_.memory_bytes();
  if (bytes > index_bytes_) meter_.Add(bytes - index_bytes_);
  if (bytes < index_bytes_) meter_.Subtract(index_bytes_ - bytes);
  index_bytes_ = bytes;
}

void Stripe::CountReplyLocked(const Request& request, const Reply& reply) {
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
      if (request.op == Op::kComplete || request.op == Op::kFail) ++counts_.finishes;
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
  table_.CheckInvariants();
  wheel_.CheckInvariants();
}

}  // namespace idem::engine
