#include "base/arena.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace idem::engine {
namespace {

constexpr size_t kFineStep = 8;
constexpr size_t kFineBytesMax = 512;
constexpr size_t kFineClasses = kFineBytesMax / kFineStep;
constexpr size_t kCoarseStep = 64;

}  // namespace

Arena::Arena(PagePool* pool) : pool_(pool) {
  for (Chains& chains : chains_) chains.fill(kNone);
}

Arena::~Arena() {
  for (const Chains& chains : chains_) {
    for (const uint32_t first : chains) GiveChain(first);
  }
  if (spare_ != kNone) pool_->Give(spare_);
}

void Arena::GiveChain(uint32_t first) {
  for (uint32_t page = first; page != kNone;) {
    const uint32_t next = HeaderAt(page).next;
    pool_->Give(page);
    page = next;
  }
}

size_t Arena::ClassOf(size_t bytes) {
  if (bytes <= kFineBytesMax) {
    return (std::max(bytes, kBlockBytesMin) + kFineStep - 1) / kFineStep - 1;
  }
  return kFineClasses + (bytes - kFineBytesMax + kCoarseStep - 1) / kCoarseStep - 1;
}

size_t Arena::ClassBytes(size_t size_class) {
  if (size_class < kFineClasses) return (size_class + 1) * kFineStep;
  return kFineBytesMax + (size_class - kFineClasses + 1) * kCoarseStep;
}

Ref Arena::Allocate(size_t bytes) {
  IDEM_CHECK(bytes > 0 && bytes <= kBlockBytesMax);
  const size_t size_class = ClassOf(bytes);
  const uint32_t page = PageWithRoom(size_class);
  if (page == kNone) return 0;
  Header& header = HeaderAt(page);
  while (header.used[header.first_word] == ~uint64_t{0}) ++header.first_word;
  uint64_t& word = header.used[header.first_word];
  const auto bit = static_cast<uint32_t>(std::countr_one(word));
  word |= uint64_t{1} << bit;
  SetLive(page, header.live + 1u);
  --free_blocks_[size_class];
  block_bytes_ += ClassBytes(size_class);
  return RefOf(page, header, header.first_word * 64u + bit);
}

void Arena::Free(Ref ref) {
  const uint32_t page = ref >> kUnitBits;
  Header& header = HeaderAt(page);
  const auto offset = static_cast<uint32_t>((ref & kUnitMask) * kUnitBytes - sizeof(Header));
  const uint32_t index = offset / static_cast<uint32_t>(ClassBytes(header.size_class));
  const uint64_t bit = uint64_t{1} << index % 64;
  uint64_t& word = header.used[index / 64];
  IDEM_CHECK((word & bit) != 0);
  word &= ~bit;
  header.first_word = std::min(header.first_word, static_cast<uint8_t>(index / 64));
  ++free_blocks_[header.size_class];
  block_bytes_ -= ClassBytes(header.size_class);
  if (header.live > 1) return SetLive(page, header.live - 1u);
  Unlink(page);
  free_blocks_[header.size_class] -= header.capacity;
  if (spare_ != kNone) return GivePage(page);
  spare_ = page;
}

uint32_t Arena::PageWithRoom(size_t size_class) {
  const Chains& chains = chains_[size_class];
  for (size_t quarter = kFull; quarter-- > 0;) {
    if (chains[quarter] != kNone) return chains[quarter];
  }
  return AddPage(size_class);
}

uint32_t Arena::AddPage(size_t size_class) {
  const uint32_t page = TakePage();
  if (page == kNone) return kNone;
  Header& header = HeaderAt(page);
  header = Header{};
  header.size_class = static_cast<uint8_t>(size_class);
  header.capacity = static_cast<uint16_t>((kPageBytes - sizeof(Header)) / ClassBytes(size_class));
  free_blocks_[size_class] += header.capacity;
  Link(page);
  return page;
}

uint32_t Arena::TakePage() {
  if (spare_ != kNone) return std::exchange(spare_, kNone);
  const uint32_t page = pool_->Take();
  if (page != kNone) ++page_count_;
  return page;
}

// It is in no chain, and belongs to no class any more.
void Arena::GivePage(uint32_t page) {
  --page_count_;
  pool_->Give(page);
}

// Blocks that are moved out of a page need the room of others of their class: there is enough if
// more blocks are free than a page has.
uint32_t Arena::SparsePage() const {
  const size_t bytes = memory_bytes();
  if (page_count_ < kSparsePagesMin || bytes - block_bytes_ <= bytes / 10) return kNone;
  for (size_t quarter = 0; quarter < kFull - 1; ++quarter) {
    for (size_t size_class = 0; size_class < kClasses; ++size_class) {
      const uint32_t page = chains_[size_class][quarter];
      if (page != kNone && free_blocks_[size_class] >= HeaderAt(page).capacity) return page;
    }
  }
  return kNone;
}

