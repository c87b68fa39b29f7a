// MULTI from the connection's side: what is sent between MULTI and EXEC is queued, not executed.
#ifndef IDEM_SERVER_COMMANDS_TRANSACTION_COMMANDS_H_
#define IDEM_SERVER_COMMANDS_TRANSACTION_COMMANDS_H_

#include "server/command.h"

namespace idem::server {

// Its client is between MULTI and EXEC, and this is not for at once.
bool IsQueued(const Command& command, const Session& session);
// Executes a row that has `run`, or queues any row if its client is between MULTI and EXEC.
void RunOrQueue(Call& call, RespWriter& out);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_TRANSACTION_COMMANDS_H_
