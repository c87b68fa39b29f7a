// A subcommand of idem-tool, and what it was told on the command line.
//
// Thread rule: one thread.
#ifndef IDEM_TOOL_COMMAND_H_
#define IDEM_TOOL_COMMAND_H_

#include <cstddef>
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/file_system.h"

namespace idem::engine {

// The same in all subcommands, so that scripts may rely on them.
enum ExitCode : int {
  kClean = 0,
  kTornTail = 1,    // clean but for a last write that no answer depended on; an open cuts it
  kDamaged = 2,     // data known durable is damaged; an open refuses
  kCannotRead = 3,  // no such directory, no right, no space, in use, or a newer format
  kUsage = 64,      // as EX_USAGE of sysexits.h
};

struct Command;

class Arguments {
 public:
  // Of one subcommand, its name left out. kInvalidArgument: one line for the user.
  static absl::StatusOr<Arguments> Parse(const Command& command,
                                         std::span<const char* const> words);

  // The words that are no flags: directories.
  const std::string& directory(size_t i) const { return directories_[i]; }
  size_t directories() const { return directories_.size(); }
  bool Has(std::string_view flag) const { return flags_.contains(flag); }
  std::optional<std::string> Value(std::string_view flag) const;

 private:
  std::vector<std::string> directories_;
  std::map<std::string, std::string, std::less<>> flags_;
};

// Where a subcommand reads, and where it speaks.
struct Surroundings {
  FileSystem* files;
  std::ostream& out;
  std::ostream& errors;
};

struct Command {
  struct Flag {
    std::string_view name;  // "--limit"
    bool takes_value = false;
  };

  std::string_view name;
  std::string_view summary;   // one line
  std::string_view synopsis;  // what stands behind the name
  std::string_view help;      // the rest of its manual page
  size_t directories_min = 1;
  size_t directories_max = 1;
  std::span<const Flag> flags;
  int (*run)(const Arguments& arguments, const Surroundings& surroundings);
};

std::span<const Command* const> Commands();

// What main does. `words` are without the program's name.
int RunTool(std::span<const char* const> words, const Surroundings& surroundings);

// Prints the error; returns the exit code that goes with it.
int Fail(const Surroundings& surroundings, const absl::Status& status);

}  // namespace idem::engine

#endif  // IDEM_TOOL_COMMAND_H_
