// A file system whose reads of some files wait until a test lets them go on.
#ifndef IDEM_TESTS_SUPPORT_GATED_FILE_SYSTEM_H_
#define IDEM_TESTS_SUPPORT_GATED_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "idem/file_system.h"

namespace idem {

class GatedFileSystem final : public FileSystem {
 public:
  // The gate is shut for files whose path contains `gated`. Thread-safe.
  GatedFileSystem(FileSystem* files, std::string gated) : files_(files), gated_(std::move(gated)) {}

  // Returns when a read waits.
  void AwaitReader() {
    engine::MutexLock lock(mutex_);
    while (waiting_ == 0) changed_.Wait(mutex_);
  }
  void OpenGate() {
    engine::MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    absl::StatusOr<std::unique_ptr<File>> file = files_->Open(path, mode);
    if (!file.ok() || path.find(gated_) == path.npos) return file;
    return std::make_unique<GatedFile>(this, *std::move(file));
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return files_->Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return files_->Remove(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return files_->List(directory);
  }
  absl::Status CreateDirectory(const std::string& directory) override {
    return files_->CreateDirectory(directory);
  }
  absl::Status SyncDirectory(const std::string& directory) override {
    return files_->SyncDirectory(directory);
  }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path,
                                                      std::string_view holder) override {
    return files_->Lock(path, holder);
  }

 private:
  class GatedFile final : public File {
   public:
    GatedFile(GatedFileSystem* gate, std::unique_ptr<File> file)
        : gate_(gate), file_(std::move(file)) {}

    absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t length) override {
      gate_->Pass();
      return file_->ReadAt(offset, out, length);
    }
    absl::Status WriteAt(uint64_t offset, std::string_view bytes) override {
      return file_->WriteAt(offset, bytes);
    }
    absl::Status Sync() override { return file_->Sync(); }
    absl::StatusOr<uint64_t> Size() override { return file_->Size(); }

   private:
    GatedFileSystem* const gate_;
    const std::unique_ptr<File> file_;
  };

  void Pass() {
    engine::MutexLock lock(mutex_);
    ++waiting_;
    changed_.NotifyAll();
    while (!open_) changed_.Wait(mutex_);
    --waiting_;
  }

  FileSystem* const files_;
  const std::string gated_;
  engine::Mutex mutex_;
  engine::Condition changed_;
  int waiting_ IDEM_GUARDED_BY(mutex_) = 0;
  bool open_ IDEM_GUARDED_BY(mutex_) = false;
};

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_GATED_FILE_SYSTEM_H_
