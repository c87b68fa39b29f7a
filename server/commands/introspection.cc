// COMMAND and HELP: the rows, told to clients. The docs feed the hints of redis-cli.
#include "server/commands/introspection.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/commands/syntax_docs.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr std::pair<uint32_t, std::string_view> kFlagNames[] = {
    {kWrite, "write"},     {kReadOnly, "readonly"}, {kDenyOom, "denyoom"},
    {kFast, "fast"},       {kAdmin, "admin"},       {kNoAuth, "no_auth"},
    {kLoading, "loading"}, {kStale, "stale"},       {kNoMulti, "no_multi"},
};

std::string_view CategoryOf(std::string_view group) {
  if (group == "generic") return "@keyspace";
  if (group == "string") return "@string";
  if (group == "connection") return "@connection";
  if (group == "scripting") return "@scripting";
  if (group == "transactions") return "@transaction";
  return group == "idem" ? "@idem" : "@dangerous";
}

std::vector<std::string_view> CategoriesOf(const Command& command) {
  std::vector<std::string_view> categories;
  if (command.flags & kWrite) categories.push_back("@write");
  if (command.flags & kReadOnly) categories.push_back("@read");
  if (command.group != "server") categories.push_back(CategoryOf(command.group));
  if (command.flags & kAdmin) categories.insert(categories.end(), {"@admin", "@dangerous"});
  categories.push_back(command.flags & kFast ? "@fast" : "@slow");
  return categories;
}

void TellWords(const std::vector<std::string_view>& words, RespWriter& out) {
  out.Set(words.size());
  for (const std::string_view word : words) out.SimpleString(word);
}

void TellFlags(const Command& command, RespWriter& out) {
  std::vector<std::string_view> names;
  for (const auto& [flag, name] : kFlagNames) {
    if (command.flags & flag) names.push_back(name);
  }
  TellWords(names, out);
}

// Ten elements, as Redis 7 has them; no tips and no key specifications.
void TellInfo(const CommandTable& table, const Command& command, RespWriter& out) {
  out.Array(10);
  out.Bulk(command.name);
  out.Integer(command.arity);
  TellFlags(command, out);
  out.Integer(command.keys.first);
  out.Integer(command.keys.last);
  out.Integer(command.keys.step);
  TellWords(CategoriesOf(command), out);
  out.Set(0);
  out.Set(0);
  const std::vector<const Command*> subcommands = table.SubcommandsOf(command);
  if (subcommands.empty()) return out.Set(0);
  out.Array(subcommands.size());
  for (const Command* subcommand : subcommands) TellInfo(table, *subcommand, out);
}

void TellDocs(const CommandTable& table, const Command& command, RespWriter& out) {
  const std::vector<const Command*> subcommands = table.SubcommandsOf(command);
  out.Map(4 + (subcommands.empty() ? 0 : 1));
  out.Bulk("summary");
  out.Bulk(command.summary);
  out.Bulk("since");
  out.Bulk(command.since);
  out.Bulk("group");
  out.Bulk(command.group);
  out.Bulk("arguments");
  TellArgumentDocs(command.syntax, out);
  if (subcommands.empty()) return;
  out.Bulk("subcommands");
  out.Map(subcommands.size());
  for (const Command* subcommand : subcommands) {
    out.Bulk(subcommand->name);
    TellDocs(table, *subcommand, out);
  }
}

// More than there are; each is a long answer.
constexpr size_t kNamesMax = 512;
constexpr std::string_view kTooManyNames = "ERR COMMAND takes at most 512 names at once";
bool HasTooManyNames(const Call& call) { return call.args.size() > 2 + kNamesMax; }

// The rows that the arguments name, null for unknown ones; all rows if there are none.
std::vector<const Command*> Named(const Call& call) {
  const CommandTable& table = *call.server.commands;
  if (call.args.size() <= 2) return table.commands();
  std::vector<const Command*> named;
  for (const std::string_view name : call.args.subspan(2)) {
    named.push_back(table.FindByName(ToLower(name)));
  }
  return named;
}

