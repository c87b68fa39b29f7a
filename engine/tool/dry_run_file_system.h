// The files of a store as an open finds them; what it writes goes nowhere.
//
// So the tools ask the engine itself what an open would do: the same reader, the same rule about
// torn and rotten, and no file is touched. Locks are given to everyone.
//
// Thread rule: as FileSystem.
#ifndef IDEM_TOOL_DRY_RUN_FILE_SYSTEM_H_
#define IDEM_TOOL_DRY_RUN_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "idem/file_system.h"

namespace idem::engine {

class DryRunFileSystem final : public FileSystem {
 public:
  // `files` are read, and outlive this.
  explicit DryRunFileSystem(FileSystem* files) : files_(files) {}

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::Status Rename(const std::string&, const std::string&) override { return {}; }
  absl::Status Remove(const std::string&) override { return {}; }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return files_->List(directory);
  }
  absl::Status CreateDirectory(const std::string&) override { return {}; }
  absl::Status SyncDirectory(const std::string&) override { return {}; }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path,
                                                      std::string_view holder) override;

 private:
  FileSystem* const files_;
};

}  // namespace idem::engine

#endif  // IDEM_TOOL_DRY_RUN_FILE_SYSTEM_H_
