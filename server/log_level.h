// How much the event log says, in the words of redis.conf.
#ifndef IDEM_SERVER_LOG_LEVEL_H_
#define IDEM_SERVER_LOG_LEVEL_H_

#include <cstdint>

namespace idem::server {

enum class LogLevel : uint8_t { kDebug, kVerbose, kNotice, kWarning };

}  // namespace idem::server

#endif  // IDEM_SERVER_LOG_LEVEL_H_
