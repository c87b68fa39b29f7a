#include "base/arena.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/pages.h"
#include "tests/support/seeds.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr size_t kMax = Arena::kBlockBytesMax;
constexpr size_t kHeaderBytes = 104;  // of a page
constexpr size_t kUnitsPerPage = size_t{1} << kUnitBits;

size_t BlocksPerPage(size_t bytes) {
  return (kPageBytes - kHeaderBytes) / Arena::BlockBytesFor(bytes);
}

// An arena beside a map of what was allocated. Each block is filled with bytes of its own, so that
// whoever writes into another one's block is found out.
class CheckedArena {
 public:
  explicit CheckedArena(PagePool* pool) : arena_(pool) {}

  Ref Allocate(size_t bytes) {
    const Ref ref = arena_.Allocate(bytes);
    if (ref == 0) return 0;
    const size_t block_bytes = arena_.BlockBytes(ref);
    EXPECT_GE(block_bytes, bytes);
    EXPECT_EQ(block_bytes, Arena::BlockBytesFor(bytes));
    char* const block = arena_.At(ref);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 8, 0u);
    CheckApart(block, block_bytes);
    EXPECT_GE(reinterpret_cast<uintptr_t>(block) % kPageBytes, kHeaderBytes);
    EXPECT_LE(reinterpret_cast<uintptr_t>(block) % kPageBytes + block_bytes, kPageBytes);
    std::memset(block, FillOf(ref), block_bytes);
    EXPECT_TRUE(blocks_.emplace(block, ref).second);
    return ref;
  }

  void Free(Ref ref) {
    char* const block = arena_.At(ref);
    ASSERT_EQ(blocks_.erase(block), 1u);
    const size_t bytes = arena_.BlockBytes(ref);
    EXPECT_TRUE(std::all_of(block, block + bytes, [&](char c) { return c == FillOf(ref); }));
    arena_.Free(ref);
  }

  // False: nothing is sparse.
  bool EmptySparsePage() {
    const uint32_t page = arena_.SparsePage();
    if (page == Arena::kNone) return false;
    size_t found = 0, moved = 0;
    arena_.VisitBlocks(page, [&](Ref) { ++found; });
    arena_.EmptyPage(page, [&](Ref from, Ref to) {
      ++moved;
      EXPECT_NE(to / kUnitsPerPage, page);
      EXPECT_EQ(blocks_.erase(arena_.At(from)), 1u);
      char* const block = arena_.At(to);
      const size_t bytes = arena_.BlockBytes(to);
      EXPECT_TRUE(std::all_of(block, block + bytes, [&](char c) { return c == FillOf(from); }));
      CheckApart(block, bytes);
      std::memset(block, FillOf(to), bytes);
      EXPECT_TRUE(blocks_.emplace(block, to).second);
    });
    EXPECT_EQ(moved, found);
    return true;
  }

  Ref Pick(uint64_t number) const {
    return std::next(blocks_.begin(), static_cast<ptrdiff_t>(number % blocks_.size()))->second;
  }
  size_t count() const { return blocks_.size(); }
  size_t memory_bytes() const { return arena_.memory_bytes(); }
  size_t block_bytes() const { return arena_.block_bytes(); }
  void Check() const {
    arena_.CheckInvariants();
    EXPECT_EQ(arena_.CountBlocks(), blocks_.size());
  }

 private:
  static char FillOf(Ref ref) { return static_cast<char>(ref * 37 + 1); }

  void CheckApart(char* block, size_t bytes) const {
    const auto next = blocks_.lower_bound(block);
    if (next != blocks_.end()) {
      EXPECT_LE(block + bytes, next->first);
    }
    if (next == blocks_.begin()) return;
    const auto before = std::prev(next);
    EXPECT_LE(before->first + arena_.BlockBytes(before->second), block);
  }

  Arena arena_;
  std::map<char*, Ref> blocks_;
};

TEST(ArenaTest, BlocksAreLittleLargerThanAskedFor) {
  for (size_t bytes = 1; bytes <= kMax; ++bytes) {
    const size_t step = bytes <= 512 ? 8 : 64;
    const size_t expected = std::max<size_t>(24, (bytes + step - 1) / step * step);
    ASSERT_EQ(Arena::BlockBytesFor(bytes), expected) << bytes;
  }
}

TEST(ArenaTest, WithoutPagesThereIsNoBlock) {
  PagePool pool;
  Arena arena(&pool);
  EXPECT_EQ(arena.Allocate(1), 0u);
  arena.CheckInvariants();
}

