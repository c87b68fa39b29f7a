#include "store/table.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.h"

namespace idem::engine {

// Fills a segment that was empty with slots of others, in whatever order they come.
class Table::Filler {
 public:
  explicit Filler(Bucket* segment) : segment_(segment) {}

  // A copy of the slot `i` of `from`, whose home is `home`. False: no bucket of its probe has room.
  bool Add(const Bucket& from, size_t i, uint32_t home) {
    uint32_t to = home;
    while (used_[to] == kSlots) {
      if (++to - home == kProbes) return false;
    }
    const size_t slot = used_[to]++;
    segment_[to].low[slot] = static_cast<uint16_t>((from.low[i] & ~3) | (to - home));
    segment_[to].high[slot] = from.high[i];
    segment_[to].refs[slot] = from.refs[i];
    for (uint32_t before = home; before < to; ++before) ++segment_[before].passed;
    return true;
  }

 private:
  Bucket* const segment_;
  std::array<uint8_t, kBuckets> used_{};
};

Table::~Table() {
  if (directories_.empty()) return;
  for (const Segment& segment : directory().about) {
    if (segment.page != PagePool::kNoPage) pool_->Give(segment.page);
  }
}

size_t Table::FirstIndexOf(uint16_t prefix) const {
  const Directory& all = directory();
  const size_t index = all.IndexOf(prefix);
  // What stands beside any entry of a segment tells its depth.
  const uint32_t span_bits = all.depth - all.about[index].depth;
  return index >> span_bits << span_bits;
}

bool Table::Insert(Place place, Ref ref) {
  if (directories_.empty() && !MakeFirstSegment()) return false;
  while (!InsertInto(BucketOf(place) - place.home, place, ref)) {
    if (!Split(place.prefix)) return false;
  }
  ++directory().about[FirstIndexOf(place.prefix)].count;
  ++size_;
  return true;
}

bool Table::InsertInto(Bucket* segment, Place place, Ref ref) {
  const uint32_t end = std::min(place.home + kReach, kBuckets);
  uint32_t bucket = place.home;
  while (bucket < end && FreeSlotIn(segment[bucket]) == kSlots) ++bucket;
  while (bucket < end && bucket - place.home >= kProbes) bucket = HopTo(segment, bucket);
  if (bucket >= end) return false;
  Put(segment, bucket, place, ref);
  return true;
}

uint32_t Table::FreeSlotIn(const Bucket& bucket) {
  uint32_t slot = 0;
  while (slot < kSlots && bucket.refs[slot] != 0) ++slot;
  return slot;
}

void Table::Put(Bucket* segment, uint32_t bucket, Place place, Ref ref) {
  Bucket& to = segment[bucket];
  const uint32_t slot = FreeSlotIn(to);
  to.low[slot] = LowOf(place, bucket - place.home);
  to.high[slot] = static_cast<uint8_t>(place.prefix >> 8);
  to.refs[slot] = ref;
  for (uint32_t before = place.home; before < bucket; ++before) ++segment[before].passed;
}

// Moves somebody who may also stand in `bucket`, which has room, there from a bucket before it.
// Returns the one that has room now; kBuckets if nobody may.
uint32_t Table::HopTo(Bucket* segment, uint32_t bucket) {
  for (uint32_t from = bucket - (kProbes - 1); from < bucket; ++from) {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const Place place = PlaceAt(segment, from, slot);
      if (bucket - place.home >= kProbes) continue;
      const Ref ref = segment[from].refs[slot];
      EraseFrom(segment, place.home, {&segment[from], slot});
      Put(segment, bucket, place, ref);
      return from;
    }
  }
  return kBuckets;
}

Table::SlotAt Table::SearchRef(Place place, Ref ref) const {
  const SlotAt at =
      Search({place.prefix, place.home, 0}, kAnyTag, [ref](Ref found) { return found == ref; });
  IDEM_CHECK(at.bucket != nullptr);
  return at;
}

void Table::Replace(Place place, Ref old_ref, Ref new_ref) {
  const SlotAt at = SearchRef(place, old_ref);
  at.bucket->refs[at.index] = new_ref;
}

