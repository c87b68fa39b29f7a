#include "idem/memory_file_system.h"

#include <algorithm>
#include <cerrno>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file_error.h"
#include "base/memory_disk.h"
#include "base/mutex.h"
#include "base/path.h"

namespace idem {
namespace {

using engine::FileError;
using engine::Inode;
using engine::MutexLock;
using engine::StatusOf;

struct World {
  engine::Mutex mutex;
  engine::MemoryDisk disk IDEM_GUARDED_BY(mutex);
  int64_t calls IDEM_GUARDED_BY(mutex) = 0;
  int64_t failing_call IDEM_GUARDED_BY(mutex) = 0;  // 0: none
  bool keep_failing IDEM_GUARDED_BY(mutex) = false;
  absl::Status error IDEM_GUARDED_BY(mutex);

  // Not OK if this call is one that shall fail.
  absl::Status CountCall() IDEM_REQUIRES(mutex) {
    ++calls;
    if (failing_call == 0 || calls < failing_call) return absl::OkStatus();
    return calls == failing_call || keep_failing ? error : absl::OkStatus();
  }

  absl::Status CreateDirectory(std::string_view directory) IDEM_REQUIRES(mutex) {
    if (disk.IsDirectory(directory)) return absl::OkStatus();
    const std::string_view parent = engine::ParentDirectory(directory);
    if (absl::Status made = CreateDirectory(parent); !made.ok()) return made;
    return StatusOf("mkdir", directory, disk.MakeDirectory(directory));
  }
};

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<World> world, std::shared_ptr<Inode> inode, std::string path,
             OpenMode mode, int64_t life)
      : world_(std::move(world)),
        inode_(std::move(inode)),
        path_(std::move(path)),
        writable_(mode != OpenMode::kRead),
        life_(life) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t length) override {
    MutexLock lock(world_->mutex);
    if (absl::Status injected = CountCall(); !injected.ok()) return injected;
    if (offset >= inode_->size()) return size_t{0};
    length = std::min<uint64_t>(length, inode_->size() - offset);
    inode_->Read(offset, out, length);
    return length;
  }

  // A call that shall fail writes the first half: callers must not count on nothing.
  absl::Status WriteAt(uint64_t offset, std::string_view bytes) override {
    MutexLock lock(world_->mutex);
    const absl::Status injected = CountCall();
    if (!writable_) return FileError("pwrite", path_, EBADF);
    if (!injected.ok()) bytes = bytes.substr(0, bytes.size() / 2);
    const int error = Write(offset, bytes);
    return injected.ok() ? StatusOf("pwrite", path_, error) : injected;
  }

  // As WriteAt; what a failed call has written is on the disk.
  absl::Status WriteDurably(uint64_t offset, std::string_view bytes) override {
    MutexLock lock(world_->mutex);
    const absl::Status injected = CountCall();
    if (!writable_) return FileError("pwrite", path_, EBADF);
    if (!injected.ok()) bytes = bytes.substr(0, bytes.size() / 2);
    const int error = Write(offset, bytes);
    inode_->SyncRange(offset, bytes.size());
    return injected.ok() ? StatusOf("pwrite", path_, error) : injected;
  }

  absl::Status Sync() override {
    MutexLock lock(world_->mutex);
    absl::Status injected = CountCall();
    injected.ok() ? inode_->Sync() : inode_->SyncFailed();
    return injected;
  }

  absl::StatusOr<uint64_t> Size() override {
    MutexLock lock(world_->mutex);
    if (absl::Status injected = CountCall(); !injected.ok()) return injected;
    return inode_->size();
  }

 private:
  // A dead process' calls neither count nor fail nor use space.
  bool dead() const IDEM_REQUIRES(world_->mutex) { return life_ != world_->disk.life(); }

  absl::Status CountCall() IDEM_REQUIRES(world_->mutex) {
    return dead() ? absl::OkStatus() : world_->CountCall();
  }

  int Write(uint64_t offset, std::string_view bytes) IDEM_REQUIRES(world_->mutex) {
    if (!dead()) return world_->disk.Write(*inode_, offset, bytes);
    inode_->Write(offset, bytes);
    return 0;
  }

  const std::shared_ptr<World> world_;
  const std::shared_ptr<Inode> inode_;
  const std::string path_;
  const bool writable_;
  const int64_t life_;
};

class MemoryDirectoryLock final : public DirectoryLock {
 public:
  MemoryDirectoryLock(std::shared_ptr<World> world, std::shared_ptr<Inode> inode)
      : world_(std::move(world)), inode_(std::move(inode)) {}
  // After a Crash or a Kill this inode is no longer the one that others lock.
  ~MemoryDirectoryLock() override {
    MutexLock lock(world_->mutex);
    inode_->locked = false;
  }

 private:
  const std::shared_ptr<World> world_;
  const std::shared_ptr<Inode> inode_;
};

}  // namespace

struct MemoryFileSystem::State : World {};

