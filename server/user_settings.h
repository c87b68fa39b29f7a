// The settings that say who may connect: requirepass, requirepass-file and user. See users.h.
//
//   requirepass a-long-random-word
//   requirepass-file /etc/idem/password
//   user orders role=client prefix=orders: password-file=/etc/idem/orders
//   user monitor role=reader #5e884898da28047151d0e56f8dc6292773603d0d6aabbd62a11ef721d1542d8
//
// Thread-safe: pure functions; the files are read when a row is set.
#ifndef IDEM_SERVER_USER_SETTINGS_H_
#define IDEM_SERVER_USER_SETTINGS_H_

#include <vector>

#include "server/settings.h"

namespace idem::server {

std::vector<Setting> UserSettings();

}  // namespace idem::server

#endif  // IDEM_SERVER_USER_SETTINGS_H_
