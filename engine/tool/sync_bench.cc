// idem-tool sync-bench: what a durable write costs on this disk, in the ways a log could do it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file_error.h"
#include "base/stopwatch.h"
#include "tool/commands.h"

namespace idem::engine {
namespace {

constexpr size_t kSmall = 4 << 10;
constexpr size_t kLarge = 64 << 10;
constexpr size_t kPreparedBytes = 16 << 20;  // of a file that is not to grow
constexpr int64_t kCaseUs = 400'000;         // 18 cases and their files: some 10 s
constexpr size_t kSamplesMax = 20'000;

enum class Space { kGrowing, kAllocated, kZeroed };
enum class Way { kFdatasync, kDsync, kDirectDsync };

struct Case {
  Space space;
  Way way;
  const char* text;
};

constexpr Case kCases[] = {
    {Space::kGrowing, Way::kFdatasync, "growing file, pwrite + fdatasync"},
    {Space::kGrowing, Way::kDsync, "growing file, O_DSYNC"},
    {Space::kGrowing, Way::kDirectDsync, "growing file, O_DIRECT | O_DSYNC"},
    {Space::kAllocated, Way::kFdatasync, "fallocated, pwrite + fdatasync"},
    {Space::kAllocated, Way::kDsync, "fallocated, O_DSYNC"},
    {Space::kAllocated, Way::kDirectDsync, "fallocated, O_DIRECT | O_DSYNC"},
    {Space::kZeroed, Way::kFdatasync, "zero-filled, pwrite + fdatasync"},
    {Space::kZeroed, Way::kDsync, "zero-filled, O_DSYNC"},
    {Space::kZeroed, Way::kDirectDsync, "zero-filled, O_DIRECT | O_DSYNC"},
};

// What the log does (log_writer.h).
const char* UsedByIdem(const Case& c) {
  if (c.space != Space::kZeroed) return "";
  if (c.way == Way::kDirectDsync) return "  <- Idem, always";
  return c.way == Way::kFdatasync ? "  <- Idem, interval" : "";
}

int FlagsOf(Way way) {
  switch (way) {
    case Way::kFdatasync:
      return 0;
    case Way::kDsync:
      return O_DSYNC;
    case Way::kDirectDsync:
      return O_DIRECT | O_DSYNC;
  }
  return 0;
}

struct FreeDeleter {
  void operator()(char* bytes) const { std::free(bytes); }
};
using AlignedBytes = std::unique_ptr<char[], FreeDeleter>;

AlignedBytes AlignedFilled(size_t bytes, char with) {
  auto* const block = static_cast<char*>(std::aligned_alloc(kSmall, bytes));
  std::fill_n(block, bytes, with);
  return AlignedBytes(block);
}

// A file that is gone when this is.
class ScratchFile {
 public:
  explicit ScratchFile(std::string path) : path_(std::move(path)) {}
  ~ScratchFile() {
    Close();
    unlink(path_.c_str());
  }

  absl::Status Open(int flags) {
    Close();
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600);
    return StatusOf("open", path_, fd_ == -1 ? errno : 0);
  }
  absl::Status Empty() { return StatusOf("ftruncate", path_, Code(ftruncate(fd_, 0))); }
  absl::Status Allocate(size_t bytes) {
    return StatusOf("fallocate", path_, posix_fallocate(fd_, 0, static_cast<off_t>(bytes)));
  }
  absl::Status Write(size_t offset, const char* bytes, size_t length) {
    const ssize_t n = pwrite(fd_, bytes, length, static_cast<off_t>(offset));
    if (n >= 0 && static_cast<size_t>(n) < length) return FileError("pwrite", path_, ENOSPC);
    return StatusOf("pwrite", path_, n < 0 ? errno : 0);
  }
  absl::Status Sync() { return StatusOf("fdatasync", path_, Code(fdatasync(fd_))); }

 private:
  static int Code(int result) { return result == 0 ? 0 : errno; }
  void Close() {
    if (fd_ != -1) close(fd_);
    fd_ = -1;
  }

