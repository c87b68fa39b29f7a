// The index of one stripe: hash of a key -> reference of its entry. Extendible hashing.
//
//   hash  | prefix 16 (its top bits choose the segment) | home 8 | tag 6 | .. |   see PlaceOf
//
//   directory            segment (one page: 256 buckets)      bucket (one cache line)
//   ┌────┐               ┌────────┬────────┬─── ─ ─┐          ┌───────┬───────┬────────┬───────┐
//   │  ──┼──────────────►│ bucket │ bucket │       │          │ low×9 │ high×9│ passed │ ref×9 │
//   │  ──┼──────┐        └────────┴────────┴─── ─ ─┘          └───────┴───────┴────────┴───────┘
//   └────┘      └──► ..                                        18 B     9 B     1 B     36 B
//
// home     the bucket where an entry should stand; it may stand in one of the kProbes - 1 after
//          it. 253 of the 256 buckets are homes, so probing never wraps.
// low      | prefix, low byte | tag 6 | distance from home 2 |: one compare of all nine finds who
//          may match
// high     the prefix's high byte
// passed   how many entries stand behind this bucket that belong at or before it. A search that
//          does not find goes on only while this is not zero.
// hop      when no bucket of a probe has room, a slot farther off comes nearer: somebody before it
//          who may stand there moves into it, and so on. So segments fill to 0.9.
// split    when that fails a segment becomes two, by the next bit of the prefix. Slots keep the
//          prefix and their home is known, so a split reads no entry.
// merge    two halves that have become nearly empty become one again
//
// If hashes were spread evenly over the prefixes, all segments would be full at about the same
// time, and a table just after that would stand half empty. So PlaceOf bends the scale: prefixes
// are up to twice as dense at one end as at the other. Splits then come one by one, and the fill is
// the same at every size, about 0.65.
//
// Costs: Find touches one line in nearly all cases, kProbes at most. Insert the same, and seldom up
// to kReach. The largest pieces of work under a stripe's lock: a split looks at 2304 slots (one
// page) and moves half of them, a merge moves 921, and the directory doubles now and then (16 bytes
// an entry). 7.1 bytes a slot, some 11 an entry.
//
// Extendible hashing: Fagin et al. 1979. Hopping: Herlihy, Shavit, Tzafrir, "Hopscotch Hashing"
// (DISC 2008). Overflow counts: F14 (Meta's Folly).
// Not thread-safe: the stripe's lock guards it. Prefetch alone may be called without.
#ifndef IDEM_STORE_TABLE_H_
#define IDEM_STORE_TABLE_H_

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/arena.h"
#include "base/page_pool.h"

namespace idem::engine {

class Table {
 public:
  static constexpr uint64_t kEnd = uint64_t{1} << 32;  // behind the last place

  // What the table knows of a hash.
  struct Place {
    uint16_t prefix;
    uint8_t home;
    uint8_t tag;  // 6 bits
    // 24 bits, all but the tag; as good as the hash for who knows the entry when it sees it.
    uint32_t name() const { return uint32_t{prefix} << 8 | home; }
  };
  static Place PlaceOf(uint32_t hash);
  static Place PlaceOfName(uint32_t name) {
    return {static_cast<uint16_t>(name >> 8), static_cast<uint8_t>(name), 0};
  }

  explicit Table(PagePool* pool) : pool_(pool) {}
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // The reference at this place that `matches`, or 0.
  template <typename Matches>
  Ref Find(Place place, Matches&& matches) const {
    return Search(place, 0xffff, matches).ref();
  }
  // The same, whatever the tag.
  template <typename Matches>
  Ref FindNamed(uint32_t name, Matches&& matches) const {
    return Search(PlaceOfName(name), kAnyTag, matches).ref();
  }

  // Has the line fetched that Find looks at first. From any thread, without the lock.
  void Prefetch(Place place) const {
    const Directory* const directory = directory_.load(std::memory_order_acquire);
    if (directory == nullptr) return;
    const Bucket* segment =
        directory->segments[directory->IndexOf(place.prefix)].load(std::memory_order_relaxed);
    __builtin_prefetch(segment + place.home, 1);
  }

  // `ref` must not be in the table. False: no memory, nothing changed.
  bool Insert(Place place, Ref ref);
  // Must be there. The tag does not matter.
  void Replace(Place place, Ref old_ref, Ref new_ref);
  void Erase(Place place, Ref ref);

  // Visits slots from the place `from` on (0: the first) until about `count` were visited or a few
  // segments walked, and returns where to go on, or kEnd. Who is there from the first call to the
  // last is visited at least once, whatever is split and merged between the calls.
  template <typename Visit>
  uint64_t VisitFrom(uint64_t from, size_t count, Visit&& visit) const;