MemoryFileSystem::MemoryFileSystem() : state_(std::make_shared<State>()) {}
MemoryFileSystem::~MemoryFileSystem() = default;

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path,
                                                             OpenMode mode) {
  MutexLock lock(state_->mutex);
  if (absl::Status injected = state_->CountCall(); !injected.ok()) return injected;
  std::shared_ptr<Inode> inode;
  const int error = mode == OpenMode::kCreate ? state_->disk.Create(path, &inode)
                                              : state_->disk.Find(path, &inode);
  if (error != 0) return FileError("open", path, error);
  return std::make_unique<MemoryFile>(state_, std::move(inode), path, mode, state_->disk.life());
}

absl::Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(state_->mutex);
  if (absl::Status injected = state_->CountCall(); !injected.ok()) return injected;
  return StatusOf("rename", absl::StrCat(from, " to ", to), state_->disk.Rename(from, to));
}

absl::Status MemoryFileSystem::Remove(const std::string& path) {
  MutexLock lock(state_->mutex);
  if (absl::Status injected = state_->CountCall(); !injected.ok()) return injected;
  return StatusOf("unlink", path, state_->disk.Remove(path));
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::List(const std::string& directory) {
  MutexLock lock(state_->mutex);
  if (absl::Status injected = state_->CountCall(); !injected.ok()) return injected;
  std::vector<std::string> names;
  const int error = state_->disk.List(directory, &names);
  if (error != 0) return FileError("opendir", directory, error);
  return names;
}

absl::Status MemoryFileSystem::CreateDirectory(const std::string& directory) {
  MutexLock lock(state_->mutex);
  if (absl::Status injected = state_->CountCall(); !injected.ok()) return injected;
  return state_->CreateDirectory(directory);
}

absl::Status MemoryFileSystem::SyncDirectory(const std::string& directory) {
  MutexLock lock(state_->mutex);
  if (absl::Status injected = state_->CountCall(); !injected.ok()) return injected;
  return StatusOf("fsync", directory, state_->disk.SyncDirectory(directory));
}

absl::StatusOr<std::unique_ptr<DirectoryLock>> MemoryFileSystem::Lock(const std::string& path,
                                                                      std::string_view holder) {
  MutexLock lock(state_->mutex);
  if (absl::Status injected = state_->CountCall(); !injected.ok()) return injected;
  std::shared_ptr<Inode> inode;
  int error = state_->disk.Find(path, &inode);
  if (error == ENOENT) error = state_->disk.Create(path, &inode);
  if (error != 0) return FileError("open", path, error);
  if (inode->locked) return engine::LockHeldError(path, inode->contents());
  inode->locked = true;
  inode->Clear();
  inode->Write(0, holder);
  return std::make_unique<MemoryDirectoryLock>(state_, std::move(inode));
}

void MemoryFileSystem::Crash() {
  Crash([](uint64_t) { return uint64_t{0}; });
}

void MemoryFileSystem::Crash(const Choose& choose) {
  MutexLock lock(state_->mutex);
  state_->disk.PowerCut(choose);
}

// Many choices of the same kind find more than many that cancel each other out: each seed has its
// own liking for what is old and for what is new.
void MemoryFileSystem::Crash(uint64_t seed) {
  std::mt19937_64 random(seed);
  const uint64_t old_of_8 = random() % 9;
  const uint64_t new_of_8 = random() % 9;
  Crash([&](uint64_t n) {
    if (random() % 8 < old_of_8 && random() % 2 == 0) return uint64_t{0};
    return random() % 8 < new_of_8 ? n - 1 : random() % n;
  });
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::Fork() const {
  auto fork = std::make_unique<MemoryFileSystem>();
  MutexLock lock(state_->mutex);
  MutexLock fork_lock(fork->state_->mutex);
  fork->state_->disk = state_->disk.Copy();
  return fork;
}

void MemoryFileSystem::Kill() {
  MutexLock lock(state_->mutex);
  state_->disk.ProcessDeath();
}

void MemoryFileSystem::FailCall(int64_t nth, absl::Status error, bool keep_failing) {
  MutexLock lock(state_->mutex);
  state_->failing_call = nth > 0 ? state_->calls + nth : 0;
  state_->error = std::move(error);
  state_->keep_failing = keep_failing;
}

int64_t MemoryFileSystem::calls() const {
  MutexLock lock(state_->mutex);
  return state_->calls;
}

void MemoryFileSystem::SetCapacity(uint64_t bytes) {
  MutexLock lock(state_->mutex);
  state_->disk.set_capacity(bytes);
}

absl::StatusOr<std::string> MemoryFileSystem::Read(const std::string& path) const {
  MutexLock lock(state_->mutex);
  std::shared_ptr<Inode> inode;
  const int error = state_->disk.Find(path, &inode);
  if (error != 0) return FileError("open", path, error);
  return inode->contents();
}

void MemoryFileSystem::Overwrite(const std::string& path, std::string_view contents) {
  MutexLock lock(state_->mutex);
  IDEM_CHECK(state_->CreateDirectory(engine::ParentDirectory(path)).ok());
  state_->disk.Put(path, contents);
}

}  // namespace idem
