#include "store/arena.h"

#include "base/check.h"
#include "base/coding.h"

namespace idem::engine {
namespace {

constexpr size_t kFineStep = 16;
constexpr size_t kFineBytesMax = 512;
constexpr size_t kFineClasses = kFineBytesMax / kFineStep;
constexpr size_t kCoarseStep = 64;

}  // namespace

Arena::Arena(PagePool* pool) : pool_(pool), bases_(1, nullptr), pages_(1) {}

Arena::~Arena() {
  for (char* base : bases_) {
    if (base != nullptr) pool_->Give(base);
  }
}

size_t Arena::ClassOf(size_t bytes) {
  if (bytes <= kFineBytesMax) return (bytes + kFineStep - 1) / kFineStep - 1;
  return kFineClasses + (bytes - kFineBytesMax + kCoarseStep - 1) / kCoarseStep - 1;
}

size_t Arena::ClassBytes(size_t size_class) {
  if (size_class < kFineClasses) return (size_class + 1) * kFineStep;
  return kFineBytesMax + (size_class - kFineClasses + 1) * kCoarseStep;
}

bool Arena::HasRoom(const Page& page) {
  const size_t units = ClassBytes(page.size_class) / kUnitBytes;
  return page.free_unit != kNoUnit || page.fresh_unit + units <= kUnitMask + 1;
}

Ref Arena::Allocate(size_t bytes) {
  IDEM_CHECK(bytes > 0 && bytes <= kBlockBytesMax);
  const size_t size_class = ClassOf(bytes);
  uint32_t index = with_room_[size_class];
  if (index == 0) index = AddPage(size_class);
  if (index == 0) return 0;
  Page& page = pages_[index];
  uint32_t unit = page.free_unit;
  if (unit != kNoUnit) {
    page.free_unit = Load<uint16_t>(bases_[index] + unit * kUnitBytes);
  } else {
    unit = page.fresh_unit;
    page.fresh_unit = static_cast<uint16_t>(unit + ClassBytes(size_class) / kUnitBytes);
  }
  ++page.live;
  if (!HasRoom(page)) Unlink(index);
  return (index << kUnitBits) | unit;
}

void Arena::Free(Ref ref) {
  const uint32_t index = ref >> kUnitBits;
  Page& page = pages_[index];
  IDEM_CHECK(page.live > 0);
  const bool was_full = !HasRoom(page);
  StoreAt(At(ref), page.free_unit);
  page.free_unit = static_cast<uint16_t>(ref & kUnitMask);
  --page.live;
  if (was_full) Link(index);
  if (page.live == 0) RemovePage(index);
}

uint32_t Arena::AddPage(size_t size_class) {
  if (unused_indexes_.empty() && pages_.size() == kPagesMax) return 0;
  char* base = pool_->Take();
  if (base == nullptr) return 0;
  if (unused_indexes_.empty()) {
    unused_indexes_.push_back(static_cast<uint32_t>(pages_.size()));
    pages_.emplace_back();
    bases_.push_back(nullptr);
  }
  const uint32_t index = unused_indexes_.back();
  unused_indexes_.pop_back();
  bases_[index] = base;
  pages_[index] = Page{};
  pages_[index].size_class = static_cast<uint8_t>(size_class);
  Link(index);
  return index;
}

void Arena::RemovePage(uint32_t index) {
  Unlink(index);
  pool_->Give(bases_[index]);
  bases_[index] = nullptr;
  unused_indexes_.push_back(index);
}

void Arena::Link(uint32_t index) {
  Page& page = pages_[index];
  uint32_t& head = with_room_[page.size_class];
  page.previous = 0;
  page.next = head;
  if (head != 0) pages_[head].previous = index;
  head = index;
}

void Arena::Unlink(uint32_t index) {
  Page& page = pages_[index];
  if (page.next != 0) pages_[page.next].previous = page.previous;
  (page.previous != 0 ? pages_[page.previous].next : with_room_[page.size_class]) = page.next;
}

size_t Arena::CountBlocks() const {
  size_t count = 0;
  for (size_t index = 1; index < pages_.size(); ++index) {
    if (bases_[index] != nullptr) count += pages_[index].live;
  }
  return count;
}

size_t Arena::CountFreed(uint32_t index) const {
  const Page& page = pages_[index];
  size_t count = 0;
  for (uint32_t unit = page.free_unit; unit != kNoUnit; ++count) {
    IDEM_CHECK(unit < page.fresh_unit && unit % (ClassBytes(page.size_class) / kUnitBytes) == 0);
    unit = Load<uint16_t>(bases_[index] + unit * kUnitBytes);
  }
  return count;
}

void Arena::CheckInvariants() const {
  size_t linked = 0, with_room = 0, pages = 0;
  for (size_t size_class = 0; size_class < kClasses; ++size_class) {
    uint32_t previous = 0;
    for (uint32_t index = with_room_[size_class]; index != 0; index = pages_[index].next) {
      IDEM_CHECK(bases_[index] != nullptr && pages_[index].size_class == size_class);
      IDEM_CHECK(pages_[index].previous == previous && HasRoom(pages_[index]));
      previous = index;
      ++linked;
    }
  }
  for (uint32_t index = 1; index < pages_.size(); ++index) {
    if (bases_[index] == nullptr) continue;
    const Page& page = pages_[index];
    const size_t cut = page.fresh_unit * kUnitBytes / ClassBytes(page.size_class);
    IDEM_CHECK(page.live > 0 && page.live + CountFreed(index) == cut);
    if (HasRoom(page)) ++with_room;
    ++pages;
  }
  IDEM_CHECK(linked == with_room);
  IDEM_CHECK(pages + unused_indexes_.size() + 1 == pages_.size());
}

}  // namespace idem::engine