  size_t size() const { return size_; }
  size_t memory_bytes() const;
  void CheckInvariants() const;

 private:
  static constexpr size_t kSlots = 9;
  static constexpr uint32_t kProbes = 4;
  static constexpr uint32_t kBuckets = 256;
  static constexpr uint32_t kHomes = kBuckets - (kProbes - 1);
  static constexpr uint32_t kPrefixBits = 16;
  static constexpr uint32_t kReach = 32;  // buckets, for room to be hopped from
  static constexpr uint32_t kHomesPerVisit = 4 * kHomes;
  static constexpr uint32_t kMergeSlotsMax = kBuckets * kSlots * 2 / 5;
  static constexpr uint16_t kAnyTag = 0xff03;  // all of `low` but the tag

  struct alignas(64) Bucket {
    std::array<uint16_t, kSlots> low{};
    std::array<uint8_t, kSlots> high{};
    uint8_t passed = 0;
    std::array<Ref, kSlots> refs{};  // 0: empty
  };
  static_assert(sizeof(Bucket) == 64);
  static_assert(sizeof(Bucket) * kBuckets == kPageBytes);

  class Filler;
  struct SlotAt {
    Bucket* bucket = nullptr;
    uint32_t index = 0;
    Ref ref() const { return bucket == nullptr ? 0 : bucket->refs[index]; }
  };

  // What is known of the segment whose prefixes begin at an index of the directory.
  struct Segment {
    uint32_t page = PagePool::kNoPage;
    uint16_t count = 0;
    uint8_t depth = 0;
  };
  // 2^depth of each, all entries of one segment equal but for what stands at the first of them.
  struct Directory {
    explicit Directory(uint32_t bits)
        : depth(bits), segments(size_t{1} << bits), about(size_t{1} << bits) {}
    size_t IndexOf(uint16_t prefix) const { return prefix >> (kPrefixBits - depth); }

    const uint32_t depth;
    std::vector<std::atomic<Bucket*>> segments;
    std::vector<Segment> about;
  };

  static uint16_t LowOf(Place place, uint32_t distance) {
    return static_cast<uint16_t>((place.prefix & 0xffu) << 8 | uint32_t{place.tag} << 2 | distance);
  }
  static uint16_t PrefixAt(const Bucket& bucket, size_t slot) {
    return static_cast<uint16_t>(uint32_t{bucket.high[slot]} << 8 | bucket.low[slot] >> 8);
  }
  // Eight of the nine slots in one compare, as bits.
  using Eight = uint16_t __attribute__((vector_size(16)));
  template <typename Lanes>
  static uint32_t BitsOf(Lanes lanes) {  // all ones or zero each
#ifdef __SSE2__
    const __m128i bytes = _mm_packs_epi16(reinterpret_cast<__m128i>(lanes), _mm_setzero_si128());
    return static_cast<uint32_t>(_mm_movemask_epi8(bytes));
#else
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 8; ++i) bits |= (lanes[i] & 1u) << i;
    return bits;
#endif
  }
  // A bit for each slot whose `low` is this one under the mask.
  static uint32_t WhoMatches(const Bucket& bucket, uint16_t low, uint16_t mask) {
    Eight eight;
    std::memcpy(&eight, bucket.low.data(), sizeof(eight));
    return BitsOf((eight & mask) == low) | uint32_t{(bucket.low[8] & mask) == low} << 8;
  }
  // A bit for each slot whose prefix has `bit`. An empty one has none.
  static uint32_t WhoHas(const Bucket& bucket, uint16_t bit) {
    using Bytes = uint8_t __attribute__((vector_size(8)));
    Eight low;
    Bytes high;
    std::memcpy(&low, bucket.low.data(), sizeof(low));
    std::memcpy(&high, bucket.high.data(), sizeof(high));
    const Eight prefixes = __builtin_convertvector(high, Eight) << 8 | low >> 8;
    return BitsOf((prefixes & bit) != 0) | uint32_t{(PrefixAt(bucket, 8) & bit) != 0} << 8;
  }
  Directory& directory() const { return *directory_.load(std::memory_order_relaxed); }
  Bucket* BucketOf(Place place) const {
    const Directory& all = directory();
    return all.segments[all.IndexOf(place.prefix)].load(std::memory_order_relaxed) + place.home;
  }
  // The first index of the directory that stands for the segment of `prefix`.
  size_t FirstIndexOf(uint16_t prefix) const;

  template <typename Matches>
  SlotAt Search(Place place, uint16_t mask, Matches&& matches) const;
  template <typename Visit>
  static size_t VisitHome(const Bucket* segment, uint32_t home, Visit&& visit);