TEST(ArenaTest, EverySizeFillsItsPages) {
  for (size_t bytes = 1; bytes <= kMax; bytes += bytes < 512 ? 8 : 64) {
    PagePool pool;
    pool.Refill();
    const size_t pages = pool.CountFree();
    CheckedArena arena(&pool);
    for (size_t i = 0; i < 2 * BlocksPerPage(bytes); ++i) ASSERT_NE(arena.Allocate(bytes), 0u);
    arena.Check();
    EXPECT_EQ(pool.CountFree(), pages - 2) << bytes;
    EXPECT_EQ(arena.memory_bytes(), 2 * kPageBytes);
    ASSERT_NE(arena.Allocate(bytes), 0u);
    EXPECT_EQ(pool.CountFree(), pages - 3) << bytes;
  }
}

TEST(ArenaTest, EverySizeStandsApart) {
  PagePool pool;
  pool.Refill(200);
  CheckedArena arena(&pool);
  for (size_t bytes = 1; bytes <= kMax; ++bytes) ASSERT_NE(arena.Allocate(bytes), 0u) << bytes;
  arena.Check();
  while (arena.count() > 0) arena.Free(arena.Pick(arena.count() / 2));
  arena.Check();
  EXPECT_EQ(arena.memory_bytes(), kPageBytes) << "the spare one";
}

TEST(ArenaTest, AFullArenaServesAgainAfterAFree) {
  PagePool pool;
  pool.Refill();
  const Pages taken = TakePages(pool, /*left=*/1);
  CheckedArena arena(&pool);
  Ref last = 0;
  while (const Ref ref = arena.Allocate(100)) last = ref;
  EXPECT_EQ(arena.count(), BlocksPerPage(100));
  EXPECT_EQ(arena.Allocate(500), 0u) << "a page belongs to one size";
  arena.Check();
  arena.Free(last);
  EXPECT_EQ(arena.Allocate(100), last);
  EXPECT_EQ(arena.Allocate(100), 0u);
  GivePages(pool, taken);
  EXPECT_NE(arena.Allocate(100), 0u);
}

// A block that is free comes before a page that is new, whichever block of whichever page it was.
TEST(ArenaTest, EveryFreeBlockOfAClassIsUsedBeforeAPageIsTaken) {
  PagePool pool;
  pool.Refill();
  CheckedArena arena(&pool);
  const size_t count = 5 * BlocksPerPage(24);
  for (size_t i = 0; i < count; ++i) ASSERT_NE(arena.Allocate(24), 0u);
  std::mt19937_64 random(3);
  for (size_t round = 1; round < count; round *= 2) {
    for (size_t i = 0; i < round; ++i) arena.Free(arena.Pick(random()));
    arena.Check();
    for (size_t i = 0; i < round; ++i) ASSERT_NE(arena.Allocate(24), 0u);
    arena.Check();
    EXPECT_EQ(arena.memory_bytes(), 5 * kPageBytes);
  }
}

TEST(ArenaTest, FreeingTwiceStopsTheProgram) {
  PagePool pool;
  pool.Refill();
  Arena arena(&pool);
  const Ref kept = arena.Allocate(100), freed = arena.Allocate(100);
  ASSERT_NE(kept, freed);
  arena.Free(freed);
  EXPECT_DEATH(arena.Free(freed), "check failed");
}

TEST(ArenaTest, NamesOfPagesThatWentAreUsedAgain) {
  PagePool pool;
  pool.Refill();
  CheckedArena arena(&pool);
  const Ref first = arena.Allocate(100);
  arena.Free(first);
  for (int i = 0; i < 100; ++i) {
    const Ref ref = arena.Allocate(100);
    EXPECT_EQ(ref, first);
    arena.Free(ref);
  }
}

// Where claims are few, a class often has one block.
TEST(ArenaTest, ThePageOfAnOnlyBlockDoesNotGoToThePoolEachTime) {
  PagePool pool;
  pool.Refill();
  const size_t pages = pool.CountFree();
  CheckedArena arena(&pool);
  arena.Free(arena.Allocate(100));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(pool.CountFree(), pages - 1);
    EXPECT_EQ(arena.memory_bytes(), kPageBytes);
    const Ref ref = arena.Allocate(i % 2 == 0 ? 100 : 200);
    EXPECT_EQ(pool.CountFree(), pages - 1) << "the spare page serves any size";
    arena.Check();
    arena.Free(ref);
    arena.Check();
  }
  const Ref one = arena.Allocate(100), other = arena.Allocate(200);
  EXPECT_EQ(pool.CountFree(), pages - 2);
  arena.Free(one);
  arena.Free(other);
  EXPECT_EQ(pool.CountFree(), pages - 1) << "one is enough";
  arena.Check();
}

