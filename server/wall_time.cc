#include "server/wall_time.h"

#include <algorithm>

namespace idem::server {
namespace {

// What two looks may differ by if nobody set the wall clock: each clock is cut, and the boot clock
// may be a little old.
constexpr int64_t kJitterMs = 2;
// Beyond any time; so far, moments can be added and subtracted.
constexpr int64_t kFarMs = int64_t{1} << 60;

}  // namespace

WallTime::WallTime(const Clock& clock)
    : clock_(clock), apart_ms_(clock.WallMs() - clock.BootMs()) {}

// A thread that is set aside between its looks learns less, not something wrong.
int64_t WallTime::ApartMs() const {
  const int64_t before_ms = clock_.BootMs();
  const int64_t wall_ms = clock_.WallMs();
  const int64_t after_ms = clock_.BootMs();
  const int64_t known_ms = apart_ms_.load(std::memory_order_relaxed);
  const int64_t least_ms = wall_ms - after_ms - kJitterMs;
  const int64_t most_ms = wall_ms - before_ms + kJitterMs;
  if (known_ms >= least_ms && known_ms <= most_ms) return known_ms;
  apart_ms_.store(wall_ms - after_ms, std::memory_order_relaxed);
  return wall_ms - after_ms;
}

int64_t WallTime::BootMsAt(int64_t unix_ms) const {
  return std::clamp(unix_ms, -kFarMs, kFarMs) - ApartMs();
}

int64_t WallTime::UnixMsAt(int64_t boot_ms) const { return boot_ms + ApartMs(); }

}  // namespace idem::server
