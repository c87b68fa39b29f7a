#include "server/store_settings.h"

#include <cstdlib>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/namespace_settings.h"
#include "server/setting_kinds.h"

namespace idem::server {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

std::string SetAppendFsync(std::string_view value, ServerOptions& options) {
  Options& store = options.store;
  if (EqualsIgnoreCase(value, "always")) {
    store.durability = Durability::kAlways;
  } else if (EqualsIgnoreCase(value, "interval")) {
    store.durability = Durability::kInterval;
  } else if (EqualsIgnoreCase(value, "everysec")) {
    store.durability = Durability::kInterval;
    store.sync_interval_ms = 1000;
  } else if (EqualsIgnoreCase(value, "no") || EqualsIgnoreCase(value, "os")) {
    store.durability = Durability::kOs;
  } else {
    return "takes always, interval, everysec, no or os";
  }
  return "";
}

// The words of Redis, for its tools.
std::string ShowAppendFsync(const ServerOptions& options) {
  if (options.store.durability == Durability::kAlways) return "always";
  return options.store.durability == Durability::kInterval ? "everysec" : "no";
}

Setting AppendFsyncSetting() {
  return {"appendfsync",
          "always",
          "always, interval, everysec, no or os",
          "always: answers leave when on disk; interval, everysec: when written, synced regularly; "
          "no, os: when written, synced when the system likes",
          SetAppendFsync,
          ShowAppendFsync};
}

Setting AppendOnlySetting() {
  return {"appendonly",
          "yes",
          "yes or no",
          "no: keep nothing on disk",
          [](std::string_view value, ServerOptions& options) -> std::string {
            if (EqualsIgnoreCase(value, "no")) options.store.durability = Durability::kMemory;
            const bool known = EqualsIgnoreCase(value, "yes") || EqualsIgnoreCase(value, "no");
            return known ? "" : "takes yes or no";
          },
          [](const ServerOptions& options) -> std::string {
            return options.store.durability == Durability::kMemory ? "no" : "yes";
          }};
}

// Empty: the user has none.
std::string StateDirectory() {
  const char* const state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return absl::StrCat(state, "/idem");
  const char* const home = std::getenv("HOME");
  return home != nullptr && home[0] == '/' ? absl::StrCat(home, "/.local/state/idem") : "";
}

Setting DirSetting() {
  return {"dir",
          "",
          "a path",
          "data directory, made if missing; default: idem in the user's state directory",
          [](std::string_view value, ServerOptions& options) -> std::string {
            if (options.store.durability == Durability::kMemory) return "";
            options.store.directory = value.empty() ? StateDirectory() : std::string(value);
            if (!options.store.directory.empty()) return "";
            return "neither XDG_STATE_HOME nor HOME is set; name a directory";
          },
          [](const ServerOptions& options) { return options.store.directory; }};
}

Setting RetentionSetting() {
  Setting setting = NumberSetting("default-retention-ms", kDayMs, {1, 90 * kDayMs},
                                  "for an IDEM.BEGIN without TTL; not under default-lease-ms",
                                  IDEM_FIELD(store.policy.default_retention_ms));
  setting.set = [set = setting.set](std::string_view value, ServerOptions& options) {
    std::string fault = set(value, options);
    const int64_t lease_ms = options.store.policy.default_lease_ms;
    if (fault.empty() && options.store.policy.default_retention_ms < lease_ms) {
      fault = absl::StrCat(Absl(value), " is less than default-lease-ms; it takes ", lease_ms,
                           " to ", 90 * kDayMs);
    }
    return fault;
  };
  return setting;
}

}  // namespace

std::vector<Setting> StoreSettings() {
  return {
      NumberSetting("appendfsync-interval-ms", 1000, {1, 60'000},
                    "for appendfsync interval: the most that a power cut can lose",
                    IDEM_FIELD(store.sync_interval_ms)),
      AppendFsyncSetting(),
      AppendOnlySetting(),
      DirSetting(),
      BytesSetting("maxmemory", "1gb", "16mb or more", {16 << 20, kNoLimit},
                   "bytes, or with kb, mb, gb: at 90 % new keys are refused",
                   IDEM_FIELD(store.memory_limit_bytes)),
      BytesSetting("maxmemory-clients", "256mb", "1mb or more", {1 << 20, kNoLimit},
                   "for what all clients hold: half commands, unread answers; beyond it who takes "
                   "more than an equal share is closed",
                   IDEM_FIELD(client_memory_bytes)),
      NumberSetting("default-lease-ms", 30'000, {1, kDayMs}, "for an IDEM.BEGIN without LEASE",
                    IDEM_FIELD(store.policy.default_lease_ms)),
      RetentionSetting(),
      NumberSetting("restart-grace-ms", -1, {-1, kDayMs},
                    "after a start no claim is taken over for this long; -1: one default lease",
                    IDEM_FIELD(store.restart_grace_ms)),
      NumberSetting("max-response-bytes", 1 << 20, {0, 16 << 20},
                    "a longer response is dropped and the fact kept; a longer plain value is "
                    "refused",
                    IDEM_FIELD(store.policy.max_response_bytes)),
      NumberSetting("max-steps", 16, {0, 255}, "steps of one claim; a further one is refused",
                    IDEM_FIELD(store.policy.max_steps)),
      NumberSetting("max-step-bytes", 4096, {0, 65'535}, "their names and data together",
                    IDEM_FIELD(store.policy.max_step_bytes)),
      NumberSetting("max-key-waiters", 64, {0, 1'000'000},
                    "who wait for one key (IDEM.BEGIN .. WAIT, IDEM.WAIT)",
                    IDEM_FIELD(store.max_key_waiters)),
      NumberSetting("max-waiters", 10'000, {0, 1'000'000},
                    "and for all of them; who comes beyond is BUSY at once",
                    IDEM_FIELD(store.max_waiters)),
      BytesSetting("segment-bytes", "64mb", "64kb to 1gb", {64 << 10, 1 << 30},
                   "size of one log file, or with kb, mb: two are kept filled with zeros ahead",
                   IDEM_FIELD(store.segment_bytes)),
      BytesSetting("max-pinned-log-bytes", "1gb", "0 to 65536gb", {0, uint64_t{1} << 46},
                   "how much of the log is kept for the cursors of IDEM.CHANGES alone",
                   IDEM_FIELD(store.max_pinned_log_bytes)),
      NamespaceSetting(),
  };
}

}  // namespace idem::server
