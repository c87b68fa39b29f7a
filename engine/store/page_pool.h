// Memory for all stripes in pages of 16 KiB, cut from 2 MiB regions.
//
// A stripe takes pages while it holds its lock, so taking one makes no system call and touches no
// memory that is not there yet: regions are asked for, populated and given to the pool by Refill,
// which callers run before they lock a stripe. Regions are aligned and advised to be huge pages
// (madvise(2), MADV_HUGEPAGE); where the system gives none they are ordinary ones.
//
// Thread rule: everything from any thread. Its lock is a leaf.
#ifndef IDEM_STORE_PAGE_POOL_H_
#define IDEM_STORE_PAGE_POOL_H_

#include <atomic>
#include <cstddef>
#include <vector>

#include "base/mutex.h"

namespace idem::engine {

inline constexpr size_t kPageBytes = 16 << 10;

class PagePool {
 public:
  PagePool() = default;
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // Sees to it that pages stand by for `requests` requests, beside some for other threads. Call
  // without any lock, before each operation; costs one load while they do. Without memory it does
  // nothing, and Take fails when the last one is gone.
  void Refill(size_t requests = 1) {
    const size_t pages = kPagesStandingBy + requests * kPagesPerRequest;
    while (free_count_.load(std::memory_order_relaxed) < pages && AddRegion(pages)) {
    }
  }

  // A page of kPageBytes, aligned to it, contents undefined; null if there is none.
  char* Take();
  void Give(char* page);

 private:
  static constexpr size_t kRegionBytes = 2 << 20;
  static constexpr size_t kPagesStandingBy = 62;
  static constexpr size_t kPagesPerRequest = 2;  // of the arena, and of the table

  // False: no memory.
  bool AddRegion(size_t pages_wanted);

  Mutex growth_mutex_;  // one thread at a time asks the system
  Mutex mutex_;
  std::vector<char*> free_ IDEM_GUARDED_BY(mutex_);
  std::vector<void*> regions_ IDEM_GUARDED_BY(mutex_);
  std::atomic<size_t> free_count_{0};
};

}  // namespace idem::engine

#endif  // IDEM_STORE_PAGE_POOL_H_
