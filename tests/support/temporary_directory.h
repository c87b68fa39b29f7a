// A directory on the real file system, for one test. It goes with all that is in it.
#ifndef IDEM_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
#define IDEM_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "gtest/gtest.h"

namespace idem {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string made = testing::TempDir() + "idem_test_XXXXXX";
    EXPECT_NE(mkdtemp(made.data()), nullptr);
    path_ = std::filesystem::canonical(made).string();
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
