#include "store/table.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/pages.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

struct RandomHashes {
  uint32_t operator()() { return static_cast<uint32_t>(random()); }
  std::mt19937 random{7};
};

// A table beside a multimap of what it must hold.
class CheckedTable {
 public:
  // The reference of the new slot; 0 if there was no room.
  Ref Insert(uint32_t hash) {
    pool_.Refill();
    return InsertWithoutRefill(hash);
  }
  Ref InsertWithoutRefill(uint32_t hash) {
    const Ref ref = ++last_ref_;
    if (!table_.Insert(hash, ref)) return 0;
    slots_.emplace(hash, ref);
    return ref;
  }

  void Replace(uint64_t number) {
    const auto slot = Pick(number);
    const Ref ref = ++last_ref_;
    table_.Replace(slot->first, slot->second, ref);
    slot->second = ref;
  }

  void Erase(uint64_t number) {
    const auto slot = Pick(number);
    table_.Erase(slot->first, slot->second);
    slots_.erase(slot);
  }

  // All slots with this hash are seen, each once, and every one of them can be asked for.
  void CheckFind(uint32_t hash) const {
    std::multiset<Ref> seen, expected;
    const Table::Slot* const none = table_.Find(hash, [&](Ref ref) {
      seen.insert(ref);
      return false;
    });
    EXPECT_EQ(none, nullptr);
    const auto [begin, end] = slots_.equal_range(hash);
    for (auto slot = begin; slot != end; ++slot) {
      const Ref ref = slot->second;
      expected.insert(ref);
      const Table::Slot* const found = table_.Find(hash, [ref](Ref other) { return other == ref; });
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(found->hash, hash);
      EXPECT_EQ(found->ref, ref);
    }
    EXPECT_EQ(seen, expected);
  }

  void Check() const {
    table_.CheckInvariants();
    EXPECT_EQ(table_.size(), slots_.size());
  }
  void CheckAll() const {
    Check();
    for (const auto& slot : slots_) CheckFind(slot.first);
  }

  // One walk over the whole table with `between` called after each step. Returns how often each
  // slot was visited.
  template <typename Between>
  std::map<Ref, int> Walk(size_t count, Between between) {
    std::map<Ref, int> visits;
    for (uint64_t from = 0; from < Table::kEnd;) {
      const uint64_t next = table_.VisitFrom(from, count, [&](Ref ref) { ++visits[ref]; });
      EXPECT_GT(next, from);
      EXPECT_LE(next, Table::kEnd);
      if (testing::Test::HasFailure()) break;
      from = next;
      between();
    }
    return visits;
  }

  std::multimap<uint32_t, Ref>::iterator Pick(uint64_t number) {
    const auto slot = slots_.lower_bound(static_cast<uint32_t>(number));
    return slot == slots_.end() ? slots_.begin() : slot;
  }
  const std::multimap<uint32_t, Ref>& slots() const { return slots_; }
  const Table& table() const { return table_; }
  PagePool& pool() { return pool_; }

 private:
  PagePool pool_;
  Table table_{&pool_};
  std::multimap<uint32_t, Ref> slots_;
  Ref last_ref_ = 0;
};

TEST(TableTest, EmptyTableTakesNothing) {
  CheckedTable table;
  table.CheckFind(0);
  table.Check();
  EXPECT_EQ(table.table().memory_bytes(), 0u);
  EXPECT_EQ(table.table().VisitFrom(0, 10, [](Ref) { FAIL(); }), Table::kEnd);
}

TEST(TableTest, BordersOfTheHash) {
  CheckedTable table;
  for (int round = 0; round < 4; ++round) {
    for (const uint32_t hash : {0u, 1u, 0xffffu, 0x10000u, 0x7fffffffu, 0x80000000u, ~0u}) {
      ASSERT_NE(table.Insert(hash), 0u);
    }
  }
  table.CheckAll();
}

// Four buckets of seven slots: what stands behind its home is found, and nothing stands farther.
TEST(TableTest, EqualHashesUpToWhatAProbeHolds) {
  CheckedTable table;
  for (int i = 0; i < 28; ++i) ASSERT_NE(table.Insert(0xabcd1234), 0u);
  const size_t bytes = table.table().memory_bytes();
  EXPECT_EQ(table.Insert(0xabcd1234), 0u) << "no split can part equal hashes";
  table.CheckAll();
  EXPECT_GT(table.table().memory_bytes(), bytes);
  const size_t bytes_after = table.table().memory_bytes();
  EXPECT_EQ(table.Insert(0xabcd1234), 0u);
  EXPECT_EQ(table.table().memory_bytes(), bytes_after) << "the next attempt costs nothing";
  table.Erase(0xabcd1234);
  EXPECT_NE(table.Insert(0xabcd1234), 0u);
  table.CheckAll();
}

