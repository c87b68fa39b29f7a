// The setting that gives the keys of a namespace a policy and a quota of their own.
//
// Thread rule: pure functions.
#ifndef IDEM_SERVER_NAMESPACE_SETTINGS_H_
#define IDEM_SERVER_NAMESPACE_SETTINGS_H_

#include "server/settings.h"

namespace idem::server {

// Its row relies on those of the store's policy: what it does not name is theirs.
Setting NamespaceSetting();

}  // namespace idem::server

#endif  // IDEM_SERVER_NAMESPACE_SETTINGS_H_
