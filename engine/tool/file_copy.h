// Copies one file, and makes the copy durable but for its name.
#ifndef IDEM_TOOL_FILE_COPY_H_
#define IDEM_TOOL_FILE_COPY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "idem/file_system.h"

namespace idem::engine {

struct CopiedPart {
  uint64_t bytes = 0;       // from the front of the file
  uint64_t file_bytes = 0;  // of the copy; the rest is zeros, as a hole
};

absl::StatusOr<CopiedPart> WholeFile(FileSystem* files, const std::string& path);

// `to` must not exist.
absl::Status CopyFile(FileSystem* files, const std::string& from, const std::string& to,
                      const CopiedPart& part);

}  // namespace idem::engine

#endif  // IDEM_TOOL_FILE_COPY_H_
