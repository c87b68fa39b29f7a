// Which Redis clients should take us for, and which Idem this is.
#ifndef IDEM_SERVER_VERSION_H_
#define IDEM_SERVER_VERSION_H_

#include <string_view>

namespace idem::server {

// Client libraries choose commands by it: from 8.4 on they send DELEX and SET IFEQ.
inline constexpr std::string_view kRedisVersion = "8.4.0";
inline constexpr std::string_view kIdemVersion = IDEM_VERSION;

}  // namespace idem::server

#endif  // IDEM_SERVER_VERSION_H_
