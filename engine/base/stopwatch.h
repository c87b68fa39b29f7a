// How long something took, for statistics alone. The one place besides the clocks that asks the
// system for time: what a sync took is real even where a test's clock stands still.
//
// Thread rule: plain value.
#ifndef IDEM_BASE_STOPWATCH_H_
#define IDEM_BASE_STOPWATCH_H_

#include <chrono>
#include <cstdint>

namespace idem::engine {

class Stopwatch {
 public:
  int64_t ElapsedUs() const {
    const auto elapsed = std::chrono::steady_clock::now() - start_;
    return std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace idem::engine

#endif  // IDEM_BASE_STOPWATCH_H_
