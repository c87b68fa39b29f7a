#include "server/operation_settings.h"

#include "server/setting_kinds.h"

namespace idem::server {
namespace {

constexpr int64_t kLongestUs = 86'400'000;

}  // namespace

std::vector<Setting> OperationSettings() {
  return {
      TextSetting("logfile", "a path",
                  "where events go, one line each; empty: stderr. SIGHUP opens it anew",
                  IDEM_FIELD(logfile)),
      NumberSetting(
          "admin-port", -1, {-1, 65'535},
          "HTTP on 127.0.0.1 with /metrics for Prometheus, /healthz and /readyz; "
          "durations are those of one batch of commands in 64; 0: any free port, -1: none",
          IDEM_FIELD(admin_port)),
      NumberSetting("slowlog-log-slower-than", 10'000, {-1, kLongestUs},
                    "microseconds: what takes as long goes to SLOWLOG; -1: nothing; under 1000 the "
                    "clock is read for every batch of commands, which costs some speed",
                    IDEM_FIELD(slowlog_log_slower_than_us), kLive),
      NumberSetting("slowlog-max-len", 128, {0, 100'000}, "entries that SLOWLOG keeps",
                    IDEM_FIELD(slowlog_max_len)),
  };
}

}  // namespace idem::server
