#include "server/settings.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "server/operation_settings.h"
#include "server/setting_kinds.h"
#include "server/socket.h"
#include "server/user_settings.h"

namespace idem::server {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kMaxThreads = 64;
constexpr int64_t kMaxSeconds = 10'000'000;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

// --- Rows of a kind of their own -----------------------------------------------------------------

Setting BindSetting() {
  return {"bind",
          "127.0.0.1",
          "numeric addresses",
          "where to listen; other than loopback only with a password",
          [](std::string_view value, ServerOptions& options) -> std::string {
            const std::vector<BindAddress> addresses = BindAddressesOf(value);
            for (const BindAddress& each : addresses) {
              if (!IsNumericAddress(each.address)) {
                return absl::StrCat(each.address, " is not a numeric address");
              }
            }
            options.bind = value;
            return addresses.empty() ? "takes an address, such as 127.0.0.1 or ::1" : "";
          },
          [](const ServerOptions& options) { return options.bind; },
          kWords};
}

Setting ThreadsSetting() {
  Setting setting = NumberSetting("threads", 0, {0, kMaxThreads}, "event loops; 0: one per core",
                                  IDEM_FIELD(threads));
  setting.set = [set = setting.set](std::string_view value, ServerOptions& options) {
    std::string fault = set(value, options);
    const auto cores = std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
    if (options.threads == 0) options.threads = static_cast<int>(cores);
    return fault;
  };
  return setting;
}

// Three octal digits, as chmod takes.
Setting SocketModeSetting() {
  return {
      "unixsocketperm",
      "0",
      "octal digits, 0 to 777",
      "who may connect to it, as chmod takes it; 0: by the umask",
      [](std::string_view value, ServerOptions& options) -> std::string {
        const bool octal = value.find_first_not_of("01234567") == value.npos;
        if (!octal || value.empty() || value.size() > 4) return "takes octal digits, 0 to 777";
        uint32_t mode = 0;
        for (const char digit : value) mode = mode * 8 + static_cast<uint32_t>(digit - '0');
        if (mode > 0777) return "takes octal digits, 0 to 777";
        options.unixsocketperm = mode;
        return "";
      },
      [](const ServerOptions& options) { return absl::StrFormat("%o", options.unixsocketperm); }};
}

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
                                  IDEM_FIELD(store.default_retention_ms));
  setting.set = [set = setting.set](std::string_view value, ServerOptions& options) {
    std::string fault = set(value, options);
    const int64_t lease_ms = options.store.default_lease_ms;
    if (fault.empty() && options.store.default_retention_ms < lease_ms) {
      fault = absl::StrCat(Absl(value), " is less than default-lease-ms; it takes ", lease_ms,
                           " to ", 90 * kDayMs);
    }
    return fault;
  };
  return setting;
}

// --- The table -----------------------------------------------------------------------------------

std::vector<Setting> NetworkSettings() {
  return {
      BindSetting(),
      NumberSetting("port", 6379, {0, 65'535},
                    "TCP port; 0: none if there is a tls-port or a unixsocket, else any free one",
                    IDEM_FIELD(port)),
      TextSetting("unixsocket", "a path", "listen at this Unix socket, too",
                  IDEM_FIELD(unixsocket)),
      SocketModeSetting(),
      ThreadsSetting(),
      NumberSetting("maxclients", 10'000, {1, 1'000'000},
                    "connections at one time; each is an open file", IDEM_FIELD(maxclients), kLive),
      NumberSetting("timeout", 0, {0, kMaxSeconds},
                    "seconds after which an idle client is closed; 0: never", IDEM_FIELD(timeout_s),
                    kLive),
      NumberSetting("tcp-keepalive", 300, {0, kMaxSeconds},
                    "seconds between the probes that find clients gone without a word; 0: none",
                    IDEM_FIELD(tcp_keepalive_s), kLive),
      WordSetting<LogLevel>("loglevel",
                            {{"notice", LogLevel::kNotice},
                             {"debug", LogLevel::kDebug},
                             {"verbose", LogLevel::kVerbose},
                             {"warning", LogLevel::kWarning}},
                            "the least that is worth a line in the event log", IDEM_FIELD(loglevel),
                            kLive),
  };
}

std::vector<Setting> TlsSettings() {
  return {
      NumberSetting("tls-port", 0, {0, 65'535}, "TCP port for TLS 1.2 and newer; 0: none",
                    IDEM_FIELD(tls.port)),
      TextSetting("tls-cert-file", "a path",
                  "our certificate and its chain, PEM; read again on "
                  "SIGHUP, as the next two",
                  IDEM_FIELD(tls.cert_file)),
      TextSetting("tls-key-file", "a path", "its private key, PEM", IDEM_FIELD(tls.key_file)),
      TextSetting("tls-ca-cert-file", "a path", "who may sign the certificates of clients, PEM",
                  IDEM_FIELD(tls.ca_cert_file)),
      WordSetting<AskCertificate>("tls-auth-clients",
                                  {{"yes", AskCertificate::kYes},
                                   {"no", AskCertificate::kNo},
                                   {"optional", AskCertificate::kOptional}},
                                  "must clients show a certificate?", IDEM_FIELD(tls.auth_clients)),
  };
}

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
                    IDEM_FIELD(store.default_lease_ms)),
      RetentionSetting(),
      NumberSetting("restart-grace-ms", -1, {-1, kDayMs},
                    "after a start no claim is taken over for this long; -1: one default lease",
                    IDEM_FIELD(store.restart_grace_ms)),
      NumberSetting("max-response-bytes", 1 << 20, {0, 16 << 20},
                    "a longer response is dropped and the fact kept; a longer plain value is "
                    "refused",
                    IDEM_FIELD(store.max_response_bytes)),
      NumberSetting("max-steps", 16, {0, 255}, "steps of one claim; a further one is refused",
                    IDEM_FIELD(store.max_steps)),
      NumberSetting("max-step-bytes", 4096, {0, 65'535}, "their names and data together",
                    IDEM_FIELD(store.max_step_bytes)),
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
  };
}

