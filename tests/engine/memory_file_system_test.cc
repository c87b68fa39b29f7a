// What a power cut and a kill leave.
#include "idem/memory_file_system.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/memory_file_system_fixture.h"

namespace idem {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using MemoryFileSystemTest = MemoryFileSystemFixture;

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

TEST_F(MemoryFileSystemTest, ACrashKeepsADurableWriteAndNothingElse) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "............");
  Write(*file, 0, "lost");
  ASSERT_EQ(file->WriteDurably(4, "kept"), absl::OkStatus());
  Write(*file, 8, "lost");
  EXPECT_EQ(Contents("d/f"), "lostkeptlost");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "....kept....");
}

TEST_F(MemoryFileSystemTest, ADurableWriteLeavesTheRestToTheNextSync) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "........");
  Write(*file, 0, "late");
  ASSERT_EQ(file->WriteDurably(4, "soon"), absl::OkStatus());
  Sync(*file);
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "latesoon");
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

}  // namespace
}  // namespace idem
