#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "server/admin/metrics.h"

namespace idem::server {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

struct Sizes {
  uint64_t virtual_bytes = 0;
  uint64_t resident_bytes = 0;
};

Sizes MemoryOfProcess() {
  unsigned long total = 0, resident = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return {};
  const bool read = std::fscanf(file, "%lu %lu", &total, &resident) == 2;
  std::fclose(file);
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return read ? Sizes{total * page, resident * page} : Sizes{};
}

// Those of the look itself are not worth the trouble.
uint64_t CountEntries(const char* directory) {
  std::error_code error;
  uint64_t count = 0;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

void TellProcess(int64_t started_unix_ms, MetricsText& text) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  text.Family("process_cpu_seconds_total", "counter", "User and system CPU time.");
  text.Seconds(Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  text.GaugeSeconds("process_start_time_seconds", "When the process started, in Unix time.",
                    static_cast<double>(started_unix_ms) / 1000);
  const Sizes memory = MemoryOfProcess();
  text.Gauge("process_virtual_memory_bytes", "Virtual memory.", memory.virtual_bytes);
  text.Gauge("process_resident_memory_bytes", "Resident memory.", memory.resident_bytes);
  text.Gauge("process_open_fds", "Open file descriptors.", CountEntries("/proc/self/fd"));
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  text.Gauge("process_max_fds", "The most file descriptors.", limit.rlim_cur);
  text.Gauge("process_threads", "Threads.", CountEntries("/proc/self/task"));
}

}  // namespace idem::server
