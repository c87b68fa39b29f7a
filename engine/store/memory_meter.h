// How much memory the entries of a store take, against the limit.
//
// Every stripe counts for itself and tells the sum now and then, so that stripes do not fight for
// one cache line: the sum lags by at most kTellBytes a stripe.
//
// Thread rule: MemoryMeter from any thread; a Share is guarded by its stripe's lock.
#ifndef IDEM_STORE_MEMORY_METER_H_
#define IDEM_STORE_MEMORY_METER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace idem::engine {

class MemoryMeter {
 public:
  explicit MemoryMeter(uint64_t limit_bytes)
      : limit_(static_cast<int64_t>(limit_bytes)), full_at_(limit_bytes / 10 * 9) {}

  class Share {
   public:
    explicit Share(MemoryMeter* meter) : meter_(meter) {}
    ~Share() { meter_->used_.fetch_sub(told_, std::memory_order_relaxed); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    void Add(size_t bytes) { Tell(static_cast<int64_t>(bytes)); }
    void Subtract(size_t bytes) { Tell(-static_cast<int64_t>(bytes)); }
    // What it stands for, told or not.
    int64_t bytes() const { return told_ + untold_; }

   private:
    void Tell(int64_t bytes) {
      untold_ += bytes;
      if (untold_ < kTellBytes && untold_ > -kTellBytes) return;
      meter_->used_.fetch_add(untold_, std::memory_order_relaxed);
      told_ += untold_;
      untold_ = 0;
    }

    MemoryMeter* meter_;
    int64_t told_ = 0;
    int64_t untold_ = 0;
  };

  uint64_t used() const {
    const int64_t used = used_.load(std::memory_order_relaxed);
    return used < 0 ? 0 : static_cast<uint64_t>(used);
  }
  uint64_t limit() const { return static_cast<uint64_t>(limit_); }
  // From here on new entries are refused.
  bool full() const { return used() >= full_at_; }
  // What a response may still take.
  uint64_t left() const { return used() >= limit() ? 0 : limit() - used(); }

 private:
  static constexpr int64_t kTellBytes = 4 << 10;

  const int64_t limit_;
  const uint64_t full_at_;
  std::atomic<int64_t> used_{0};
};

}  // namespace idem::engine

#endif  // IDEM_STORE_MEMORY_METER_H_
