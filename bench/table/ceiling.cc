#include "bench/table/ceiling.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>

#include "bench/table/tables.h"

namespace idem::bench {
namespace {

constexpr uint64_t kArenaBytes = uint64_t{64} << 30;  // of addresses
constexpr uint64_t kHugePageBytes = 2 << 20;
constexpr uint64_t kFingerprint[2] = {0x0123456789abcdef, 0xfedcba9876543210};
constexpr size_t kResponseBytesMax = 256;

// What a batch looks at before it has the lock: it only decides what is prefetched.
template <typename T>
T Peek(const T& value) {
  return std::atomic_ref<T>(const_cast<T&>(value)).load(std::memory_order_relaxed);
}
template <typename T>
void Poke(T* value, T next) {
  std::atomic_ref<T>(*value).store(next, std::memory_order_relaxed);
}

}  // namespace

Arena::Arena(uint64_t bytes, Pages pages) : bytes_(bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) Fail("no addresses");
  base_ = static_cast<char*>(memory);
  madvise(base_, bytes, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

Arena::~Arena() { munmap(base_, bytes_); }

char* Arena::Take(uint64_t bytes) {
  const std::lock_guard hold(mutex_);
  char* const taken = base_ + taken_;
  taken_ += (bytes + 63) / 64 * 64;
  if (taken_ > bytes_) Fail("the arena is full");
  return taken;
}

Ceiling::Ceiling(uint64_t capacity, Pages pages)
    : buckets_per_stripe_((capacity >> kStripeBits) / kEntriesPerBucket + 1),
      arena_(kArenaBytes, pages),
      stripes_(new Stripe[size_t{1} << kStripeBits]) {
  for (size_t i = 0; i < size_t{1} << kStripeBits; ++i) {
    stripes_[i].buckets = reinterpret_cast<Bucket*>(
        arena_.Take((buckets_per_stripe_ + kSpareBuckets) * sizeof(Bucket)));
  }
}

size_t Ceiling::Insert(std::span<const Item> items) {
  std::array<Place, kBatchMax> places;
  Prefetch(items, places.data());
  const int64_t now_ms = CoarseNowMs();
  size_t inserted = 0;
  for (size_t i = 0; i < items.size(); ++i) inserted += InsertOne(places[i], items[i], now_ms);
  return inserted;
}

size_t Ceiling::Find(std::span<const Item> items) {
  std::array<Place, kBatchMax> places;
  Prefetch(items, places.data());
  const int64_t now_ms = CoarseNowMs();
  size_t found = 0;
  for (size_t i = 0; i < items.size(); ++i) found += FindOne(places[i], items[i], now_ms);
  return found;
}

Ceiling::Place Ceiling::PlaceOf(const Key& key) {
  const uint64_t hash = engine::KeyedHash64(secret_, View(key));
  Stripe* const stripe = &stripes_[hash >> (64 - kStripeBits)];
  const auto number = static_cast<uint64_t>(static_cast<uint32_t>(hash >> 16));
  return {hash, stripe, stripe->buckets + ((number * buckets_per_stripe_) >> 32)};
}

Ceiling::Record* Ceiling::RecordAt(Ref ref) const {
  return reinterpret_cast<Record*>(arena_.at(ref * kUnitBytes));
}

void Ceiling::PrefetchRecord(const Place& place) const {
  const auto tag = static_cast<uint16_t>(place.hash);
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const Ref ref = Peek(place.bucket->refs[slot]);
    if (Peek(place.bucket->tags[slot]) != tag || ref == 0) continue;
    const char* const record = arena_.at(ref * kUnitBytes);
    for (size_t line = 0; line < 3; ++line) __builtin_prefetch(record + 64 * line);
    return;
  }
}

void Ceiling::Prefetch(std::span<const Item> items, Place* places) {
  for (size_t i = 0; i < items.size(); ++i) {
    places[i] = PlaceOf(items[i].key);
    __builtin_prefetch(places[i].bucket, 1);
  }
  if (items.size() == 1) return;  // nothing to overlap it with
  for (size_t i = 0; i < items.size(); ++i) PrefetchRecord(places[i]);
}

Ceiling::Record* Ceiling::FindRecord(const Place& place, const Key& key) const {
  const auto tag = static_cast<uint16_t>(place.hash);
  for (const Bucket* bucket = place.bucket;; ++bucket) {
    for (size_t slot = 0; slot < bucket->used; ++slot) {
      if (bucket->tags[slot] != tag) continue;
      Record* const record = RecordAt(bucket->refs[slot]);
      __builtin_prefetch(reinterpret_cast<const char*>(record) + 64);
      __builtin_prefetch(reinterpret_cast<const char*>(record) + 128);
      if (record->key == key) return record;
    }
    if (bucket->used < kSlots) return nullptr;
  }
}

bool Ceiling::InsertOne(const Place& place, const Item& item, int64_t now_ms) {
  const std::lock_guard hold(place.stripe->mutex);
  const Record* const found = FindRecord(place, item.key);
  if (found != nullptr) {
    if (found->deadline_ms <= now_ms) Fail("the yardstick reuses no expired entry");
    if (std::memcmp(found->fingerprint, kFingerprint, sizeof kFingerprint) != 0) Fail("mismatch");
    return false;
  }
  char* const bytes = NewRecord(place.stripe, sizeof(Record) + item.response.size());
  auto* const record = reinterpret_cast<Record*>(bytes);
  record->token = place.stripe->next_token++;
  record->deadline_ms = now_ms + kRetentionMs;
  std::memcpy(record->fingerprint, kFingerprint, sizeof kFingerprint);
  record->response_bytes = static_cast<uint32_t>(item.response.size());
  record->key = item.key;
  std::memcpy(bytes + sizeof(Record), item.response.data(), item.response.size());
  const auto ref = static_cast<Ref>(static_cast<uint64_t>(bytes - arena_.at(0)) / kUnitBytes);
  Link(place, ref);
  Schedule(place.stripe, record->deadline_ms, ref);
  return true;
}

bool Ceiling::FindOne(const Place& place, const Item& item, int64_t now_ms) {
  std::array<char, kResponseBytesMax> response;
  size_t response_bytes = 0;
  {
    const std::lock_guard hold(place.stripe->mutex);
    const Record* const record = FindRecord(place, item.key);
    if (record == nullptr || record->deadline_ms <= now_ms) return false;
    if (std::memcmp(record->fingerprint, kFingerprint, sizeof kFingerprint) != 0) return false;
    response_bytes = record->response_bytes;
    if (response_bytes > response.size()) Fail("too long a response");
    std::memcpy(response.data(), record + 1, response_bytes);
  }
  return std::string_view(response.data(), response_bytes) == item.response;
}

char* Ceiling::NewRecord(Stripe* stripe, uint64_t bytes) {
  bytes = (bytes + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
  if (stripe->free_end - stripe->free < static_cast<ptrdiff_t>(bytes)) {
    stripe->free = arena_.Take(kHugePageBytes);
    stripe->free_end = stripe->free + kHugePageBytes;
  }
  char* const record = stripe->free;
  stripe->free += bytes;
  return record;
}

void Ceiling::Link(const Place& place, Ref ref) {
  Bucket* bucket = place.bucket;
  const Bucket* const end = place.stripe->buckets + buckets_per_stripe_ + kSpareBuckets - 1;
  while (bucket->used == kSlots) {
    if (++bucket == end) Fail("made for fewer entries");
  }
  Poke(&bucket->tags[bucket->used], static_cast<uint16_t>(place.hash));
  Poke(&bucket->refs[bucket->used], ref);
  ++bucket->used;
}

void Ceiling::Schedule(Stripe* stripe, int64_t deadline_ms, Ref ref) {
  Chunk*& chunk = stripe->wheel[static_cast<size_t>(deadline_ms / kWheelTickMs) % kWheelSlots];
  if (chunk == nullptr || chunk->used == std::size(chunk->refs)) {
    auto* const next = reinterpret_cast<Chunk*>(arena_.Take(sizeof(Chunk)));
    next->before = chunk;
    chunk = next;
  }
  chunk->refs[chunk->used++] = ref;
}

std::unique_ptr<Table> MakeCeiling(const TableOptions& options) {
  return std::make_unique<Ceiling>(options.capacity, Pages::kHuge);
}

std::unique_ptr<Table> MakeCeilingOnSmallPages(const TableOptions& options) {
  return std::make_unique<Ceiling>(options.capacity, Pages::kSmall);
}

}  // namespace idem::bench
