// The namespaces that have a policy of their own (policy.h): which one a key is of, what stands in
// it now, and what its clients were answered.
//
//   "orders:7"  ► sorted by name, a binary search ► Namespace "orders"
//   "7", "x:7"  ► null: under the policy of the store, counted by nobody
//
// A store without namespaces pays a compare a request. With them a request takes a search, and a
// change a few additions to counters that all stripes share.
//
// Thread-safe: what is known at the opening never changes, the counts are atomic, each by itself.
#ifndef IDEM_STORE_NAMESPACES_H_
#define IDEM_STORE_NAMESPACES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "idem/policy.h"
#include "idem/request.h"
#include "idem/stats.h"

namespace idem::engine {

class Namespace {
 public:
  explicit Namespace(const NamespaceOptions& options) : options_(options) {}

  const NamespaceOptions& options() const { return options_; }
  // From here on new entries are refused.
  bool full() const {
    return Reached(entries_, options_.max_entries) || Reached(bytes_, options_.max_bytes);
  }
  // An entry has come (sign +1) or gone (-1).
  void CountEntry(size_t bytes, int sign);
  void CountReply(const Reply& reply, bool finished);
  NamespaceStats stats() const;

 private:
  using Count = std::atomic<uint64_t>;

  static bool Reached(const Count& count, uint64_t max) {
    return max != 0 && count.load(std::memory_order_relaxed) >= max;
  }

  const NamespaceOptions options_;
  alignas(64) Count entries_{0};
  Count bytes_{0};
  Count claims_{0};
  Count replays_{0};
  Count busy_{0};
  Count mismatches_{0};
  Count finishes_{0};
  Count duplicates_{0};
  Count refused_{0};
};

class Namespaces {
 public:
  explicit Namespaces(const std::vector<NamespaceOptions>& options);

  bool empty() const { return sorted_.empty(); }
  // Null: the key is of none of them.
  Namespace* Find(std::string_view key) const { return empty() ? nullptr : FindNamed(key); }
  void AddStats(Stats& stats) const;

 private:
  Namespace* FindNamed(std::string_view key) const;

  std::vector<std::unique_ptr<Namespace>> sorted_;
};

}  // namespace idem::engine

#endif  // IDEM_STORE_NAMESPACES_H_
