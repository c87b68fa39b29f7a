#include "base/page_pool.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

#include "base/allocation.h"
#include "gtest/gtest.h"
#include "tests/support/pages.h"

namespace idem::engine {
namespace {

constexpr size_t kPagesPerRegion = (2 << 20) / kPageBytes;
constexpr size_t kPagesStandingBy = 64;  // for one request

class PagePoolTest : public testing::Test {
 protected:
  ~PagePoolTest() override { SetAllocationFailureForTest(0); }

  PagePool pool_;
};

TEST_F(PagePoolTest, HasNothingBeforeTheFirstRefill) { EXPECT_EQ(pool_.Take(), nullptr); }

TEST_F(PagePoolTest, PagesAreAlignedAndApart) {
  for (int i = 0; i < 3; ++i) {
    pool_.Refill();
    const std::vector<char*> pages = TakePages(pool_);
    EXPECT_EQ(pages.size(), kPagesPerRegion);
    const std::set<char*> distinct(pages.begin(), pages.end());
    EXPECT_EQ(distinct.size(), pages.size());
    for (char* page : pages) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(page) % kPageBytes, 0u);
      std::memset(page, i, kPageBytes);
    }
    GivePages(pool_, pages);
    EXPECT_EQ(CountPages(pool_), pages.size());
    TakePages(pool_);
  }
}

TEST_F(PagePoolTest, RefillAddsOnlyWhatIsMissing) {
  pool_.Refill();
  pool_.Refill();
  EXPECT_EQ(CountPages(pool_), kPagesPerRegion);
  TakePages(pool_, kPagesStandingBy);
  pool_.Refill();
  EXPECT_EQ(CountPages(pool_), kPagesStandingBy);
  pool_.Take();
  pool_.Refill();
  EXPECT_EQ(CountPages(pool_), kPagesStandingBy - 1 + kPagesPerRegion);
}

TEST_F(PagePoolTest, AGivenPageIsTakenAgain) {
  pool_.Refill();
  char* const page = pool_.Take();
  pool_.Give(page);
  EXPECT_EQ(pool_.Take(), page);
}

TEST_F(PagePoolTest, WithoutMemoryItGoesOnWithWhatItHas) {
  SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
  pool_.Refill();
  EXPECT_EQ(pool_.Take(), nullptr);
  SetAllocationFailureForTest(0);
  pool_.Refill();
  EXPECT_EQ(CountPages(pool_), kPagesPerRegion);
}

}  // namespace
}  // namespace idem::engine
