#include "base/allocation.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>

namespace idem::engine {
namespace {

// One word, so that a thread never sees half of a setting: how many allocations are left until the
// failure, negated when it lasts; 0 when none is due.
std::atomic<int64_t> failure_countdown{0};

bool FailsForTest() {
  int64_t left = failure_countdown.load(std::memory_order_relaxed);
  while (left != 0) {
    if (left == -1) return true;
    const int64_t next = left > 0 ? left - 1 : left + 1;
    if (failure_countdown.compare_exchange_weak(left, next, std::memory_order_relaxed)) {
      return left == 1;
    }
  }
  return false;
}

// The system gives memory when it is touched.
void Touch(void* part, size_t bytes) {
  constexpr size_t kSystemPageBytes = 4096;
  for (size_t at = 0; at < bytes; at += kSystemPageBytes) {
    static_cast<volatile char*>(part)[at] = 0;
  }
}

}  // namespace

void* AllocateOrNull(size_t bytes) { return FailsForTest() ? nullptr : std::malloc(bytes); }

void Free(void* memory, size_t /*bytes*/) { std::free(memory); }

void* MapRegionOrNull(size_t bytes) {
  if (FailsForTest()) return nullptr;
  // Twice the size, to cut an aligned region from it.
  void* const mapped =
      mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const start = static_cast<char*>(mapped);
  const size_t before = -reinterpret_cast<uintptr_t>(start) & (bytes - 1);
  char* const region = start + before;
  if (before > 0) munmap(start, before);
  munmap(region + bytes, bytes - before);
  madvise(region, bytes, MADV_HUGEPAGE);
  Touch(region, bytes);
  return region;
}

void UnmapRegion(void* region, size_t bytes) { munmap(region, bytes); }

// Else the system might make a huge page of what is left, and have all of it again.
void ReleasePart(void* part, size_t bytes) {
  madvise(part, bytes, MADV_NOHUGEPAGE);
  madvise(part, bytes, MADV_DONTNEED);
}

bool PopulatePart(void* part, size_t bytes) {
  if (FailsForTest()) return false;
  madvise(part, bytes, MADV_HUGEPAGE);
  Touch(part, bytes);
  return true;
}

void SetAllocationFailureForTest(int64_t countdown, AllocationFailure failure) {
  if (countdown < 1) countdown = 0;
  failure_countdown.store(failure == AllocationFailure::kFromThenOn ? -countdown : countdown,
                          std::memory_order_relaxed);
}

}  // namespace idem::engine
