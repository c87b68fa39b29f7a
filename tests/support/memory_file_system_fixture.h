// A MemoryFileSystem with a directory "d", and calls on it that must succeed.
#ifndef IDEM_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_FIXTURE_H_
#define IDEM_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "idem/memory_file_system.h"

namespace idem {

class MemoryFileSystemFixture : public testing::Test {
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

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_FIXTURE_H_
