// Who a client says it is: shared by HELLO, AUTH and CLIENT.
#ifndef IDEM_SERVER_COMMANDS_CLIENT_IDENTITY_H_
#define IDEM_SERVER_COMMANDS_CLIENT_IDENTITY_H_

#include <string>
#include <string_view>

#include "server/context.h"

namespace idem::server {

// These return the error to answer, empty when all is well.
std::string SetClientName(std::string_view name, Session& session);
std::string Authenticate(std::string_view user, std::string_view password,
                         const ServerContext& server, Session& session);

// Whether a text is short, printable and without a blank, so that it fits into a line of CLIENT
// INFO: the error to answer, about `what`, empty when it is.
std::string WhyNotForInfo(std::string_view what, std::string_view text);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_CLIENT_IDENTITY_H_
