// A wheel beside a list of what it must deliver, and when: the owner that a stripe is.
#ifndef IDEM_TESTS_SUPPORT_CHECKED_WHEEL_H_
#define IDEM_TESTS_SUPPORT_CHECKED_WHEEL_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "base/arena.h"
#include "gtest/gtest.h"
#include "tests/support/pages.h"
#include "timer/timing_wheel.h"

namespace idem::engine {

inline constexpr uint64_t kWheelReach = uint64_t{63} << 24;

inline uint64_t RoundDown(uint64_t tick, uint32_t digits) {
  return tick >> (6 * digits) << (6 * digits);
}

// Takes the memory of an arena away, all but `left` chunks, and gives it back.
class MemoryHog {
 public:
  MemoryHog(PagePool* pool, Arena* arena) : pool_(*pool), arena_(*arena) {}
  ~MemoryHog() { Release(); }
  MemoryHog(const MemoryHog&) = delete;
  MemoryHog& operator=(const MemoryHog&) = delete;

  void Take(size_t left = 0) {
    const Pages more = TakePages(pool_);
    pages_.insert(pages_.end(), more.begin(), more.end());
    while (const Ref ref = arena_.Allocate(TimingWheel::kChunkBytes)) chunks_.push_back(ref);
    for (; left > 0 && !chunks_.empty(); --left) {
      arena_.Free(chunks_.back());
      chunks_.pop_back();
    }
  }
  void Release() {
    for (const Ref ref : chunks_) arena_.Free(ref);
    GivePages(pool_, pages_);
    chunks_.clear();
    pages_.clear();
  }

 private:
  PagePool& pool_;
  Arena& arena_;
  Pages pages_;
  std::vector<Ref> chunks_;
};

class CheckedWheel {
 public:
  // Moved by the owner when it comes early; never more often while it is within reach and there is
  // memory.
  static constexpr int kEarlyMax = 2;

  explicit CheckedWheel(uint64_t start) : wheel_(&arena_, start) { pool_.Refill(); }

  // `ahead` ticks from now; may be negative, or beyond reach. Returns what the wheel returned.
  uint16_t Add(int64_t ahead) { return AddAs(next_name_++, Now() + static_cast<uint64_t>(ahead)); }
  uint16_t AddAs(uint32_t name, uint64_t tick) {
    return AddItem(name, static_cast<int64_t>(tick) < 0 ? 0 : tick, /*early=*/0);
  }
  // The owner cares no more: the item comes all the same, and is dropped.
  void Forget(uint32_t name) {
    for (auto item = items_.lower_bound(name); item != items_.upper_bound(name); ++item) {
      item->second.stale = true;
    }
  }

  // Moves toward now + `ahead`. `on_due` runs inside each delivery.
  template <typename OnDue>
  bool Advance(uint64_t ahead, size_t budget, OnDue on_due) {
    const uint64_t target = Now() + ahead;
    std::array<uint32_t, TimingWheel::kNextDueMax> names;
    const size_t named = wheel_.NextDue(target, names);
    size_t delivered = 0, as_named = 0;
    const bool done = wheel_.Advance(target, budget, [&](TimingWheel::Item item) {
      ++delivered;
      if (as_named < named && item.name == names[as_named]) ++as_named;
      Deliver(item);
      on_due();
    });
    EXPECT_LE(delivered, budget);
    if (budget > TimingWheel::kNextDueMax) {
      EXPECT_EQ(as_named, named);
    }
    EXPECT_LE(Now(), target);
    if (done) {
      EXPECT_EQ(Now(), target);
      EXPECT_TRUE(times_.empty() || *times_.begin() > Now());
    }
    Check();
    return done;
  }
  bool Advance(uint64_t ahead, size_t budget = 1'000'000) {
    return Advance(ahead, budget, [] {});
  }

  void Check() {
    wheel_.CheckInvariants();
    EXPECT_EQ(wheel_.size(), items_.size());
    EXPECT_EQ(wheel_.next_tick().has_value(), !items_.empty());
    if (items_.empty()) return;
    EXPECT_GE(*wheel_.next_tick(), Now());
    EXPECT_LE(*wheel_.next_tick(), *times_.begin());
    EXPECT_EQ(wheel_.memory_bytes() % TimingWheel::kChunkBytes, 0u);
  }