void Table::Erase(Place place, Ref ref) {
  EraseFrom(BucketOf(place) - place.home, place.home, SearchRef(place, ref));
  --directory().about[FirstIndexOf(place.prefix)].count;
  --size_;
  MergeIfSparse(place.prefix);
}

bool Table::MakeFirstSegment() {
  const uint32_t page = NewSegment();
  if (page == PagePool::kNoPage) return false;
  directories_.push_back(std::make_unique<Directory>(0));
  directories_.back()->segments[0].store(reinterpret_cast<Bucket*>(pool_->PageAt(page)),
                                         std::memory_order_relaxed);  // for Prefetch
  directory_.store(directories_.back().get(), std::memory_order_release);
  SetSegment(0, {.page = page, .count = 0, .depth = 0});
  segment_count_ = 1;
  return true;
}

uint32_t Table::NewSegment() const {
  const uint32_t page = pool_->Take();
  if (page != PagePool::kNoPage) new (pool_->PageAt(page)) Bucket[kBuckets];
  return page;
}

// Writes all entries of a segment; only the first names its page and counts.
void Table::SetSegment(size_t first, Segment segment) {
  Directory& all = directory();
  Bucket* const buckets = reinterpret_cast<Bucket*>(pool_->PageAt(segment.page));
  const size_t span = size_t{1} << (all.depth - segment.depth);
  for (size_t i = first; i < first + span; ++i) {
    all.segments[i].store(buckets, std::memory_order_relaxed);
    all.about[i] = {.depth = segment.depth};
  }
  all.about[first] = segment;
}

void Table::DoubleDirectory() {
  const Directory& old = directory();
  auto doubled = std::make_unique<Directory>(old.depth + 1);
  for (size_t i = 0; i < old.segments.size(); ++i) {
    for (size_t half = 2 * i; half < 2 * i + 2; ++half) {
      doubled->segments[half].store(old.segments[i].load(std::memory_order_relaxed),
                                    std::memory_order_relaxed);
      doubled->about[half] = {.depth = old.about[i].depth};
    }
    doubled->about[2 * i] = old.about[i];
  }
  directories_.push_back(std::move(doubled));
  directory_.store(directories_.back().get(), std::memory_order_release);
}

Table::Place Table::PlaceAt(const Bucket* segment, uint32_t bucket, size_t slot) {
  const uint32_t low = segment[bucket].low[slot];
  return {PrefixAt(segment[bucket], slot), static_cast<uint8_t>(bucket - (low & 3)),
          static_cast<uint8_t>(low >> 2 & 0x3f)};
}

// Half of the slots move to a segment of their own; the rest stays where it is. Those that move go
// in the order in which they stood, so each finds room at or before the bucket where it stood.
bool Table::Split(uint16_t prefix) {
  const size_t old_first = FirstIndexOf(prefix);
  const uint32_t depth = directory().about[old_first].depth + 1u;
  if (depth > kPrefixBits) return false;
  const uint32_t page = NewSegment();
  if (page == PagePool::kNoPage) return false;
  if (depth > directory().depth) DoubleDirectory();

  const size_t first = FirstIndexOf(prefix);
  Segment lower = directory().about[first];
  Segment upper = {.page = page, .count = 0, .depth = static_cast<uint8_t>(depth)};
  auto* const from = reinterpret_cast<Bucket*>(pool_->PageAt(lower.page));
  Filler filler(reinterpret_cast<Bucket*>(pool_->PageAt(page)));
  const auto bit = static_cast<uint16_t>(1u << (kPrefixBits - depth));
  for (uint32_t b = 0; b < kBuckets; ++b) {
    std::array<uint8_t, kProbes> gone{};  // by their distance from home
    for (uint32_t who = WhoHas(from[b], bit); who != 0; who &= who - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(who));
      const uint32_t distance = from[b].low[i] & 3u;
      IDEM_CHECK(filler.Add(from[b], i, b - distance));
      Clear({&from[b], i});
      ++gone[distance];
      ++upper.count;
    }
    for (uint32_t distance = kProbes - 1, passed = 0; distance > 0; --distance) {
      passed += gone[distance];
      if (passed > 0) from[b - distance].passed -= static_cast<uint8_t>(passed);
    }
  }
  lower.count = static_cast<uint16_t>(lower.count - upper.count);
  lower.depth = upper.depth;
  SetSegment(first, lower);
  SetSegment(first + (size_t{1} << (directory().depth - depth)), upper);
  ++segment_count_;
  return true;
}

