// How long something took, for statistics alone: no answer depends on it, and it is real even where
// a test's clock stands still.
//
// Thread rule: plain value.
#ifndef IDEM_SERVER_STOPWATCH_H_
#define IDEM_SERVER_STOPWATCH_H_

#include <chrono>
#include <cstdint>

namespace idem::server {

class Stopwatch {
 public:
  int64_t ElapsedNs() const {
    const auto elapsed = std::chrono::steady_clock::now() - start_;
    return std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace idem::server

#endif  // IDEM_SERVER_STOPWATCH_H_
