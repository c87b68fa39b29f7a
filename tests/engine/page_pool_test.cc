#include "base/page_pool.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "base/allocation.h"
#include "gtest/gtest.h"
#include "tests/support/pages.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr size_t kRegionPages = PagePool::kRegionBytes / kPageBytes;
constexpr size_t kPagesPerRequest = 2;
constexpr size_t kPagesStandingBy = 62;
constexpr size_t kPagesWanted = kRegionPages + kPagesStandingBy;  // below, callers look closer

class PagePoolTest : public testing::Test {
 protected:
  ~PagePoolTest() override { SetAllocationFailureForTest(0); }

  size_t Regions() const { return pool_.memory_bytes() / PagePool::kRegionBytes; }
  // As a store that has grown to `regions` leaves it: all pages are taken, none told low.
  Pages GrowTo(size_t regions) {
    Pages pages;
    while (Regions() < regions) {
      told_low_ += pool_.Refill() ? 1 : 0;
      const Pages more = TakePages(pool_);
      pages.insert(pages.end(), more.begin(), more.end());
    }
    return pages;
  }
  // As a background thread does when a store has stopped shrinking.
  void Trim() {
    pool_.Tend();
    while (pool_.Trim()) {
    }
  }

  PagePool pool_;
  int told_low_ = 0;
};

TEST_F(PagePoolTest, HasNothingBeforeTheFirstRefill) {
  EXPECT_EQ(pool_.Take(), PagePool::kNoPage);
  EXPECT_EQ(pool_.memory_bytes(), 0u);
}

TEST_F(PagePoolTest, PagesAreAlignedAndApart) {
  std::set<char*> distinct;
  for (int i = 0; i < 3; ++i) {
    pool_.Refill();
    const Pages pages = TakePages(pool_);
    EXPECT_EQ(pages.size(), kRegionPages);
    for (const uint32_t page : pages) {
      char* const at = pool_.PageAt(page);
      EXPECT_TRUE(distinct.insert(at).second);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % kPageBytes, 0u);
      std::memset(at, i, kPageBytes);
    }
    GivePages(pool_, pages);
    EXPECT_EQ(pool_.CountFree(), pages.size());
    EXPECT_EQ(TakePages(pool_), pages) << "in their order";
  }
}

TEST_F(PagePoolTest, UnitsStandInTheirPages) {
  for (const uint32_t page : GrowTo(3)) {
    char* const at = pool_.PageAt(page);
    for (const uint32_t unit : {0u, 1u, 1000u, (1u << kUnitBits) - 1}) {
      ASSERT_EQ(pool_.UnitAt((page << kUnitBits) + unit), at + size_t{unit} * kUnitBytes);
    }
  }
}

TEST_F(PagePoolTest, RefillAddsOnlyWhatIsMissing) {
  pool_.Refill();
  pool_.Refill();
  EXPECT_EQ(pool_.CountFree(), kRegionPages);
  constexpr size_t kForOne = kPagesStandingBy + kPagesPerRequest;
  TakePages(pool_, kForOne);
  pool_.Refill();
  EXPECT_EQ(pool_.CountFree(), kForOne);
  pool_.Take();
  pool_.Refill();
  EXPECT_EQ(pool_.CountFree(), kForOne - 1 + kRegionPages);
}

TEST_F(PagePoolTest, EachRequestHasItsPages) {
  for (const size_t requests : {1u, 33u, 34u, 64u, 97u, 98u, 1000u}) {
    PagePool pool;
    pool.Refill(requests);
    const size_t wanted = kPagesStandingBy + requests * kPagesPerRequest;
    EXPECT_EQ(pool.CountFree(), (wanted + kRegionPages - 1) / kRegionPages * kRegionPages);
  }
}

TEST_F(PagePoolTest, TakesFromTheLowestRegion) {
  const Pages pages = GrowTo(200);  // more than a word of bits tells
  std::mt19937_64 random(1);
  std::set<uint32_t> free;
  for (int i = 0; i < 2000; ++i) {
    const uint32_t page = pages[random() % pages.size()];
    if (free.insert(page).second) pool_.Give(page);
  }
  while (!free.empty()) {
    const uint32_t page = pool_.Take();
    ASSERT_EQ(page / kRegionPages, *free.begin() / kRegionPages);
    ASSERT_EQ(free.erase(page), 1u);
    if (!free.empty() && random() % 3 == 0) {  // one comes back, lower perhaps
      pool_.Give(page);
      free.insert(page);
    }
  }
  EXPECT_EQ(pool_.Take(), PagePool::kNoPage);
}