TEST(TableTest, WithoutMemoryNothingChanges) {
  CheckedTable table;
  EXPECT_EQ(table.InsertWithoutRefill(1), 0u);
  table.pool().Refill();
  TakePages(table.pool(), /*left=*/2);
  RandomHashes random;
  while (table.InsertWithoutRefill(random()) != 0) {
  }
  EXPECT_GT(table.slots().size(), 1000u) << "two segments";
  table.CheckAll();
  for (int i = 0; i < 100; ++i) table.InsertWithoutRefill(random());
  table.CheckAll();
  while (!table.slots().empty()) table.Erase(random());
  table.Check();
}

TEST(TableTest, GivesItsPagesBackWhenItGoes) {
  PagePool pool;
  pool.Refill();
  const size_t pages = CountPages(pool);
  {
    Table table(&pool);
    RandomHashes random;
    for (Ref ref = 1; ref <= 20'000; ++ref) ASSERT_TRUE(table.Insert(random(), ref));
    EXPECT_EQ(pages - CountPages(pool), table.memory_bytes() / kPageBytes);
  }
  EXPECT_EQ(CountPages(pool), pages);
}

TEST(TableTest, HoldsManyInLittleMemory) {
  const auto count = static_cast<size_t>(TestSize(200'000));
  CheckedTable table;
  RandomHashes random;
  for (size_t i = 0; i < count; ++i) ASSERT_NE(table.Insert(random()), 0u);
  table.Check();
  EXPECT_LT(table.table().memory_bytes() / count, 8u * 10 / 3);
  std::map<Ref, int> visits = table.Walk(5000, [] {});
  EXPECT_EQ(visits.size(), count);
  table.CheckAll();
}

// Where the hashes of a run lie: anywhere, in few homes, in few segments, or on top of each other.
class Hashes {
 public:
  explicit Hashes(uint64_t seed) : kind_(seed % 5), random_(seed) {}

  uint32_t Next() {
    const auto hash = static_cast<uint32_t>(random_());
    switch (kind_) {
      case 1:
        return hash & 0xffff0fff;
      case 2:
        return (hash & 0xffff) | 0xdead0000;
      case 3:
        return (hash & 0xff0000ff) * 0x101;
      case 4:
        return hash % 40 * 0x9e3779b9u;
      default:
        return hash;
    }
  }
  uint64_t Random() { return random_(); }

 private:
  const uint64_t kind_;
  std::mt19937_64 random_;
};

class RandomTable {
 public:
  explicit RandomTable(uint64_t seed) : hashes_(seed) {}

  void Run(int64_t steps) {
    for (int64_t step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      const bool grows = step / 3000 % 2 == 0;
      Step(hashes_.Random() % 16, grows ? 10 : 4);
      if (step % 256 == 0) table_.Check();
      if (step % 1500 == 1000) WalkWhileItChanges();
    }
    table_.CheckAll();
    while (!table_.slots().empty()) table_.Erase(hashes_.Random());
    table_.Check();
  }

 private:
  void Step(uint64_t choice, uint64_t inserts_of_16) {
    if (choice < inserts_of_16) {
      table_.Insert(hashes_.Next());
    } else if (choice < 14) {
      if (!table_.slots().empty()) table_.Erase(hashes_.Random());
    } else if (choice == 14) {
      if (!table_.slots().empty()) table_.Replace(hashes_.Random());
    } else {
      table_.CheckFind(hashes_.Next());
    }
  }

  // Whoever stays is visited once, whoever comes or goes at most once.
  void WalkWhileItChanges() {
    std::set<Ref> staying;
    for (const auto& slot : table_.slots()) staying.insert(slot.second);
    const size_t count = 1 + hashes_.Random() % 300;
    int arrivals_left = 4000;  // or the walk might never come to the end
    const std::map<Ref, int> visits = table_.Walk(count, [&] {
      for (int i = 0; i < 20 && arrivals_left > 0; ++i, --arrivals_left) {
        table_.Insert(hashes_.Next());
      }
      if (table_.slots().empty()) return;
      const auto leaving = table_.Pick(hashes_.Random());
      staying.erase(leaving->second);
      table_.Erase(leaving->first);
    });
    for (const Ref ref : staying) EXPECT_TRUE(visits.contains(ref)) << ref;
    for (const auto& [ref, times] : visits) EXPECT_EQ(times, 1) << ref;
  }

  Hashes hashes_;
  CheckedTable table_;
};

TEST(TableTest, RandomCallsAgainstAMultimap) {
  RunSeeds(TestSize(40), [](uint64_t seed) { RandomTable(seed).Run(12'000); });
}

TEST(TableTest, AWalkStepIsBounded) {
  CheckedTable table;
  RandomHashes random;
  for (int i = 0; i < 50'000; ++i) table.Insert(random());
  for (const size_t count : {1u, 10u, 100u, 1000u}) {
    for (uint64_t from = 0; from < Table::kEnd;) {
      size_t visited = 0;
      from = table.table().VisitFrom(from, count, [&](Ref) { ++visited; });
      EXPECT_LE(visited, 3 * count + 40);
    }
  }
}

}  // namespace
}  // namespace idem::engine
