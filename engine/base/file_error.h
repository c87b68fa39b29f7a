// How a failed system call on a file becomes an absl::Status; the codes stand in
// idem/file_system.h. The real files and the ones in memory share it, so that they fail alike.
//
// Thread rule: any thread.
#ifndef IDEM_BASE_FILE_ERROR_H_
#define IDEM_BASE_FILE_ERROR_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace idem::engine {

// "<call> <path>: <the system's text for `error`>", for a person's mistake also what to do. `error`
// is an errno other than 0.
absl::Status FileError(std::string_view call, std::string_view path, int error);

// The same, or OK if `error` is 0.
absl::Status StatusOf(std::string_view call, std::string_view path, int error);

// Of what an opener says of itself in the lock file, this much is shown.
inline constexpr size_t kMaxHolderBytes = 512;

// The lock file `path` is held by another opener, who wrote `holder` into it.
absl::Status LockHeldError(std::string_view path, std::string_view holder);

}  // namespace idem::engine

#endif  // IDEM_BASE_FILE_ERROR_H_
