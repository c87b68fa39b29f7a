// Prefetch looks at a table without its lock while another thread changes it.
#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "store/table.h"
#include "tests/support/checked_table.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

constexpr int kReaders = 2;

// From the first slot to a few segments and back, and in between its pages go to the system.
TEST(TableThreadsTest, PrefetchNeedsNoLock) {
  for (int64_t round = 0; round < TestSize(10); ++round) {
    CheckedTable table;
    std::atomic<bool> stops{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([&table, &stops, i] {
        Places places(static_cast<uint64_t>(i));
        while (!stops.load(std::memory_order_relaxed)) table.table().Prefetch(places.Next());
      });
    }
    Places places(static_cast<uint64_t>(round));
    for (int turn = 0; turn < 2; ++turn) {
      for (int i = 0; i < 20'000; ++i) ASSERT_NE(table.Insert(places.Next()), 0u);
      while (table.size() > 100) table.Erase(places.Below(table.size()));
      table.pool().Tend();
    }
    stops = true;
    for (std::thread& reader : readers) reader.join();
    table.CheckAll();
  }
}

}  // namespace
}  // namespace idem::engine
