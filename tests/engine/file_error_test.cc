#include "base/file_error.h"

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace idem::engine {
namespace {

TEST(FileErrorTest, NamesTheCallThePathAndTheReason) {
  EXPECT_EQ(FileError("pwrite", "/d/wal-1.log", EIO),
            absl::UnavailableError("pwrite /d/wal-1.log: Input/output error"));
}

TEST(FileErrorTest, CodesTellWhatACallerCanDo) {
  const auto code_of = [](int error) { return FileError("open", "f", error).code(); };
  EXPECT_EQ(code_of(ENOENT), absl::StatusCode::kNotFound);
  for (int error : {ENOSPC, EDQUOT}) {
    EXPECT_EQ(code_of(error), absl::StatusCode::kResourceExhausted) << error;
  }
  for (int error : {EACCES, EPERM, EROFS}) {
    EXPECT_EQ(code_of(error), absl::StatusCode::kPermissionDenied) << error;
  }
  for (int error : {EIO, EMFILE, ENFILE, EEXIST, ENOTDIR, EISDIR, EBADF, EINVAL, EINTR, ENOLCK}) {
    EXPECT_EQ(code_of(error), absl::StatusCode::kUnavailable) << error;
  }
}

TEST(FileErrorTest, WhatAPersonCanRepairHasAHint) {
  EXPECT_EQ(FileError("open", "f", EACCES).message(),
            "open f: Permission denied (the user that runs this process must be allowed to read "
            "and write there)");
  EXPECT_EQ(FileError("open", "f", EROFS).message(),
            "open f: Read-only file system (mount the file system writable, or choose another "
            "directory)");
  EXPECT_EQ(FileError("pwrite", "f", ENOSPC).message(),
            "pwrite f: No space left on device (free some space there, or choose another "
            "directory)");
  EXPECT_EQ(FileError("mkdir", "f", EEXIST).message(),
            "mkdir f: File exists (a file is in the way; choose another directory)");
  EXPECT_EQ(FileError("open", "f", EEXIST).message(), "open f: File exists");
}

}  // namespace
}  // namespace idem::engine
