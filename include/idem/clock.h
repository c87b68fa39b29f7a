// The one place where Idem asks for the time.
//
// Everything in the engine that depends on time takes it from a Clock given in Options, so that a
// test can run a whole server under a FakeClock. No other code may read a clock.
//
// Thread rule: a Clock is called from many threads at once; implementations must allow that.
#ifndef IDEM_CLOCK_H_
#define IDEM_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <string>

namespace idem {

class Clock {
 public:
  virtual ~Clock() = default;

  // Milliseconds on a clock that never steps and that runs while the machine is suspended
  // (CLOCK_BOOTTIME). Leases and retentions are counted on it. Must never go back.
  virtual int64_t BootMs() const = 0;

  // Milliseconds since 1970 on the wall clock. May jump. Used for ISSUED, for EXAT / PXAT, and for
  // diagnosis in the files; it never decides about a lease or a retention.
  virtual int64_t WallMs() const = 0;

  // Names this boot of the machine (at most 64 bytes); empty if the system does not tell.
  virtual std::string BootId() const = 0;

  // The system's clock. Lives as long as the process.
  static Clock* System();
};

// A clock that stands still until it is told to move. For tests of Idem and of its users.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(int64_t boot_ms = 1'000'000, int64_t wall_ms = 1'800'000'000'000)
      : boot_ms_(boot_ms), wall_ms_(wall_ms) {}

  int64_t BootMs() const override { return boot_ms_.load(std::memory_order_relaxed); }
  int64_t WallMs() const override { return wall_ms_.load(std::memory_order_relaxed); }
  std::string BootId() const override { return "fake-boot"; }

  // Both clocks move forward by `ms` (>= 0).
  void Advance(int64_t ms) {
    boot_ms_.fetch_add(ms, std::memory_order_relaxed);
    wall_ms_.fetch_add(ms, std::memory_order_relaxed);
  }
  // Only the wall clock moves, in either direction, as an operator or NTP would move it.
  void JumpWall(int64_t ms) { wall_ms_.fetch_add(ms, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> boot_ms_;
  std::atomic<int64_t> wall_ms_;
};

}  // namespace idem

#endif  // IDEM_CLOCK_H_
