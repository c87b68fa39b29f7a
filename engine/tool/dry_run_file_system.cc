#include "tool/dry_run_file_system.h"

#include <algorithm>
#include <utility>

namespace idem::engine {
namespace {

// A real file to read, or an empty one; it forgets what is written.
class DryRunFile final : public File {
 public:
  explicit DryRunFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t length) override {
    if (file_ == nullptr) return size_t{0};
    return file_->ReadAt(offset, out, length);
  }
  absl::Status WriteAt(uint64_t offset, std::string_view bytes) override {
    written_ = std::max<uint64_t>(written_, offset + bytes.size());
    return absl::OkStatus();
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> Size() override {
    if (file_ == nullptr) return written_;
    return file_->Size();
  }

 private:
  const std::unique_ptr<File> file_;
  uint64_t written_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<File>> DryRunFileSystem::Open(const std::string& path,
                                                             OpenMode mode) {
  if (mode == OpenMode::kCreate) return std::make_unique<DryRunFile>(nullptr);
  absl::StatusOr<std::unique_ptr<File>> file = files_->Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  return std::make_unique<DryRunFile>(*std::move(file));
}

absl::StatusOr<std::unique_ptr<DirectoryLock>> DryRunFileSystem::Lock(const std::string&,
                                                                      std::string_view) {
  return std::make_unique<DirectoryLock>();
}

}  // namespace idem::engine
