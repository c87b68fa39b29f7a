// A directory for the files of a benchmark, in IDEM_BENCH_DIR, else in the system's temporary
// directory. It goes with all that is in it. Stops the program if it cannot be made.
#ifndef IDEM_BENCH_TEMPORARY_DIRECTORY_H_
#define IDEM_BENCH_TEMPORARY_DIRECTORY_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace idem::bench {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* const given = std::getenv("IDEM_BENCH_DIR");
    const auto parent =
        given == nullptr ? std::filesystem::temp_directory_path() : std::filesystem::path(given);
    path_ = (parent / "idem-bench-XXXXXX").string();
    if (mkdtemp(path_.data()) != nullptr) return;
    std::fprintf(stderr, "cannot make a directory in %s\n", parent.c_str());
    std::abort();
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

}  // namespace idem::bench

#endif  // IDEM_BENCH_TEMPORARY_DIRECTORY_H_
