#include "log/segment.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "base/seeded_bug.h"
#include "log/batch.h"

namespace idem::engine {
namespace {

constexpr std::string_view kPrefix = "wal-";
constexpr std::string_view kSuffix = ".log";
constexpr size_t kDigits = 16;
constexpr uint64_t kChunkBytes = 1 << 20;

absl::Status WriteZeros(File& file, uint64_t bytes, Durability durability) {
  const AlignedBuffer zeros(std::min(kChunkBytes, bytes));
  std::memset(zeros.data(), 0, zeros.size());
  absl::Status status;
  for (uint64_t offset = 0; offset < bytes && status.ok(); offset += kChunkBytes) {
    const std::string_view chunk(zeros.data(), std::min(kChunkBytes, bytes - offset));
    status = durability == Durability::kAlways ? file.WriteDurably(offset, chunk)
                                               : file.WriteAt(offset, chunk);
  }
  return status;
}

}  // namespace

std::string SegmentPath(const std::string& directory, uint64_t number) {
  return absl::StrFormat("%s/wal-%016d.log", directory, number);
}

std::optional<uint64_t> SegmentNumber(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size()) return std::nullopt;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size(), kDigits);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &number)) {
    return std::nullopt;
  }
  return number;
}

absl::StatusOr<std::unique_ptr<File>> CreateZeroedSegment(const Options& options, uint64_t number,
                                                          uint64_t file_bytes) {
  FileSystem& files = *options.file_system;
  const std::string path = SegmentPath(options.directory, number);
  absl::StatusOr<std::unique_ptr<File>> file = files.Open(path, OpenMode::kCreate);
  if (!file.ok()) return file;
  absl::Status status = WriteZeros(**file, file_bytes, options.durability);
  if (status.ok() && !IDEM_BUG(spare_not_synced)) status = (*file)->Sync();
  if (IDEM_BUG(spare_directory_not_synced)) return file;
  if (status.ok()) status = files.SyncDirectory(options.directory);
  if (status.ok()) return file;
  file->reset();
  files.Remove(path).IgnoreError();
  return status;
}

}  // namespace idem::engine