void Arena::VisitBlocks(uint32_t page, absl::FunctionRef<void(Ref)> visit) const {
  const Header& header = HeaderAt(page);
  for (uint32_t word = 0; word < header.used.size(); ++word) {
    for (uint64_t left = header.used[word]; left != 0; left &= left - 1) {
      visit(RefOf(page, header, word * 64 + static_cast<uint32_t>(std::countr_zero(left))));
    }
  }
}

void Arena::EmptyPage(uint32_t page, absl::FunctionRef<void(Ref from, Ref to)> moved) {
  Header& header = HeaderAt(page);
  const size_t bytes = ClassBytes(header.size_class);
  Unlink(page);  // no block may move within it
  VisitBlocks(page, [&](Ref from) {
    const Ref to = Allocate(bytes);
    IDEM_CHECK(to != 0);
    std::memcpy(At(to), At(from), bytes);
    moved(from, to);
  });
  free_blocks_[header.size_class] += header.live;
  free_blocks_[header.size_class] -= header.capacity;
  block_bytes_ -= header.live * bytes;
  GivePage(page);
}

// The page changes its chain when it comes to another quarter.
void Arena::SetLive(uint32_t page, size_t live) {
  Header& header = HeaderAt(page);
  header.live = static_cast<uint16_t>(live);
  const size_t quarters = live * kFull;
  const bool stays = quarters >= size_t{header.quarter} * header.capacity &&
                     quarters < (header.quarter + size_t{1}) * header.capacity;
  if (stays) return;
  Unlink(page);
  header.quarter = static_cast<uint8_t>(quarters / header.capacity);
  Link(page);
}

void Arena::Link(uint32_t page) {
  Header& header = HeaderAt(page);
  uint32_t& first = ChainOf(header);
  header.previous = kNone;
  header.next = first;
  if (first != kNone) HeaderAt(first).previous = page;
  first = page;
}

void Arena::Unlink(uint32_t page) {
  const Header& header = HeaderAt(page);
  if (header.next != kNone) HeaderAt(header.next).previous = header.previous;
  (header.previous != kNone ? HeaderAt(header.previous).next : ChainOf(header)) = header.next;
}

size_t Arena::CountBlocks() const {
  size_t count = 0;
  for (const Chains& chains : chains_) {
    for (const uint32_t first : chains) {
      for (uint32_t page = first; page != kNone; page = HeaderAt(page).next) {
        count += HeaderAt(page).live;
      }
    }
  }
  return count;
}

// Returns the pages in the chain, and adds their free blocks.
size_t Arena::CheckChain(size_t size_class, size_t quarter, size_t& free_blocks) const {
  size_t pages = 0;
  uint32_t previous = kNone;
  for (uint32_t page = chains_[size_class][quarter]; page != kNone; page = HeaderAt(page).next) {
    const Header& header = HeaderAt(page);
    IDEM_CHECK(header.size_class == size_class && header.previous == previous);
    IDEM_CHECK(header.live > 0 && header.quarter == quarter &&
               header.live * kFull / header.capacity == quarter);
    size_t used = 0;
    for (size_t word = 0; word < header.used.size(); ++word) {
      used += static_cast<size_t>(std::popcount(header.used[word]));
      IDEM_CHECK(word >= header.first_word || header.used[word] == ~uint64_t{0});
    }
    IDEM_CHECK(used == header.live);
    free_blocks += header.capacity - used;
    previous = page;
    ++pages;
  }
  return pages;
}

void Arena::CheckInvariants() const {
  size_t pages = 0;
  size_t block_bytes = 0;
  for (size_t size_class = 0; size_class < kClasses; ++size_class) {
    size_t class_pages = 0;
    size_t free_blocks = 0;
    for (size_t quarter = 0; quarter <= kFull; ++quarter) {
      class_pages += CheckChain(size_class, quarter, free_blocks);
    }
    IDEM_CHECK(free_blocks == free_blocks_[size_class]);
    const size_t capacity = (kPageBytes - sizeof(Header)) / ClassBytes(size_class);
    block_bytes += (class_pages * capacity - free_blocks) * ClassBytes(size_class);
    pages += class_pages;
  }
  IDEM_CHECK(pages + (spare_ != kNone ? 1 : 0) == page_count_ && block_bytes == block_bytes_);
}

}  // namespace idem::engine
