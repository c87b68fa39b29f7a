#include "timer/timing_wheel.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <new>
#include <utility>

#include "base/allocation.h"
#include "base/check.h"

namespace idem::engine {
namespace {

constexpr uint32_t kItemsPerChunk = 30;

int32_t Difference(uint32_t tick, uint32_t from) { return static_cast<int32_t>(tick - from); }

}  // namespace

struct TimingWheel::Chunk {
  bool IsFull() const { return count + parked == kItemsPerChunk; }
  void Park(Item item) { items[kItemsPerChunk - ++parked] = item; }
  void UnparkAll() {
    std::copy(std::end(items) - parked, std::end(items), items);
    count = parked;
    parked = 0;
  }

  Chunk* next = nullptr;
  uint32_t count = 0;   // items[0, count)
  uint32_t parked = 0;  // the last ones: due later, see the header
  Item items[kItemsPerChunk];
};

TimingWheel::~TimingWheel() {
  for (Level& level : levels_) {
    for (Chunk* head : level.slots) {
      while (head != nullptr) Free(std::exchange(head, head->next), sizeof(Chunk));
    }
  }
  while (spare_ != nullptr) Free(std::exchange(spare_, spare_->next), sizeof(Chunk));
}

bool TimingWheel::Add(Item item) {
  if (Difference(item.tick, now_) > static_cast<int32_t>(kMaxAheadTicks)) {
    item.tick = now_ + kMaxAheadTicks;
  }
  if (!Push(SlotFor(item.tick), item)) {
    if (!delivering_) return false;
    // The item being delivered has left its place in this chunk, which is retired after `due`.
    Chunk* const chunk = HeadOf(CurrentSlot(0));
    if (chunk->IsFull()) return false;
    chunk->Park(item);
  }
  ++size_;
  return true;
}

bool TimingWheel::Advance(uint32_t now_tick, size_t budget, absl::FunctionRef<void(Item)> due) {
  IDEM_CHECK(!delivering_);
  if (Difference(now_tick, now_) < 0) now_tick = now_;
  while (const std::optional<Visit> next = NextVisit()) {
    if (Difference(next->tick, now_tick) > 0) break;
    if (budget == 0) return false;
    if (next->tick != now_) {
      IDEM_CHECK(Difference(next->tick, now_) > 0);
      now_ = next->tick;
      --budget;
    }
    budget -= Drain(next->level, budget, due);
  }
  now_ = now_tick;
  return true;
}

std::optional<uint32_t> TimingWheel::next_tick() const {
  const std::optional<Visit> next = NextVisit();
  if (!next) return std::nullopt;
  return next->tick;
}

size_t TimingWheel::memory_bytes() const { return chunk_count_ * sizeof(Chunk); }

uint32_t TimingWheel::Digit(uint32_t tick, uint32_t level) {
  return (tick >> (kDigitBits * level)) % kSlotsPerLevel;
}

// Never now's own slot of level 1 or more, nor, while delivering, that of level 0. So a slot that
// is being drained never grows.
TimingWheel::Slot TimingWheel::SlotFor(uint32_t tick) const {
  // The top level is a ring: 63 slots ahead is as far as it can tell from now's own slot. An item
  // beyond that stands in the last one and moves on from there.
  constexpr int32_t kReachTicks = int32_t{kSlotsPerLevel - 1} << (kDigitBits * (kLevels - 1));
  const int32_t ahead = std::clamp(Difference(tick, now_), delivering_ ? 1 : 0, kReachTicks);
  const uint32_t place = now_ + static_cast<uint32_t>(ahead);
  const uint32_t differing_bits = 32u - static_cast<uint32_t>(std::countl_zero(place ^ now_));
  if (differing_bits == 0) return CurrentSlot(0);
  const uint32_t level = std::min((differing_bits - 1) / kDigitBits, kLevels - 1);
  return {level, Digit(place, level)};
}

uint32_t TimingWheel::TimeOf(Slot slot) const {
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
    const uint32_t tick = TimeOf(slot);
    if (!first || Difference(tick, first->tick) < 0) first = Visit{level, tick};
  }
  return first;
}

// Delivers or moves the items of the level's current slot; returns the work done.
size_t TimingWheel::Drain(uint32_t level, size_t budget, absl::FunctionRef<void(Item)> due) {
  const Slot slot = CurrentSlot(level);
  IDEM_CHECK(HeadOf(slot) != nullptr);
  delivering_ = level == 0;
  size_t work = 0;
  for (; work < budget && HeadOf(slot) != nullptr; ++work) {
    Chunk* const chunk = HeadOf(slot);
    const Item item = chunk->items[--chunk->count];
    if (delivering_ && Difference(item.tick, now_) <= 0) {
      --size_;
      due(item);
    } else if (!Push(SlotFor(item.tick), item)) {
      chunk->Park(item);
    }
    if (chunk->count == 0) Retire(slot);
  }
  delivering_ = false;
  return work;
}

