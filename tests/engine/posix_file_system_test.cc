// What only the system's files have: system calls that a signal cuts short, modes, processes.
//
// The calls that move bytes and sync are replaced for this executable. They do as the kernel does;
// inside the life of a SignalStorm they are interrupted and cut short as the kernel may do.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "idem/file_system.h"
#include "tests/support/temporary_directory.h"

namespace idem {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Paths of what was synced, in order; null: nobody asks.
std::vector<std::string>* synced_paths = nullptr;
// What every sync fails with; 0: none does.
int sync_error = 0;
// Writes past the page cache so far, and what they fail with; 0: nothing.
int direct_writes = 0;
int direct_error = 0;

class SignalStorm {
 public:
  SignalStorm() { raging_ = true; }
  ~SignalStorm() { raging_ = false; }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;

  // Every second call is interrupted before it has done anything.
  static bool Interrupts() {
    if (!raging_ || ++calls_ % 2 == 0) return false;
    errno = EINTR;
    return true;
  }
  static size_t Shortened(size_t length) { return raging_ ? std::min<size_t>(length, 3) : length; }

 private:
  static inline bool raging_ = false;
  static inline int calls_ = 0;
};

std::string PathOf(int fd) {
  std::error_code error;
  return std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", fd), error).string();
}

bool RefusesDirect(int fd) {
  if ((fcntl(fd, F_GETFL) & O_DIRECT) == 0) return false;
  ++direct_writes;
  errno = direct_error;
  return direct_error != 0;
}

int SyncWith(int64_t system_call, int fd) {
  if (SignalStorm::Interrupts()) return -1;
  if (synced_paths != nullptr) synced_paths->push_back(PathOf(fd));
  if (sync_error != 0) {
    errno = sync_error;
    return -1;
  }
  return static_cast<int>(syscall(system_call, fd));
}

}  // namespace
}  // namespace idem

extern "C" {

ssize_t pread(int fd, void* out, size_t length, off_t offset) {
  if (idem::SignalStorm::Interrupts()) return -1;
  return syscall(SYS_pread64, fd, out, idem::SignalStorm::Shortened(length), offset);
}

ssize_t pwrite(int fd, const void* bytes, size_t length, off_t offset) {
  if (idem::SignalStorm::Interrupts() || idem::RefusesDirect(fd)) return -1;
  return syscall(SYS_pwrite64, fd, bytes, idem::SignalStorm::Shortened(length), offset);
}

int fdatasync(int fd) { return idem::SyncWith(SYS_fdatasync, fd); }
int fsync(int fd) { return idem::SyncWith(SYS_fsync, fd); }

}  // extern "C"

namespace idem {
namespace {

class PosixFileSystemTest : public testing::Test {
 protected:
  void SetUp() override { synced_paths = &synced_; }

  void TearDown() override {
    synced_paths = nullptr;
    sync_error = direct_writes = direct_error = 0;
  }

  std::string Path(std::string_view name) const { return directory_ + "/" + std::string(name); }

