#include "tool/command.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tool/commands.h"

namespace idem::engine {
namespace {

constexpr const Command* kCommands[] = {&kCheck,     &kDump,   &kSalvage,
                                        &kSyncBench, &kBackup, &kRestore};

constexpr char kAbout[] =
    R"(idem-tool: looks into the directory of an Idem store, and repairs it when told to.

Usage: idem-tool COMMAND ..

)";

constexpr char kExitCodes[] = R"(
`idem-tool COMMAND --help` is the manual page of a command.

Nothing but `salvage` changes a store. `backup` and `restore` write their second directory only,
`sync-bench` a file of its own that it removes again.

Exit codes:
  0   clean, or done
  1   torn tail: the last write was cut short. No answer depended on it; the next open cuts it
  2   damaged: data known durable is damaged. The store refuses to open; see `salvage`
  3   cannot: no such directory, no right, no space, in use, or written by a newer version
  64  a wrong command line

What to do on a bad night, symptom by symptom: engine/log/RUNBOOK.md.
)";

std::string Usage() {
  std::string text = kAbout;
  for (const Command* command : kCommands) {
    absl::StrAppendFormat(&text, "  %-11s %s\n", command->name, command->summary);
  }
  return text + kExitCodes;
}

std::string ManualPage(const Command& command) {
  return absl::StrFormat("idem-tool %s: %s\n\nUsage: idem-tool %s %s\n%s", command.name,
                         command.summary, command.name, command.synopsis, command.help);
}

bool AsksForHelp(std::string_view word) {
  return word == "--help" || word == "-h" || word == "help";
}

int Misused(const Surroundings& surroundings, std::string_view why) {
  surroundings.errors << "idem-tool: " << why << "\n";
  return kUsage;
}

}  // namespace

std::span<const Command* const> Commands() { return kCommands; }

int RunTool(std::span<const char* const> words, const Surroundings& surroundings) {
  if (words.empty()) return Misused(surroundings, "no command; idem-tool --help lists them");
  if (AsksForHelp(words[0])) {
    surroundings.out << Usage();
    return kClean;
  }
  const std::string_view name = words[0];
  const auto found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                  [name](const Command* command) { return command->name == name; });
  if (found == std::end(kCommands)) {
    return Misused(surroundings,
                   std::string(name) + ": no such command; idem-tool --help lists them");
  }
  const std::span<const char* const> rest = words.subspan(1);
  if (std::any_of(rest.begin(), rest.end(), AsksForHelp)) {
    surroundings.out << ManualPage(**found);
    return kClean;
  }
  const absl::StatusOr<Arguments> arguments = Arguments::Parse(**found, rest);
  if (!arguments.ok()) return Misused(surroundings, std::string(arguments.status().message()));
  return (*found)->run(*arguments, surroundings);
}

int Fail(const Surroundings& surroundings, const absl::Status& status) {
  surroundings.errors << "idem-tool: " << std::string(status.message()) << "\n";
  if (absl::IsDataLoss(status)) return kDamaged;
  return absl::IsInvalidArgument(status) ? kUsage : kCannotRead;
}

}  // namespace idem::engine
