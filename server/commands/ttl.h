// Times to live of plain keys.
#ifndef IDEM_SERVER_COMMANDS_TTL_H_
#define IDEM_SERVER_COMMANDS_TTL_H_

#include <cstdint>

namespace idem::server {

// 30 years, the longest that the store keeps. Whoever writes more means "for ever" and gets this.
inline constexpr int64_t kLongestTtlMs = 946'080'000'000;

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_TTL_H_
