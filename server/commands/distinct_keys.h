// The keys of a command that changes all of them or none: DEL, MSET and their kin.
#ifndef IDEM_SERVER_COMMANDS_DISTINCT_KEYS_H_
#define IDEM_SERVER_COMMANDS_DISTINCT_KEYS_H_

#include <cstddef>
#include <vector>

#include "server/command.h"

namespace idem::server {

// Positions in the arguments, by the row's KeyRange; of a key that stands twice the last one. The
// plan becomes atomic, or fails if there are more keys than the store changes at once.
std::vector<size_t> DistinctKeys(const Call& call, Plan& plan);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_DISTINCT_KEYS_H_
