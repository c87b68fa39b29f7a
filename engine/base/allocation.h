// The memory whose amount the users decide: entries, index, wheel, bodies. It may run out, and then
// a call is refused; everything else in the engine is small and aborts when operator new fails.
//
// Thread rule: all of it from any thread.
#ifndef IDEM_BASE_ALLOCATION_H_
#define IDEM_BASE_ALLOCATION_H_

#include <cstddef>
#include <cstdint>

namespace idem::engine {

// `bytes` (> 0) of uninitialised memory, aligned for any standard type, or null.
[[nodiscard]] void* AllocateOrNull(size_t bytes);

// What glibc's allocator takes for so many: a header, in steps of 16.
constexpr size_t AllocatedBytes(size_t bytes) { return (bytes + sizeof(size_t) + 15) / 16 * 16; }
// `memory` comes from AllocateOrNull(bytes), or is null.
void Free(void* memory, size_t bytes);

// `bytes` (a power of two, of pages at least) of memory of its own from the system, aligned to its
// size, advised to be huge pages and populated; contents undefined. Or null. Makes system calls and
// takes some 0.1 ms a MiB.
[[nodiscard]] void* MapRegionOrNull(size_t bytes);
void UnmapRegion(void* region, size_t bytes);
// Gives the memory of a part (of whole system pages) back to the system, but not its addresses:
// nobody may touch it until it is populated again. A region with such parts stands on small pages.
void ReleasePart(void* part, size_t bytes);
[[nodiscard]] bool PopulatePart(void* part, size_t bytes);

enum class AllocationFailure { kOnce, kFromThenOn };

// Makes the `countdown`-th allocation from now return null (1: the next one), and with kFromThenOn
// every later one too. Below 1 nothing fails. A new call replaces the one before.
void SetAllocationFailureForTest(int64_t countdown,
                                 AllocationFailure failure = AllocationFailure::kOnce);

}  // namespace idem::engine

#endif  // IDEM_BASE_ALLOCATION_H_
