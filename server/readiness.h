// Whether this server can serve its clients now: what a load balancer or an orchestrator asks for.
//
// A disk that does not answer is no error: nobody knows what became of the write, so answers wait
// and nothing is guessed. After kStalledMs the server says that it is not ready; it is again as
// soon as the disk has answered.
//
// Thread rule: none; plain functions.
#ifndef IDEM_SERVER_READINESS_H_
#define IDEM_SERVER_READINESS_H_

#include <cstdint>
#include <string_view>

#include "idem/stats.h"

namespace idem::server {

struct ServerContext;

inline constexpr int64_t kStalledMs = 10'000;

inline bool IsStalled(const LogStats& log) { return log.commit_running_ms >= kStalledMs; }

// "loading", "stopping", "log failed", "disk stalled"; empty: it is ready.
std::string_view WhyNotReady(const ServerContext& server);

}  // namespace idem::server

#endif  // IDEM_SERVER_READINESS_H_
