// The subcommands, one file each.
#ifndef IDEM_TOOL_COMMANDS_H_
#define IDEM_TOOL_COMMANDS_H_

#include "tool/command.h"

namespace idem::engine {

extern const Command kCheck;      // check.cc
extern const Command kDump;       // dump.cc
extern const Command kSalvage;    // salvage.cc
extern const Command kSyncBench;  // sync_bench.cc
extern const Command kBackup;     // backup.cc
extern const Command kRestore;    // restore.cc

}  // namespace idem::engine

#endif  // IDEM_TOOL_COMMANDS_H_
