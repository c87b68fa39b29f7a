// The rows of settings.h for the store: where and how durably it keeps what it is told, and its
// limits.
//
// Thread-safe: a pure function.
#ifndef IDEM_SERVER_STORE_SETTINGS_H_
#define IDEM_SERVER_STORE_SETTINGS_H_

#include <vector>

#include "server/settings.h"

namespace idem::server {

std::vector<Setting> StoreSettings();

}  // namespace idem::server

#endif  // IDEM_SERVER_STORE_SETTINGS_H_