// --- Names ---------------------------------------------------------------------------------------

std::string SettingName(std::string_view spelled) {
  return absl::StrReplaceAll(ToLower(spelled), {{"_", "-"}});
}

// How many bytes must be put in, taken out or changed to make `a` of `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<uint64_t> ParseBytes(std::string_view text) {
  static const std::map<std::string, uint64_t, std::less<>> kUnits = {
      {"", 1},          {"b", 1},        {"k", 1000},          {"kb", 1 << 10},
      {"m", 1'000'000}, {"mb", 1 << 20}, {"g", 1'000'000'000}, {"gb", 1 << 30},
  };
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<uint64_t> number = ParseUnsigned(text.substr(0, digits));
  const auto unit = kUnits.find(ToLower(text.substr(digits)));
  uint64_t bytes = 0;
  if (!number || unit == kUnits.end()) return std::nullopt;
  if (__builtin_mul_overflow(*number, unit->second, &bytes)) return std::nullopt;
  return bytes;
}

std::string NumberFault(std::string_view text, const Bounds& bounds) {
  const std::optional<int64_t> number = ParseInteger(text);
  const std::string takes = absl::StrCat("; it takes ", bounds.low, " to ", bounds.high);
  if (!number) return absl::StrCat("cannot read '", Absl(text), "'", takes);
  if (*number >= bounds.low && *number <= bounds.high) return "";
  return absl::StrCat(*number, " is out of range", takes);
}

const std::vector<Setting>& Settings() {
  static const auto* const kSettings = [] {
    auto* const all = new std::vector<Setting>;
    for (auto& group :
         {NetworkSettings(), OperationSettings(), TlsSettings(), UserSettings(), StoreSettings()}) {
      all->insert(all->end(), group.begin(), group.end());
    }
    return all;
  }();
  return *kSettings;
}

const Setting* FindSetting(std::string_view name) {
  const std::string wanted = SettingName(name);
  for (const Setting& setting : Settings()) {
    if (setting.name == wanted) return &setting;
  }
  return nullptr;
}

std::string NearestSetting(std::string_view name) {
  constexpr size_t kLongest = 64;
  const std::string wanted = SettingName(name.substr(0, kLongest));
  std::string_view nearest;
  size_t least = std::max<size_t>(2, wanted.size() / 3) + 1;
  for (const Setting& setting : Settings()) {
    const size_t distance = EditDistance(wanted, setting.name);
    if (distance >= least) continue;
    least = distance;
    nearest = setting.name;
  }
  if (nearest.empty()) return "; --help lists all";
  return absl::StrCat("; did you mean ", Absl(nearest), "?");
}

std::string UsageText() {
  std::string text = "idem-server " IDEM_VERSION
                     ": an idempotency store that speaks the Redis protocol\n\n"
                     "  idem-server [FILE] [--option value]..\n\n";
  for (const Setting& setting : Settings()) {
    absl::StrAppend(&text, "  --", Absl(setting.name), " (", setting.standard, ")\n      ",
                    Absl(setting.reason), "\n      takes ", setting.takes, "\n");
  }
  text +=
      "\n  FILE, --config FILE    reads the same names from a file, one a line, as redis.conf\n"
      "  --check-config         says whether all that is set can be taken, and starts nothing\n"
      "  --help, --version\n"
      "\nA flag wins over the environment (IDEM_CONF_MAXMEMORY=1gb), and that over the file.\n"
      "\nExit codes:\n"
      "  0  stopped by a signal\n"
      "  1  the store or the port cannot be opened, or the log has failed: stderr says why\n"
      "  2  a wrong command line, environment or config file\n";
  return text;
}

}  // namespace idem::server
