#include "server/settings.h"

#include <algorithm>
#include <map>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "server/operation_settings.h"
#include "server/setting_kinds.h"
#include "server/socket.h"
#include "server/store_settings.h"
#include "server/user_settings.h"

namespace idem::server {
namespace {

constexpr int64_t kMaxThreads = 64;
constexpr int64_t kMaxSeconds = 10'000'000;

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

bool IsSettingName(std::string_view text, std::string_view without) {
  return !text.empty() && text.size() <= kSettingNameMax &&
         std::all_of(text.begin(), text.end(), [without](char c) {
           return c > ' ' && c <= '~' && without.find(c) == without.npos;
         });
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
