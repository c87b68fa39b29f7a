#include "base/page_pool.h"

#include <algorithm>
#include <bit>

#include "base/allocation.h"
#include "base/check.h"

namespace idem::engine {
namespace {

uint32_t LowestBit(uint64_t bits) { return static_cast<uint32_t>(std::countr_zero(bits)); }

}  // namespace

PagePool::PagePool() : bases_(new std::atomic<char*>[kRegionsMax]()) {}

PagePool::~PagePool() {
  for (size_t region = 0; region < free_.size(); ++region) {
    if (char* base = bases_[region].load(std::memory_order_relaxed))
      UnmapRegion(base, kRegionBytes);
  }
}

bool PagePool::RefillNow(size_t pages) {
  while (free_count_.load(std::memory_order_relaxed) < pages && AddRegion(pages)) {
  }
  // A small store has no pages ahead, so its callers are not sent for more.
  return RegionsAhead() > 0 && !told_low_.load(std::memory_order_relaxed) &&
         !told_low_.exchange(true, std::memory_order_relaxed);
}

size_t PagePool::RegionsAhead() const {
  return std::min(region_count_.load(std::memory_order_relaxed) / 8, kRegionsAheadMax);
}

void PagePool::Tend() {
  const size_t ahead = RegionsAhead() * kRegionPages + kPagesWanted;
  if (told_low_.load(std::memory_order_relaxed)) {
    while (free_count_.load(std::memory_order_relaxed) < ahead && AddRegion(ahead)) {
    }
    told_low_.store(false, std::memory_order_relaxed);
  }
  while (free_count_.load(std::memory_order_relaxed) >= ahead + 3 * kRegionPages) {
    void* const region = DetachFreeRegion();
    if (region == nullptr) return;
    UnmapRegion(region, kRegionBytes);
  }
}

uint32_t PagePool::Take() {
  MutexLock lock(mutex_);
  const uint32_t region = LowestWithFree();
  if (region == kNoPage) return kNoPage;
  FreeBits& bits = free_[region];
  const size_t word = bits[0] != 0 ? 0 : 1;
  const uint32_t bit = LowestBit(bits[word]);
  bits[word] &= bits[word] - 1;
  if (bits == FreeBits{}) SetHasFree(region, false);
  free_count_.fetch_sub(1, std::memory_order_relaxed);
  return (region << kRegionPageBits) + static_cast<uint32_t>(word) * 64 + bit;
}

void PagePool::Give(uint32_t page) {
  MutexLock lock(mutex_);
  const uint32_t region = page >> kRegionPageBits;
  const uint32_t place = page % kRegionPages;
  uint64_t& bits = free_[region][place / 64];
  const uint64_t bit = uint64_t{1} << place % 64;
  IDEM_CHECK((bits & bit) == 0);
  bits |= bit;
  SetHasFree(region, true);
  free_count_.fetch_add(1, std::memory_order_relaxed);
}

uint32_t PagePool::LowestWithFree() {
  for (; lowest_word_ < has_free_.size(); ++lowest_word_) {
    const uint64_t bits = has_free_[lowest_word_];
    if (bits != 0) return static_cast<uint32_t>(lowest_word_ * 64) + LowestBit(bits);
  }
  return kNoPage;
}

void PagePool::SetHasFree(uint32_t region, bool has_free) {
  const size_t word = region / 64;
  const uint64_t bit = uint64_t{1} << region % 64;
  has_free ? has_free_[word] |= bit : has_free_[word] &= ~bit;
  if (has_free) lowest_word_ = std::min(lowest_word_, word);
}

// False: no memory.
bool PagePool::AddRegion(size_t pages_wanted) {
  MutexLock growth(growth_mutex_);
  if (free_count_.load(std::memory_order_relaxed) >= pages_wanted) return true;
  size_t region = 0;
  while (region < kRegionsMax && bases_[region].load(std::memory_order_relaxed) != nullptr) {
    ++region;
  }
  if (region == kRegionsMax) return false;
  void* const memory = MapRegionOrNull(kRegionBytes);
  if (memory == nullptr) return false;
  MutexLock lock(mutex_);
  bases_[region].store(static_cast<char*>(memory), std::memory_order_relaxed);
  if (region >= free_.size()) free_.resize(region + 1);
  has_free_.resize(std::max(has_free_.size(), region / 64 + 1));
  free_[region].fill(~uint64_t{0});
  SetHasFree(static_cast<uint32_t>(region), true);
  region_count_.fetch_add(1, std::memory_order_relaxed);
  free_count_.fetch_add(kRegionPages, std::memory_order_relaxed);
  return true;
}

// The last region of which no page is taken: it is the pool's no more. Null: there is none.
void* PagePool::DetachFreeRegion() {
  constexpr FreeBits kAllFree = {~uint64_t{0}, ~uint64_t{0}};
  MutexLock growth(growth_mutex_);
  MutexLock lock(mutex_);
  for (size_t region = free_.size(); region-- > 0;) {
    if (free_[region] != kAllFree) continue;
    free_[region] = {};
    SetHasFree(static_cast<uint32_t>(region), false);
    region_count_.fetch_sub(1, std::memory_order_relaxed);
    free_count_.fetch_sub(kRegionPages, std::memory_order_relaxed);
    return bases_[region].exchange(nullptr, std::memory_order_relaxed);
  }
  return nullptr;
}

size_t PagePool::CountFree() const {
  MutexLock lock(mutex_);
  size_t free = 0;
  for (const FreeBits& bits : free_) {
    for (const uint64_t word : bits) free += static_cast<size_t>(std::popcount(word));
  }
  return free;
}

}  // namespace idem::engine
