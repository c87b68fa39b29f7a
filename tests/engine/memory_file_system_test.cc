#include "idem/memory_file_system.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace idem {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class MemoryFileSystemTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(fs_.CreateDirectory("d").ok()); }

  std::unique_ptr<File> Open(const std::string& path, OpenMode mode) {
    absl::StatusOr<std::unique_ptr<File>> file = fs_.Open(path, mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? *std::move(file) : nullptr;
  }

  std::unique_ptr<File> Create(const std::string& path, std::string_view contents) {
    std::unique_ptr<File> file = Open(path, OpenMode::kCreate);
    Write(*file, 0, contents);
    return file;
  }

  // A file that a power cut leaves as it is.
  std::unique_ptr<File> CreateOnDisk(const std::string& path, std::string_view contents) {
    std::unique_ptr<File> file = Create(path, contents);
    Sync(*file);
    SyncDirectory("d");
    return file;
  }

  static void Write(File& file, uint64_t offset, std::string_view bytes) {
    ASSERT_EQ(file.WriteAt(offset, bytes), absl::OkStatus());
  }
  static void Sync(File& file) { ASSERT_EQ(file.Sync(), absl::OkStatus()); }
  void SyncDirectory(const std::string& path) {
    ASSERT_EQ(fs_.SyncDirectory(path), absl::OkStatus());
  }

  std::vector<std::string> Names(const std::string& path = "d") { return fs_.List(path).value(); }
  std::string Contents(const std::string& path) { return fs_.Read(path).value(); }

  MemoryFileSystem fs_;
  const absl::Status error_ = absl::UnavailableError("the disk is broken");
};

// Crash: contents.

TEST_F(MemoryFileSystemTest, ACrashDropsWhatWasWrittenSinceTheSync) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "aaaaaaaa");
  Write(*file, 1, "b");
  Sync(*file);
  Write(*file, 3, "c");
  Write(*file, 5, "d");
  EXPECT_EQ(Contents("d/f"), "abacadaa");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "abaaaaaa");
}

TEST_F(MemoryFileSystemTest, ACrashKeepsEveryWriteBeforeTheSync) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", std::string(100, '.'));
  Write(*file, 90, "z");
  Write(*file, 2, "a");
  Write(*file, 40, "m");
  Sync(*file);
  const std::string written = Contents("d/f");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), written);
}

TEST_F(MemoryFileSystemTest, ACrashDropsAnUnsyncedSize) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "1234");
  Write(*file, 4, "5678");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "1234");
  const std::unique_ptr<File> again = Open("d/f", OpenMode::kReadWrite);
  EXPECT_EQ(*again->Size(), 4U);
  Write(*again, 6, "78");
  Sync(*again);
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), std::string("1234\0\00078", 8));
}

TEST_F(MemoryFileSystemTest, AFileIsOnDiskForAllItsHandles) {
  const std::unique_ptr<File> writer = CreateOnDisk("d/f", "");
  Write(*writer, 0, "news");
  Sync(*Open("d/f", OpenMode::kRead));
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "news");
}

TEST_F(MemoryFileSystemTest, CrashingTwiceIsCrashingOnce) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "on disk");
  Write(*file, 0, "ON");
  fs_.Crash();
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "on disk");
  EXPECT_THAT(Names(), ElementsAre("f"));
}

// Crash: directory entries.

TEST_F(MemoryFileSystemTest, ACrashDropsAFileWhoseEntryWasNotSynced) {
  const std::unique_ptr<File> file = Create("d/f", "synced, but nobody finds it");
  Sync(*file);
  fs_.Crash();
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_EQ(fs_.Open("d/f", OpenMode::kRead).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*Create("d/f", "")->Size(), 0U) << "a new file of that name starts empty";
}

TEST_F(MemoryFileSystemTest, ACrashKeepsTheEntryButNotTheContents) {
  Create("d/f", "not synced");
  SyncDirectory("d");
  fs_.Crash();
  EXPECT_THAT(Names(), ElementsAre("f"));
  EXPECT_EQ(Contents("d/f"), "");
}

