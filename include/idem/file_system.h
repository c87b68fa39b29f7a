// The files a store lives in, behind an interface: the real ones, and a fake for tests.
//
// The store asks for little: it reads whole files at open, writes at offsets of files that it has
// filled with zeros before, syncs them, and renames. Errors are absl::Status; the message names the
// call, the path and the system's reason. The codes mean:
//
//   kNotFound            no such file or directory
//   kResourceExhausted   no space left, or over a quota (ENOSPC, EDQUOT)
//   kPermissionDenied    not allowed, or a read-only file system (EACCES, EPERM, EROFS)
//   kAlreadyExists       Lock only: another opener holds it
//   kUnavailable         any other failure (EIO, EMFILE, ..): nothing is known about what was done
//
// Thread rule: a FileSystem may be used from many threads. One File is used by one thread at a
// time. EINTR and short reads and writes are finished inside; callers never see them.
#ifndef IDEM_FILE_SYSTEM_H_
#define IDEM_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace idem {

// An open file. Destruction closes it; what was not synced may be lost in a power cut.
class File {
 public:
  virtual ~File() = default;

  // Reads up to `length` bytes at `offset` into `out`; fewer only at the end of the file.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t length) = 0;
  // Writes all of `bytes` at `offset`, growing the file if needed.
  virtual absl::Status WriteAt(uint64_t offset, std::string_view bytes) = 0;
  // On success everything written before is on the disk (fdatasync).
  virtual absl::Status Sync() = 0;
  // WriteAt for bytes that must be on the disk at once: on success they are. What WriteAt wrote
  // before still waits for its Sync. The system's files do it in one call past the page cache
  // (O_DIRECT | O_DSYNC), where the file system takes that and `offset`, the bytes' address and
  // their length are multiples of kDirectBytes.
  virtual absl::Status WriteDurably(uint64_t offset, std::string_view bytes) {
    absl::Status status = WriteAt(offset, bytes);
    return status.ok() ? Sync() : status;
  }
  virtual absl::StatusOr<uint64_t> Size() = 0;

  static constexpr size_t kDirectBytes = 4096;
};

// Held while a store is open; destruction gives the directory free.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class OpenMode {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // must not exist
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // Replaces `to`. Durable after SyncDirectory.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // Names (not paths) of the files in `directory`, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  // Makes `directory` and its parents; no error if it is there.
  virtual absl::Status CreateDirectory(const std::string& directory) = 0;
  // On success every create, rename and remove in `directory` before is on the disk.
  virtual absl::Status SyncDirectory(const std::string& directory) = 0;
  // Takes the exclusive lock file `path`, made if missing, without waiting; writes `holder` (who we
  // are) into it. kAlreadyExists names the present holder. Excludes openers in the same process
  // too. A process that dies gives its lock free.
  virtual absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path,
                                                              std::string_view holder) = 0;

  // The system's files. Lives as long as the process.
  static FileSystem* System();
};

}  // namespace idem

#endif  // IDEM_FILE_SYSTEM_H_