void Table::EraseFrom(Bucket* segment, uint32_t home, SlotAt at) {
  for (Bucket* before = segment + home; before < at.bucket; ++before) --before->passed;
  Clear(at);
}

// All of it, so that WhoHas needs not look at references.
void Table::Clear(SlotAt at) {
  at.bucket->low[at.index] = 0;
  at.bucket->high[at.index] = 0;
  at.bucket->refs[at.index] = 0;
}

// A segment and its other half, both with few slots, become one in a page of its own. Without a
// page, or if a probe has no room for all, they stay two.
void Table::MergeIfSparse(uint16_t prefix) {
  const Directory& all = directory();
  const size_t first = FirstIndexOf(prefix);
  const Segment segment = all.about[first];
  if (segment.depth == 0 || segment.count > kMergeSlotsMax / 2) return;
  const size_t span = size_t{1} << (all.depth - segment.depth);
  const size_t lower = first & ~span;
  const Segment halves[] = {all.about[lower], all.about[lower | span]};
  if (halves[0].depth != halves[1].depth) return;
  const size_t count = size_t{halves[0].count} + halves[1].count;
  if (count > kMergeSlotsMax) return;
  const uint32_t page = NewSegment();
  if (page == PagePool::kNoPage) return;
  Filler filler(reinterpret_cast<Bucket*>(pool_->PageAt(page)));
  for (const Segment& half : halves) {
    if (FillWith(reinterpret_cast<const Bucket*>(pool_->PageAt(half.page)), filler)) continue;
    pool_->Give(page);
    return;
  }
  SetSegment(lower, {.page = page,
                     .count = static_cast<uint16_t>(count),
                     .depth = static_cast<uint8_t>(segment.depth - 1)});
  for (const Segment& half : halves) pool_->Give(half.page);
  --segment_count_;
}

bool Table::FillWith(const Bucket* segment, Filler& filler) {
  for (uint32_t b = 0; b < kBuckets; ++b) {
    for (size_t i = 0; i < kSlots; ++i) {
      if (segment[b].refs[i] == 0) continue;
      if (!filler.Add(segment[b], i, b - (segment[b].low[i] & 3u))) return false;
    }
  }
  return true;
}

size_t Table::memory_bytes() const {
  size_t bytes = segment_count_ * kPageBytes;
  if (!directories_.empty()) {
    bytes += 2 * directory().about.size() * (sizeof(Segment) + sizeof(Bucket*));
  }
  return bytes;
}

void Table::CheckInvariants() const {
  if (directories_.empty()) return;
  const Directory& all = directory();
  size_t count = 0, segments = 0;
  for (size_t first = 0; first < all.about.size();) {
    const Segment about = all.about[first];
    const size_t span = size_t{1} << (all.depth - about.depth);
    const Bucket* const segment = reinterpret_cast<Bucket*>(pool_->PageAt(about.page));
    for (size_t i = first; i < first + span; ++i) {
      IDEM_CHECK(all.segments[i].load(std::memory_order_relaxed) == segment);
      IDEM_CHECK(all.about[i].depth == about.depth);
    }
    uint32_t passed[kBuckets] = {};
    size_t slots = 0;
    for (uint32_t b = 0; b < kBuckets; ++b) {
      for (size_t i = 0; i < kSlots; ++i) {
        if (segment[b].refs[i] == 0) continue;
        ++slots;
        const Place place = PlaceAt(segment, b, i);
        IDEM_CHECK(all.IndexOf(place.prefix) - first < span);
        for (uint32_t before = place.home; before < b; ++before) ++passed[before];
      }
    }
    for (uint32_t b = 0; b < kBuckets; ++b) IDEM_CHECK(segment[b].passed == passed[b]);
    IDEM_CHECK(slots == about.count);
    count += slots;
    ++segments;
    first += span;
  }
  IDEM_CHECK(count == size_ && segments == segment_count_);
}

}  // namespace idem::engine