TEST_F(PagePoolTest, GivingTwiceStopsTheProgram) {
  pool_.Refill();
  const uint32_t page = pool_.Take();
  pool_.Give(page);
  EXPECT_DEATH(pool_.Give(page), "check failed");
}

TEST_F(PagePoolTest, WithoutMemoryItGoesOnWithWhatItHas) {
  SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
  EXPECT_FALSE(pool_.Refill());
  EXPECT_EQ(pool_.Take(), PagePool::kNoPage);
  pool_.Tend();
  EXPECT_EQ(pool_.memory_bytes(), 0u);
  SetAllocationFailureForTest(2);
  pool_.Refill(100);  // the second region of two
  EXPECT_EQ(pool_.CountFree(), kRegionPages);
  SetAllocationFailureForTest(0);
  pool_.Refill(100);
  EXPECT_EQ(pool_.CountFree(), 3 * kRegionPages);
}

// --- ahead of a store that grows

TEST_F(PagePoolTest, ASmallStoreIsNotSentForMore) {
  GrowTo(7);
  EXPECT_EQ(told_low_, 0);
  EXPECT_TRUE(pool_.Refill()) << "with the eighth it is none any more";
}

TEST_F(PagePoolTest, ItIsToldOnceThatPagesRunLow) {
  GrowTo(8);
  EXPECT_EQ(told_low_, 1);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(pool_.Refill());
  EXPECT_EQ(Regions(), 9u);
  pool_.Tend();
  EXPECT_GE(pool_.CountFree(), kPagesWanted + kRegionPages);
  EXPECT_FALSE(pool_.Refill()) << "there are enough now";
  TakePages(pool_, kPagesWanted - 1);
  EXPECT_TRUE(pool_.Refill()) << "again, as it was tended to";
  EXPECT_FALSE(pool_.Refill());
}

TEST_F(PagePoolTest, TendPopulatesAnEighthButFourRegionsAtMost) {
  for (const size_t regions : {8u, 16u, 24u, 32u, 40u, 80u}) {
    PagePool pool;
    while (pool.memory_bytes() < regions * PagePool::kRegionBytes) {
      pool.Refill();
      TakePages(pool);
    }
    pool.Refill();
    pool.Tend();
    const size_t ahead = std::min<size_t>(regions / 8, 4) * kRegionPages + kPagesWanted;
    EXPECT_GE(pool.CountFree(), ahead) << regions;
    EXPECT_LT(pool.CountFree(), ahead + 2 * kRegionPages) << regions;
  }
}

TEST_F(PagePoolTest, TendWithoutBeingToldAddsNothing) {
  GrowTo(20);
  pool_.Refill();
  pool_.Tend();
  TakePages(pool_);
  const size_t bytes = pool_.memory_bytes();
  pool_.Tend();
  EXPECT_EQ(pool_.memory_bytes(), bytes);
}

TEST_F(PagePoolTest, TendWithoutMemoryIsToldAgain) {
  GrowTo(9);
  pool_.Refill();
  SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
  pool_.Tend();
  TakePages(pool_);
  EXPECT_TRUE(pool_.Refill());
  pool_.Tend();
  SetAllocationFailureForTest(0);
  EXPECT_TRUE(pool_.Refill());
  pool_.Tend();
  EXPECT_GE(pool_.CountFree(), kPagesWanted);
}

// --- behind one that shrinks

TEST_F(PagePoolTest, TendGivesBackWhatAStoreThatHasShrunkDoesNotNeed) {
  Pages pages = GrowTo(50);
  pool_.Tend();
  const size_t grown = pool_.memory_bytes();
  GivePages(pool_, {pages.begin() + 100, pages.end()});
  EXPECT_EQ(pool_.memory_bytes(), grown) << "callers do not do it";
  for (int i = 0; i < 3; ++i) pool_.Tend();  // with fewer regions, fewer are kept ahead
  // What is used, what stands by, and three more that nobody unmaps in a hurry.
  EXPECT_LE(Regions(), 1u + 2 + 4);
  EXPECT_GE(pool_.CountFree(), kPagesWanted);
  const size_t shrunk = pool_.memory_bytes();
  for (int i = 0; i < 10; ++i) {
    pool_.Tend();
    EXPECT_FALSE(pool_.Refill());
  }
  EXPECT_EQ(pool_.memory_bytes(), shrunk) << "and no more, and no less";
  for (size_t i = 0; i < 100; ++i) pool_.PageAt(pages[i])[0] = 'x';  // these are where they were
}