  static mode_t ModeOf(const std::string& path) {
    struct stat status = {};
    EXPECT_EQ(stat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }

  std::vector<std::string> TakeSynced() { return std::exchange(synced_, {}); }

  FileSystem* const fs_ = FileSystem::System();
  const TemporaryDirectory made_;
  const std::string& directory_ = made_.path();
  std::vector<std::string> synced_;
};

TEST_F(PosixFileSystemTest, InterruptedAndShortCallsAreFinished) {
  const SignalStorm storm;
  const std::unique_ptr<File> file = *fs_->Open(Path("f"), OpenMode::kCreate);
  EXPECT_EQ(file->WriteAt(2, "0123456789"), absl::OkStatus());
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_EQ(fs_->SyncDirectory(directory_), absl::OkStatus());
  EXPECT_THAT(TakeSynced(), ElementsAre(Path("f"), directory_));
  std::string bytes(20, '?');
  EXPECT_EQ(file->ReadAt(0, bytes.data(), bytes.size()).value(), 12U);
  EXPECT_EQ(bytes.substr(0, 12), std::string("\0\0"
                                             "0123456789",
                                             12));
}

TEST_F(PosixFileSystemTest, MadeDirectoriesAreSyncedIntoTheirParents) {
  EXPECT_EQ(fs_->CreateDirectory(Path("a/b/c")), absl::OkStatus());
  EXPECT_THAT(TakeSynced(), ElementsAre(std::filesystem::path(directory_).parent_path().string(),
                                        directory_, Path("a"), Path("a/b")));
  EXPECT_EQ(fs_->CreateDirectory(Path("a/b/c")), absl::OkStatus());
  EXPECT_THAT(TakeSynced(), ElementsAre(Path("a/b"))) << "its maker may have died before the sync";
}

TEST_F(PosixFileSystemTest, OthersCannotReadWhatIsMade) {
  const mode_t old_mask = umask(0);
  EXPECT_EQ(fs_->CreateDirectory(Path("d/e")), absl::OkStatus());
  EXPECT_TRUE(fs_->Open(Path("f"), OpenMode::kCreate).ok());
  EXPECT_TRUE(fs_->Lock(Path("LOCK"), "me").ok());
  umask(old_mask);
  EXPECT_EQ(ModeOf(Path("d")), 0700U);
  EXPECT_EQ(ModeOf(Path("d/e")), 0700U);
  EXPECT_EQ(ModeOf(Path("f")), 0600U);
  EXPECT_EQ(ModeOf(Path("LOCK")), 0600U);
}

TEST_F(PosixFileSystemTest, AStartedProgramInheritsNothing) {
  const std::unique_ptr<File> file = *fs_->Open(Path("f"), OpenMode::kCreate);
  const std::unique_ptr<DirectoryLock> lock = *fs_->Lock(Path("LOCK"), "me");
  int ours = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    if (PathOf(fd).rfind(directory_, 0) != 0) continue;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << PathOf(fd);
    ++ours;
  }
  EXPECT_EQ(ours, 2);
}

TEST_F(PosixFileSystemTest, HandlesAreClosed) {
  {
    const std::unique_ptr<File> file = *fs_->Open(Path("f"), OpenMode::kCreate);
    const std::unique_ptr<DirectoryLock> lock = *fs_->Lock(Path("LOCK"), "me");
    EXPECT_FALSE(fs_->Lock(Path("LOCK"), "me").ok());
    EXPECT_TRUE(fs_->List(directory_).ok());
    EXPECT_TRUE(fs_->SyncDirectory(directory_).ok());
  }
  for (int fd = 0; fd < 1024; ++fd) EXPECT_NE(PathOf(fd).rfind(directory_, 0), 0U) << PathOf(fd);
}

// A child takes the lock, says so by closing its end of the pipe, and never lets go.
pid_t StartHolder(FileSystem* fs, const std::string& path) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = fs->Lock(path, "the child");
    close(ends[0]);
    close(ends[1]);
    while (true) pause();
  }
  close(ends[1]);
  char byte;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  close(ends[0]);
  return child;
}

TEST_F(PosixFileSystemTest, AProcessThatDiesGivesItsLockFree) {
  const pid_t child = StartHolder(fs_, Path("LOCK"));
  EXPECT_EQ(fs_->Lock(Path("LOCK"), "me").status(),
            absl::AlreadyExistsError(
                absl::StrCat("flock ", Path("LOCK"),
                             ": held by the child (stop it first, or choose another directory)")));
  kill(child, SIGKILL);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(fs_->Lock(Path("LOCK"), "me").status(), absl::OkStatus());
}

TEST_F(PosixFileSystemTest, AFullDiskIsResourceExhausted) {
  absl::StatusOr<std::unique_ptr<File>> full = fs_->Open("/dev/full", OpenMode::kReadWrite);
  if (!full.ok()) GTEST_SKIP() << full.status();
  EXPECT_EQ((*full)->WriteAt(0, "x"),
            absl::ResourceExhaustedError("pwrite /dev/full: No space left on device"
                                         " (free some space there, or choose another directory)"));
}

