#include "base/page_pool.h"

#include <algorithm>
#include <bit>
#include <thread>
#include <utility>

#include "base/allocation.h"
#include "base/check.h"

namespace idem::engine {
namespace {

uint32_t LowestBit(uint64_t bits) { return static_cast<uint32_t>(std::countr_zero(bits)); }

}  // namespace

PagePool::PagePool(Standby standby)
    : standby_(standby), bases_(new std::atomic<char*>[kRegionsMax]()) {}

PagePool::~PagePool() {
  for (size_t region = 0; region < free_.size(); ++region) {
    if (char* base = bases_[region].load(std::memory_order_relaxed))
      UnmapRegion(base, kRegionBytes);
  }
}

size_t PagePool::Count(const PageBits& bits) {
  const int count = std::popcount(bits[0]) + std::popcount(bits[1]);
  return static_cast<size_t>(count);
}

PagePool::PageBits PagePool::Together(const PageBits& some, const PageBits& others) {
  return {some[0] | others[0], some[1] | others[1]};
}

// Who finds another thread populating waits for one region, not for its turn: Tend adds several,
// and takes the lock again before anyone who sleeps can have it.
void PagePool::Populate(size_t pages) {
  bool added = true;
  while (added && free_count_.load(std::memory_order_relaxed) < pages) {
    if (!growth_mutex_.TryLock()) {
      std::this_thread::yield();
      continue;
    }
    added = AddPages(pages);
    growth_mutex_.Unlock();
  }
}

bool PagePool::RefillNow(size_t pages) {
  Populate(pages);
  return free_count_.load(std::memory_order_relaxed) < pages_low_.load(std::memory_order_relaxed) &&
         !told_low_.load(std::memory_order_relaxed) &&
         !told_low_.exchange(true, std::memory_order_relaxed);
}

size_t PagePool::RegionsAhead() const {
  return std::min(region_count_.load(std::memory_order_relaxed) / standby_.ahead_part,
                  standby_.ahead_max);
}

// A small store has no pages ahead, so its callers are not sent for more.
void PagePool::CountRegion(int sign) {
  region_count_.fetch_add(static_cast<size_t>(sign), std::memory_order_relaxed);
  const size_t ahead = RegionsAhead();
  const size_t low = kPagesWanted + ahead * kRegionPages / 2;  // half of what is ahead is used up
  pages_low_.store(ahead > 0 ? low : 0, std::memory_order_relaxed);
}

void PagePool::Tend() {
  if (told_low_.load(std::memory_order_relaxed)) {
    Populate(PagesAhead());
    told_low_.store(false, std::memory_order_relaxed);
  }
  while (HasTooMany() && ReleaseFreeRegion()) {
  }
}

bool PagePool::HasTooMany() const {
  const size_t spare_regions = std::max(standby_.spare_min, region_count_.load() / 32);
  return free_count_.load(std::memory_order_relaxed) >= PagesAhead() + spare_regions * kRegionPages;
}

uint32_t PagePool::Take() {
  MutexLock lock(mutex_);
  const uint32_t region = LowestWithFree();
  if (region == kNoPage) return kNoPage;
  PageBits& bits = free_[region];
  const size_t word = bits[0] != 0 ? 0 : 1;
  const uint32_t bit = LowestBit(bits[word]);
  bits[word] &= bits[word] - 1;
  if (bits == PageBits{}) SetHasFree(region, false);
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
bool PagePool::AddPages(size_t pages_wanted) {
  if (free_count_.load(std::memory_order_relaxed) >= pages_wanted) return true;
  return absent_count_.load(std::memory_order_relaxed) > 0 ? PopulateAbsent() : AddRegion();
}

bool PagePool::AddRegion() {
  size_t region = 0;
  while (region < kRegionsMax && bases_[region].load(std::memory_order_relaxed) != nullptr) {
    ++region;
  }
  if (region == kRegionsMax) return false;
  void* const memory = MapRegionOrNull(kRegionBytes);
  if (memory == nullptr) return false;
  MutexLock lock(mutex_);
  bases_[region].store(static_cast<char*>(memory), std::memory_order_relaxed);
  if (region >= free_.size()) {
    free_.resize(region + 1);
    absent_.resize(region + 1);
  }
  has_free_.resize(std::max(has_free_.size(), region / 64 + 1));
  free_[region].fill(~uint64_t{0});
  SetHasFree(static_cast<uint32_t>(region), true);
  CountRegion(+1);
  free_count_.fetch_add(kRegionPages, std::memory_order_relaxed);
  return true;
}

// Those of the lowest region that has some. Nobody else touches them meanwhile.
bool PagePool::PopulateAbsent() {
  size_t region = 0;
  PageBits absent;
  {
    MutexLock lock(mutex_);
    while (Count(absent_[region]) == 0) ++region;
    absent = absent_[region];
  }
  bool populated = true;
  VisitRuns(region, absent,
            [&](char* run, size_t bytes) { populated = populated && PopulatePart(run, bytes); });
  if (!populated) return false;
  MutexLock lock(mutex_);
  absent_[region] = {};
  free_[region] = Together(free_[region], absent);
  SetHasFree(static_cast<uint32_t>(region), true);
  absent_count_.fetch_sub(Count(absent), std::memory_order_relaxed);
  free_count_.fetch_add(Count(absent), std::memory_order_relaxed);
  return true;
}

// The last region of which no page is taken: it is the pool's no more. False: there is none.
bool PagePool::ReleaseFreeRegion() {
  MutexLock growth(growth_mutex_);
  constexpr PageBits kAll = {~uint64_t{0}, ~uint64_t{0}};
  char* base = nullptr;
  {
    MutexLock lock(mutex_);
    size_t region = free_.size();
    while (region > 0 && Together(free_[region - 1], absent_[region - 1]) != kAll) --region;
    if (region-- == 0) return false;
    free_count_.fetch_sub(Count(free_[region]), std::memory_order_relaxed);
    absent_count_.fetch_sub(Count(absent_[region]), std::memory_order_relaxed);
    CountRegion(-1);
    free_[region] = absent_[region] = {};
    SetHasFree(static_cast<uint32_t>(region), false);
    base = bases_[region].exchange(nullptr, std::memory_order_relaxed);
  }
  UnmapRegion(base, kRegionBytes);
  return true;
}

// Of the last region that has free pages.
bool PagePool::Trim() {
  if (!HasTooMany()) return false;
  MutexLock growth(growth_mutex_);
  size_t region = 0;
  PageBits pages;
  {
    MutexLock lock(mutex_);
    region = free_.size();
    while (region > 0 && Count(free_[region - 1]) == 0) --region;
    if (region-- == 0) return false;
    pages = std::exchange(free_[region], {});
    absent_[region] = Together(absent_[region], pages);
    SetHasFree(static_cast<uint32_t>(region), false);
    free_count_.fetch_sub(Count(pages), std::memory_order_relaxed);
    absent_count_.fetch_add(Count(pages), std::memory_order_relaxed);
  }
  VisitRuns(region, pages, [](char* run, size_t bytes) { ReleasePart(run, bytes); });
  return true;
}

// Pages that stand side by side are one run.
template <typename Visit>
void PagePool::VisitRuns(size_t region, const PageBits& pages, Visit&& visit) const {
  char* const base = bases_[region].load(std::memory_order_relaxed);
  const auto is_in = [&](size_t page) { return (pages[page / 64] >> page % 64 & 1) != 0; };
  for (size_t page = 0; page < kRegionPages;) {
    size_t end = page;
    while (end < kRegionPages && is_in(end)) ++end;
    if (end > page) visit(base + page * kPageBytes, (end - page) * kPageBytes);
    page = end + 1;
  }
}

size_t PagePool::CountFree() const {
  MutexLock lock(mutex_);
  size_t free = 0;
  for (const PageBits& bits : free_) free += Count(bits);
  return free;
}

}  // namespace idem::engine
