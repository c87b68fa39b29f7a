#include "tool/directory_use.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/file_error.h"

namespace idem::engine {

std::optional<std::string> HolderOf(const std::string& directory) {
  const int fd = open((directory + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd == -1) return std::nullopt;
  std::optional<std::string> holder;
  if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    char text[kMaxHolderBytes];
    const ssize_t length = pread(fd, text, sizeof(text), 0);
    holder.emplace(text, length > 0 ? static_cast<size_t>(length) : 0);
  }
  close(fd);
  return holder;
}

}  // namespace idem::engine