TEST_F(MemoryFileSystemTest, ACrashUndoesAnUnsyncedRename) {
  CreateOnDisk("d/MANIFEST", "old");
  CreateOnDisk("d/MANIFEST.tmp", "new");
  ASSERT_EQ(fs_.Rename("d/MANIFEST.tmp", "d/MANIFEST"), absl::OkStatus());
  EXPECT_EQ(Contents("d/MANIFEST"), "new");
  fs_.Crash();
  EXPECT_EQ(Contents("d/MANIFEST"), "old");
  EXPECT_EQ(Contents("d/MANIFEST.tmp"), "new");
}

TEST_F(MemoryFileSystemTest, ACrashKeepsASyncedRename) {
  CreateOnDisk("d/MANIFEST", "old");
  CreateOnDisk("d/MANIFEST.tmp", "new");
  ASSERT_EQ(fs_.Rename("d/MANIFEST.tmp", "d/MANIFEST"), absl::OkStatus());
  SyncDirectory("d");
  fs_.Crash();
  EXPECT_EQ(Contents("d/MANIFEST"), "new");
  EXPECT_THAT(Names(), ElementsAre("MANIFEST"));
}

TEST_F(MemoryFileSystemTest, ARenameDoesNotSyncTheContents) {
  CreateOnDisk("d/MANIFEST", "old");
  Create("d/MANIFEST.tmp", "new");
  ASSERT_EQ(fs_.Rename("d/MANIFEST.tmp", "d/MANIFEST"), absl::OkStatus());
  SyncDirectory("d");
  fs_.Crash();
  EXPECT_EQ(Contents("d/MANIFEST"), "");
}

TEST_F(MemoryFileSystemTest, ACrashBringsBackWhatWasRemovedWithoutASync) {
  CreateOnDisk("d/f", "here");
  CreateOnDisk("d/g", "there");
  ASSERT_EQ(fs_.Remove("d/f"), absl::OkStatus());
  SyncDirectory("d");
  ASSERT_EQ(fs_.Remove("d/g"), absl::OkStatus());
  EXPECT_THAT(Names(), IsEmpty());
  fs_.Crash();
  EXPECT_THAT(Names(), ElementsAre("g"));
  EXPECT_EQ(Contents("d/g"), "there");
}

TEST_F(MemoryFileSystemTest, ACrashAfterRemoveAndCreateBringsBackTheOldFile) {
  CreateOnDisk("d/f", "old");
  ASSERT_EQ(fs_.Remove("d/f"), absl::OkStatus());
  Sync(*Create("d/f", "new"));
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "old");
}

TEST_F(MemoryFileSystemTest, DirectoriesAreSyncedOneByOne) {
  ASSERT_EQ(fs_.CreateDirectory("d/e"), absl::OkStatus());
  Sync(*Create("d/f", ""));
  Sync(*Create("d/e/f", ""));
  SyncDirectory("d");
  fs_.Crash();
  EXPECT_THAT(Names("d"), ElementsAre("f"));
  EXPECT_THAT(Names("d/e"), IsEmpty()) << "the directory itself was on the disk once made";
}

// Crash and Kill: the old process.

TEST_F(MemoryFileSystemTest, HandlesFromBeforeACrashAreDead) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "on disk");
  const std::unique_ptr<File> unlinked = Create("d/g", "nowhere");
  Write(*file, 0, "ON DISK");
  fs_.Crash();
  const std::unique_ptr<File> reader = Open("d/f", OpenMode::kRead);

  char bytes[7];
  EXPECT_EQ(*file->ReadAt(0, bytes, 7), 7U);
  EXPECT_EQ(std::string(bytes, 7), "ON DISK") << "a dead process still sees its page cache";
  Write(*file, 0, "zombie");
  Write(*unlinked, 0, "zombie");
  Sync(*file);
  Sync(*unlinked);
  EXPECT_EQ(*reader->ReadAt(0, bytes, 7), 7U);
  EXPECT_EQ(std::string(bytes, 7), "on disk");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "on disk");
}

TEST_F(MemoryFileSystemTest, AKillKeepsWhatWasWrittenAndStillKnowsWhatWasNotSynced) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "on disk");
  Write(*file, 0, "written");
  Create("d/g", "unsynced");
  fs_.Kill();
  EXPECT_EQ(Contents("d/f"), "written");
  EXPECT_EQ(Contents("d/g"), "unsynced");
  Write(*file, 0, "zombie!");
  Sync(*file);
  EXPECT_EQ(Contents("d/f"), "written");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "on disk");
  EXPECT_THAT(Names(), ElementsAre("f"));
}

