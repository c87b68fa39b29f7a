// Random calls on the system's files and on the ones in memory: every answer must be the same.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "idem/file_system.h"
#include "idem/memory_file_system.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_size.h"

namespace idem {
namespace {

constexpr int kCallsPerRun = 300;
constexpr size_t kHandles = 4;

struct Call {
  int kind;
  std::string path;
  std::string other_path;
  std::string made_directory;
  size_t handle;
  OpenMode mode;
  uint64_t offset;
  size_t length;
  char fill;
};

class RandomCalls {
 public:
  RandomCalls(std::string directory, uint64_t seed)
      : directory_(std::move(directory)), random_(seed) {}

  Call Next() {
    return {static_cast<int>(Below(13)),
            Path(),
            Path(),
            Directory(4),
            Below(kHandles),
            static_cast<OpenMode>(Below(3)),
            Below(3) * 1000 + Below(10),
            Below(2000),
            static_cast<char>('a' + Below(26))};
  }

 private:
  size_t Below(size_t bound) { return random_() % bound; }

  // The last one is never made, but is the name of a file. Names of directories and of files
  // differ otherwise: the kernel can do more with directories than we need, such as rename them.
  std::string Directory(size_t count) {
    static const char* const kNames[] = {"", "/d", "/d/e", "//d/./e/", "/f1"};
    return absl::StrCat(directory_, kNames[Below(count)]);
  }

  std::string Path() { return absl::StrCat(Directory(5), "/f", Below(3)); }

  const std::string directory_;
  std::mt19937_64 random_;
};

// One of the two file systems and what is open in it.
class Side {
 public:
  explicit Side(FileSystem* fs) : fs_(fs) {}

  // All that a caller can see of the call's answer.
  std::string Do(const Call& call) {
    const std::string parent = call.path.substr(0, call.path.rfind('/'));
    switch (call.kind) {
      case 0:
      case 1:
        return Open(call);
      case 2:
        return fs_->Rename(call.path, call.other_path).ToString();
      case 3:
        return fs_->Remove(call.path).ToString();
      case 4:
        return List(parent);
      case 5:
        return fs_->CreateDirectory(call.made_directory).ToString();
      case 6:
        return fs_->SyncDirectory(parent).ToString();
      case 7:
        return Lock(call);
      default:
        return files_[call.handle] == nullptr ? "" : DoFile(call, *files_[call.handle]);
    }
  }

 private:
  std::string Open(const Call& call) {
    absl::StatusOr<std::unique_ptr<File>> file = fs_->Open(call.path, call.mode);
    files_[call.handle] = file.ok() ? *std::move(file) : nullptr;
    return file.status().ToString();
  }

  std::string Lock(const Call& call) {
    lock_ = nullptr;
    auto lock = fs_->Lock(call.path, "the first");
    if (!lock.ok()) return lock.status().ToString();
    lock_ = *std::move(lock);
    return fs_->Lock(call.path, "the second").status().ToString();
  }

  std::string List(const std::string& directory) {
    const absl::StatusOr<std::vector<std::string>> names = fs_->List(directory);
    return names.ok() ? absl::StrJoin(*names, " ") : names.status().ToString();
  }

  static std::string DoFile(const Call& call, File& file) {
    switch (call.kind) {
      case 8:
        return file.Sync().ToString();
      case 9: {
        std::string bytes(call.length, '?');
        const absl::StatusOr<size_t> n = file.ReadAt(call.offset, bytes.data(), call.length);
        return absl::StrCat(n.status().ToString(), " ", n.value_or(0), " ", bytes);
      }
      case 10:
        return absl::StrCat(file.Size().value());
      case 11:
        return file.WriteDurably(call.offset, std::string(call.length, call.fill)).ToString();
      default:
        return file.WriteAt(call.offset, std::string(call.length, call.fill)).ToString();
    }
  }

  FileSystem* const fs_;
  std::unique_ptr<File> files_[kHandles];
  std::unique_ptr<DirectoryLock> lock_;
};

void RunSeed(uint64_t seed) {
  SCOPED_TRACE(absl::StrCat("replay with IDEM_SEED=", seed));
  const TemporaryDirectory directory;
  MemoryFileSystem memory_fs;
  ASSERT_TRUE(memory_fs.CreateDirectory(directory.path()).ok());
  Side system(FileSystem::System());
  Side memory(&memory_fs);
  RandomCalls calls(directory.path(), seed);
  for (int i = 0; i < kCallsPerRun && !testing::Test::HasFailure(); ++i) {
    const Call call = calls.Next();
    EXPECT_EQ(system.Do(call), memory.Do(call))
        << "call " << i << ", kind " << call.kind << ", " << call.path << ", " << call.other_path;
  }
}

// IDEM_SEED=n runs one seed alone.
TEST(FileSystemModelTest, TheSystemAndTheMemoryAnswerAlike) {
  if (const char* const seed = std::getenv("IDEM_SEED")) {
    return RunSeed(std::strtoull(seed, nullptr, 10));
  }
  const int64_t runs = TestSize(15);
  for (int64_t seed = 1; seed <= runs && !HasFailure(); ++seed) {
    RunSeed(static_cast<uint64_t>(seed));
  }
}

}  // namespace
}  // namespace idem