void RunInfo(Call& call, RespWriter& out) {
  if (HasTooManyNames(call)) return out.Error(kTooManyNames);
  const std::vector<const Command*> named = Named(call);
  out.Array(named.size());
  for (const Command* command : named) {
    if (command == nullptr) {
      out.NullArray();
    } else {
      TellInfo(*call.server.commands, *command, out);
    }
  }
}

void RunDocs(Call& call, RespWriter& out) {
  if (HasTooManyNames(call)) return out.Error(kTooManyNames);
  std::vector<const Command*> named = Named(call);
  std::erase(named, nullptr);
  out.Map(named.size());
  for (const Command* command : named) {
    out.Bulk(command->name);
    TellDocs(*call.server.commands, *command, out);
  }
}

void RunCount(Call& call, RespWriter& out) {
  out.Integer(static_cast<int64_t>(call.server.commands->commands().size()));
}

void RunList(Call& call, RespWriter& out) {
  const auto& commands = call.server.commands->commands();
  out.Array(commands.size());
  for (const Command* command : commands) out.Bulk(command->name);
}

// COMMAND GETKEYS <a whole command>
void RunGetKeys(Call& call, RespWriter& out) {
  const Arguments args = call.args.subspan(2);
  std::string error;
  const Command* const command = call.server.commands->Find(args, &error);
  if (command == nullptr) {
    return out.Error(error.starts_with("ERR wrong number")
                         ? "ERR Invalid number of arguments specified for command"
                         : "ERR Invalid command specified");
  }
  const std::vector<std::string_view> keys = KeysOf(*command, args);
  if (keys.empty()) return out.Error("ERR The command has no key arguments");
  out.Array(keys.size());
  for (const std::string_view key : keys) out.Bulk(key);
}

constexpr uint32_t kFlags = kLoading | kStale;

constexpr Command kCommands[] = {
    {"command",
     -1,
     kFlags | kContainer,
     {},
     nullptr,
     nullptr,
     RunInfo,
     "server",
     "2.8.13",
     "",
     "Return details about all commands"},
    {"command|count",
     2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunCount,
     "server",
     "2.8.13",
     "",
     "Return the number of commands"},
    {"command|docs",
     -2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunDocs,
     "server",
     "7.0.0",
     "[command-name [command-name ...]]",
     "Return the documentation of commands"},
    {"command|getkeys",
     -3,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunGetKeys,
     "server",
     "2.8.13",
     "command [arg ...]",
     "Return the keys of a whole command"},
    {"command|help",
     2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunHelp,
     "server",
     "5.0.0",
     "",
     "Show the subcommands"},
    {"command|info",
     -2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunInfo,
     "server",
     "2.8.13",
     "[command-name [command-name ...]]",
     "Return details about commands"},
    {"command|list",
     2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunList,
     "server",
     "7.0.0",
     "",
     "Return the names of all commands"},
};

}  // namespace

void RunHelp(Call& call, RespWriter& out) {
  const CommandTable& table = *call.server.commands;
  const std::string_view full_name = call.command.name;
  const std::string_view container = full_name.substr(0, full_name.find('|'));
  const auto subcommands = table.SubcommandsOf(*table.FindByName(container));
  out.Array(2 * subcommands.size() + 1);
  out.SimpleString(absl::StrCat(ToUpper(container), " <subcommand> [<arg> ...]. Subcommands are:"));
  for (const Command* subcommand : subcommands) {
    const std::string name = ToUpper(subcommand->name.substr(container.size() + 1));
    out.SimpleString(
        absl::StrCat(name, subcommand->syntax.empty() ? "" : " ", Absl(subcommand->syntax)));
    out.SimpleString(absl::StrCat("    ", Absl(subcommand->summary)));
  }
}

std::span<const Command> IntrospectionCommands() { return kCommands; }

}  // namespace idem::server
