// Walks over a table that changes between their steps.
#include <cstdint>
#include <map>
#include <set>

#include "gtest/gtest.h"
#include "store/table.h"
#include "tests/support/checked_table.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

// A table some of whose slots stay.
class ChangingTable {
 public:
  explicit ChangingTable(uint64_t seed, uint64_t kind = 0) : places_(seed, kind) {}

  void AddStaying(size_t count) {
    for (; count > 0; --count) staying_.insert(table_.Insert(places_.Next()));
    staying_.erase(0);
  }
  void Grow(size_t count) {
    for (; count > 0; --count) table_.Insert(places_.Next());
  }
  // Tries to erase `count` of those that do not stay.
  void Shrink(size_t count) {
    for (; count > 0 && table_.size() > 0; --count) {
      const size_t index = places_.Below(table_.size());
      if (!staying_.contains(table_.slots()[index].ref)) table_.Erase(index);
    }
  }
  void ShrinkToStaying() {
    for (size_t i = 0; i < table_.size();) {
      staying_.contains(table_.slots()[i].ref) ? ++i : (table_.Erase(i), size_t{0});
    }
  }

  void ExpectAllStaying(const std::map<Ref, int>& visits) const {
    for (const Ref ref : staying_) ASSERT_TRUE(visits.contains(ref)) << ref;
    table_.Check();
  }

  size_t memory_bytes() const { return table_.table().memory_bytes(); }
  Places& places() { return places_; }
  CheckedTable& table() { return table_; }

 private:
  Places places_;
  CheckedTable table_;
  std::set<Ref> staying_;
};

TEST(TableWalkTest, AnUnchangedTableIsVisitedOnce) {
  for (const size_t size : {1u, 100u, 2000u, 30'000u}) {
    ChangingTable changing(size);
    changing.Grow(size);
    for (const size_t count : {0u, 1u, 7u, 100u, 5000u, 1'000'000u}) {
      if (count == 0 && size > 2000) continue;
      const std::map<Ref, int> visits = changing.table().Walk(count, [] {});
      EXPECT_EQ(visits.size(), changing.table().size());
      for (const auto& [ref, times] : visits) ASSERT_EQ(times, 1) << ref;
    }
  }
}

TEST(TableWalkTest, ATableWhoseSlotsAreAllGoneComesToTheEnd) {
  ChangingTable changing(1);
  changing.Grow(5000);
  changing.ShrinkToStaying();
  EXPECT_EQ(changing.table().size(), 0u);
  for (const size_t count : {0u, 1u, 1000u}) {
    EXPECT_TRUE(changing.table().Walk(count, [] {}).empty());
  }
}

TEST(TableWalkTest, AStepIsBounded) {
  CheckedTable table;
  Places places(5);
  for (int i = 0; i < 50'000; ++i) table.Insert(places.Next());
  for (const size_t count : {1u, 10u, 100u, 1000u}) {
    for (uint64_t from = 0; from < Table::kEnd;) {
      size_t visited = 0;
      const uint64_t next = table.table().VisitFrom(from, count, [&](Ref) { ++visited; });
      EXPECT_GT(next, from);
      EXPECT_LT(visited, count + 36);
      from = next;
    }
  }
}

// An empty segment is no endless step either.
TEST(TableWalkTest, AStepOverEmptyHomesIsBounded) {
  ChangingTable changing(2, /*kind=*/4);
  changing.AddStaying(20);
  size_t steps = 0;
  changing.ExpectAllStaying(changing.table().Walk(1'000'000, [&] { ++steps; }));
  EXPECT_GE(steps, changing.memory_bytes() / kPageBytes / 8);
}

// The cursor stands in every place of a table of a few segments while these become one, and again
// when that has been walked on a little and is split once more.
TEST(TableWalkTest, AMergeUnderTheCursor) {
  const int64_t cursors = TestSize(100);
  for (int64_t stop = 0; stop < cursors && !testing::Test::HasFailure(); ++stop) {
    ChangingTable changing(static_cast<uint64_t>(stop));
    changing.AddStaying(300);
    changing.Grow(6000);
    const size_t grown = changing.memory_bytes();
    int64_t step = 0;
    const std::map<Ref, int> visits = changing.table().Walk(6300 / 200, [&] {
      ++step;
      if (step == 1 + stop * 2) {
        changing.ShrinkToStaying();
        EXPECT_LT(changing.memory_bytes(), grown);
      }
      if (step == 1 + stop * 2 + stop % 7) changing.Grow(7000);
    });
    changing.ExpectAllStaying(visits);
  }
}

TEST(TableWalkTest, ASplitUnderTheCursor) {
  const int64_t cursors = TestSize(60);
  for (int64_t stop = 0; stop < cursors && !testing::Test::HasFailure(); ++stop) {
    ChangingTable changing(static_cast<uint64_t>(stop));
    changing.AddStaying(1500);
    int64_t step = 0;
    changing.ExpectAllStaying(changing.table().Walk(1500 / 200, [&] {
      if (++step == 1 + stop * 3) changing.Grow(20'000);
    }));
  }
}

TEST(TableWalkTest, RandomChangesBetweenTheSteps) {
  RunSeeds(TestSize(60), [](uint64_t seed) {
    ChangingTable changing(seed, seed % Places::kKinds);
    Places& places = changing.places();
    changing.AddStaying(places.Below(1000));
    changing.Grow(places.Below(10'000));
    size_t changes_left = 200;  // or the walk might never come to the end
    bool grows = false;
    changing.ExpectAllStaying(changing.table().Walk(1 + places.Below(600), [&] {
      if (changes_left == 0) return;
      --changes_left;
      if (places.Below(6) == 0) grows = !grows;
      const size_t burst = places.Below(1500);
      grows ? changing.Grow(burst / 2) : changing.Shrink(burst);
    }));
  });
}

}  // namespace
}  // namespace idem::engine
