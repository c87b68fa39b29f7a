#include <fcntl.h>
#include <time.h>
#include <unistd.h>

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

class SystemClock final : public Clock {
 public:
  int64_t BootMs() const override { return NowMs(CLOCK_BOOTTIME); }
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