  const std::string path_;
  int fd_ = -1;
};

absl::Status Prepare(ScratchFile& file, Space space) {
  absl::Status status = file.Open(0);
  if (status.ok()) status = file.Empty();
  if (status.ok() && space == Space::kAllocated) status = file.Allocate(kPreparedBytes);
  if (status.ok() && space == Space::kZeroed) {
    const AlignedBytes zeros = AlignedFilled(kPreparedBytes, '\0');
    status = file.Write(0, zeros.get(), kPreparedBytes);
  }
  if (status.ok()) status = file.Sync();
  return status;
}

absl::StatusOr<std::vector<int64_t>> Measure(ScratchFile& file, const Case& c, size_t bytes) {
  absl::Status status = Prepare(file, c.space);
  if (status.ok()) status = file.Open(FlagsOf(c.way));
  if (!status.ok()) return status;
  const AlignedBytes block = AlignedFilled(bytes, 'i');
  std::vector<int64_t> samples_us;
  const Stopwatch all;
  for (size_t offset = 0; offset < kPreparedBytes && all.ElapsedUs() < kCaseUs; offset += bytes) {
    const Stopwatch one;
    status = file.Write(offset, block.get(), bytes);
    if (status.ok() && c.way == Way::kFdatasync) status = file.Sync();
    if (!status.ok()) return status;
    samples_us.push_back(one.ElapsedUs());
    if (samples_us.size() == kSamplesMax) break;
  }
  std::sort(samples_us.begin(), samples_us.end());
  return samples_us;
}

// "    75 us   240 us", or why not.
std::string TellOne(const absl::StatusOr<std::vector<int64_t>>& samples_us) {
  if (!samples_us.ok()) return absl::StrFormat("%19s", "not possible here");
  const size_t count = samples_us->size();
  return absl::StrFormat("%7d %8d us", (*samples_us)[count / 2],
                         (*samples_us)[std::min(count - 1, count * 99 / 100)]);
}

int Run(const Arguments& arguments, const Surroundings& to) {
  const std::string directory = arguments.directories() == 0 ? "." : arguments.directory(0);
  ScratchFile file(absl::StrCat(directory, "/idem-sync-bench.", getpid(), ".tmp"));
  absl::Status status = Prepare(file, Space::kZeroed);
  if (!status.ok()) return Fail(to, status);
  to.out << absl::StrFormat("%-34s %19s   %19s\n", "one durable write of", "4 KiB", "64 KiB");
  to.out << absl::StrFormat("%-34s %7s %8s      %7s %8s\n", "", "median", "p99", "median", "p99");
  for (const Case& c : kCases) {
    const std::string small = TellOne(Measure(file, c, kSmall));
    const std::string large = TellOne(Measure(file, c, kLarge));
    to.out << absl::StrFormat("%-34s %s   %s%s\n", c.text, small, large, UsedByIdem(c))
           << std::flush;
  }
  return kClean;
}

constexpr char kHelp[] = R"(
Times durable writes into a file of 16 MiB in DIR (default: here), one after the other, as a log
with one client would make them: into a file that grows, one that was allocated, one that was filled
with zeros; made durable by fdatasync, by O_DSYNC, or past the page cache. Shows median and 99th
percentile, and which way the log of Idem takes in which mode; where O_DIRECT is not possible it
takes fdatasync in `always`, too. It takes some 10 s and removes its file.

What it is good for: a median far below 30 us on a disk that is no battery-backed controller or
enterprise SSD means that the disk lies about being durable. One over 5 ms is a spinning disk, or a
neighbour's load. A p99 that is a hundred times the median is a stall that clients will see.

Exit codes:
  0   done
  3   cannot write in DIR
  64  a wrong command line

Example:
  idem-tool sync-bench /var/lib
)";

}  // namespace

const Command kSyncBench = {.name = "sync-bench",
                            .summary = "what a durable write costs on this disk, in nine ways",
                            .synopsis = "[DIR]",
                            .help = kHelp,
                            .directories_min = 0,
                            .directories_max = 1,
                            .flags = {},
                            .run = Run};

}  // namespace idem::engine