  static bool InsertInto(Bucket* segment, Place place, Ref ref);
  static uint32_t FreeSlotIn(const Bucket& bucket);
  static void Put(Bucket* segment, uint32_t bucket, Place place, Ref ref);
  static uint32_t HopTo(Bucket* segment, uint32_t bucket);
  static void EraseFrom(Bucket* segment, uint32_t home, SlotAt at);
  static void Clear(SlotAt at);
  static Place PlaceAt(const Bucket* segment, uint32_t bucket, size_t slot);
  SlotAt SearchRef(Place place, Ref ref) const;
  bool MakeFirstSegment();
  uint32_t NewSegment() const;
  void SetSegment(size_t first, Segment segment);
  bool Split(uint16_t prefix);
  void MergeIfSparse(uint16_t prefix);
  static bool FillWith(const Bucket* segment, Filler& filler);
  void DoubleDirectory();

  PagePool* const pool_;
  std::atomic<Directory*> directory_{nullptr};
  // The one in use is the last. The others stay for a Prefetch that may still look at them; all
  // of them together are no larger than the last.
  std::vector<std::unique_ptr<Directory>> directories_;
  size_t segment_count_ = 0;
  size_t size_ = 0;
};

// Bits of the hash: the upper half, bent, is the prefix. The lower half is a fraction of the homes:
// its whole part the home, what comes behind the tag.
inline Table::Place Table::PlaceOf(uint32_t hash) {
  const uint32_t even = hash >> 16;
  // p = u + 0.34 u (1 - u): its slope falls from 1.34 to 0.66.
  const uint32_t bend = (even * (0xffff - even) >> 16) * 22282 >> 16;
  const uint32_t homes = (hash & 0xffff) * kHomes;
  return {static_cast<uint16_t>(even + bend), static_cast<uint8_t>(homes >> 16),
          static_cast<uint8_t>(homes >> 10 & 0x3f)};
}

template <typename Matches>
Table::SlotAt Table::Search(Place place, uint16_t mask, Matches&& matches) const {
  if (directory_.load(std::memory_order_relaxed) == nullptr) return {};
  Bucket* bucket = BucketOf(place);
  for (uint32_t distance = 0; distance < kProbes; ++distance, ++bucket) {
    uint32_t who = WhoMatches(*bucket, LowOf(place, distance), mask);
    for (; who != 0; who &= who - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(who));
      if (bucket->high[i] != place.prefix >> 8 || bucket->refs[i] == 0) continue;
      if (matches(bucket->refs[i])) return {bucket, i};
    }
    if (bucket->passed == 0) break;
  }
  return {};
}

// Visits all whose home it is; returns how many.
template <typename Visit>
size_t Table::VisitHome(const Bucket* segment, uint32_t home, Visit&& visit) {
  size_t visited = 0;
  for (uint32_t distance = 0; distance < kProbes; ++distance) {
    const Bucket& bucket = segment[home + distance];
    for (size_t i = 0; i < kSlots; ++i) {
      if (bucket.refs[i] == 0 || (bucket.low[i] & 3) != distance) continue;
      visit(bucket.refs[i]);
      ++visited;
    }
    if (bucket.passed == 0) break;
  }
  return visited;
}

// `from` is | prefix 16 | depth 8 | home 8 |, of a segment as it was then. If it has been split
// since, its lower half goes on and its upper half comes behind it, from the start. If it has been
// merged, the whole begins anew: of what was joined to it nothing may have been visited yet.
template <typename Visit>
uint64_t Table::VisitFrom(uint64_t from, size_t count, Visit&& visit) const {
  if (directory_.load(std::memory_order_relaxed) == nullptr || from >= kEnd) return kEnd;
  const Directory& all = directory();
  auto prefix = static_cast<uint16_t>(from >> 16);
  uint32_t home = from & 0xff;
  size_t visited = 0;
  uint32_t homes = 0;
  if (all.about[FirstIndexOf(prefix)].depth < (from >> 8 & 0xff)) home = 0;
  for (;;) {
    const size_t first = FirstIndexOf(prefix);
    const uint32_t depth = all.about[first].depth;
    const Bucket* const segment = all.segments[first].load(std::memory_order_relaxed);
    for (; home < kHomes; ++home, ++homes) {
      if (homes > 0 && (visited >= count || homes >= kHomesPerVisit)) {
        return uint64_t{prefix} << 16 | depth << 8 | home;
      }
      visited += VisitHome(segment, home, visit);
    }
    home = 0;
    const uint64_t next = ((uint64_t{prefix} >> (kPrefixBits - depth)) + 1)
                          << (kPrefixBits - depth);
    if (next >> kPrefixBits != 0) return kEnd;
    prefix = static_cast<uint16_t>(next);
  }
}

}  // namespace idem::engine

#endif  // IDEM_STORE_TABLE_H_
