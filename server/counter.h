// A number that one thread writes and any thread reads. No locked instruction, so that the hot path
// can afford many.
#ifndef IDEM_SERVER_COUNTER_H_
#define IDEM_SERVER_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace idem::server {

class Counter {
 public:
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(uint64_t by) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace idem::server

#endif  // IDEM_SERVER_COUNTER_H_
