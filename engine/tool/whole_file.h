// A file, read into memory as it is.
#ifndef IDEM_TOOL_WHOLE_FILE_H_
#define IDEM_TOOL_WHOLE_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "idem/file_system.h"

namespace idem::engine {

absl::StatusOr<std::string> ReadWholeFile(FileSystem* files, const std::string& path);

}  // namespace idem::engine

#endif  // IDEM_TOOL_WHOLE_FILE_H_