TEST_F(PagePoolTest, WhileAStoreShrinksOnlyWholeRegionsGoBack) {
  const Pages pages = GrowTo(40);
  for (const uint32_t page : pages) {
    if (page % kRegionPages != 77) pool_.Give(page);
  }
  pool_.Tend();
  EXPECT_EQ(Regions(), 40u);
  EXPECT_TRUE(pool_.Trim());
  EXPECT_EQ(pool_.memory_bytes(), 39 * PagePool::kRegionBytes + kPageBytes);
}

TEST_F(PagePoolTest, OfARegionWithAPageInUseTheFreeOnesGoBack) {
  const Pages pages = GrowTo(40);
  Pages kept;
  for (const uint32_t page : pages) {
    page % kRegionPages == 77 ? kept.push_back(page) : pool_.Give(page);
  }
  for (const uint32_t page : kept) std::memset(pool_.PageAt(page), 1, kPageBytes);
  Trim();
  EXPECT_LE(pool_.memory_bytes(),
            (kept.size() + (4 + 3) * kRegionPages + kPagesWanted) * kPageBytes);
  for (const uint32_t page : kept) {
    const char* const at = pool_.PageAt(page);
    EXPECT_TRUE(std::all_of(at, at + kPageBytes, [](char c) { return c == 1; }));
  }
  GivePages(pool_, kept);
  pool_.Tend();
  EXPECT_LT(Regions(), 12u);
}

TEST_F(PagePoolTest, WhatWentBackComesAgainBeforeNewRegions) {
  const Pages pages = GrowTo(40);
  for (const uint32_t page : pages) {
    if (page % kRegionPages != 77) pool_.Give(page);
  }
  Trim();
  std::set<uint32_t> again;
  while (again.size() + 40 < 40 * kRegionPages) {
    pool_.Refill();
    for (const uint32_t page : TakePages(pool_)) {
      EXPECT_LT(page, 40 * kRegionPages);
      EXPECT_TRUE(again.insert(page).second);
      EXPECT_NE(page % kRegionPages, 77u) << "it was never given";
      std::memset(pool_.PageAt(page), 2, kPageBytes);
    }
  }
  EXPECT_EQ(Regions(), 40u);
}

TEST_F(PagePoolTest, WithoutMemoryWhatWentBackStaysAway) {
  const Pages pages = GrowTo(40);
  for (const uint32_t page : pages) {
    if (page % kRegionPages != 77) pool_.Give(page);
  }
  Trim();
  TakePages(pool_);
  const size_t before = pool_.memory_bytes();
  SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
  pool_.Refill();
  EXPECT_EQ(pool_.Take(), PagePool::kNoPage);
  EXPECT_EQ(pool_.memory_bytes(), before);
  SetAllocationFailureForTest(0);
  pool_.Refill();
  EXPECT_NE(pool_.Take(), PagePool::kNoPage);
}

TEST_F(PagePoolTest, NamesOfRegionsThatWentAreUsedAgain) {
  const Pages pages = GrowTo(30);
  GivePages(pool_, pages);
  pool_.Tend();
  EXPECT_LT(Regions(), 12u);
  Pages again = GrowTo(30);
  TakePages(pool_);
  std::sort(again.begin(), again.end());
  EXPECT_LT(again.back(), 30 * kRegionPages);
  for (const uint32_t page : again) pool_.PageAt(page)[kPageBytes - 1] = 'x';
}

// Against the set of pages that are taken.
TEST_F(PagePoolTest, RandomCallsAgainstASet) {
  RunSeeds(TestSize(20), [](uint64_t seed) {
    std::mt19937_64 random(seed);
    PagePool pool;
    std::vector<uint32_t> taken;
    std::set<uint32_t> known;
    for (int step = 0; step < 20'000; ++step) {
      const bool grows = step / 4000 % 2 == 0;
      if (random() % 100 == 0) pool.Tend();
      if (random() % 100 == 0) pool.Trim();
      if (random() % 8 < (grows ? 6u : 2u)) {
        pool.Refill(random() % 20);
        const uint32_t page = pool.Take();
        ASSERT_NE(page, PagePool::kNoPage);
        ASSERT_TRUE(known.insert(page).second);
        std::memcpy(pool.PageAt(page), &page, sizeof(page));
        taken.push_back(page);
      } else if (!taken.empty()) {
        std::swap(taken[random() % taken.size()], taken.back());
        uint32_t mark = 0;
        std::memcpy(&mark, pool.PageAt(taken.back()), sizeof(mark));
        ASSERT_EQ(mark, taken.back());
        pool.Give(taken.back());
        known.erase(taken.back());
        taken.pop_back();
      }
      ASSERT_EQ(pool.memory_bytes(), (taken.size() + pool.CountFree()) * kPageBytes);
    }
  });
}

}  // namespace
}  // namespace idem::engine
