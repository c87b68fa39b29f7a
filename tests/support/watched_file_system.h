// A FileSystem that tells before each call that changes something: there a crash can fall.
#ifndef IDEM_TESTS_SUPPORT_WATCHED_FILE_SYSTEM_H_
#define IDEM_TESTS_SUPPORT_WATCHED_FILE_SYSTEM_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "idem/file_system.h"

namespace idem {

class WatchedFileSystem final : public FileSystem {
 public:
  // `files` must outlive it. `before` may be set anew between calls.
  explicit WatchedFileSystem(FileSystem* files) : files_(files) {}
  std::function<void()> before = [] {};

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    if (mode == OpenMode::kCreate) before();
    absl::StatusOr<std::unique_ptr<File>> file = files_->Open(path, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<WatchedFile>(this, *std::move(file));
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    before();
    return files_->Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override {
    before();
    return files_->Remove(path);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return files_->List(directory);
  }
  absl::Status CreateDirectory(const std::string& directory) override {
    before();
    return files_->CreateDirectory(directory);
  }
  absl::Status SyncDirectory(const std::string& directory) override {
    before();
    return files_->SyncDirectory(directory);
  }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path,
                                                      std::string_view holder) override {
    before();
    return files_->Lock(path, holder);
  }

 private:
  class WatchedFile final : public File {
   public:
    WatchedFile(WatchedFileSystem* world, std::unique_ptr<File> file)
        : world_(world), file_(std::move(file)) {}
    absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t length) override {
      return file_->ReadAt(offset, out, length);
    }
    absl::Status WriteAt(uint64_t offset, std::string_view bytes) override {
      world_->before();
      return file_->WriteAt(offset, bytes);
    }
    // The power may be cut in the middle.
    absl::Status WriteDurably(uint64_t offset, std::string_view bytes) override {
      absl::Status status = WriteAt(offset, bytes);
      if (!status.ok()) return status;
      world_->before();
      return file_->WriteDurably(offset, bytes);
    }
    absl::Status Sync() override {
      world_->before();
      return file_->Sync();
    }
    absl::StatusOr<uint64_t> Size() override { return file_->Size(); }

   private:
    WatchedFileSystem* const world_;
    const std::unique_ptr<File> file_;
  };

  FileSystem* const files_;
};

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_WATCHED_FILE_SYSTEM_H_
