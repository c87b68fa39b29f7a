#include "bench/table/phase.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <atomic>
#include <barrier>
#include <span>
#include <string_view>
#include <thread>

#include "bench/table/block.h"

namespace idem::bench {
namespace {

std::atomic<uint64_t> next_fresh = 0;
std::atomic<uint64_t> next_choice = 0;

constexpr std::string_view kApart = "-apart";

// Nothing behind it begins before all that is before it is done.
void EndCall() {
#ifdef __SSE2__
  _mm_lfence();
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the nearest there is
#endif
}

// What one thread does.
class Worker {
 public:
  Worker(Table* table, const Resident& resident, size_t batch, std::string_view operation)
      : table_(table),
        resident_(resident),
        batch_(batch),
        apart_(operation.ends_with(kApart)),
        operation_(operation.substr(0, operation.size() - (apart_ ? kApart.size() : 0))),
        block_(*resident.shape),
        choice_(next_choice.fetch_add(1) << 40) {}

  bool is_on_fresh_keys() const { return operation_ == "claim" || operation_ == "insert"; }

  // The ns it took.
  int64_t RunBlock() {
    if (is_on_fresh_keys()) fresh_ = next_fresh.fetch_add(Block::kItems);
    for (size_t i = 0; i < Block::kItems; ++i) SetItem(i);
    const size_t expected = operation_ == "duplicate" ? 0 : batch_;
    const bool finds = operation_ == "find" || operation_ == "hot";
    const int64_t start = NowNs();
    for (size_t i = 0; i < Block::kItems; i += batch_) {
      const std::span<const Item> items = block_.items().subspan(i, batch_);
      if ((finds ? table_->Find(items) : table_->Insert(items)) != expected) {
        Fail("a wrong answer to " + std::string(operation_));
      }
      if (apart_) EndCall();
    }
    return NowNs() - start;
  }

 private:
  void SetItem(size_t i) {
    if (operation_ == "find") {
      block_.Set(i, kFinishedKeys.KeyOf(Mix(choice_++) % resident_.finished), true);
    } else if (operation_ == "hot") {
      block_.Set(i, kFinishedKeys.KeyOf(0), true);
    } else if (operation_ == "duplicate") {
      block_.Set(i, kClaimedKeys.KeyOf(Mix(choice_++) % resident_.claimed), false);
    } else {
      block_.Set(i, kFreshKeys.KeyOf(fresh_ + i), operation_ == "insert");
    }
  }

  Table* const table_;
  const Resident resident_;
  const size_t batch_;
  const bool apart_;
  const std::string_view operation_;
  Block block_;
  uint64_t choice_;
  uint64_t fresh_ = 0;
};

}  // namespace

PhaseResult RunPhase(Table* table, const Resident& resident, const Effort& effort, size_t batch,
                     const std::vector<std::string>& operations) {
  PhaseResult result;
  result.ns_per_key.resize(operations.size());
  std::atomic<uint64_t> all_keys = 0;
  std::barrier start(static_cast<ptrdiff_t>(operations.size()));
  const auto run = [&](size_t thread) {
    Worker worker(table, resident, batch, operations[thread]);
    start.arrive_and_wait();
    const int64_t end_ns = NowNs() + static_cast<int64_t>(effort.seconds * 1e9);
    uint64_t keys = 0;
    int64_t taken_ns = 0;
    while (worker.is_on_fresh_keys() ? keys < effort.fresh_keys : NowNs() < end_ns) {
      taken_ns += worker.RunBlock();
      keys += Block::kItems;
    }
    result.ns_per_key[thread] = static_cast<double>(taken_ns) / static_cast<double>(keys);
    all_keys += keys;
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < operations.size(); ++i) threads.emplace_back(run, i);
  const int64_t start_ns = NowNs();  // the others wait for this thread
  run(0);
  for (std::thread& thread : threads) thread.join();
  result.keys_per_second =
      static_cast<double>(all_keys) * 1e9 / static_cast<double>(NowNs() - start_ns);
  return result;
}

}  // namespace idem::bench
