// A page belongs to one thread at a time, whatever regions come and go.
#include <atomic>
#include <thread>
#include <vector>

#include "base/page_pool.h"
#include "gtest/gtest.h"
#include "tests/support/pages.h"

namespace idem::engine {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 300;

void TakeAndGive(PagePool* pool, char mark, size_t pages_per_round) {
  for (int round = 0; round < kRounds; ++round) {
    Pages pages;
    for (size_t i = 0; i < pages_per_round; ++i) {
      pool->Refill();
      const uint32_t page = pool->Take();
      ASSERT_NE(page, PagePool::kNoPage);
      pool->PageAt(page)[0] = pool->PageAt(page)[kPageBytes - 1] = mark;
      pages.push_back(page);
    }
    for (const uint32_t page : pages) {
      ASSERT_EQ(pool->PageAt(page)[0], mark);
      ASSERT_EQ(pool->PageAt(page)[kPageBytes - 1], mark);
      pool->Give(page);
    }
  }
}

TEST(PagePoolThreadsTest, NoPageHasTwoOwners) {
  PagePool pool;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(TakeAndGive, &pool, static_cast<char>('a' + i), 40);
  }
  for (std::thread& thread : threads) thread.join();
  // Two regions of 128 hold what four threads take, and 64 that stand by.
  EXPECT_LE(pool.CountFree(), 256u) << "threads that grow the pool at once grow it once";
}

// Each thread takes and gives back eight regions; a fifth one tends all the time.
TEST(PagePoolThreadsTest, RegionsComeAndGoBetweenThreads) {
  PagePool pool;
  std::atomic<bool> stops{false};
  std::thread tender([&] {
    while (!stops.load()) {
      pool.Tend();
      pool.Trim();
    }
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&pool, i] {
      for (int round = 0; round < kRounds / 30; ++round) {
        Pages pages;
        while (pages.size() < 1000) {
          pool.Refill();
          // Others may have taken what was refilled; then it is refilled once more.
          const uint32_t page = pool.Take();
          if (page == PagePool::kNoPage) continue;
          pool.PageAt(page)[0] = static_cast<char>(i);
          pages.push_back(page);
        }
        for (const uint32_t page : pages) ASSERT_EQ(pool.PageAt(page)[0], static_cast<char>(i));
        GivePages(pool, pages);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stops = true;
  tender.join();
  pool.Tend();
  EXPECT_EQ(pool.CountFree() * kPageBytes, pool.memory_bytes());
  EXPECT_LE(pool.memory_bytes(), 12 * PagePool::kRegionBytes);
}

}  // namespace
}  // namespace idem::engine
