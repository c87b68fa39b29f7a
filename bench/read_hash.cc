// Reads files one after the other and hashes them (XXH3) on one thread: what it takes to look at
// the bytes that an open reads, before anything is done with them.
//
//   read_hash cold|warm FILE..    cold: none of them is in the page cache; warm: all are
//
// Prints seconds and bytes. Exits with 2 if it cannot.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace idem::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReadBytes = 1 << 20;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "read_hash: %s\n", what);
  std::exit(2);
}

int OpenFile(const char* file) {
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) Die(file);
  return fd;
}

// Returns the bytes read.
uint64_t ReadFile(const char* file, uint64_t* hash) {
  static std::vector<char> buffer(kReadBytes);
  const int fd = OpenFile(file);
  uint64_t bytes = 0;
  for (ssize_t count; (count = read(fd, buffer.data(), buffer.size())) > 0;) {
    const auto length = static_cast<size_t>(count);
    if (hash != nullptr) *hash ^= engine::Checksum(1, {buffer.data(), length});
    bytes += length;
  }
  close(fd);
  return bytes;
}

void DropFromCache(const char* file) {
  const int fd = OpenFile(file);
  fdatasync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}

int Main(std::string_view cache, std::span<char*> files) {
  if (cache != "cold" && cache != "warm") Die("usage: read_hash cold|warm FILE..");
  for (const char* const file : files) {
    cache == "cold" ? DropFromCache(file) : static_cast<void>(ReadFile(file, nullptr));
  }
  uint64_t hash = 0;
  uint64_t bytes = 0;
  const auto start = Clock::now();
  for (const char* const file : files) bytes += ReadFile(file, &hash);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%.6f %llu %llx\n", seconds, static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(hash));
  return 0;
}

}  // namespace
}  // namespace idem::bench

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<size_t>(argc));
  return idem::bench::Main(argc < 2 ? "" : argv[1], arguments.subspan(argc < 2 ? 1 : 2));
}
