#include <fcntl.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include <string>

#include "base/check.h"
#include "idem/clock.h"

namespace idem {
namespace {

constexpr size_t kMaxBootIdBytes = 64;

// Empty where the kernel does not tell, as in a sandbox without /proc.
std::string ReadBootId() {
  const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd == -1) return "";
  char text[kMaxBootIdBytes];
  const ssize_t length = read(fd, text, sizeof(text));
  close(fd);
  std::string id(text, length > 0 ? static_cast<size_t>(length) : 0);
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

int64_t NowMs(clockid_t clock) {
  timespec now;
  IDEM_CHECK(clock_gettime(clock, &now) == 0);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

#ifdef __x86_64__
// To read the time stamp counter takes a third of a call to the clock. While few cycles have passed
// in this thread, what the clock said is still true: 50 us at most, at 1 GHz.
int64_t BootMsWithin50us() {
  constexpr uint64_t kGoodForCycles = 50'000;
  thread_local uint64_t read_at = 0;
  thread_local int64_t boot_ms = 0;
  const uint64_t cycles = __rdtsc();
  if (boot_ms == 0 || cycles - read_at > kGoodForCycles) {
    boot_ms = NowMs(CLOCK_BOOTTIME);
    read_at = cycles;
  }
  return boot_ms;
}
#else
int64_t BootMsWithin50us() { return NowMs(CLOCK_BOOTTIME); }
#endif

class SystemClock final : public Clock {
 public:
  int64_t BootMs() const override { return BootMsWithin50us(); }
  int64_t WallMs() const override { return NowMs(CLOCK_REALTIME); }
  std::string BootId() const override { return boot_id_; }

 private:
  const std::string boot_id_ = ReadBootId();
};

}  // namespace

Clock* Clock::System() {
  static SystemClock* const clock = new SystemClock;
  return clock;
}

}  // namespace idem
