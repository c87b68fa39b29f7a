// The table behind known_scripts.h.
#ifndef IDEM_SERVER_KNOWN_SCRIPT_ROWS_H_
#define IDEM_SERVER_KNOWN_SCRIPT_ROWS_H_

#include <span>

#include "server/known_scripts.h"

namespace idem::server {

std::span<const KnownScript> KnownScriptRows();

}  // namespace idem::server

#endif  // IDEM_SERVER_KNOWN_SCRIPT_ROWS_H_
