// Moments of the wall clock, as clients name them, on the boot clock, on which the store counts.
//
//   unix ms ──► BootMsAt ──► Request::deadline_ms       Reply::deadline_ms ──► UnixMsAt ──► unix ms
//
// The same moment is the same one every time, though both clocks are cut to milliseconds and are
// not read at once: how far they are apart is kept as it was found first, until the wall clock is
// seen to have been set.
//
// Thread rule: from any thread.
#ifndef IDEM_SERVER_WALL_TIME_H_
#define IDEM_SERVER_WALL_TIME_H_

#include <atomic>
#include <cstdint>

#include "idem/clock.h"

namespace idem::server {

class WallTime {
 public:
  // `clock` must outlive this.
  explicit WallTime(const Clock& clock);

  int64_t BootMsAt(int64_t unix_ms) const;
  int64_t UnixMsAt(int64_t boot_ms) const;

 private:
  int64_t ApartMs() const;

  const Clock& clock_;
  mutable std::atomic<int64_t> apart_ms_;  // wall - boot
};

}  // namespace idem::server

#endif  // IDEM_SERVER_WALL_TIME_H_
