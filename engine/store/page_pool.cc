#include "store/page_pool.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>

#include "base/allocation.h"

namespace idem::engine {

PagePool::~PagePool() {
  for (void* region : regions_) Free(region, 2 * kRegionBytes);
}

char* PagePool::Take() {
  MutexLock lock(mutex_);
  if (free_.empty()) return nullptr;
  char* page = free_.back();
  free_.pop_back();
  free_count_.store(free_.size(), std::memory_order_relaxed);
  return page;
}

void PagePool::Give(char* page) {
  MutexLock lock(mutex_);
  free_.push_back(page);
  free_count_.store(free_.size(), std::memory_order_relaxed);
}

bool PagePool::AddRegion(size_t pages_wanted) {
  MutexLock growth(growth_mutex_);
  if (free_count_.load(std::memory_order_relaxed) >= pages_wanted) return true;
  // Twice the size, to cut an aligned region from it; what is never touched costs no memory.
  void* memory = AllocateOrNull(2 * kRegionBytes);
  if (memory == nullptr) return false;
  const uintptr_t start =
      (reinterpret_cast<uintptr_t>(memory) + kRegionBytes - 1) & ~uintptr_t{kRegionBytes - 1};
  char* region = reinterpret_cast<char*>(start);
  madvise(region, kRegionBytes, MADV_HUGEPAGE);
  std::memset(region, 0, kRegionBytes);
  MutexLock lock(mutex_);
  regions_.push_back(memory);
  for (size_t at = kRegionBytes; at > 0; at -= kPageBytes) {
    free_.push_back(region + at - kPageBytes);
  }
  free_count_.store(free_.size(), std::memory_order_relaxed);
  return true;
}

}  // namespace idem::engine
