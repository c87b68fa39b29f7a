// What every FileSystem must do, run against the system's files and against the ones in memory:
// the same results, the same codes, the same words.
#include "idem/file_system.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "tests/support/temporary_directory.h"

namespace idem {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

enum class Kind { kSystem, kMemory };

class FileSystemTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kMemory) {
      directory_ = "/store";
      ASSERT_TRUE(fs_->CreateDirectory(directory_).ok());
    } else {
      directory_ = made_.emplace().path();
    }
  }

  std::string Path(std::string_view name) const { return directory_ + "/" + std::string(name); }

  std::unique_ptr<File> MustOpen(std::string_view name, OpenMode mode) {
    absl::StatusOr<std::unique_ptr<File>> file = fs_->Open(Path(name), mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? *std::move(file) : nullptr;
  }

  std::unique_ptr<File> Create(std::string_view name, std::string_view contents) {
    std::unique_ptr<File> file = MustOpen(name, OpenMode::kCreate);
    EXPECT_EQ(file->WriteAt(0, contents), absl::OkStatus());
    return file;
  }

  static std::string ReadAt(File& file, uint64_t offset, size_t length) {
    std::string bytes(length, '?');
    const absl::StatusOr<size_t> n = file.ReadAt(offset, bytes.data(), length);
    EXPECT_TRUE(n.ok()) << n.status();
    bytes.resize(n.value_or(0));
    return bytes;
  }

  std::string Contents(std::string_view name) {
    return ReadAt(*MustOpen(name, OpenMode::kRead), 0, 100'000);
  }

  std::vector<std::string> Names() { return fs_->List(directory_).value(); }

  absl::Status OpenStatus(std::string_view name, OpenMode mode) {
    return fs_->Open(Path(name), mode).status();
  }

  absl::Status LockStatus(std::string_view name) {
    return fs_->Lock(Path(name), "somebody else").status();
  }

  MemoryFileSystem memory_;
  FileSystem* const fs_ = GetParam() == Kind::kMemory ? &memory_ : FileSystem::System();
  std::optional<TemporaryDirectory> made_;
  std::string directory_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, FileSystemTest, testing::Values(Kind::kSystem, Kind::kMemory),
                         [](const testing::TestParamInfo<Kind>& kind) {
                           return kind.param == Kind::kSystem ? "System" : "Memory";
                         });

TEST_P(FileSystemTest, WhatIsWrittenIsRead) {
  const std::unique_ptr<File> file = Create("f", "hello world");
  EXPECT_EQ(*file->Size(), 11U);
  EXPECT_EQ(file->WriteAt(6, "idem!!"), absl::OkStatus());
  EXPECT_EQ(file->WriteAt(0, ""), absl::OkStatus());
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_EQ(*file->Size(), 12U);
  EXPECT_EQ(Contents("f"), "hello idem!!");
}

TEST_P(FileSystemTest, WhatIsWrittenDurablyIsRead) {
  constexpr size_t kBlock = File::kDirectBytes;
  const std::unique_ptr<File> file = Create("f", std::string(4 * kBlock, '.'));
  ASSERT_EQ(file->Sync(), absl::OkStatus());
  alignas(kBlock) static char bytes[2 * kBlock];
  std::fill(std::begin(bytes), std::end(bytes), 'x');
  EXPECT_EQ(file->WriteDurably(kBlock, {bytes, 2 * kBlock}), absl::OkStatus());
  EXPECT_EQ(file->WriteAt(2 * kBlock, "cached"), absl::OkStatus());
  EXPECT_EQ(file->WriteDurably(1, "not aligned"), absl::OkStatus());
  std::string expected = "." + std::string("not aligned") + std::string(kBlock - 12, '.') +
                         std::string(2 * kBlock, 'x') + std::string(kBlock, '.');
  expected.replace(2 * kBlock, 6, "cached");
  EXPECT_EQ(Contents("f"), expected);
}

TEST_P(FileSystemTest, ReadersWriteNothingDurably) {
  alignas(File::kDirectBytes) static char block[File::kDirectBytes] = "x";
  Create("f", std::string(File::kDirectBytes, '.'));
  const std::unique_ptr<File> reader = MustOpen("f", OpenMode::kRead);
  const auto refused =
      absl::UnavailableError(absl::StrCat("pwrite ", Path("f"), ": Bad file descriptor"));
  EXPECT_EQ(reader->WriteDurably(0, {block, sizeof(block)}), refused);
  EXPECT_EQ(reader->WriteDurably(0, "x"), refused);
}

TEST_P(FileSystemTest, ReadsEndAtTheEndOfTheFile) {
  const std::unique_ptr<File> file = Create("f", "hello");
  EXPECT_EQ(ReadAt(*file, 1, 3), "ell");
  EXPECT_EQ(ReadAt(*file, 3, 100), "lo");
  EXPECT_EQ(ReadAt(*file, 5, 100), "");
  EXPECT_EQ(ReadAt(*file, 5000, 100), "");
  EXPECT_EQ(ReadAt(*file, 0, 0), "");
}

TEST_P(FileSystemTest, AWriteBehindTheEndFillsUpWithZeros) {
  const std::unique_ptr<File> file = Create("f", "ab");
  EXPECT_EQ(file->WriteAt(5, "c"), absl::OkStatus());
  EXPECT_EQ(file->WriteAt(9, ""), absl::OkStatus());
  EXPECT_EQ(*file->Size(), 6U);
  EXPECT_EQ(Contents("f"), std::string("ab\0\0\0c", 6));
}

TEST_P(FileSystemTest, ModesSayWhetherTheFileMustExist) {
  const auto missing =
      absl::NotFoundError(absl::StrCat("open ", Path("f"), ": No such file or directory"));
  EXPECT_EQ(OpenStatus("f", OpenMode::kRead), missing);
  EXPECT_EQ(OpenStatus("f", OpenMode::kReadWrite), missing);
  EXPECT_THAT(Names(), IsEmpty());
  Create("f", "kept");
  EXPECT_EQ(OpenStatus("f", OpenMode::kCreate),
            absl::UnavailableError(absl::StrCat("open ", Path("f"), ": File exists")));
  EXPECT_EQ(ReadAt(*MustOpen("f", OpenMode::kReadWrite), 0, 10), "kept");
}

TEST_P(FileSystemTest, AReaderCannotWrite) {
  Create("f", "kept");
  const std::unique_ptr<File> file = MustOpen("f", OpenMode::kRead);
  EXPECT_EQ(file->WriteAt(0, "lost"),
            absl::UnavailableError(absl::StrCat("pwrite ", Path("f"), ": Bad file descriptor")));
  EXPECT_EQ(file->Sync(), absl::OkStatus());
  EXPECT_EQ(Contents("f"), "kept");
}

TEST_P(FileSystemTest, HandlesOfOneFileSeeEachOther) {
  const std::unique_ptr<File> writer = Create("f", "");
  const std::unique_ptr<File> reader = MustOpen("f", OpenMode::kRead);
  EXPECT_EQ(writer->WriteAt(0, "news"), absl::OkStatus());
  EXPECT_EQ(ReadAt(*reader, 0, 10), "news");
  EXPECT_EQ(*reader->Size(), 4U);
}

TEST_P(FileSystemTest, WhatIsMissingIsNotFound) {
  const std::string reason = ": No such file or directory";
  EXPECT_EQ(OpenStatus("no/f", OpenMode::kCreate),
            absl::NotFoundError(absl::StrCat("open ", Path("no/f"), reason)));
  EXPECT_EQ(LockStatus("no/LOCK"),
            absl::NotFoundError(absl::StrCat("open ", Path("no/LOCK"), reason)));
  EXPECT_EQ(fs_->List(Path("no")).status(),
            absl::NotFoundError(absl::StrCat("opendir ", Path("no"), reason)));
  EXPECT_EQ(fs_->SyncDirectory(Path("no")),
            absl::NotFoundError(absl::StrCat("fsync ", Path("no"), reason)));
  EXPECT_EQ(fs_->Remove(Path("f")),
            absl::NotFoundError(absl::StrCat("unlink ", Path("f"), reason)));
  EXPECT_EQ(fs_->Rename(Path("f"), Path("g")),
            absl::NotFoundError(absl::StrCat("rename ", Path("f"), " to ", Path("g"), reason)));
  EXPECT_EQ(fs_->CreateDirectory(""), absl::NotFoundError(absl::StrCat("mkdir ", reason)));
}

TEST_P(FileSystemTest, AFileIsNoDirectory) {
  const char* const exists = ": File exists (a file is in the way; choose another directory)";
  Create("f", "");
  const std::string reason = ": Not a directory";
  EXPECT_EQ(OpenStatus("f/x", OpenMode::kCreate),
            absl::UnavailableError(absl::StrCat("open ", Path("f/x"), reason)));
  EXPECT_EQ(OpenStatus("f/x/y", OpenMode::kRead),
            absl::UnavailableError(absl::StrCat("open ", Path("f/x/y"), reason)));
  EXPECT_EQ(fs_->List(Path("f")).status(),
            absl::UnavailableError(absl::StrCat("opendir ", Path("f"), reason)));
  EXPECT_EQ(fs_->SyncDirectory(Path("f")),
            absl::UnavailableError(absl::StrCat("fsync ", Path("f"), reason)));
  EXPECT_EQ(fs_->CreateDirectory(Path("f/x")),
            absl::UnavailableError(absl::StrCat("mkdir ", Path("f"), exists)));
  EXPECT_EQ(fs_->CreateDirectory(Path("f")),
            absl::UnavailableError(absl::StrCat("mkdir ", Path("f"), exists)));
}

TEST_P(FileSystemTest, ADirectoryIsNoFile) {
  ASSERT_EQ(fs_->CreateDirectory(Path("d")), absl::OkStatus());
  EXPECT_EQ(OpenStatus("d", OpenMode::kReadWrite),
            absl::UnavailableError(absl::StrCat("open ", Path("d"), ": Is a directory")));
  EXPECT_EQ(OpenStatus("d", OpenMode::kCreate),
            absl::UnavailableError(absl::StrCat("open ", Path("d"), ": File exists")));
  EXPECT_EQ(fs_->Remove(Path("d")),
            absl::UnavailableError(absl::StrCat("unlink ", Path("d"), ": Is a directory")));
}

TEST_P(FileSystemTest, RenameReplaces) {
  Create("old", "replaced");
  const std::unique_ptr<File> file = Create("new", "written");
  EXPECT_EQ(fs_->Rename(Path("new"), Path("old")), absl::OkStatus());
  EXPECT_EQ(file->WriteAt(0, "WR"), absl::OkStatus());
  EXPECT_EQ(Contents("old"), "WRitten");
  EXPECT_EQ(fs_->Rename(Path("old"), Path("old")), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("old"));
}

TEST_P(FileSystemTest, RenameToAnotherDirectory) {
  ASSERT_EQ(fs_->CreateDirectory(Path("d")), absl::OkStatus());
  Create("f", "moved");
  EXPECT_EQ(fs_->Rename(Path("f"), Path("d/g")), absl::OkStatus());
  EXPECT_EQ(Contents("d/g"), "moved");
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_P(FileSystemTest, ARemovedFileLivesOnInItsHandles) {
  const std::unique_ptr<File> file = Create("f", "old");
  EXPECT_EQ(fs_->Remove(Path("f")), absl::OkStatus());
  EXPECT_THAT(Names(), IsEmpty());
  Create("f", "new");
  EXPECT_EQ(file->WriteAt(3, "er"), absl::OkStatus());
  EXPECT_EQ(ReadAt(*file, 0, 10), "older");
  EXPECT_EQ(Contents("f"), "new");
}

TEST_P(FileSystemTest, ListNamesTheFilesSorted) {
  for (const char* name : {"wal-2", "MANIFEST", "wal-10", ".hidden"}) Create(name, "");
  ASSERT_EQ(fs_->CreateDirectory(Path("directory")), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre(".hidden", "MANIFEST", "wal-10", "wal-2"));
  EXPECT_THAT(fs_->List(Path("directory")).value(), IsEmpty());
}

TEST_P(FileSystemTest, CreateDirectoryMakesTheParents) {
  EXPECT_EQ(fs_->CreateDirectory(Path("a/b/c")), absl::OkStatus());
  EXPECT_EQ(fs_->CreateDirectory(Path("a/b/c")), absl::OkStatus());
  EXPECT_EQ(fs_->CreateDirectory(Path("a//b/./d//")), absl::OkStatus());
  EXPECT_EQ(fs_->CreateDirectory("/"), absl::OkStatus());
  EXPECT_EQ(fs_->CreateDirectory("."), absl::OkStatus());
  Create("a/b/c/f", "");
  Create("a/b/d/f", "");
  EXPECT_EQ(fs_->SyncDirectory(Path("a/b/c/")), absl::OkStatus());
  EXPECT_THAT(fs_->List(Path("a/./b//c/")).value(), ElementsAre("f"));
}

TEST_P(FileSystemTest, ALockExcludesOpenersInTheSameProcess) {
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = fs_->Lock(Path("LOCK"), "pid 7 on host");
  ASSERT_EQ(lock.status(), absl::OkStatus());
  const auto held = absl::AlreadyExistsError(
      absl::StrCat("flock ", Path("LOCK"),
                   ": held by pid 7 on host (stop it first, or choose another directory)"));
  EXPECT_EQ(LockStatus("LOCK"), held);
  EXPECT_EQ(LockStatus("LOCK"), held);
  EXPECT_EQ(LockStatus("ANOTHER"), absl::OkStatus());
  lock->reset();
  EXPECT_EQ(LockStatus("LOCK"), absl::OkStatus());
}

TEST_P(FileSystemTest, TheLockFileStaysAndNamesTheLastHolder) {
  EXPECT_EQ(fs_->Lock(Path("LOCK"), "a holder with a long name").status(), absl::OkStatus());
  EXPECT_EQ(fs_->Lock(Path("LOCK"), "short").status(), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("LOCK"));
  EXPECT_EQ(Contents("LOCK"), "short");
}

TEST_P(FileSystemTest, AHolderCannotForgeALogLine) {
  const absl::StatusOr<std::unique_ptr<DirectoryLock>> lock =
      fs_->Lock(Path("LOCK"), "me\n2030-01-01 all is well" + std::string(10'000, 'x'));
  const std::string message(LockStatus("LOCK").message());
  EXPECT_THAT(message, testing::HasSubstr(R"(held by me\n2030-01-01 all)"));
  EXPECT_LT(message.size(), 1000U);
}

TEST_P(FileSystemTest, AnUnnamedHolderIsAnotherOpener) {
  const absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = fs_->Lock(Path("LOCK"), "");
  EXPECT_THAT(LockStatus("LOCK").message(), testing::HasSubstr(": held by another opener ("));
}

}  // namespace
}  // namespace idem
