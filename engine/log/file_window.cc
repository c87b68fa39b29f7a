#include "log/file_window.h"

#include <algorithm>
#include <cstring>

namespace idem::engine {

absl::StatusOr<std::string_view> FileWindow::View(uint64_t offset, uint64_t length) {
  const bool inside = offset >= offset_ && offset + length <= offset_ + window_.size();
  if (!inside) {
    absl::Status status = MoveTo(offset, length);
    if (!status.ok()) return status;
  }
  return window_.substr(offset - offset_, length);
}

std::shared_ptr<const char[]> FileWindow::TakeBuffer() {
  taken_ = true;
  return buffer_;
}

// What the window holds of it already is not read again.
absl::Status FileWindow::MoveTo(uint64_t offset, uint64_t length) {
  const uint64_t left = file_bytes_ - std::min(offset, file_bytes_);
  const uint64_t wanted = std::max(length, std::min(left, kBytes));
  std::string_view known;
  if (offset >= offset_ && offset - offset_ < window_.size()) {
    known = window_.substr(offset - offset_);
  }
  const std::shared_ptr<char[]> old_buffer = buffer_;  // in which `known` stands
  if (taken_ || buffer_bytes_ < wanted) {
    buffer_ = std::make_shared_for_overwrite<char[]>(wanted);
    buffer_bytes_ = wanted;
    taken_ = false;
  }
  if (!known.empty()) std::memmove(buffer_.get(), known.data(), known.size());
  offset_ = offset;
  window_ = {buffer_.get(), known.size()};
  const absl::StatusOr<size_t> read =
      file_->ReadAt(offset + known.size(), buffer_.get() + known.size(), wanted - known.size());
  if (!read.ok()) return read.status();
  window_ = {buffer_.get(), known.size() + *read};
  return absl::OkStatus();
}

}  // namespace idem::engine
