// A passive hierarchical timing wheel: it tells the owner of a stripe which entries to look at now.
//
// Passive: it has no clock, no lock and no thread. Time is an argument, and each call does a
// bounded amount of work. It holds names, not pointers, and knows nothing about entries. There is
// no cancel: when an item falls due, the owner looks the entry up and lets the entry's own deadline
// decide. A stale item finds nothing, or an entry that waits in another place, and is dropped. So
// to finish or forget an entry costs the wheel nothing.
//
//   tick     the unit of time, since the beginning of time
//   level    a tick is read as digits in base 64; level k has one slot for each value of digit k
//   slot     a list of chunks; its time is the first tick with that digit and zeros below
//   chunk    128 bytes: up to 30 items in an array
//   item     4 bytes: | last 1 | digit 6 | name 24 |. When it is due stands in no item: its slot
//            tells one digit of the tick, and the digit in it the next one
//   cascade  when time reaches a slot of level 1 or more, its items move one level down, each to
//            the slot that its digit names. From there they are delivered: that is their last place
//   mark     the number of an item's last place; the owner keeps it with the entry to tell its
//            item from a stale one
//
// An item stands at the level of the highest digit in which its tick differs from now, in the slot
// of that digit. With now = 3.9.5 (levels 3 and 4 are empty; n is now's digit, x a used slot):
//
//             0   4   8   12   ..  63
//   level 0  |.....n.x........ .. .|  slots of 1 tick:      3.9.7
//   level 1  |.........n..x... .. .|  slots of 64 ticks:    3.12.20
//   level 2  |...n....x....... .. .|  slots of 64^2 ticks:  8.10.33
//
// At 3.12.0 the item of level 1 cascades to slot 20 of level 0, and is delivered at its very tick.
// At 8.0.0 that of level 2 cascades to slot 10 of level 1; at 8.10.0 it is delivered, 33 ticks
// early, and its owner adds it again. So an item is never late. It is early only if it waited in
// level 2 or above (it was far away, or 64^2 ticks came round meanwhile), and then by less than a
// 64th of a slot there: it is added again once or twice in its life, which costs less than to keep
// all digits of a million ticks.
//
// Everything in a level comes before everything in the next one, and one bitmap per level finds its
// first slot, so empty time is skipped in O(levels) however long it is. Now does not pass a used
// slot. So a used slot at now's own digit is unfinished work, and that is all that a call which ran
// out of budget leaves behind.
//
// Without memory for a chunk an item cannot be moved: it is delivered early. What its owner adds
// then is parked in the place that it left in its chunk, and when the rest of that chunk is done,
// the chunk itself moves, as a whole, to the next tick. So nothing is lost.
//
// Cost: 1.4 KiB for the wheel, 4.3 bytes an item and, for each used slot, half a chunk of slack on
// average. Chunks are blocks of the stripe's arena.
//
// Sources: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987); bitmaps to skip
// empty slots as in W. Ahern's "timeout"; a bounded advance as in J. Snellman's "ratas".
//
// Thread rule: none inside. The owner's lock guards every call.
#ifndef IDEM_TIMER_TIMING_WHEEL_H_
#define IDEM_TIMER_TIMING_WHEEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "base/arena.h"

namespace idem::engine {

class TimingWheel {
 public:
  static constexpr uint32_t kNameBits = 24;
  static constexpr uint32_t kLevels = 5;
  static constexpr uint32_t kDigitBits = 6;
  static constexpr uint32_t kSlotsPerLevel = 1u << kDigitBits;
  // Of an item that was parked for want of memory.
  static constexpr uint16_t kMarkParked = kLevels * kSlotsPerLevel + 1;
  static constexpr uint16_t kMarkMax = kMarkParked;
  static constexpr size_t kChunkBytes = 128;

  // What is due: look at the entry of this name whose mark this is. Several may have it; each of
  // them has an item of its own.
  struct Item {
    uint32_t name;
    uint16_t mark;
  };

  // The arena must outlive it. Time only moves in Advance.
  TimingWheel(Arena* arena, uint64_t now_tick) : arena_(*arena), now_(now_tick) {}
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  // O(1). Returns the item's mark, 1 .. kMarkMax; 0: no memory, and nothing has changed. A tick at
  // or before now is delivered one tick after now; one that is very far away, early. `due` may call
  // it too, to reschedule the item it got: the first Add in each call of `due` never fails.
  [[nodiscard]] uint16_t Add(uint32_t name, uint64_t tick);

  // Moves now toward `now_tick` and calls due(item) for each item whose time has come, with at most
  // `budget` units of work: one for an item delivered or moved, one for a step of time to a used
  // slot. True: now is `now_tick` and nothing is due. False: the budget is used up; call again.
  // Any budget of 1 or more makes progress. A `now_tick` before now counts as now.
  //
  // While `due` runs, now_tick() is after the tick at which the item was added, and not after the
  // tick that was asked for. `due` must not call Advance.
  bool Advance(uint64_t now_tick, size_t budget, absl::FunctionRef<void(Item)> due);

  // Names of items that Advance will deliver next, in this order: those of one chunk, so that the
  // owner can have their memory fetched. None if nothing is due or all of the chunk cascades.
  static constexpr size_t kNextDueMax = 30;
  size_t NextDue(uint64_t now_tick, std::array<uint32_t, kNextDueMax>& names) const;

  // The first tick at which Advance has something to do (it may be a cascade); now if work is left
  // over; nullopt if empty. O(levels).
  std::optional<uint64_t> next_tick() const;

  uint64_t now_tick() const { return now_; }
  size_t size() const { return size_; }
  size_t memory_bytes() const;  // all chunks; not the wheel itself

  // Stops the program if the structure is broken. Linear; for tests.
  void CheckInvariants() const;

 private:
  struct Chunk;
  struct Level {
    uint64_t used = 0;  // bit i: slots[i] is not empty
    std::array<Ref, kSlotsPerLevel> slots{};
  };
  struct Slot {
    uint32_t level;
    uint32_t digit;
  };
  struct Visit {
    uint32_t level;
    uint64_t tick;
  };

  static uint32_t Digit(uint64_t tick, uint32_t level);
  static uint16_t MarkOf(Slot slot);
  Slot CurrentSlot(uint32_t level) const { return {level, Digit(now_, level)}; }
  uint64_t PlaceOf(uint64_t tick) const;
  Slot SlotOf(uint64_t place) const;
  uint64_t TimeOf(Slot slot) const;
  Ref& HeadOf(Slot slot) { return levels_[slot.level].slots[slot.digit]; }
  Chunk& ChunkAt(Ref ref) const { return *reinterpret_cast<Chunk*>(arena_.At(ref)); }
  std::optional<Visit> NextVisit() const;

  size_t Drain(uint32_t level, size_t budget, absl::FunctionRef<void(Item)> due);
  void MoveOrDeliver(Slot from, uint32_t item, absl::FunctionRef<void(Item)> due);
  void Deliver(Item item, absl::FunctionRef<void(Item)> due);
  [[nodiscard]] bool Push(Slot slot, uint32_t item);
  void Retire(Slot slot);
  void Link(Slot slot, Ref chunk);
  Ref Unlink(Slot slot);
  size_t CheckSlot(Slot slot, size_t& chunks) const;

  Arena& arena_;
  std::array<Level, kLevels> levels_;
  uint64_t now_;
  Chunk* delivering_ = nullptr;  // the chunk whose item `due` is looking at
  size_t size_ = 0;
  size_t chunk_count_ = 0;
};

}  // namespace idem::engine

#endif  // IDEM_TIMER_TIMING_WHEEL_H_