TEST(ArenaTest, GivesItsPagesBackWhenItGoes) {
  PagePool pool;
  pool.Refill();
  const size_t pages = pool.CountFree();
  {
    Arena arena(&pool);
    for (size_t bytes = 1; bytes <= kMax; bytes += 100) ASSERT_NE(arena.Allocate(bytes), 0u);
    EXPECT_LT(pool.CountFree(), pages);
  }
  EXPECT_EQ(pool.CountFree(), pages);
}

// Few blocks of many pages live on, as when sizes change while some entries stay for long.
TEST(ArenaTest, SparsePagesAreEmptiedUntilLittleIsWaste) {
  RunSeeds(TestSize(20), [](uint64_t seed) {
    PagePool pool;
    pool.Refill(200);
    CheckedArena arena(&pool);
    std::mt19937_64 random(seed);
    while (arena.memory_bytes() < 200 * kPageBytes) {
      ASSERT_NE(arena.Allocate(100 + 300 * (random() % 4)), 0u);
    }
    EXPECT_FALSE(arena.EmptySparsePage()) << "all pages are full";
    const size_t left = arena.count() / (2 + random() % 20);
    while (arena.count() > left) arena.Free(arena.Pick(random()));
    const size_t pages = arena.memory_bytes() / kPageBytes;
    size_t emptied = 0;
    while (arena.EmptySparsePage()) {
      arena.Check();
      EXPECT_EQ(arena.memory_bytes(), (pages - ++emptied) * kPageBytes) << "it takes no page";
    }
    const size_t waste = arena.memory_bytes() - arena.block_bytes();
    EXPECT_TRUE(waste <= arena.memory_bytes() / 10 || arena.memory_bytes() < 64 * kPageBytes);
    EXPECT_EQ(arena.count(), left);
  });
}

TEST(ArenaTest, NothingIsEmptiedWithoutRoomElsewhere) {
  PagePool pool;
  pool.Refill(200);
  CheckedArena arena(&pool);
  for (size_t bytes = 8; bytes <= kMax; bytes += bytes < 512 ? 8 : 64) {
    ASSERT_NE(arena.Allocate(bytes), 0u) << "one page of each class, with one block in it";
  }
  EXPECT_GT(arena.memory_bytes(), 64 * kPageBytes);
  EXPECT_FALSE(arena.EmptySparsePage());
}

// Mostly growing, mostly shrinking, in turns; sizes around the borders of a few classes, or any.
// One region of pages is all there is.
class RandomArena {
 public:
  explicit RandomArena(uint64_t seed) : any_size_(seed % 2 == 0), random_(seed) {
    pool_.Refill();
    pages_ = pool_.CountFree();
  }

  void Run(int64_t steps) {
    for (int64_t step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      const bool grows = step / 500 % 2 == 0;
      const uint64_t allocate_of_8 = grows ? 6 : 2;
      random_() % 8 < allocate_of_8 ? Allocate() : Free();
      if (random_() % 8 == 0) arena_.EmptySparsePage();
      arena_.Check();
    }
    while (arena_.count() > 0) Free();
    arena_.Check();
    EXPECT_EQ(pool_.CountFree(), pages_ - 1) << "pages come back with their last blocks, but one";
  }

 private:
  void Allocate() {
    constexpr size_t kBorders[] = {16, 24, 64, 80, 512, 576, 1024, kMax - 64};
    const size_t bytes = any_size_ ? 1 + random_() % kMax
                                   : kBorders[random_() % std::size(kBorders)] + random_() % 3 - 1;
    if (arena_.Allocate(bytes) == 0) {
      EXPECT_EQ(pool_.CountFree(), 0u);
    }
  }
  void Free() {
    if (arena_.count() > 0) arena_.Free(arena_.Pick(random_()));
  }

  const bool any_size_;
  std::mt19937_64 random_;
  PagePool pool_;
  size_t pages_;
  CheckedArena arena_{&pool_};
};

TEST(ArenaTest, RandomCallsAgainstAMap) {
  RunSeeds(TestSize(20), [](uint64_t seed) { RandomArena(seed).Run(4000); });
}

}  // namespace
}  // namespace idem::engine
