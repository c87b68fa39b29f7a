// Whether a store is open in a directory. Nothing is written, not even LOCK.
#ifndef IDEM_TOOL_DIRECTORY_USE_H_
#define IDEM_TOOL_DIRECTORY_USE_H_

#include <optional>
#include <string>

namespace idem::engine {

// Who has it open, in his own words; none if nobody has. For a moment it holds a shared lock.
std::optional<std::string> HolderOf(const std::string& directory);

}  // namespace idem::engine

#endif  // IDEM_TOOL_DIRECTORY_USE_H_
