// The text of INFO: Redis' field names where clients read them, and a section of our own.
#ifndef IDEM_SERVER_COMMANDS_INFO_H_
#define IDEM_SERVER_COMMANDS_INFO_H_

#include <string>

#include "server/command.h"

namespace idem::server {

// The sections named; "all" and "everything" are all, "default" and nothing all but those of single
// commands.
std::string InfoText(const ServerContext& server, Arguments sections);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_INFO_H_
