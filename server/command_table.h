// All commands by name: one row each, made once from the families in commands/.
//
// Thread-safe after construction.
#ifndef IDEM_SERVER_COMMAND_TABLE_H_
#define IDEM_SERVER_COMMAND_TABLE_H_

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/command.h"
#include "server/short_word.h"

namespace idem::server {

class CommandTable {
 public:
  CommandTable();

  // The row for these arguments, in any letter case; the subcommand's where the first word is a
  // container. Null: `error` is the answer, an unknown name or a wrong number of arguments.
  const Command* Find(Arguments args, std::string* error) const;
  // By lower-case name, "client|id" too. Null if there is none.
  const Command* FindByName(std::string_view name) const;

  // All rows, subcommands and containers too; each at its index.
  std::span<const Command> rows() const { return rows_; }
  // Without subcommands, in alphabetical order.
  const std::vector<const Command*>& commands() const { return commands_; }
  // Of a container, in alphabetical order; empty for any other command.
  std::vector<const Command*> SubcommandsOf(const Command& container) const;

 private:
  // Without subcommands, by hash of the name; one that is taken sends on to the next.
  struct Slot {
    ShortWord name;
    const Command* command = nullptr;
  };
  static constexpr int kSlotBits = 8;

  static size_t SlotOf(const ShortWord& name) { return name.hash() >> (64 - kSlotBits); }
  void Insert(const Command& command);
  const Command* FindTopLevel(const ShortWord& name) const;

  std::vector<Command> rows_;
  std::array<Slot, 1 << kSlotBits> slots_;  // most are empty
  absl::flat_hash_map<std::string_view, const Command*> by_name_;
  std::vector<const Command*> commands_;
};

bool ArityHolds(const Command& command, size_t arguments);

// The keys among the arguments, whose number must be right.
std::vector<std::string_view> KeysOf(const Command& command, Arguments args);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMAND_TABLE_H_
