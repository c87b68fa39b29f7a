// Store time: milliseconds that run while a store is open and stand still while it is closed.
//
// It starts at 1 in a new store and goes on after an open from the latest moment that the files
// tell. Leases, backoffs and deadlines are counted on it, so time in which nobody could reach the
// store frees nothing.
#ifndef IDEM_BASE_STORE_CLOCK_H_
#define IDEM_BASE_STORE_CLOCK_H_

#include <cstdint>

#include "idem/clock.h"

namespace idem::engine {

class StoreClock {
 public:
  // `start_ms` is the store time of this moment. `clock` must outlive this.
  StoreClock(const Clock* clock, int64_t start_ms)
      : clock_(clock), opened_ms_(start_ms), offset_ms_(start_ms - clock->BootMs()) {}

  int64_t NowMs() const { return clock_->BootMs() + offset_ms_; }
  // The store time at which this open began.
  int64_t opened_ms() const { return opened_ms_; }
  // Store time is Clock::BootMs and this.
  int64_t offset_ms() const { return offset_ms_; }
  const Clock& source() const { return *clock_; }

 private:
  const Clock* clock_;
  int64_t opened_ms_;
  int64_t offset_ms_;
};

}  // namespace idem::engine

#endif  // IDEM_BASE_STORE_CLOCK_H_
