// Memory for all stripes in pages of 16 KiB, cut from regions of 2 MiB.
//
//   page number   | region, 14 bits | page in the region, 7 bits |
//   unit number   | page number, 21 bits | 8 bytes in the page, 11 bits |      32 GiB in all
//
// A stripe takes pages while it holds its lock, so taking one makes no system call and touches no
// memory that is not there yet: regions are asked for and populated by Refill, which callers run
// before they lock a stripe, and by Tend, in the background, so that callers seldom have to.
// Regions are aligned and advised to be huge pages (madvise(2), MADV_HUGEPAGE); where the system
// gives none they are ordinary ones.
//
// Pages come from the lowest region that has one, so that the last ones empty when a store
// shrinks. Tend gives whole regions back to the system. Where a few pages in use keep a region,
// Trim gives back the free pages in it: they are absent, until Refill or Tend populates them again.
// That costs two system calls for each run of pages, and breaks a huge page: it is for when a store
// has stopped shrinking, as most regions empty by themselves until then.
//
// Thread rule: everything from any thread. Its locks are leaves.
#ifndef IDEM_BASE_PAGE_POOL_H_
#define IDEM_BASE_PAGE_POOL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"

namespace idem::engine {

inline constexpr size_t kPageBytes = 16 << 10;
inline constexpr size_t kUnitBytes = 8;
inline constexpr uint32_t kUnitBits = 11;  // of a unit in its page
static_assert(kPageBytes == kUnitBytes << kUnitBits);

class PagePool {
 public:
  static constexpr size_t kRegionBytes = 2 << 20;
  static constexpr size_t kRegionsMax = 1 << 14;
  static constexpr uint32_t kNoPage = ~uint32_t{0};

  // How many regions stand by, beside the pages that callers want at once.
  struct Standby {
    size_t ahead_part;  // populated ahead of a store that grows: one for so many that it has ..
    size_t ahead_max;   // .. up to this
    size_t spare_min;   // free and not given back: one for 32 that it has, and not below this
  };
  static constexpr Standby kStandbyOfEntries = {.ahead_part = 8, .ahead_max = 4, .spare_min = 3};
  static constexpr Standby kStandbyOfIndex = {.ahead_part = 2, .ahead_max = 1, .spare_min = 1};

  explicit PagePool(Standby standby = kStandbyOfEntries);
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // Sees to it that pages stand by for `requests` requests, beside some for other threads. Call
  // without any lock, before each operation; costs two loads while they do. Without memory it does
  // nothing, and Take fails when the last one is gone. True, once each time: they run low, and
  // somebody should call Tend.
  bool Refill(size_t requests = 1) {
    const size_t free = free_count_.load(std::memory_order_relaxed);
    const size_t low = pages_low_.load(std::memory_order_relaxed);
    if (free >= low && free >= PagesFor(requests)) [[likely]]
      return false;
    return RefillNow(PagesFor(requests));
  }
  // For a background thread: populates regions ahead of a store that grows, and gives back those
  // that a store which shrinks does not need (Standby).
  void Tend();
  // The same of the free pages of one region that stays. False: there is nothing to give back.
  bool Trim();

  // A page, contents undefined, or kNoPage. Its memory stays where it is until it is given back.
  uint32_t Take();
  void Give(uint32_t page);

  // Of a page, and of a unit, that is taken.
  char* PageAt(uint32_t page) const { return UnitAt(page << kUnitBits); }
  char* UnitAt(uint32_t unit) const {
    return bases_[unit >> kRegionUnitBits].load(std::memory_order_relaxed) +
           (unit & kRegionUnitMask) * kUnitBytes;
  }

  // All that is populated.
  size_t memory_bytes() const {
    return region_count_.load(std::memory_order_relaxed) * kRegionBytes -
           absent_count_.load(std::memory_order_relaxed) * kPageBytes;
  }
  // Linear in regions; for tests.
  size_t CountFree() const;

 private:
  static constexpr uint32_t kRegionPageBits = 7;
  static constexpr uint32_t kRegionPages = 1u << kRegionPageBits;
  static constexpr uint32_t kRegionUnitBits = kUnitBits + kRegionPageBits;
  static constexpr uint32_t kRegionUnitMask = (1u << kRegionUnitBits) - 1;
  static_assert(kRegionBytes == kPageBytes * kRegionPages);
  static_assert(kRegionsMax << kRegionUnitBits == uint64_t{1} << 32, "a unit number has 32 bits");

  static constexpr size_t kPagesStandingBy = 62;
  static constexpr size_t kPagesPerRequest = 2;  // of entries and wheel; the index takes one
  static constexpr size_t kPagesWanted = kRegionPages + kPagesStandingBy;  // beside those ahead

  using PageBits = std::array<uint64_t, kRegionPages / 64>;  // a bit for each page of a region

  static size_t Count(const PageBits& bits);
  static PageBits Together(const PageBits& some, const PageBits& others);
  static size_t PagesFor(size_t requests) { return kPagesStandingBy + requests * kPagesPerRequest; }
  bool RefillNow(size_t pages);
  void Populate(size_t pages);
  bool AddPages(size_t pages_wanted) IDEM_REQUIRES(growth_mutex_);
  bool AddRegion() IDEM_REQUIRES(growth_mutex_);
  bool PopulateAbsent() IDEM_REQUIRES(growth_mutex_);
  bool ReleaseFreeRegion();
  size_t RegionsAhead() const;
  void CountRegion(int sign) IDEM_REQUIRES(mutex_);
  size_t PagesAhead() const { return RegionsAhead() * kRegionPages + kPagesWanted; }
  bool HasTooMany() const;
  template <typename Visit>
  void VisitRuns(size_t region, const PageBits& pages, Visit&& visit) const;
  uint32_t LowestWithFree() IDEM_REQUIRES(mutex_);
  void SetHasFree(uint32_t region, bool has_free) IDEM_REQUIRES(mutex_);

  const Standby standby_;
  // A null base: the region is not there. Read without a lock: who has a page has its region.
  const std::unique_ptr<std::atomic<char*>[]> bases_;
  std::atomic<size_t> free_count_{0};
  std::atomic<size_t> region_count_{0};
  std::atomic<size_t> pages_low_{0};  // with fewer free ones Tend should be called
  std::atomic<size_t> absent_count_{0};
  std::atomic<bool> told_low_{false};

  Mutex growth_mutex_;  // one thread at a time asks the system, before mutex_
  mutable Mutex mutex_;
  std::vector<PageBits> free_ IDEM_GUARDED_BY(mutex_);      // by region
  std::vector<PageBits> absent_ IDEM_GUARDED_BY(mutex_);    // by region
  std::vector<uint64_t> has_free_ IDEM_GUARDED_BY(mutex_);  // a bit for each region
  size_t lowest_word_ IDEM_GUARDED_BY(mutex_) = 0;          // of has_free_: zeros before it
};

}  // namespace idem::engine

#endif  // IDEM_BASE_PAGE_POOL_H_
