// The stripes that one worker of a load fills, and how records get there.
//
//   blocks ──► find records, hash keys ──► those of this share, some at a time ──► Stripe::Apply
//                                             └ their lines are on the way
//
// Installing is mostly misses of the cache; fetching ahead lets several of them overlap.
//
// Thread rule: none; belongs to one worker, and so do its stripes.
#ifndef IDEM_STORE_LOAD_SHARE_H_
#define IDEM_STORE_LOAD_SHARE_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/hash.h"
#include "log/replay_sink.h"
#include "store/cursors.h"
#include "store/fetch_ahead.h"
#include "store/stripe.h"

namespace idem::engine {

using Stripes = std::vector<std::unique_ptr<Stripe>>;

// What a load fills; all of it outlives the load. The high half of a key's hash picks its stripe.
struct LoadTarget {
  const StripeShared* shared;
  Stripes* stripes;
  Cursors* cursors = nullptr;
};

class LoadShare {
 public:
  // Where in the order of all blocks something stands.
  struct Place {
    uint64_t block = 0;
    uint64_t offset = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Refusal {
    Place place;
    absl::Status status;
  };

  // The stripes whose index leaves `index` when divided by `shares`.
  LoadShare(const LoadTarget& target, size_t index, size_t shares)
      : target_(target), index_(index), shares_(shares) {}

  // Every share is given all blocks, in their order. After a refusal nothing more is installed.
  void Install(std::span<const RecordBlock> blocks);
  // OK as long as nothing was refused.
  const Refusal& refusal() const { return refusal_; }
  // As if nothing had been given.
  void Reset();

 private:
  struct Waiting {
    const RecordBlock* block = nullptr;
    uint64_t block_number = 0;
    RecordBlockReader::Found found;
    StoredKey key;
  };

  void Find(const RecordBlock& block);
  void Flush();
  absl::Status InstallOne(const Waiting& waiting, const Spot& spot);
  void Refuse(Place place, absl::Status status);

  const LoadTarget target_;
  const size_t index_;
  const size_t shares_;
  uint64_t block_number_ = 0;
  std::array<Waiting, kFetchedTogetherMax> waiting_;
  std::array<Spot, kFetchedTogetherMax> spots_;  // of those that wait
  size_t waiting_count_ = 0;
  Refusal refusal_;
};

// The index of the stripe that has the key with this hash.
inline size_t StripeIndexOf(uint64_t hash, size_t stripes) { return (hash >> 32) & (stripes - 1); }

}  // namespace idem::engine

#endif  // IDEM_STORE_LOAD_SHARE_H_