TEST_F(PosixFileSystemTest, AFailedSyncIsReportedAndNotRepeated) {
  const std::unique_ptr<File> file = *fs_->Open(Path("f"), OpenMode::kCreate);
  sync_error = EIO;
  const auto broken = [](std::string_view call, const std::string& path) {
    return absl::UnavailableError(
        absl::StrCat(std::string(call), " ", path, ": Input/output error"));
  };
  EXPECT_EQ(file->Sync(), broken("fdatasync", Path("f")));
  EXPECT_EQ(fs_->SyncDirectory(directory_), broken("fsync", directory_));
  EXPECT_EQ(fs_->CreateDirectory(Path("d")),
            broken("fsync", std::filesystem::path(directory_).parent_path().string()));
  EXPECT_EQ(TakeSynced().size(), 3U);
}

class DurableWriteTest : public PosixFileSystemTest {
 protected:
  void SetUp() override {
    PosixFileSystemTest::SetUp();
    file_ = *fs_->Open(Path("f"), OpenMode::kCreate);
    ASSERT_EQ(file_->WriteAt(0, std::string(2 * File::kDirectBytes, '.')), absl::OkStatus());
    const int fd = open(Path("f").c_str(), O_WRONLY | O_DIRECT);
    if (fd < 0) GTEST_SKIP() << "no direct I/O in " << directory_;
    close(fd);
  }

  absl::Status Write() {
    alignas(File::kDirectBytes) static char block[File::kDirectBytes];
    std::fill(std::begin(block), std::end(block), 'x');
    return file_->WriteDurably(File::kDirectBytes, {block, sizeof(block)});
  }

  char Last() {
    char byte = 0;
    EXPECT_TRUE(file_->ReadAt(2 * File::kDirectBytes - 1, &byte, 1).ok());
    return byte;
  }

  std::unique_ptr<File> file_;
};

TEST_F(DurableWriteTest, IsOneCallPastThePageCache) {
  EXPECT_EQ(Write(), absl::OkStatus());
  EXPECT_EQ(Write(), absl::OkStatus());
  EXPECT_EQ(direct_writes, 2);
  EXPECT_THAT(TakeSynced(), IsEmpty());
  EXPECT_EQ(Last(), 'x');
}

TEST_F(DurableWriteTest, WhatDirectIoRefusesIsWrittenAndSynced) {
  direct_error = EINVAL;
  EXPECT_EQ(Write(), absl::OkStatus());
  EXPECT_THAT(TakeSynced(), ElementsAre(Path("f")));
  EXPECT_EQ(Last(), 'x');
}

TEST_F(DurableWriteTest, WhatFailsIsReportedAndNotRepeated) {
  direct_error = EIO;
  EXPECT_EQ(Write(),
            absl::UnavailableError(absl::StrCat("pwrite ", Path("f"), ": Input/output error")));
  EXPECT_EQ(direct_writes, 1);
  EXPECT_THAT(TakeSynced(), IsEmpty());
  EXPECT_EQ(Last(), '.');
}

TEST_F(PosixFileSystemTest, AParentWithoutASyncMattersOnlyForWhatIsMadeInIt) {
  for (int error : {EINVAL, EACCES, EPERM}) {
    sync_error = error;
    EXPECT_EQ(fs_->CreateDirectory(directory_), absl::OkStatus());
    EXPECT_FALSE(fs_->CreateDirectory(Path(absl::StrCat("d", error))).ok());
    EXPECT_FALSE(fs_->SyncDirectory(directory_).ok());
  }
}

TEST_F(PosixFileSystemTest, SymbolicLinksToDirectoriesWork) {
  ASSERT_EQ(fs_->CreateDirectory(Path("real")), absl::OkStatus());
  ASSERT_EQ(symlink("real", Path("link").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", Path("dangling").c_str()), 0);
  EXPECT_EQ(fs_->CreateDirectory(Path("link")), absl::OkStatus());
  EXPECT_EQ(fs_->CreateDirectory(Path("link/d")), absl::OkStatus());
  EXPECT_EQ(ModeOf(Path("real/d")), 0700U);
  EXPECT_EQ(
      fs_->CreateDirectory(Path("dangling/d")),
      absl::UnavailableError(absl::StrCat("mkdir ", Path("dangling"),
                                          ": File exists (a file is in the way; choose another "
                                          "directory)")));
}

}  // namespace
}  // namespace idem