  void TakeMemory(size_t chunks_left = 0) {
    hog_.Take(chunks_left);
    memory_failed_ = true;
  }
  void ReleaseMemory() { hog_.Release(); }

  uint64_t Now() const { return wheel_.now_tick(); }
  uint64_t ToNext() const { return *wheel_.next_tick() - Now(); }
  uint64_t ToLast() const {
    uint64_t last = Now();
    for (const auto& [name, item] : items_) last = std::max(last, item.due);
    return last - Now();
  }
  size_t size() const { return items_.size(); }
  size_t memory_bytes() const { return wheel_.memory_bytes(); }
  int early() const { return early_; }

 private:
  struct Waiting {
    uint64_t due;    // no later than this
    uint64_t comes;  // it comes then, be it early
    uint64_t moves;  // or then, if it cannot be moved for want of memory
    uint16_t mark;
    bool beyond_reach;
    int early = 0;  // how often it came early
    bool stale = false;
    std::multiset<uint64_t>::iterator time{};
  };

  uint16_t AddItem(uint32_t name, uint64_t tick, int early) {
    const size_t bytes = wheel_.memory_bytes();
    const uint16_t mark = wheel_.Add(name, tick);
    EXPECT_LE(mark, TimingWheel::kMarkMax);
    EXPECT_EQ(wheel_.size(), items_.size() + (mark != 0 ? 1 : 0));
    if (mark == 0) {
      EXPECT_TRUE(memory_failed_);
      EXPECT_EQ(wheel_.memory_bytes(), bytes);
      return 0;
    }
    Waiting item = Expect(tick, mark);
    item.early = early;
    item.time = times_.insert(item.comes);
    items_.emplace(name, item);
    return mark;
  }

  // From the description in timing_wheel.h alone.
  Waiting Expect(uint64_t tick, uint16_t mark) const {
    const uint64_t due = std::max(tick, Now() + 1);
    if (mark == TimingWheel::kMarkParked) return {due, Now() + 1, Now() + 1, mark, false};
    const uint64_t place = std::min(due, Now() + kWheelReach);
    const auto digits = static_cast<uint32_t>(std::bit_width(place ^ Now()) + 5) / 6;
    const uint32_t level = std::min(digits - 1, 4u);
    const uint32_t last = level == 0 ? 0 : level - 1;
    EXPECT_EQ(mark, last * 64 + (place >> (6 * last)) % 64 + 1);
    return {due, RoundDown(place, last), RoundDown(place, level), mark, place < due};
  }

  void Deliver(TimingWheel::Item delivered) {
    auto found = items_.end();
    const auto [begin, end] = items_.equal_range(delivered.name);
    for (auto item = begin; item != end; ++item) {
      if (item->second.mark != delivered.mark) continue;
      if (found == items_.end() || item->second.comes < found->second.comes) found = item;
    }
    ASSERT_NE(found, items_.end())
        << "delivered twice, never added, or with another mark: " << delivered.name;
    const Waiting item = found->second;
    EXPECT_LE(Now(), item.due) << "late";
    EXPECT_TRUE(Now() == item.comes || (memory_failed_ && Now() == item.moves))
        << Now() << " is neither " << item.comes << " nor " << item.moves;
    if (!memory_failed_) {
      EXPECT_EQ(item.comes, *times_.begin()) << "out of order";
    }
    times_.erase(item.time);
    items_.erase(found);
    if (Now() == item.due || item.stale) return;
    ++early_;
    if (!memory_failed_) {
      EXPECT_LT(item.early, kEarlyMax);
    }
    EXPECT_NE(AddItem(delivered.name, item.due, item.beyond_reach ? 0 : item.early + 1), 0)
        << "the first Add cannot fail";
  }

  PagePool pool_;
  Arena arena_{&pool_};
  TimingWheel wheel_;
  MemoryHog hog_{&pool_, &arena_};
  std::multimap<uint32_t, Waiting> items_;  // by name
  std::multiset<uint64_t> times_;           // `comes` of each
  uint32_t next_name_ = 0;
  int early_ = 0;
  bool memory_failed_ = false;
};

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_CHECKED_WHEEL_H_
