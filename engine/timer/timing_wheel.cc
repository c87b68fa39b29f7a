#include "timer/timing_wheel.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <new>
#include <utility>

#include "base/check.h"

namespace idem::engine {
namespace {

constexpr uint32_t kItemsPerChunk = TimingWheel::kNextDueMax;
constexpr uint32_t kNameMask = (1u << TimingWheel::kNameBits) - 1;
constexpr uint32_t kLastPlace = 1u << (TimingWheel::kNameBits + TimingWheel::kDigitBits);

// Whether a cascade moves the item on, to the slot of its digit; else it is delivered where it is.
// A digit of 0 names the very moment.
bool MovesOn(uint32_t item) { return (item & kLastPlace) == 0 && item > kNameMask; }

}  // namespace

struct TimingWheel::Chunk {
  bool IsFull() const { return count + parked == kItemsPerChunk; }

  Ref next = 0;
  uint8_t count = 0;        // items[0, count)
  uint8_t parked = 0;       // the last ones, which wait for the rest
  bool all_parked = false;  // those in front are what was parked before
  uint32_t items[kItemsPerChunk];
};

uint16_t TimingWheel::Add(uint32_t name, uint64_t tick) {
  IDEM_CHECK(name <= kNameMask);
  const uint64_t place = PlaceOf(tick);
  const Slot slot = SlotOf(place);
  Slot last = slot;
  uint32_t item = name;
  if (slot.level > 0) {
    last = {slot.level - 1, Digit(place, slot.level - 1)};
    item |= last.digit << kNameBits;
  }
  const bool pushed = Push(slot, item);
  if (!pushed) {
    // The item being delivered has left its place in this chunk, which is retired after `due`.
    if (delivering_ == nullptr || delivering_->IsFull()) return 0;
    delivering_->items[kItemsPerChunk - ++delivering_->parked] = name;
  }
  ++size_;
  return pushed ? MarkOf(last) : kMarkParked;
}

bool TimingWheel::Advance(uint64_t now_tick, size_t budget, absl::FunctionRef<void(Item)> due) {
  IDEM_CHECK(delivering_ == nullptr);
  now_tick = std::max(now_tick, now_);
  while (const std::optional<Visit> next = NextVisit()) {
    if (next->tick > now_tick) break;
    if (budget == 0) return false;
    if (next->tick != now_) {
      IDEM_CHECK(next->tick > now_);
      now_ = next->tick;
      --budget;
    }
    budget -= Drain(next->level, budget, due);
  }
  now_ = now_tick;
  return true;
}

size_t TimingWheel::NextDue(uint64_t now_tick, std::array<uint32_t, kNextDueMax>& names) const {
  const std::optional<Visit> next = NextVisit();
  if (!next || next->tick > now_tick) return 0;
  const Chunk& chunk = ChunkAt(levels_[next->level].slots[Digit(next->tick, next->level)]);
  size_t count = 0;
  for (size_t i = chunk.count; i-- > 0;) {
    const uint32_t item = chunk.items[i];
    if (chunk.all_parked || !MovesOn(item)) names[count++] = item & kNameMask;
  }
  return count;
}

std::optional<uint64_t> TimingWheel::next_tick() const {
  const std::optional<Visit> next = NextVisit();
  if (!next) return std::nullopt;
  return next->tick;
}

size_t TimingWheel::memory_bytes() const {
  static_assert(sizeof(Chunk) == kChunkBytes);
  return chunk_count_ * sizeof(Chunk);
}

uint32_t TimingWheel::Digit(uint64_t tick, uint32_t level) {
  return static_cast<uint32_t>(tick >> (kDigitBits * level)) % kSlotsPerLevel;
}

uint16_t TimingWheel::MarkOf(Slot slot) {
  return static_cast<uint16_t>(slot.level * kSlotsPerLevel + slot.digit + 1);
}

// The top level is a ring: 63 slots ahead is as far as it can tell from now's own slot. An item
// beyond that stands in the last one.
uint64_t TimingWheel::PlaceOf(uint64_t tick) const {
  constexpr uint64_t kReachTicks = uint64_t{kSlotsPerLevel - 1} << (kDigitBits * (kLevels - 1));
  return std::clamp(tick, now_ + 1, now_ + kReachTicks);
}

// Never now's own slot of any level. So a slot that is being drained never grows.
TimingWheel::Slot TimingWheel::SlotOf(uint64_t place) const {
  const auto differing_bits = static_cast<uint32_t>(std::bit_width(place ^ now_));
  const uint32_t level = std::min((differing_bits - 1) / kDigitBits, kLevels - 1);
  return {level, Digit(place, level)};
}

uint64_t TimingWheel::TimeOf(Slot slot) const {
  const uint32_t shift = kDigitBits * slot.level;
  const uint32_t steps = (slot.digit - Digit(now_, slot.level)) % kSlotsPerLevel;
  return steps == 0 ? now_ : ((now_ >> shift) + steps) << shift;
}

// The used slot with the earliest time. Two may share it only at now, when a cascade is unfinished;
// then their order does not matter, as now waits for both.
std::optional<TimingWheel::Visit> TimingWheel::NextVisit() const {
  std::optional<Visit> first;
  for (uint32_t level = 0; level < kLevels; ++level) {
    const uint64_t used = levels_[level].used;
    if (used == 0) continue;
    const uint32_t digit = Digit(now_, level);
    const int steps = std::countr_zero(std::rotr(used, static_cast<int>(digit)));
    const Slot slot = {level, (digit + static_cast<uint32_t>(steps)) % kSlotsPerLevel};
    const uint64_t tick = TimeOf(slot);
    if (!first || tick < first->tick) first = Visit{level, tick};
  }
  return first;
}

// Delivers or moves the items of the level's current slot; returns the work done.
size_t TimingWheel::Drain(uint32_t level, size_t budget, absl::FunctionRef<void(Item)> due) {
  const Slot slot = CurrentSlot(level);
  IDEM_CHECK(HeadOf(slot) != 0);
  size_t work = 0;
  for (; work < budget && HeadOf(slot) != 0; ++work) {
    Chunk& chunk = ChunkAt(HeadOf(slot));
    const uint32_t item = chunk.items[--chunk.count];
    delivering_ = &chunk;
    if (chunk.all_parked) {
      Deliver({item & kNameMask, kMarkParked}, due);
    } else {
      MoveOrDeliver(slot, item, due);
    }
    delivering_ = nullptr;
    if (chunk.count == 0) Retire(slot);
  }
  return work;
}

void TimingWheel::MoveOrDeliver(Slot from, uint32_t item, absl::FunctionRef<void(Item)> due) {
  const uint32_t name = item & kNameMask;
  if (from.level == 0 || (item & kLastPlace) != 0) return Deliver({name, MarkOf(from)}, due);
  const Slot last = {from.level - 1, item >> kNameBits};
  if (MovesOn(item) && Push(last, name | kLastPlace)) return;
  Deliver({name, MarkOf(last)}, due);
}

void TimingWheel::Deliver(Item item, absl::FunctionRef<void(Item)> due) {
  --size_;
  due(item);
}

bool TimingWheel::Push(Slot slot, uint32_t item) {
  Ref ref = HeadOf(slot);
  if (ref == 0 || ChunkAt(ref).IsFull() || ChunkAt(ref).all_parked) {
    ref = arena_.Allocate(sizeof(Chunk));
    if (ref == 0) return false;
    new (&ChunkAt(ref)) Chunk;
    ++chunk_count_;
    Link(slot, ref);
  }
  Chunk& chunk = ChunkAt(ref);
  chunk.items[chunk.count++] = item;
  return true;
}

// Takes the slot's first chunk away, now that nothing but parked items is left in it. They come
// again at the next tick.
void TimingWheel::Retire(Slot slot) {
  const Ref ref = Unlink(slot);
  Chunk& chunk = ChunkAt(ref);
  if (chunk.parked == 0) {
    arena_.Free(ref);
    --chunk_count_;
    return;
  }
  std::copy(std::end(chunk.items) - chunk.parked, std::end(chunk.items), chunk.items);
  chunk.count = std::exchange(chunk.parked, uint8_t{0});
  chunk.all_parked = true;
  Link(SlotOf(now_ + 1), ref);
}

void TimingWheel::Link(Slot slot, Ref chunk) {
  Ref& head = HeadOf(slot);
  ChunkAt(chunk).next = head;
  head = chunk;
  levels_[slot.level].used |= uint64_t{1} << slot.digit;
}

Ref TimingWheel::Unlink(Slot slot) {
  Ref& head = HeadOf(slot);
  const Ref chunk = std::exchange(head, ChunkAt(head).next);
  if (head == 0) levels_[slot.level].used &= ~(uint64_t{1} << slot.digit);
  return chunk;
}

void TimingWheel::CheckInvariants() const {
  IDEM_CHECK(delivering_ == nullptr);
  size_t items = 0, chunks = 0, unfinished_cascades = 0;
  for (uint32_t level = 0; level < kLevels; ++level) {
    for (uint32_t digit = 0; digit < kSlotsPerLevel; ++digit) {
      const bool used = (levels_[level].used >> digit & 1) != 0;
      IDEM_CHECK(used == (levels_[level].slots[digit] != 0));
      if (!used) continue;
      // Only the top level is a ring; below it, a smaller digit would be in the past.
      IDEM_CHECK(level == kLevels - 1 || digit >= Digit(now_, level));
      if (level > 0 && digit == Digit(now_, level)) ++unfinished_cascades;
      items += CheckSlot({level, digit}, chunks);
    }
  }
  IDEM_CHECK(unfinished_cascades <= 1);
  IDEM_CHECK(items == size_ && chunks == chunk_count_);
}

size_t TimingWheel::CheckSlot(Slot slot, size_t& chunks) const {
  size_t items = 0;
  for (Ref ref = levels_[slot.level].slots[slot.digit]; ref != 0; ref = ChunkAt(ref).next) {
    const Chunk& chunk = ChunkAt(ref);
    IDEM_CHECK(chunk.count > 0 && chunk.count + chunk.parked <= kItemsPerChunk);
    for (uint32_t i = 0; i < chunk.count && !chunk.all_parked; ++i) {
      // A digit of 0 waits only in the slot from which it is delivered at once.
      IDEM_CHECK(slot.level > 0 || (chunk.items[i] & ~kLastPlace) <= kNameMask);
    }
    items += chunk.count + chunk.parked;
    ++chunks;
  }
  return items;
}

}  // namespace idem::engine