TEST_F(MemoryFileSystemTest, WhatADeadProcessWroteCanStillBeSynced) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "on disk");
  Write(*file, 0, "written");
  fs_.Kill();
  Sync(*Open("d/f", OpenMode::kReadWrite));
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "written");
}

TEST_F(MemoryFileSystemTest, CrashAndKillFreeTheLocks) {
  absl::StatusOr<std::unique_ptr<DirectoryLock>> first = fs_.Lock("d/LOCK", "first");
  SyncDirectory("d");
  EXPECT_EQ(fs_.Lock("d/LOCK", "x").status().code(), absl::StatusCode::kAlreadyExists);
  fs_.Crash();
  absl::StatusOr<std::unique_ptr<DirectoryLock>> second = fs_.Lock("d/LOCK", "second");
  ASSERT_EQ(second.status(), absl::OkStatus());
  first->reset();
  EXPECT_EQ(fs_.Lock("d/LOCK", "x").status().code(), absl::StatusCode::kAlreadyExists)
      << "a dead holder must not free the lock of a living one";
  fs_.Kill();
  EXPECT_EQ(fs_.Lock("d/LOCK", "third").status(), absl::OkStatus());
}

TEST_F(MemoryFileSystemTest, HandlesMayOutliveTheFileSystem) {
  auto fs = std::make_unique<MemoryFileSystem>();
  const std::unique_ptr<File> file = *fs->Open("f", OpenMode::kCreate);
  const std::unique_ptr<DirectoryLock> lock = *fs->Lock("LOCK", "me");
  fs.reset();
  Write(*file, 0, "x");
}

// FailCall.

TEST_F(MemoryFileSystemTest, TheNthCallFailsOnce) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "1234");
  fs_.FailCall(3, error_);
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_TRUE(file->Size().ok());
  EXPECT_EQ(file->Sync(), error_);
  EXPECT_EQ(file->Sync(), absl::OkStatus());
}

TEST_F(MemoryFileSystemTest, TheNthCallFailsAndAllLaterOnes) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "1234");
  fs_.FailCall(2, error_, /*keep_failing=*/true);
  EXPECT_TRUE(file->Size().ok());
  EXPECT_EQ(file->Size().status(), error_);
  EXPECT_EQ(fs_.Remove("d/f"), error_);
  fs_.FailCall(0, error_);
  EXPECT_EQ(fs_.Remove("d/f"), absl::OkStatus());
}

TEST_F(MemoryFileSystemTest, EveryCallCountsAndMayFail) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "1234");
  char byte = 0;
  const std::vector<std::function<absl::Status()>> calls = {
      [&] { return file->ReadAt(0, &byte, 1).status(); },
      [&] { return file->WriteAt(0, "1"); },
      [&] { return file->Sync(); },
      [&] { return file->Size().status(); },
      [&] { return fs_.Open("d/f", OpenMode::kRead).status(); },
      [&] { return fs_.Rename("d/f", "d/g"); },
      [&] { return fs_.Rename("d/g", "d/f"); },
      [&] { return fs_.List("d").status(); },
      [&] { return fs_.CreateDirectory("d/e"); },
      [&] { return fs_.SyncDirectory("d"); },
      [&] { return fs_.Lock("d/LOCK", "me").status(); },
      [&] { return fs_.Remove("d/f"); },
  };
  for (size_t i = 0; i < calls.size(); ++i) {
    SCOPED_TRACE(i);
    const int64_t before = fs_.calls();
    fs_.FailCall(1, error_);
    EXPECT_EQ(calls[i](), error_);
    EXPECT_EQ(calls[i](), absl::OkStatus()) << "the failed call must not have been done";
    EXPECT_EQ(fs_.calls(), before + 2);
  }
}

TEST_F(MemoryFileSystemTest, AFailedWriteMayHaveWrittenAPrefix) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "");
  fs_.FailCall(1, error_);
  EXPECT_EQ(file->WriteAt(0, "12345678"), error_);
  EXPECT_EQ(Contents("d/f"), "1234");
}

TEST_F(MemoryFileSystemTest, WhatAFailedSyncDidNotWriteNoLaterSyncWrites) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "........");
  Write(*file, 0, "lost");
  fs_.FailCall(1, error_);
  EXPECT_EQ(file->Sync(), error_);
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  Write(*file, 6, "k");
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_EQ(Contents("d/f"), "lost..k.");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "......k.");
}

