// A passive hierarchical timing wheel: it tells the owner of a stripe which entries to look at now.
//
// Passive: it has no clock, no lock and no thread. Time is an argument, and each call does a
// bounded amount of work. It holds hashes, not pointers, and knows nothing about entries. There is
// no cancel: when an item falls due, the owner looks the entry up and lets the entry's own deadline
// decide. A stale item finds nothing, or an entry that waits for another tick, and is dropped. So
// to finish or forget an entry costs the wheel nothing.
//
//   tick     the unit of time: uint32_t that wraps, compared by signed difference
//   level    a tick is read as digits in base 64; level k has one slot for each value of digit k
//   slot     a list of chunks; its time is the first tick with that digit and zeros below
//   chunk    256 bytes: up to 30 items in an array
//   cascade  when time reaches a slot of level 1 or more, its items move to lower levels
//
// An item stands at the level of the highest digit in which its tick differs from now, in the slot
// of that digit. With now = 3.9.5 (levels 3 and 4 are empty; n is now's digit, x a used slot):
//
//             0   4   8   12   ..  63
//   level 0  |.....n.x........ .. .|  slots of 1 tick:      3.9.7
//   level 1  |.........n..x... .. .|  slots of 64 ticks:    3.12.20
//   level 2  |...n....x....... .. .|  slots of 64^2 ticks:  8.0.1
//
// At 3.12.0 the item of level 1 cascades to slot 20 of level 0; at 8.0.0 that of level 2 to slot 1.
// Everything in a level comes before everything in the next one, and one bitmap per level finds its
// first slot, so empty time is skipped in O(levels) however long it is.
//
// Two rules carry the rest:
//   1. The time of an item's slot is not after its tick. It may be before; then the item is moved
//      on when that slot is visited. (An item whose tick has passed when it is added cannot keep
//      to this: it stands at now, or at now + 1 while the items of now are being delivered.)
//   2. Now does not pass a used slot. So a used slot at now's own digit is unfinished work, and
//      that is all that a call which ran out of budget leaves behind.
//
// Rule 1 makes the wheel proof against lack of memory. An item that cannot be moved for want of a
// chunk is parked in the place it left in its old chunk; when the rest of that chunk is done, the
// chunk itself moves, as a whole, to the slot of the earliest item parked in it.
//
// Cost: 2.6 KiB for the wheel, 8 bytes an item (8.53 with the chunk's header) and, for each used
// slot, half a chunk of slack on average. An item moves once per level at most, and once more from
// the far end of the top level, before it is delivered. Chunks come from AllocateOrNull one by one
// and go back as soon as they are empty, but for kSpareChunksMax of them.
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

namespace idem::engine {

class TimingWheel {
 public:
  struct Item {
    uint32_t hash;  // names the entry to look at; the wheel does not read it
    uint32_t tick;  // when
  };

  // An item farther ahead than this is due early, at now + kMaxAheadTicks, and says so in its tick.
  // A tick 2^31 or more ahead reads as one in the past: a caller with longer deadlines clamps them
  // before it narrows them to 32 bits.
  static constexpr uint32_t kMaxAheadTicks = uint32_t{1} << 30;
  static constexpr size_t kSpareChunksMax = 16;

  // Time only moves in Advance, and only when it is called: call it at least once in
  // kMaxAheadTicks, even when the wheel is empty.
  explicit TimingWheel(uint32_t now_tick) : now_(now_tick) {}
  ~TimingWheel();
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  // O(1). False: no memory, and nothing has changed. A tick at or before now is delivered by the
  // next Advance. `due` may call it too, to reschedule the item it got: the first Add in each call
  // of `due` never fails, and a tick at or before now is delivered one tick after now.
  [[nodiscard]] bool Add(Item item);

  // Moves now toward `now_tick` and calls due(item) for each item whose tick has come, with at most
  // `budget` units of work: one for an item delivered or moved, one for a step of time to a used
  // slot. True: now is `now_tick` and nothing is due. False: the budget is used up; call again.
  // Any budget of 1 or more makes progress. A `now_tick` before now counts as now.
  //
  // While `due` runs, now_tick() is exactly the item's tick, or, for one that was at or before now
  // when added, the tick that Add promises above. So items come in the order of their ticks; those
  // of one tick, in no particular order. `due` must not call Advance.
  bool Advance(uint32_t now_tick, size_t budget, absl::FunctionRef<void(Item)> due);

  // The first tick at which Advance has something to do, not after that of the first item (it may
  // be a cascade); now if work is left over; nullopt if empty. O(levels).
  std::optional<uint32_t> next_tick() const;

  uint32_t now_tick() const { return now_; }
  size_t size() const { return size_; }
  size_t memory_bytes() const;  // all chunks, spare ones too; not the wheel itself

  // Stops the program if the structure is broken. Linear; for tests.
  void CheckInvariants() const;

 private:
  static constexpr uint32_t kLevels = 5;
  static constexpr uint32_t kDigitBits = 6;
  static constexpr uint32_t kSlotsPerLevel = 1u << kDigitBits;

  struct Chunk;
  struct Level {
    uint64_t used = 0;  // bit i: slots[i] is not empty
    std::array<Chunk*, kSlotsPerLevel> slots{};
  };
  struct Slot {
    uint32_t level;
    uint32_t digit;
  };
  struct Visit {
    uint32_t level;
    uint32_t tick;
  };

  static uint32_t Digit(uint32_t tick, uint32_t level);
  Slot CurrentSlot(uint32_t level) const { return {level, Digit(now_, level)}; }
  Slot SlotFor(uint32_t tick) const;
  uint32_t TimeOf(Slot slot) const;
  Chunk*& HeadOf(Slot slot) { return levels_[slot.level].slots[slot.digit]; }
  std::optional<Visit> NextVisit() const;

  size_t Drain(uint32_t level, size_t budget, absl::FunctionRef<void(Item)> due);
  [[nodiscard]] bool Push(Slot slot, Item item);
  void Retire(Slot slot);
  void Link(Slot slot, Chunk* chunk);
  Chunk* Unlink(Slot slot);
  Chunk* TakeChunk();
  void ReturnChunk(Chunk* chunk);
  size_t CheckSlot(Slot slot) const;

  std::array<Level, kLevels> levels_;
  uint32_t now_;
  bool delivering_ = false;  // the items of now are being delivered: nothing new is placed at now
  size_t size_ = 0;
  size_t chunk_count_ = 0;
  size_t spare_count_ = 0;
  Chunk* spare_ = nullptr;
};

}  // namespace idem::engine

#endif  // IDEM_TIMER_TIMING_WHEEL_H_
