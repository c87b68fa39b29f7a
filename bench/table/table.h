// A table of requests as the table benchmarks see it: the store, what people pick instead, and the
// yardstick. One adapter for each, in a file of its own.
//
// An item is a key and its response. Inserting one whose response is empty claims the key without
// finishing it; a peer, which knows no claims, keeps an empty value. Every entry has a deadline
// kRetentionMs away, and none is found after it.
//
// Thread-safe, all calls atomic for each key. A span of more than one item is a batch: who gains
// by that overlaps the misses of its keys.
#ifndef IDEM_BENCH_TABLE_TABLE_H_
#define IDEM_BENCH_TABLE_TABLE_H_

#include <time.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bench/key_space.h"

namespace idem::bench {

struct Item {
  Key key;
  std::string_view response;
};

class Table {
 public:
  static constexpr size_t kBatchMax = 16;  // of Find, and of what callers time

  Table() = default;
  virtual ~Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Inserts those that are absent and returns how many these were.
  virtual size_t Insert(std::span<const Item> items) = 0;
  // Copies the response of each key out. Returns how many were there and were the item's.
  virtual size_t Find(std::span<const Item> items) = 0;
};

// For a table with no use for batches: `Self` has bool InsertOne(item) and bool FindOne(item).
template <typename Self>
class OneByOne : public Table {
 public:
  size_t Insert(std::span<const Item> items) final {
    size_t inserted = 0;
    for (const Item& item : items) inserted += static_cast<Self*>(this)->InsertOne(item);
    return inserted;
  }
  size_t Find(std::span<const Item> items) final {
    size_t found = 0;
    for (const Item& item : items) found += static_cast<Self*>(this)->FindOne(item);
    return found;
  }
};

struct TableOptions {
  uint64_t capacity = 0;       // entries that will come, for a table that cannot grow
  uint32_t stripes = 64;       // of tables that have them
  uint16_t code = 0;           // told with a response, by a table that can
  std::string directory = {};  // for files; exists
};

// All tables by name. Peers whose library was not found when this was built are missing.
using MakeTable = std::unique_ptr<Table> (*)(const TableOptions& options);
const std::map<std::string, MakeTable>& Tables();

constexpr int64_t kRetentionMs = 86'400'000;

[[noreturn]] inline void Fail(std::string_view what) {
  std::fprintf(stderr, "benchmark: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

// The cheapest clock there is: good to 4 ms, read in some 10 ns.
inline int64_t CoarseNowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_TABLE_H_
