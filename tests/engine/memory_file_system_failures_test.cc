// Calls that fail on command, a disk that is full, and damage.
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "tests/support/memory_file_system_fixture.h"

namespace idem {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using MemoryFileSystemFailuresTest = MemoryFileSystemFixture;

// FailCall.

TEST_F(MemoryFileSystemFailuresTest, TheNthCallFailsOnce) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "1234");
  fs_.FailCall(3, error_);
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_TRUE(file->Size().ok());
  EXPECT_EQ(file->Sync(), error_);
  EXPECT_EQ(file->Sync(), absl::OkStatus());
}

TEST_F(MemoryFileSystemFailuresTest, TheNthCallFailsAndAllLaterOnes) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "1234");
  fs_.FailCall(2, error_, /*keep_failing=*/true);
  EXPECT_TRUE(file->Size().ok());
  EXPECT_EQ(file->Size().status(), error_);
  EXPECT_EQ(fs_.Remove("d/f"), error_);
  fs_.FailCall(0, error_, /*keep_failing=*/true);
  EXPECT_EQ(fs_.Remove("d/f"), absl::OkStatus());
}

TEST_F(MemoryFileSystemFailuresTest, EveryCallCountsAndMayFail) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "1234");
  char byte = 0;
  const std::vector<std::function<absl::Status()>> calls = {
      [&] { return file->ReadAt(0, &byte, 1).status(); },
      [&] { return file->WriteAt(0, "1"); },
      [&] { return file->Sync(); },
      [&] { return file->WriteDurably(0, "1"); },
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

TEST_F(MemoryFileSystemFailuresTest, AFailedWriteMayHaveWrittenAPrefix) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "");
  fs_.FailCall(1, error_);
  EXPECT_EQ(file->WriteAt(0, "12345678"), error_);
  EXPECT_EQ(Contents("d/f"), "1234");
}

TEST_F(MemoryFileSystemFailuresTest, OfAFailedDurableWriteAPrefixIsOnTheDisk) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "........");
  fs_.FailCall(1, error_);
  EXPECT_EQ(file->WriteDurably(0, "12345678"), error_);
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "1234....");
}

TEST_F(MemoryFileSystemFailuresTest, WhatAFailedSyncDidNotWriteNoLaterSyncWrites) {
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

TEST_F(MemoryFileSystemFailuresTest, AFailedDirectorySyncKeepsNothing) {
  Sync(*Create("d/f", ""));
  fs_.FailCall(1, error_);
  EXPECT_EQ(fs_.SyncDirectory("d"), error_);
  fs_.Crash();
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(MemoryFileSystemFailuresTest, DeadHandlesNeitherCountNorFail) {
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

TEST_F(MemoryFileSystemFailuresTest, AFullDiskTakesThePrefixThatFits) {
  Create("d/f", std::string(60, 'f'));
  const std::unique_ptr<File> file = Create("d/g", "0123456789");
  fs_.SetCapacity(100);
  EXPECT_EQ(file->WriteAt(5, std::string(40, 'g')),
            absl::ResourceExhaustedError("pwrite d/g: No space left on device (free some space "
                                         "there, or choose another directory)"));
  EXPECT_EQ(Contents("d/g"), "01234" + std::string(35, 'g'));
  EXPECT_EQ(fs_.Open("d/h", OpenMode::kCreate).status(),
            absl::ResourceExhaustedError("open d/h: No space left on device (free some space "
                                         "there, or choose another directory)"));
  EXPECT_EQ(fs_.Lock("d/LOCK", "me").status(),
            absl::ResourceExhaustedError("open d/LOCK: No space left on device (free some space "
                                         "there, or choose another directory)"));
  EXPECT_THAT(Names(), ElementsAre("f", "g"));
}

TEST_F(MemoryFileSystemFailuresTest, AFullDiskStillTakesWritesInPlace) {
  const std::unique_ptr<File> file = Create("d/f", std::string(60, 'f'));
  fs_.SetCapacity(10);
  EXPECT_EQ(file->WriteAt(0, std::string(60, 'F')), absl::OkStatus());
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_EQ(Contents("d/f"), std::string(60, 'F'));
  EXPECT_EQ(file->WriteAt(60, "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*file->Size(), 60U);
}

TEST_F(MemoryFileSystemFailuresTest, AWriteFarBehindAFullDisksEndChangesNothing) {
  const std::unique_ptr<File> file = Create("d/f", "1234");
  fs_.SetCapacity(10);
  EXPECT_EQ(file->WriteAt(20, "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Contents("d/f"), "1234");
}

TEST_F(MemoryFileSystemFailuresTest, SpaceReturnsWithARemoveOrALargerDisk) {
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

TEST_F(MemoryFileSystemFailuresTest, ALockFileThatIsThereNeedsNoSpace) {
  EXPECT_EQ(fs_.Lock("d/LOCK", "me").status(), absl::OkStatus());
  fs_.SetCapacity(0);
  EXPECT_EQ(fs_.Lock("d/LOCK", "the next holder").status(), absl::OkStatus());
}

// Damage.

TEST_F(MemoryFileSystemFailuresTest, OverwriteReplacesWhatIsOnDiskToo) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "intact");
  fs_.Overwrite("d/f", "bad");
  EXPECT_EQ(*file->Size(), 3U);
  Write(*file, 0, "B");
  fs_.Crash();
  EXPECT_EQ(Contents("d/f"), "bad");
}

TEST_F(MemoryFileSystemFailuresTest, OverwriteMakesWhatIsMissing) {
  fs_.Overwrite("e/f/g", "put");
  fs_.Crash();
  EXPECT_EQ(Contents("e/f/g"), "put");
  EXPECT_THAT(Names("e/f"), ElementsAre("g"));
  EXPECT_EQ(fs_.Read("e/f/h").status(),
            absl::NotFoundError("open e/f/h: No such file or directory"));
}

}  // namespace
}  // namespace idem
