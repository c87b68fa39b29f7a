// The rows of settings.h for those who watch the server: its event log, its slow log, the admin
// port.
//
// Thread-safe: a pure function.
#ifndef IDEM_SERVER_OPERATION_SETTINGS_H_
#define IDEM_SERVER_OPERATION_SETTINGS_H_

#include <vector>

#include "server/settings.h"

namespace idem::server {

std::vector<Setting> OperationSettings();

}  // namespace idem::server

#endif  // IDEM_SERVER_OPERATION_SETTINGS_H_
