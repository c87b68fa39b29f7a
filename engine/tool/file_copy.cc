#include "tool/file_copy.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"

namespace idem::engine {
namespace {

constexpr uint64_t kChunkBytes = 1 << 20;

absl::Status CopyBytes(File& from, const std::string& path, File& to, uint64_t bytes) {
  std::string chunk(std::min(bytes, kChunkBytes), '\0');
  for (uint64_t offset = 0; offset < bytes;) {
    const size_t length = std::min<uint64_t>(chunk.size(), bytes - offset);
    const absl::StatusOr<size_t> read = from.ReadAt(offset, chunk.data(), length);
    if (!read.ok()) return read.status();
    if (*read < length) return absl::DataLossError(absl::StrCat(path, ": it has become shorter"));
    absl::Status status = to.WriteAt(offset, std::string_view(chunk).substr(0, length));
    if (!status.ok()) return status;
    offset += length;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CopiedPart> WholeFile(FileSystem* files, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<File>> file = files->Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  return CopiedPart{*size, *size};
}

absl::Status CopyFile(FileSystem* files, const std::string& from, const std::string& to,
                      const CopiedPart& part) {
  const absl::StatusOr<std::unique_ptr<File>> source = files->Open(from, OpenMode::kRead);
  if (!source.ok()) return source.status();
  const absl::StatusOr<std::unique_ptr<File>> target = files->Open(to, OpenMode::kCreate);
  if (!target.ok()) return target.status();
  absl::Status status = CopyBytes(**source, from, **target, part.bytes);
  if (status.ok() && part.file_bytes > part.bytes) {
    status = (*target)->WriteAt(part.file_bytes - 1, std::string_view("\0", 1));
  }
  return status.ok() ? (*target)->Sync() : status;
}

}  // namespace idem::engine
