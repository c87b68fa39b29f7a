// Items made ahead, so that making them is no part of what is timed: few enough for the first
// cache, many enough that the clock costs nothing.
//
// Key spaces of a run: 1, the resident finished ones; 2, the resident claims; 3, fresh ones.
#ifndef IDEM_BENCH_TABLE_BLOCK_H_
#define IDEM_BENCH_TABLE_BLOCK_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bench/key_space.h"
#include "bench/table/table.h"

namespace idem::bench {

inline const KeySpace kFinishedKeys(1);
inline const KeySpace kClaimedKeys(2);
inline const KeySpace kFreshKeys(3);

class Block {
 public:
  static constexpr size_t kItems = 128;

  explicit Block(const ResponseShape& shape) : shape_(shape) {}

  void Set(size_t index, const Key& key, bool has_response) {
    items_[index].key = key;
    if (!has_response) {
      items_[index].response = {};
      return;
    }
    std::string& response = responses_[index];
    response.clear();
    shape_.AppendTo(&response, key);
    items_[index].response = response;
  }

  std::span<const Item> items() const { return items_; }

 private:
  const ResponseShape& shape_;
  std::array<Item, kItems> items_;
  std::array<std::string, kItems> responses_;
};

inline int64_t NowNs() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_BLOCK_H_
