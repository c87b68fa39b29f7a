// A page belongs to one thread at a time.
#include <cstring>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "base/page_pool.h"
#include "tests/support/pages.h"

namespace idem::engine {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 300;
constexpr size_t kPagesPerRound = 40;

void TakeAndGive(PagePool* pool, char mark) {
  for (int round = 0; round < kRounds; ++round) {
    std::vector<char*> pages;
    for (size_t i = 0; i < kPagesPerRound; ++i) {
      pool->Refill();
      char* const page = pool->Take();
      ASSERT_NE(page, nullptr);
      page[0] = page[kPageBytes - 1] = mark;
      pages.push_back(page);
    }
    for (char* page : pages) {
      ASSERT_EQ(page[0], mark);
      ASSERT_EQ(page[kPageBytes - 1], mark);
      pool->Give(page);
    }
  }
}

TEST(PagePoolThreadsTest, NoPageHasTwoOwners) {
  PagePool pool;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(TakeAndGive, &pool, static_cast<char>('a' + i));
  }
  for (std::thread& thread : threads) thread.join();
  // Two regions of 128 hold what four threads take, and 64 that stand by.
  EXPECT_LE(CountPages(pool), 256u) << "threads that grow the pool at once grow it once";
}

}  // namespace
}  // namespace idem::engine
