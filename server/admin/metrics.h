// All figures of the server in Prometheus' text format. OPERATING.md says which are worth an alert.
//
// Thread-safe.
#ifndef IDEM_SERVER_ADMIN_METRICS_H_
#define IDEM_SERVER_ADMIN_METRICS_H_

#include <string>

#include "idem/stats.h"
#include "server/admin/metrics_text.h"
#include "server/context.h"

namespace idem::server {

std::string MetricsPage(const ServerContext& server);

// Its parts: what the store tells, and what the system tells of this process.
void TellStore(const Stats& stats, MetricsText& text);
void TellLog(const LogStats& log, int64_t wall_ms, MetricsText& text);
void TellProcess(int64_t started_unix_ms, MetricsText& text);

}  // namespace idem::server

#endif  // IDEM_SERVER_ADMIN_METRICS_H_
