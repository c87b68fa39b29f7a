#include "base/arena.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace idem::engine {
namespace {

constexpr size_t kFineStep = 8;
constexpr size_t kFineBytesMax = 512;
constexpr size_t kFineClasses = kFineBytesMax / kFineStep;
constexpr size_t kCoarseStep = 64;

}  // namespace

Arena::Arena(PagePool* pool) : pool_(pool) {
  with_room_.fill(kNone);
  full_.fill(kNone);
}

Arena::~Arena() {
  for (size_t size_class = 0; size_class < kClasses; ++size_class) {
    GiveChain(with_room_[size_class]);
    GiveChain(full_[size_class]);
  }
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
  uint32_t page = with_room_[size_class];
  if (page == kNone) page = AddPage(size_class);
  if (page == kNone) return 0;
  Header& header = HeaderAt(page);
  while (header.used[header.first_word] == ~uint64_t{0}) ++header.first_word;
  uint64_t& word = header.used[header.first_word];
  const auto bit = static_cast<uint32_t>(std::countr_one(word));
  word |= uint64_t{1} << bit;
  if (header.live + 1 == header.capacity) Unlink(page);
  if (++header.live == header.capacity) Link(page);
  const size_t offset = sizeof(Header) + (header.first_word * 64u + bit) * ClassBytes(size_class);
  return (page << kUnitBits) + static_cast<uint32_t>(offset / kUnitBytes);
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
  const bool moves = header.live == header.capacity || header.live == 1;
  if (moves) Unlink(page);
  --header.live;
  if (header.live == 0) {
    --page_count_;
    pool_->Give(page);
  } else if (moves) {
    Link(page);
  }
}

uint32_t Arena::AddPage(size_t size_class) {
  const uint32_t page = pool_->Take();
  if (page == kNone) return kNone;
  ++page_count_;
  Header& header = HeaderAt(page);
  header = Header{};
  header.size_class = static_cast<uint8_t>(size_class);
  header.capacity = static_cast<uint16_t>((kPageBytes - sizeof(Header)) / ClassBytes(size_class));
  Link(page);
  return page;
}

// The chain where the page stands as long as `live` is what it is.
uint32_t& Arena::ChainOf(const Header& header) {
  return (header.live == header.capacity ? full_ : with_room_)[header.size_class];
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
  for (const auto& chains : {with_room_, full_}) {
    for (const uint32_t first : chains) {
      for (uint32_t page = first; page != kNone; page = HeaderAt(page).next) {
        count += HeaderAt(page).live;
      }
    }
  }
  return count;
}

size_t Arena::CheckChain(uint32_t first, size_t size_class, bool full) const {
  size_t pages = 0;
  uint32_t previous = kNone;
  for (uint32_t page = first; page != kNone; page = HeaderAt(page).next) {
    const Header& header = HeaderAt(page);
    IDEM_CHECK(header.size_class == size_class && header.previous == previous);
    IDEM_CHECK(header.live > 0 && (header.live == header.capacity) == full);
    size_t used = 0;
    for (size_t word = 0; word < header.used.size(); ++word) {
      used += static_cast<size_t>(std::popcount(header.used[word]));
      IDEM_CHECK(word >= header.first_word || header.used[word] == ~uint64_t{0});
    }
    IDEM_CHECK(used == header.live);
    previous = page;
    ++pages;
  }
  return pages;
}

void Arena::CheckInvariants() const {
  size_t pages = 0;
  for (size_t size_class = 0; size_class < kClasses; ++size_class) {
    pages += CheckChain(with_room_[size_class], size_class, /*full=*/false);
    pages += CheckChain(full_[size_class], size_class, /*full=*/true);
  }
  IDEM_CHECK(pages == page_count_);
}

}  // namespace idem::engine
