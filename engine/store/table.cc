#include "store/table.h"

#include <algorithm>
#include <new>

#include "base/check.h"

namespace idem::engine {

Table::~Table() {
  Bucket* last = nullptr;
  for (Bucket* segment : directory_) {
    if (segment != last) pool_->Give(reinterpret_cast<char*>(segment));
    last = segment;
  }
}

bool Table::Insert(uint32_t hash, Ref ref) {
  if (directory_.empty()) {
    Bucket* first = NewSegment(0);
    if (first == nullptr) return false;
    directory_.push_back(first);
  }
  while (!InsertInto(SegmentOf(hash), hash, ref)) {
    if (!Split(hash)) return false;
  }
  ++size_;
  return true;
}

bool Table::InsertInto(Bucket* segment, uint32_t hash, Ref ref) {
  Bucket* const home = segment + HomeOf(hash);
  for (Bucket* bucket = home; bucket < home + kProbes; ++bucket) {
    for (Slot& slot : bucket->slots) {
      if (slot.ref != 0) continue;
      slot = {hash, ref};
      for (Bucket* before = home; before < bucket; ++before) ++before->passed;
      return true;
    }
  }
  return false;
}

Table::Slot* Table::FindRef(uint32_t hash, Ref ref) const {
  Slot* slot = Find(hash, [ref](Ref found) { return found == ref; });
  IDEM_CHECK(slot != nullptr);
  return slot;
}

void Table::Replace(uint32_t hash, Ref old_ref, Ref new_ref) {
  FindRef(hash, old_ref)->ref = new_ref;
}

void Table::Erase(uint32_t hash, Ref ref) {
  Slot* slot = FindRef(hash, ref);
  Bucket* bucket = SegmentOf(hash) + HomeOf(hash);
  for (; slot < bucket->slots || slot >= bucket->slots + kSlots; ++bucket) --bucket->passed;
  *slot = {};
  --size_;
}

Table::Bucket* Table::NewSegment(uint32_t depth) {
  char* page = pool_->Take();
  if (page == nullptr) return nullptr;
  Bucket* segment = new (page) Bucket[kBuckets];
  segment->depth = static_cast<uint8_t>(depth);
  ++segments_;
  return segment;
}

void Table::DoubleDirectory() {
  std::vector<Bucket*> doubled(directory_.size() * 2);
  for (size_t i = 0; i < doubled.size(); ++i) doubled[i] = directory_[i / 2];
  directory_ = std::move(doubled);
  ++depth_;
}

// Both halves take their slots in the order in which these stood: then each finds room at or before
// the bucket where it stood, because whatever came before it there stood there or before, too.
bool Table::Split(uint32_t hash) {
  Bucket* old_segment = SegmentOf(hash);
  const uint32_t depth = old_segment->depth + 1u;
  if (depth > kDepthMax) return false;
  Bucket* new_segment = NewSegment(depth);
  if (new_segment == nullptr) return false;
  if (depth > depth_) DoubleDirectory();

  Slot slots[kBuckets * kSlots];
  size_t count = 0;
  for (uint32_t i = 0; i < kBuckets; ++i) {
    for (const Slot& slot : old_segment[i].slots) {
      if (slot.ref != 0) slots[count++] = slot;
    }
    old_segment[i] = Bucket{};
  }
  old_segment->depth = static_cast<uint8_t>(depth);
  for (size_t i = 0; i < count; ++i) {
    const bool upper = (TopBits(slots[i].hash, depth) & 1) != 0;
    IDEM_CHECK(InsertInto(upper ? new_segment : old_segment, slots[i].hash, slots[i].ref));
  }

  const size_t span = directory_.size() >> depth;  // directory entries of either half
  const size_t first = (size_t{TopBits(hash, depth)} | 1) * span;
  std::fill_n(directory_.begin() + static_cast<ptrdiff_t>(first), span, new_segment);
  return true;
}

uint64_t Table::SegmentEnd(uint32_t hash, const Bucket* segment) const {
  const uint32_t depth = segment->depth;
  return (uint64_t{TopBits(hash, depth)} + 1) << (32 - depth);
}

size_t Table::memory_bytes() const {
  return segments_ * kPageBytes + directory_.capacity() * sizeof(Bucket*);
}

void Table::CheckInvariants() const {
  size_t count = 0;
  IDEM_CHECK(directory_.empty() || directory_.size() == size_t{1} << depth_);
  for (size_t i = 0; i < directory_.size(); ++i) {
    const Bucket* segment = directory_[i];
    if (i > 0 && segment == directory_[i - 1]) continue;
    uint32_t passed[kBuckets] = {};
    for (uint32_t b = 0; b < kBuckets; ++b) {
      for (const Slot& slot : segment[b].slots) {
        if (slot.ref == 0) continue;
        ++count;
        IDEM_CHECK(SegmentOf(slot.hash) == segment);
        const uint32_t home = HomeOf(slot.hash);
        IDEM_CHECK(home <= b && b < home + kProbes);
        for (uint32_t before = home; before < b; ++before) ++passed[before];
      }
    }
    for (uint32_t b = 0; b < kBuckets; ++b) IDEM_CHECK(segment[b].passed == passed[b]);
  }
  IDEM_CHECK(count == size_);
}

}  // namespace idem::engine
