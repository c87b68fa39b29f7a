// Reads a file from front to back in large pieces, without a copy of what it holds.
//
// Whoever keeps a piece of it takes the buffer along; then the window goes on in a new one.
//
// Thread rule: one thread at a time; buffers that were taken are not written any more.
#ifndef IDEM_LOG_FILE_WINDOW_H_
#define IDEM_LOG_FILE_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/file_system.h"

namespace idem::engine {

class FileWindow {
 public:
  static constexpr uint64_t kBytes = 1 << 20;

  FileWindow(std::unique_ptr<File> file, uint64_t file_bytes)
      : file_(std::move(file)), file_bytes_(file_bytes) {}

  // As if the file ended there.
  void LimitTo(uint64_t offset) { file_bytes_ = std::min(file_bytes_, offset); }
  // Valid until the next call, or as long as the buffer is held. Fewer bytes than asked for only at
  // the end of the file.
  absl::StatusOr<std::string_view> View(uint64_t offset, uint64_t length);
  // The buffer in which the last view stands.
  std::shared_ptr<const char[]> TakeBuffer();

 private:
  absl::Status MoveTo(uint64_t offset, uint64_t length);

  std::unique_ptr<File> file_;
  uint64_t file_bytes_;
  std::shared_ptr<char[]> buffer_;
  size_t buffer_bytes_ = 0;
  bool taken_ = false;
  std::string_view window_;  // of the file from offset_ on
  uint64_t offset_ = 0;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_FILE_WINDOW_H_
