// The rows of all commands, one file a family. A new command is a row and its functions; nothing
// else has to know of it.
#ifndef IDEM_SERVER_COMMANDS_FAMILIES_H_
#define IDEM_SERVER_COMMANDS_FAMILIES_H_

#include <span>

#include "server/command.h"

namespace idem::server {

// What most commands take: no key, one, nothing but keys.
inline constexpr KeyRange kNone = {};
inline constexpr KeyRange kFirst = {1, 1, 1};
inline constexpr KeyRange kAll = {1, -1, 1};

// For tools and monitors: at any time, by who administers.
inline constexpr uint32_t kTools = kLoading | kStale | kAdmin;
// An empty list: there are none of these here.
inline void TellNothing(Call&, RespWriter& out) { out.Array(0); }

std::span<const Command> IdemCommands();
std::span<const Command> DedupCommands();
std::span<const Command> WindowedCommands();
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
