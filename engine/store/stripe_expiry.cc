// How a stripe frees what has expired: the wheel tells names, the table knows who has them.
#include <algorithm>
#include <array>
#include <span>

#include "base/seeded_bug.h"
#include "store/stripe.h"

namespace idem::engine {
namespace {

// The first tick that begins at or after `due_ms`.
uint64_t TickAfter(int64_t due_ms) { return TickAt(due_ms + kTickMs - 1); }

}  // namespace

// Whether what waits for the old deadline serves the new one, too: it falls due before it, or a
// little after it. It finds its entry by name, so it serves even if the entry has moved.
bool Stripe::WaitsForLocked(int64_t deadline_ms, int64_t old_deadline_ms) const {
  if (deadline_ms == 0) return true;
  if (old_deadline_ms == 0) return false;
  return old_deadline_ms - deadline_ms <= std::max<int64_t>(0, deadline_ms - now_ms_) / 16;
}

bool Stripe::ScheduleLocked(uint32_t name, int64_t deadline_ms, uint16_t& mark) {
  if (deadline_ms == 0) return true;
  const uint16_t added = wheel_.Add(name, TickAfter(deadline_ms));
  if (added != 0) mark = added;
  return added != 0;
}

bool Stripe::Expire(int64_t now_ms, size_t budget) {
  MutexLock lock(mutex_);
  now_ms_ = std::max(now_ms_, now_ms);
  bool arrived = false;
  while (!arrived && budget > 0) {
    const size_t some = std::min(budget, FetchDueLocked());
    arrived = wheel_.Advance(TickAt(now_ms_), some, [this](TimingWheel::Item item) {
      mutex_.AssertHeld();
      ExpireItemLocked(item);
    });
    budget -= some;
  }
  if (arrived) CompactLocked();
  MeterIndexLocked();
  return arrived;
}

// What the next items lead to, so that their misses of the cache overlap. Returns for how much work
// of the wheel that is.
size_t Stripe::FetchDueLocked() {
  std::array<uint32_t, TimingWheel::kNextDueMax> names;
  const size_t count = wheel_.NextDue(TickAt(now_ms_), names);
  const std::span<const uint32_t> due(names.data(), count);
  for (const uint32_t name : due) table_.Prefetch(Table::PlaceOfName(name));
  const auto fetch = [this](Ref ref) IDEM_NO_ANALYSIS {
    const char* const entry = arena_.At(ref);
    PrefetchEntry(entry, kEntryHeadLines);
    Arena::PrefetchHeader(entry);
    return false;
  };
  for (const uint32_t name : due) (void)table_.FindNamed(name, fetch);
  return count == 0 ? TimingWheel::kNextDueMax : count;
}

// A stale item finds no entry that waits where it waited. Of several with one name and one mark
// each has an item of its own.
void Stripe::ExpireItemLocked(TimingWheel::Item item) {
  const Ref ref = table_.FindNamed(item.name, [&](Ref found) IDEM_NO_ANALYSIS {
    return EntryWheelMark(arena_.At(found)) == item.mark;
  });
  if (ref == 0) return;
  char* const entry = arena_.At(ref);
  const int64_t deadline_ms = EntryDeadlineMs(entry);
  if (deadline_ms != 0 && deadline_ms <= now_ms_) {
    // Were the change that brought the deadline lost, what stood there before would be back.
    if (!IDEM_BUG(expiry_not_waited_for)) removal_lsn_ = std::max(removal_lsn_, EntryLsn(entry));
    const uint64_t registers = counts_.registers;
    DropLocked(Table::PlaceOfName(item.name), ref);
    ++counts_.expired;
    counts_.expired_registers += registers - counts_.registers;
    return;
  }
  uint16_t mark = 0;
  (void)ScheduleLocked(item.name, deadline_ms, mark);  // the wheel has room for one item again
  SetEntryWheelMark(entry, mark);
}

// Nobody but the table knows where an entry stands: the wheel has its name.
void Stripe::CompactLocked() {
  const uint32_t page = arena_.SparsePage();
  if (page == Arena::kNone) return;
  const auto place_of = [&](Ref ref) IDEM_NO_ANALYSIS {
    return Table::PlaceOf(static_cast<uint32_t>(shared_.HashOf(EntryKeyBytes(arena_.At(ref)))));
  };
  arena_.VisitBlocks(page, [&](Ref ref) IDEM_NO_ANALYSIS { table_.Prefetch(place_of(ref)); });
  arena_.EmptyPage(
      page, [&](Ref from, Ref to) IDEM_NO_ANALYSIS { table_.Replace(place_of(to), from, to); });
}

}  // namespace idem::engine
