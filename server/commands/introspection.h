// Commands about commands.
#ifndef IDEM_SERVER_COMMANDS_INTROSPECTION_H_
#define IDEM_SERVER_COMMANDS_INTROSPECTION_H_

#include "server/command.h"

namespace idem::server {

// X HELP of a container X: its subcommands and what they do.
void RunHelp(Call& call, RespWriter& out);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_INTROSPECTION_H_
