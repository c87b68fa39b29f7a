// The index of one stripe: 32 hash bits -> reference of an entry. Extendible hashing.
//
//   hash  | directory bits (top, `depth` of them) | ......... | home bits (low 16) |
//
//   directory            segment (one page: 256 buckets)      bucket (one cache line)
//   ┌────┐               ┌────────┬────────┬─── ─ ─┐          ┌──────┬──────┬─── ─ ─┬──────┐
//   │  ──┼──────────────►│ bucket │ bucket │       │          │ head │ slot │       │ slot │
//   │  ──┼──────┐        └────────┴────────┴─── ─ ─┘          └──────┴──────┴─── ─ ─┴──────┘
//   └────┘      └──► ..                                        8 bytes  7 slots of 8 bytes
//
// home     the bucket where an entry should stand; it may stand in one of the kProbes - 1 after
//          it. 253 of the 256 buckets are homes, so probing never wraps.
// passed   in a bucket's head: how many entries stand behind it that belong at or before it. A
//          search that does not find goes on only while this is not zero.
// split    when no bucket of a probe has room its segment becomes two, by the next directory bit.
//          Slots keep the hash, so a split reads no entry.
//
// Costs: Find touches one line in nearly all cases, kProbes at most. Insert the same; a split moves
// at most 1792 slots (one page), and doubles the directory (8 bytes a segment) now and then. That
// is the largest piece of work under a stripe's lock. Bytes per entry: 8 / fill; fill is 0.4 to
// 0.8. A table does not shrink.
//
// Extendible hashing: Fagin et al. 1979. Overflow counts: F14 (Meta's Folly).
// Not thread-safe: the stripe's lock guards it.
#ifndef IDEM_STORE_TABLE_H_
#define IDEM_STORE_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/arena.h"
#include "store/page_pool.h"

namespace idem::engine {

class Table {
 public:
  static constexpr uint64_t kEnd = uint64_t{1} << 32;  // behind the last hash

  struct Slot {
    uint32_t hash = 0;
    Ref ref = 0;  // 0: empty
  };

  explicit Table(PagePool* pool) : pool_(pool) {}
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // The slot with this hash whose reference `matches`, or null. Valid until the next Insert.
  template <typename Matches>
  Slot* Find(uint32_t hash, Matches&& matches) const;

  // Has the line fetched that Find looks at first.
  void Prefetch(uint32_t hash) const {
    if (!directory_.empty()) __builtin_prefetch(SegmentOf(hash) + HomeOf(hash), 1);
  }

  // `ref` must not be in the table. False: no memory, nothing changed.
  bool Insert(uint32_t hash, Ref ref);
  // Must be there.
  void Replace(uint32_t hash, Ref old_ref, Ref new_ref);
  void Erase(uint32_t hash, Ref ref);

  // Visits every slot whose hash is in [from, end) for an `end` such that some `count` slots are
  // visited, and returns end (kEnd at the last). Walks at most a few segments.
  template <typename Visit>
  uint64_t VisitFrom(uint64_t from, size_t count, Visit&& visit) const;

  size_t size() const { return size_; }
  size_t memory_bytes() const;
  void CheckInvariants() const;

 private:
  static constexpr size_t kSlots = 7;
  static constexpr size_t kProbes = 4;
  static constexpr uint32_t kBuckets = 256;
  static constexpr uint32_t kHomes = kBuckets - (kProbes - 1);
  static constexpr uint32_t kDepthMax = 16;
  static constexpr size_t kSegmentsPerVisit = 4;

  struct alignas(64) Bucket {
    uint8_t passed = 0;
    uint8_t depth = 0;  // of the segment; kept in its first bucket
    Slot slots[kSlots];
  };
  static_assert(sizeof(Bucket) == 64);
  static_assert(sizeof(Bucket) * kBuckets == kPageBytes);

  static uint32_t HomeOf(uint32_t hash) { return ((hash & 0xffff) * kHomes) >> 16; }
  // `hash` >> 32 - depth, also for depth 0.
  static uint32_t TopBits(uint32_t hash, uint32_t depth) {
    return static_cast<uint32_t>(uint64_t{hash} << depth >> 32);
  }
  Bucket* SegmentOf(uint32_t hash) const { return directory_[TopBits(hash, depth_)]; }
  static bool InsertInto(Bucket* segment, uint32_t hash, Ref ref);
  Slot* FindRef(uint32_t hash, Ref ref) const;
  Bucket* NewSegment(uint32_t depth);
  bool Split(uint32_t hash);
  void DoubleDirectory();
  // Hashes from the start of `hash`'s segment to the start of the next.
  uint64_t SegmentEnd(uint32_t hash, const Bucket* segment) const;

  PagePool* const pool_;
  std::vector<Bucket*> directory_;  // 2^depth_ once something was inserted
  uint32_t depth_ = 0;
  size_t segments_ = 0;
  size_t size_ = 0;
};

template <typename Matches>
Table::Slot* Table::Find(uint32_t hash, Matches&& matches) const {
  if (directory_.empty()) return nullptr;
  Bucket* bucket = SegmentOf(hash) + HomeOf(hash);
  for (size_t probe = 0; probe < kProbes; ++probe, ++bucket) {
    for (Slot& slot : bucket->slots) {
      if (slot.hash == hash && slot.ref != 0 && matches(slot.ref)) return &slot;
    }
    if (bucket->passed == 0) return nullptr;
  }
  return nullptr;
}

template <typename Visit>
uint64_t Table::VisitFrom(uint64_t from, size_t count, Visit&& visit) const {
  size_t visited = 0;
  if (directory_.empty()) return kEnd;
  for (size_t walks = 0; walks < kSegmentsPerVisit && visited < count && from < kEnd; ++walks) {
    const uint32_t hash = static_cast<uint32_t>(from);
    const Bucket* segment = SegmentOf(hash);
    // A slice of the segment's hashes that should hold about `count` of its slots.
    const uint64_t width = kEnd >> segment->depth;
    const uint64_t slots_expected = size_ / segments_ + 1;
    const uint64_t slice = std::max<uint64_t>(1, width / slots_expected * count);
    const uint64_t end = std::min(from + slice, SegmentEnd(hash, segment));
    for (uint32_t i = 0; i < kBuckets; ++i) {
      for (const Slot& slot : segment[i].slots) {
        if (slot.ref == 0 || slot.hash < from || slot.hash >= end) continue;
        visit(slot.ref);
        ++visited;
      }
    }
    from = end;
  }
  return from;
}

}  // namespace idem::engine

#endif  // IDEM_STORE_TABLE_H_
