#include "log/segment.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace idem::engine {
namespace {

constexpr std::string_view kPrefix = "wal-";
constexpr std::string_view kSuffix = ".log";
constexpr size_t kDigits = 16;
constexpr uint64_t kChunkBytes = 1 << 20;

absl::Status WriteZeros(File& file, uint64_t bytes) {
  const std::string zeros(std::min(bytes, kChunkBytes), '\0');
  for (uint64_t offset = 0; offset < bytes; offset += zeros.size()) {
    const uint64_t length = std::min<uint64_t>(zeros.size(), bytes - offset);
    absl::Status status = file.WriteAt(offset, std::string_view(zeros).substr(0, length));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
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

absl::StatusOr<std::unique_ptr<File>> CreateZeroedSegment(FileSystem* file_system,
                                                          const std::string& directory,
                                                          uint64_t number, uint64_t file_bytes) {
  const std::string path = SegmentPath(directory, number);
  absl::StatusOr<std::unique_ptr<File>> file = file_system->Open(path, OpenMode::kCreate);
  if (!file.ok()) return file;
  absl::Status status = WriteZeros(**file, file_bytes);
  if (status.ok()) status = (*file)->Sync();
  if (status.ok()) status = file_system->SyncDirectory(directory);
  if (status.ok()) return file;
  file->reset();
  file_system->Remove(path).IgnoreError();
  return status;
}

}  // namespace idem::engine
