// The yardstick: what a table of requests costs on this machine if it does the least that an honest
// one must, and nothing else. How near the store comes to it tells how good the store is.
//
//   hash (XXH3 of the key's text) | stripe: top 6 bits | bucket: 32 bits | tag: low 16 bits |
//
//   bucket (one cache line)                           record, in an arena of huge pages
//   ┌────────────┬─────────────────┬────────┐         ┌───────┬──────────┬─────┬─────┬──────────┐
//   │ 10 tags    │ 10 references ──┼─ used ─┼────────►│ token │ deadline │ ... │ key │ response │
//   └────────────┴─────────────────┴────────┘         └───────┴──────────┴─────┴─────┴──────────┘
//
// What it does: one stripe lock for each key, a compare of the whole key, the deadline checked, a
// token drawn, a fingerprint stored and compared, the response copied out, the entry put into a
// wheel. A lookup misses the cache twice, for the bucket and for the record. A batch asks for all
// its buckets first, then for all records, and then does the same as single calls.
//
// What it does not: grow (it is made for so many entries), free anything, log, finish a claim, take
// one over, or keep anybody from colliding keys by purpose.
//
// Thread-safe.
#ifndef IDEM_BENCH_TABLE_CEILING_H_
#define IDEM_BENCH_TABLE_CEILING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "bench/key_space.h"
#include "bench/table/table.h"

namespace idem::bench {

enum class Pages { kHuge, kSmall };

// Addresses that become memory when they are touched; what is taken is never given back.
class Arena {
 public:
  Arena(uint64_t bytes, Pages pages);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Zeros, aligned to a cache line.
  char* Take(uint64_t bytes);
  char* at(uint64_t offset) const { return base_ + offset; }

 private:
  const uint64_t bytes_;
  char* base_ = nullptr;
  std::mutex mutex_;
  uint64_t taken_ = 64;  // 0 is no reference
};

class Ceiling final : public Table {
 public:
  Ceiling(uint64_t capacity, Pages pages);

  size_t Insert(std::span<const Item> items) override;
  size_t Find(std::span<const Item> items) override;

 private:
  static constexpr int kStripeBits = 6;
  static constexpr size_t kSlots = 10;
  static constexpr uint64_t kEntriesPerBucket = 5;  // on the mean; 1 bucket in 70 runs over
  static constexpr uint64_t kSpareBuckets = 16;  // behind a stripe's last; the last is never full
  static constexpr uint64_t kUnitBytes = 16;     // of references: 64 GiB in 32 bits
  static constexpr size_t kWheelSlots = 256;
  static constexpr int64_t kWheelTickMs = 1 << 20;

  using Ref = uint32_t;
  struct alignas(64) Bucket {
    uint16_t tags[kSlots];
    Ref refs[kSlots];  // in units
    uint32_t used;     // a full one goes on in the next
  };
  static_assert(sizeof(Bucket) == 64);

  struct Record {
    uint64_t token;
    int64_t deadline_ms;
    uint64_t fingerprint[2];
    uint32_t response_bytes;  // 0: claimed, not finished
    Key key;
    // The response follows.
  };
  static_assert(sizeof(Record) == 72);

  // References by deadline, in chunks of one KiB that link back.
  struct Chunk {
    Chunk* before;
    uint32_t used;
    Ref refs[253];
  };

  struct alignas(64) Stripe {
    std::mutex mutex;
    Bucket* buckets = nullptr;
    char* free = nullptr;  // records to come
    char* free_end = nullptr;
    uint64_t next_token = 1;
    std::array<Chunk*, kWheelSlots> wheel{};
  };

  struct Place {
    uint64_t hash;
    Stripe* stripe;
    Bucket* bucket;
  };

  Place PlaceOf(const Key& key);
  Record* RecordAt(Ref ref) const;
  void PrefetchRecord(const Place& place) const;
  void Prefetch(std::span<const Item> items, Place* places);
  // The rest is under the stripe's lock.
  Record* FindRecord(const Place& place, const Key& key) const;
  bool InsertOne(const Place& place, const Item& item, int64_t now_ms);
  bool FindOne(const Place& place, const Item& item, int64_t now_ms);
  char* NewRecord(Stripe* stripe, uint64_t bytes);
  void Link(const Place& place, Ref ref);
  void Schedule(Stripe* stripe, int64_t deadline_ms, Ref ref);

  const engine::HashSecret secret_ = engine::RandomSecret();
  const uint64_t buckets_per_stripe_;
  Arena arena_;
  std::unique_ptr<Stripe[]> stripes_;
};

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_CEILING_H_
