// Each thread has files of its own; the file system is everybody's.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "idem/memory_file_system.h"

namespace idem {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 200;

void UseOwnFile(MemoryFileSystem* fs, const std::string& path) {
  for (int round = 0; round < kRounds; ++round) {
    const absl::StatusOr<std::unique_ptr<File>> file = fs->Open(path, OpenMode::kCreate);
    ASSERT_EQ(file.status(), absl::OkStatus());
    ASSERT_EQ((*file)->WriteAt(0, path), absl::OkStatus());
    ASSERT_EQ((*file)->Sync(), absl::OkStatus());
    ASSERT_EQ(fs->SyncDirectory("."), absl::OkStatus());
    ASSERT_TRUE(fs->List(".").ok());
    ASSERT_EQ(fs->Rename(path, path + ".old"), absl::OkStatus());
  }
}

TEST(MemoryFileSystemThreadsTest, FilesOfManyThreads) {
  MemoryFileSystem fs;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(UseOwnFile, &fs, absl::StrCat("file-", i));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fs.calls(), int64_t{kThreads} * kRounds * 6);
  for (int i = 0; i < kThreads; ++i) {
    EXPECT_EQ(*fs.Read(absl::StrCat("file-", i, ".old")), absl::StrCat("file-", i));
  }
}

// While the owner works on, power cuts come; what is left is always a whole write or nothing.
TEST(MemoryFileSystemThreadsTest, CrashesUnderWriters) {
  MemoryFileSystem fs;
  std::thread writer([&] {
    const std::unique_ptr<File> file = *fs.Open("f", OpenMode::kCreate);
    for (int round = 0; round < kRounds; ++round) {
      ASSERT_EQ(file->WriteAt(0, std::string(100, round % 2 == 0 ? 'a' : 'b')), absl::OkStatus());
      ASSERT_EQ(file->Sync(), absl::OkStatus());
      ASSERT_EQ(fs.SyncDirectory("."), absl::OkStatus());
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    fs.Crash();
    const std::string left = fs.Read("f").value_or("");
    EXPECT_TRUE(left.empty() || left == std::string(100, left[0])) << left;
  }
  writer.join();
}

}  // namespace
}  // namespace idem
