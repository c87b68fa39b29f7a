#include "tool/whole_file.h"

#include <memory>

namespace idem::engine {

absl::StatusOr<std::string> ReadWholeFile(FileSystem* files, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<File>> file = files->Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::string bytes(*size, '\0');
  const absl::StatusOr<size_t> read = (*file)->ReadAt(0, bytes.data(), bytes.size());
  if (!read.ok()) return read.status();
  bytes.resize(*read);
  return bytes;
}

}  // namespace idem::engine
