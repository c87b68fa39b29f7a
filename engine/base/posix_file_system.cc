#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_error.h"
#include "base/path.h"
#include "idem/file_system.h"

namespace idem {
namespace {

using engine::FileError;
using engine::ParentDirectory;
using engine::StatusOf;

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

// Repeats a system call that a signal has cut short.
template <typename Call>
auto Uninterrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    // Not repeated on EINTR: on Linux the number is free already and may be someone else's.
    if (fd_ != -1) close(fd_);
  }

  bool ok() const { return fd_ != -1; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

Descriptor OpenDescriptor(const std::string& path, int flags) {
  return Descriptor(
      Uninterrupted([&] { return open(path.c_str(), flags | O_CLOEXEC, kFileMode); }));
}

// Reads until the end of the file; -1 is an error in errno.
ssize_t ReadFully(int fd, uint64_t offset, char* out, size_t length) {
  size_t done = 0;
  while (done < length) {
    const ssize_t n = Uninterrupted(
        [&] { return pread(fd, out + done, length - done, static_cast<off_t>(offset + done)); });
    if (n < 0) return -1;
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

bool WriteFully(int fd, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = Uninterrupted(
        [&] { return pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (n < 0) return false;
    if (n == 0) {
      errno = ENOSPC;  // a file system that gives no reason has run out of room
      return false;
    }
    offset += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool IsDirect(uint64_t offset, std::string_view bytes) {
  const uint64_t bits = reinterpret_cast<uintptr_t>(bytes.data()) | bytes.size() | offset;
  return bits % File::kDirectBytes == 0;
}

// Another description of the same file, past the page cache. Not ok: the file system has no such.
Descriptor ReopenDirect(int fd) {
  // Pages that stay in the cache would have to be dropped one by one, by the writes.
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  return OpenDescriptor(absl::StrCat("/proc/self/fd/", fd), O_WRONLY | O_DIRECT | O_DSYNC);
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, OpenMode mode, Descriptor descriptor)
      : path_(std::move(path)),
        writable_(mode != OpenMode::kRead),
        descriptor_(std::move(descriptor)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t length) override {
    const ssize_t n = ReadFully(descriptor_.get(), offset, out, length);
    if (n < 0) return Failed("pread");
    return static_cast<size_t>(n);
  }

  absl::Status WriteAt(uint64_t offset, std::string_view bytes) override {
    if (!WriteFully(descriptor_.get(), offset, bytes)) return Failed("pwrite");
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (Uninterrupted([&] { return fdatasync(descriptor_.get()); }) != 0) {
      return Failed("fdatasync");
    }
    return absl::OkStatus();
  }

  // EINVAL is how a file system refuses direct I/O as such: then this is a plain write and a sync.
  absl::Status WriteDurably(uint64_t offset, std::string_view bytes) override {
    if (!writable_ || !IsDirect(offset, bytes)) return File::WriteDurably(offset, bytes);
    if (!direct_.has_value()) direct_.emplace(ReopenDirect(descriptor_.get()));
    if (!direct_->ok()) return File::WriteDurably(offset, bytes);
    if (WriteFully(direct_->get(), offset, bytes)) return absl::OkStatus();
    return errno == EINVAL ? File::WriteDurably(offset, bytes) : Failed("pwrite");
  }

  absl::StatusOr<uint64_t> Size() override {
    struct stat status;
    if (fstat(descriptor_.get(), &status) != 0) return Failed("fstat");
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  absl::Status Failed(std::string_view call) const { return FileError(call, path_, errno); }

  const std::string path_;
  const bool writable_;
  const Descriptor descriptor_;
  std::optional<Descriptor> direct_;
};

// Closing the descriptor gives the lock free, and so does the process' end. The file stays: an
// opener that removed it could remove the one that the next opener has just locked.
class PosixDirectoryLock final : public DirectoryLock {
 public:
  explicit PosixDirectoryLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  const Descriptor descriptor_;
};

std::string ReadHolder(int fd) {
  std::string holder(engine::kMaxHolderBytes, '\0');
  const ssize_t length = ReadFully(fd, 0, holder.data(), holder.size());
  holder.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return holder;
}

// Written over the old text before it is cut, so that a full disk, too, has room for it. A failure
// is not reported: the text is for people, and must not keep a store closed.
void WriteHolder(int fd, std::string_view holder) {
  if (!WriteFully(fd, 0, holder)) return;
  const auto size = static_cast<off_t>(holder.size());
  [[maybe_unused]] const int cut = Uninterrupted([&] { return ftruncate(fd, size); });
}

// 0 or an errno, as all functions below that return an int.
int SyncEntries(const std::string& directory) {
  const Descriptor descriptor = OpenDescriptor(directory, O_RDONLY | O_DIRECTORY);
  if (!descriptor.ok()) return errno;
  return Uninterrupted([&] { return fsync(descriptor.get()); }) == 0 ? 0 : errno;
}

int MakeDirectory(const std::string& directory) {
  return mkdir(directory.c_str(), kDirectoryMode) == 0 ? 0 : errno;
}

bool IsDirectory(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// For a directory that was there: an earlier run may have made it and died before the sync. In a
// parent that we may not open, or that has no sync (on a read-only file system), none has.
int SyncEntriesOfForeign(const std::string& parent) {
  const int error = SyncEntries(parent);
  return error == EACCES || error == EPERM || error == EINVAL ? 0 : error;
}

bool IsFile(DIR* stream, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type != DT_DIR;
  struct stat status;
  return fstatat(dirfd(stream), entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
         !S_ISDIR(status.st_mode);
}

int AppendFileNames(DIR* stream, std::vector<std::string>* names) {
  while (true) {
    errno = 0;
    const dirent* entry = readdir(stream);
    if (entry == nullptr) return errno;
    if (IsFile(stream, *entry)) names->emplace_back(entry->d_name);
  }
}

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    Descriptor descriptor = OpenDescriptor(path, FlagsOf(mode));
    if (!descriptor.ok()) return FileError("open", path, errno);
    return std::make_unique<PosixFile>(path, mode, std::move(descriptor));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    const int error = errno;
    return FileError("rename", absl::StrCat(from, " to ", to), error);
  }

  absl::Status Remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return FileError("unlink", path, errno);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
    if (stream == nullptr) return FileError("opendir", directory, errno);
    std::vector<std::string> names;
    const int error = AppendFileNames(stream.get(), &names);
    if (error != 0) return FileError("readdir", directory, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  // Parents first, and each is synced into its own parent before anything is made in it.
  absl::Status CreateDirectory(const std::string& directory) override {
    const std::string parent(ParentDirectory(directory));
    if (IsDirectory(directory)) return StatusOf("fsync", parent, SyncEntriesOfForeign(parent));
    if (parent != directory) {
      if (absl::Status made = CreateDirectory(parent); !made.ok()) return made;
    }
    const int error = MakeDirectory(directory);
    if (error != 0 && !IsDirectory(directory)) return FileError("mkdir", directory, error);
    return StatusOf("fsync", parent, SyncEntries(parent));
  }

  absl::Status SyncDirectory(const std::string& directory) override {
    return StatusOf("fsync", directory, SyncEntries(directory));
  }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path,
                                                      std::string_view holder) override {
    Descriptor descriptor = OpenDescriptor(path, O_RDWR | O_CREAT);
    if (!descriptor.ok()) return FileError("open", path, errno);
    if (Uninterrupted([&] { return flock(descriptor.get(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno != EWOULDBLOCK) return FileError("flock", path, errno);
      return engine::LockHeldError(path, ReadHolder(descriptor.get()));
    }
    WriteHolder(descriptor.get(), holder);
    return std::make_unique<PosixDirectoryLock>(std::move(descriptor));
  }
};

}  // namespace

FileSystem* FileSystem::System() {
  static PosixFileSystem* const system = new PosixFileSystem;
  return system;
}

}  // namespace idem