TEST_F(MemoryFileSystemTest, AFailedDirectorySyncKeepsNothing) {
  Sync(*Create("d/f", ""));
  fs_.FailCall(1, error_);
  EXPECT_EQ(fs_.SyncDirectory("d"), error_);
  fs_.Crash();
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(MemoryFileSystemTest, DeadHandlesNeitherCountNorFail) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "1234");
  fs_.Kill();
  fs_.FailCall(1, error_);
  const int64_t before = fs_.calls();
  EXPECT_EQ(file->WriteAt(0, "x"), absl::OkStatus());
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_EQ(fs_.calls(), before);
  EXPECT_EQ(fs_.SyncDirectory("d"), error_);
}

// Capacity.

TEST_F(MemoryFileSystemTest, AFullDiskTakesThePrefixThatFits) {
  Create("d/f", std::string(60, 'f'));
  const std::unique_ptr<File> file = Create("d/g", "0123456789");
  fs_.SetCapacity(100);
  EXPECT_EQ(file->WriteAt(5, std::string(40, 'g')),
            absl::ResourceExhaustedError("pwrite d/g: No space left on device"));
  EXPECT_EQ(Contents("d/g"), "01234" + std::string(35, 'g'));
  EXPECT_EQ(fs_.Open("d/h", OpenMode::kCreate).status(),
            absl::ResourceExhaustedError("open d/h: No space left on device"));
  EXPECT_EQ(fs_.Lock("d/LOCK", "me").status(),
            absl::ResourceExhaustedError("open d/LOCK: No space left on device"));
  EXPECT_THAT(Names(), ElementsAre("f", "g"));
}

TEST_F(MemoryFileSystemTest, AFullDiskStillTakesWritesInPlace) {
  const std::unique_ptr<File> file = Create("d/f", std::string(60, 'f'));
  fs_.SetCapacity(10);
  EXPECT_EQ(file->WriteAt(0, std::string(60, 'F')), absl::OkStatus());
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_EQ(Contents("d/f"), std::string(60, 'F'));
  EXPECT_EQ(file->WriteAt(60, "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*file->Size(), 60U);
}

TEST_F(MemoryFileSystemTest, AWriteFarBehindAFullDisksEndChangesNothing) {
  const std::unique_ptr<File> file = Create("d/f", "1234");
  fs_.SetCapacity(10);
  EXPECT_EQ(file->WriteAt(20, "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Contents("d/f"), "1234");
}

TEST_F(MemoryFileSystemTest, SpaceReturnsWithARemoveOrALargerDisk) {
  Create("d/f", std::string(60, 'f'));
  const std::unique_ptr<File> file = Create("d/g", "");
  fs_.SetCapacity(60);
  EXPECT_EQ(file->WriteAt(0, "x").code(), absl::StatusCode::kResourceExhausted);
  ASSERT_EQ(fs_.Remove("d/f"), absl::OkStatus());
  EXPECT_EQ(file->WriteAt(0, std::string(60, 'x')), absl::OkStatus());
  EXPECT_EQ(file->WriteAt(60, "x").code(), absl::StatusCode::kResourceExhausted);
  fs_.SetCapacity(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(file->WriteAt(60, "x"), absl::OkStatus());
}

TEST_F(MemoryFileSystemTest, ALockFileThatIsThereNeedsNoSpace) {
  EXPECT_EQ(fs_.Lock("d/LOCK", "me").status(), absl::OkStatus());
  fs_.SetCapacity(0);
  EXPECT_EQ(fs_.Lock("d/LOCK", "the next holder").status(), absl::OkStatus());
}

// Damage.

TEST_F(MemoryFileSystemTest, OverwriteReplacesWhatIsOnDiskToo) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "intact");
  fs_.Overwrite("d/f", "bad");
  EXPECT_EQ(*file->Size(), 3U);
  Write(*file, 0, "B");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "bad");
}

TEST_F(MemoryFileSystemTest, OverwriteMakesWhatIsMissing) {
  fs_.Overwrite("e/f/g", "put");
  fs_.Crash();
  EXPECT_EQ(Contents("e/f/g"), "put");
  EXPECT_THAT(Names("e/f"), ElementsAre("g"));
  EXPECT_EQ(fs_.Read("e/f/h").status(),
            absl::NotFoundError("open e/f/h: No such file or directory"));
}

}  // namespace
}  // namespace idem
