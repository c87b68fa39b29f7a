#include "server/command_table.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr size_t kLongestName = 32;
constexpr size_t kShownBytes = 128;  // of what the client sent, in an error

// flat_hash_map of Abseil's own string_view: look up by a lower-case copy on the stack.
class LowerCased {
 public:
  explicit LowerCased(std::string_view name) : size_(name.size()) {
    if (size_ > kLongestName) size_ = 0;
    std::transform(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(size_), bytes_,
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  size_t size_;
  char bytes_[kLongestName];
};

std::string UnknownCommand(Arguments args) {
  std::string text = absl::StrCat("ERR unknown command '", Absl(args[0].substr(0, kShownBytes)),
                                  "', with args beginning with: ");
  const size_t limit = text.size() + kShownBytes;
  for (size_t i = 1; i < args.size() && text.size() < limit; ++i) {
    absl::StrAppend(&text, "'", Absl(args[i].substr(0, limit - text.size())), "' ");
  }
  return text;
}

std::string UnknownSubcommand(const Command& container, Arguments args) {
  return absl::StrCat("ERR unknown subcommand '", Absl(args[1].substr(0, kShownBytes)), "'. Try ",
                      ToUpper(container.name), " HELP.");
}

}  // namespace

CommandTable::CommandTable() {
  for (const auto& family :
       {IdemCommands(),       WindowedCommands(),   ChangesCommands(),  DedupCommands(),
        StringCommands(),     UpdateCommands(),     KeyCommands(),      KeyspaceCommands(),
        ObjectCommands(),     ScanCommands(),       ScriptCommands(),   TransactionCommands(),
        ConnectionCommands(), ClientCommands(),     ServerCommands(),   ConfigCommands(),
        OperatorCommands(),   DiagnosticCommands(), SnapshotCommands(), IntrospectionCommands()}) {
    rows_.insert(rows_.end(), family.begin(), family.end());
  }
  for (size_t i = 0; i < rows_.size(); ++i) {
    Command& command = rows_[i];
    command.index = i;
    by_name_.emplace(command.name, &command);
    if (command.name.find('|') == command.name.npos) commands_.push_back(&command);
  }
  for (const Command* command : commands_) Insert(*command);
  std::sort(commands_.begin(), commands_.end(),
            [](const Command* a, const Command* b) { return a->name < b->name; });
}

const Command* CommandTable::Find(Arguments args, std::string* error) const {
  const Command* command = FindTopLevel(ShortWord(args[0]));
  if (command == nullptr) {
    *error = UnknownCommand(args);
    return nullptr;
  }
  if ((command->flags & kContainer) != 0 && args.size() > 1) {
    const Command* const container = command;
    const std::string full_name =
        absl::StrCat(Absl(container->name), "|", Absl(LowerCased(args[1]).view()));
    command = FindByName(full_name);
    if (command == nullptr) {
      *error = UnknownSubcommand(*container, args);
      return nullptr;
    }
  }
  if (ArityHolds(*command, args.size())) return command;
  *error = WrongArity(command->name);
  if (ExplainsErrors(*command)) error->append(Usage(*command));
  return nullptr;
}

void CommandTable::Insert(const Command& command) {
  const ShortWord name(command.name);
  size_t slot = SlotOf(name);
  while (slots_[slot].command != nullptr) slot = (slot + 1) % slots_.size();
  slots_[slot] = {name, &command};
}

const Command* CommandTable::FindTopLevel(const ShortWord& name) const {
  size_t slot = SlotOf(name);
  while (slots_[slot].command != nullptr && slots_[slot].name != name) {
    slot = (slot + 1) % slots_.size();
  }
  return slots_[slot].command;
}

const Command* CommandTable::FindByName(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<const Command*> CommandTable::SubcommandsOf(const Command& container) const {
  const std::string prefix = absl::StrCat(Absl(container.name), "|");
  std::vector<const Command*> found;
  for (const auto& [name, command] : by_name_) {
    if (name.starts_with(prefix)) found.push_back(command);
  }
  std::sort(found.begin(), found.end(),
            [](const Command* a, const Command* b) { return a->name < b->name; });
  return found;
}

bool ArityHolds(const Command& command, size_t arguments) {
  const auto count = static_cast<int64_t>(arguments);
  return command.arity >= 0 ? count == command.arity : count >= -command.arity;
}

std::vector<std::string_view> KeysOf(const Command& command, Arguments args) {
  auto [first, last, step, count_at] = command.keys;
  const int size = static_cast<int>(args.size());
  if (count_at != 0) {
    const auto count = ParseInteger(args[static_cast<size_t>(count_at)]).value_or(0);
    first = count_at + 1;
    last = count_at + static_cast<int>(std::clamp<int64_t>(count, 0, size - first));
    step = 1;
  }
  if (last < 0) last += size;
  std::vector<std::string_view> keys;
  for (int i = first; i > 0 && i <= last; i += step) keys.push_back(args[static_cast<size_t>(i)]);
  return keys;
}

}  // namespace idem::server
