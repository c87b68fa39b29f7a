// The rows of all commands, one file a family. A new command is a row and its functions; nothing
// else has to know of it.
#ifndef IDEM_SERVER_COMMANDS_FAMILIES_H_
#define IDEM_SERVER_COMMANDS_FAMILIES_H_

#include <span>

#include "server/command.h"

namespace idem::server {

std::span<const Command> IdemCommands();
std::span<const Command> DedupCommands();
std::span<const Command> ChangesCommands();
std::span<const Command> StringCommands();
std::span<const Command> UpdateCommands();
std::span<const Command> KeyCommands();
std::span<const Command> KeyspaceCommands();
std::span<const Command> ObjectCommands();
std::span<const Command> ScanCommands();
std::span<const Command> ScriptCommands();
std::span<const Command> TransactionCommands();
std::span<const Command> ConnectionCommands();
std::span<const Command> ClientCommands();
std::span<const Command> ServerCommands();
std::span<const Command> ConfigCommands();
std::span<const Command> OperatorCommands();
std::span<const Command> DiagnosticCommands();
std::span<const Command> SnapshotCommands();
std::span<const Command> IntrospectionCommands();

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_FAMILIES_H_