bool TimingWheel::Push(Slot slot, Item item) {
  Chunk* chunk = HeadOf(slot);
  if (chunk == nullptr || chunk->IsFull()) {
    chunk = TakeChunk();
    if (chunk == nullptr) return false;
    Link(slot, chunk);
  }
  chunk->items[chunk->count++] = item;
  return true;
}

// Takes the slot's first chunk away, now that nothing but parked items is left in it. They go to a
// lower level or a later slot, as SlotFor never answers the slot being drained.
void TimingWheel::Retire(Slot slot) {
  Chunk* const chunk = Unlink(slot);
  if (chunk->parked == 0) {
    ReturnChunk(chunk);
    return;
  }
  chunk->UnparkAll();
  const Item* const earliest = std::min_element(
      chunk->items, chunk->items + chunk->count, [this](const Item& a, const Item& b) {
        return Difference(a.tick, now_) < Difference(b.tick, now_);
      });
  Link(SlotFor(earliest->tick), chunk);
}

void TimingWheel::Link(Slot slot, Chunk* chunk) {
  Chunk*& head = HeadOf(slot);
  chunk->next = head;
  head = chunk;
  levels_[slot.level].used |= uint64_t{1} << slot.digit;
}

TimingWheel::Chunk* TimingWheel::Unlink(Slot slot) {
  Chunk*& head = HeadOf(slot);
  Chunk* const chunk = std::exchange(head, head->next);
  if (head == nullptr) levels_[slot.level].used &= ~(uint64_t{1} << slot.digit);
  return chunk;
}

TimingWheel::Chunk* TimingWheel::TakeChunk() {
  static_assert(sizeof(Chunk) == 256);
  if (spare_ != nullptr) {
    --spare_count_;
    return std::exchange(spare_, spare_->next);
  }
  void* const memory = AllocateOrNull(sizeof(Chunk));
  if (memory == nullptr) return nullptr;
  ++chunk_count_;
  return new (memory) Chunk;
}

void TimingWheel::ReturnChunk(Chunk* chunk) {
  if (spare_count_ == kSpareChunksMax) {
    --chunk_count_;
    Free(chunk, sizeof(Chunk));
    return;
  }
  chunk->next = spare_;
  spare_ = chunk;
  ++spare_count_;
}

void TimingWheel::CheckInvariants() const {
  IDEM_CHECK(!delivering_);
  size_t items = 0, chunks = 0, unfinished_cascades = 0;
  for (uint32_t level = 0; level < kLevels; ++level) {
    for (uint32_t digit = 0; digit < kSlotsPerLevel; ++digit) {
      const Chunk* const head = levels_[level].slots[digit];
      const uint64_t bit = uint64_t{1} << digit;
      IDEM_CHECK(((levels_[level].used & bit) != 0) == (head != nullptr));
      if (head == nullptr) continue;
      // Only the top level is a ring; below it, a smaller digit would be in the past.
      IDEM_CHECK(level == kLevels - 1 || digit >= Digit(now_, level));
      if (level > 0 && digit == Digit(now_, level)) ++unfinished_cascades;
      items += CheckSlot({level, digit});
      for (const Chunk* chunk = head; chunk != nullptr; chunk = chunk->next) ++chunks;
    }
  }
  IDEM_CHECK(unfinished_cascades <= 1);
  IDEM_CHECK(items == size_);
  size_t spare = 0;
  for (const Chunk* chunk = spare_; chunk != nullptr; chunk = chunk->next) ++spare;
  IDEM_CHECK(spare == spare_count_ && spare <= kSpareChunksMax);
  IDEM_CHECK(chunks + spare == chunk_count_);
}

// Returns the number of items in the slot.
size_t TimingWheel::CheckSlot(Slot slot) const {
  const uint32_t time = TimeOf(slot);
  const bool is_next = Difference(time, now_) <= 1;  // may hold items whose tick has passed
  size_t items = 0;
  const auto check = [&](const Item& item) {
    IDEM_CHECK(is_next || Difference(item.tick, time) >= 0);
    ++items;
  };
  for (const Chunk* chunk = levels_[slot.level].slots[slot.digit]; chunk; chunk = chunk->next) {
    IDEM_CHECK(chunk->count > 0 && chunk->count + chunk->parked <= kItemsPerChunk);
    IDEM_CHECK(chunk->parked == 0 || time == now_);
    std::for_each(chunk->items, chunk->items + chunk->count, check);
    std::for_each(std::end(chunk->items) - chunk->parked, std::end(chunk->items), check);
  }
  return items;
}

}  // namespace idem::engine
