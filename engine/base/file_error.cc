#include "base/file_error.h"

#include <cerrno>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace idem::engine {
namespace {

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
      return absl::StatusCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

absl::string_view HintFor(std::string_view call, int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return " (the user that runs this process must be allowed to read and write there)";
    case ENOSPC:
    case EDQUOT:
      return " (free some space there, or choose another directory)";
    case EEXIST:
    case ENOTDIR:
      return call == "mkdir" ? " (a file is in the way; choose another directory)" : "";
    case EROFS:
      return " (mount the file system writable, or choose another directory)";
    default:
      return "";
  }
}

}  // namespace

absl::Status FileError(std::string_view call, std::string_view path, int error) {
  const absl::Status named = absl::ErrnoToStatus(error, absl::StrCat(Absl(call), " ", Absl(path)));
  return {CodeOf(error), absl::StrCat(named.message(), HintFor(call, error))};
}

absl::Status StatusOf(std::string_view call, std::string_view path, int error) {
  return error == 0 ? absl::OkStatus() : FileError(call, path, error);
}

absl::Status LockHeldError(std::string_view path, std::string_view holder) {
  const std::string who =
      holder.empty() ? "another opener" : absl::CHexEscape(Absl(holder.substr(0, kMaxHolderBytes)));
  return absl::AlreadyExistsError(absl::StrCat("flock ", Absl(path), ": held by ", who,
                                               " (stop it first, or choose another directory)"));
}

}  // namespace idem::engine
