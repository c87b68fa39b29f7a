// A table beside a multimap of what it must hold.
#ifndef IDEM_TESTS_SUPPORT_CHECKED_TABLE_H_
#define IDEM_TESTS_SUPPORT_CHECKED_TABLE_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "store/table.h"

namespace idem::engine {

inline uint32_t NumberOf(Table::Place place) { return place.name() << 6 | place.tag; }

class CheckedTable {
 public:
  struct Slot {
    Table::Place place;
    Ref ref;
  };

  // The reference of the new slot; 0 if there was no room.
  Ref Insert(Table::Place place) {
    pool_.Refill();
    return InsertWithoutRefill(place);
  }
  Ref InsertWithoutRefill(Table::Place place) {
    const Ref ref = ++last_ref_;
    const size_t size = table_.size();
    if (!table_.Insert(place, ref)) {
      EXPECT_EQ(table_.size(), size);
      return 0;
    }
    index_.emplace(NumberOf(place), ref);
    slots_.push_back({place, ref});
    return ref;
  }

  void Replace(size_t index) {
    Slot& slot = slots_[index];
    const Ref ref = ++last_ref_;
    table_.Replace(WithoutTag(slot.place), slot.ref, ref);
    Locate(slot)->second = ref;
    slot.ref = ref;
  }

  void Erase(size_t index) {
    Slot& slot = slots_[index];
    table_.Erase(WithoutTag(slot.place), slot.ref);
    index_.erase(Locate(slot));
    slot = slots_.back();
    slots_.pop_back();
  }

  // All slots with this place are seen, each once, and every one of them can be asked for; by name
  // those with another tag, too.
  void CheckFind(Table::Place place) const {
    std::multiset<Ref> seen, seen_named;
    const auto into = [](std::multiset<Ref>& set) {
      return [&set](Ref ref) {
        set.insert(ref);
        return false;
      };
    };
    EXPECT_EQ(table_.Find(place, into(seen)), 0u);
    EXPECT_EQ(table_.FindNamed(place.name(), into(seen_named)), 0u);
    const uint32_t number = NumberOf(place);
    EXPECT_EQ(seen, Between(number, number));
    EXPECT_EQ(seen_named, Between(place.name() << 6, place.name() << 6 | 0x3f));
    for (const Ref ref : seen) {
      const auto is_it = [ref](Ref other) { return other == ref; };
      ASSERT_EQ(table_.Find(place, is_it), ref);
      ASSERT_EQ(table_.FindNamed(place.name(), is_it), ref);
    }
  }

  void Check() const {
    table_.CheckInvariants();
    EXPECT_EQ(table_.size(), slots_.size());
  }
  void CheckAll() const {
    Check();
    for (const Slot& slot : slots_) {
      CheckFind(slot.place);
      if (testing::Test::HasFailure()) return;
    }
  }

  // One walk over the whole table with `between` called after each step. Returns how often each
  // slot was visited.
  template <typename Between>
  std::map<Ref, int> Walk(size_t count, Between between) const {
    std::map<Ref, int> visits;
    int steps = 0;
    for (uint64_t from = 0; from < Table::kEnd;) {
      from = table_.VisitFrom(from, count, [&](Ref ref) { ++visits[ref]; });
      EXPECT_LE(from, Table::kEnd);
      EXPECT_LT(++steps, 1'000'000) << "it does not come to the end";
      if (testing::Test::HasFailure()) break;
      between();
    }
    return visits;
  }

  const std::vector<Slot>& slots() const { return slots_; }
  size_t size() const { return slots_.size(); }
  const Table& table() const { return table_; }
  PagePool& pool() { return pool_; }

 private:
  static Table::Place WithoutTag(Table::Place place) { return Table::PlaceOfName(place.name()); }

  std::multimap<uint32_t, Ref>::iterator Locate(const Slot& slot) {
    const auto [begin, end] = index_.equal_range(NumberOf(slot.place));
    return std::find_if(begin, end, [&](const auto& one) { return one.second == slot.ref; });
  }
  std::multiset<Ref> Between(uint32_t first, uint32_t last) const {
    std::multiset<Ref> refs;
    for (auto slot = index_.lower_bound(first); slot != index_.upper_bound(last); ++slot) {
      refs.insert(slot->second);
    }
    return refs;
  }

  PagePool pool_;
  Table table_{&pool_};
  std::multimap<uint32_t, Ref> index_;  // by place
  std::vector<Slot> slots_;
  Ref last_ref_ = 0;
};

// Where the slots of a run lie: anywhere (kind 0), in few homes, in few segments, or on top of each
// other.
class Places {
 public:
  static constexpr uint64_t kKinds = 5;

  explicit Places(uint64_t seed, uint64_t kind = 0) : kind_(kind), random_(seed) {}

  Table::Place Next() {
    const auto hash = static_cast<uint32_t>(random_());
    switch (kind_) {
      case 1:
        return Table::PlaceOf(hash & 0xffff0fff);
      case 2:
        return Table::PlaceOf((hash & 0x1ffff) | 0xdeac0000);
      case 3:
        return Table::PlaceOf((hash & 0xff0000ff) * 0x101);
      case 4:
        return Table::PlaceOf(hash % 400 * 0x9e3779b9u);
      default:
        return Table::PlaceOf(hash);
    }
  }
  uint64_t Random() { return random_(); }
  size_t Below(size_t limit) { return random_() % limit; }

 private:
  const uint64_t kind_;
  std::mt19937_64 random_;
};

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_CHECKED_TABLE_H_
