#include "server/options.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "server/text.h"

ABSL_FLAG(int64_t, port, 6379, "TCP port; 0 takes any free one");
ABSL_FLAG(std::string, bind, "127.0.0.1", "address to listen on; loopback only");
ABSL_FLAG(std::string, dir, "",
          "data directory, made if missing; default: idem in the user's state directory");
ABSL_FLAG(std::string, appendonly, "yes", "no: keep nothing on disk");
ABSL_FLAG(std::string, appendfsync, "always",
          "always: answers leave when on disk; interval, everysec: when written, synced regularly; "
          "no, os: when written, synced when the system likes");
ABSL_FLAG(int64_t, appendfsync_interval_ms, 1000,
          "for --appendfsync interval: the most that a power cut can lose");
ABSL_FLAG(std::string, maxmemory, "1gb", "bytes, or with kb, mb, gb: at 90 % new keys are refused");
ABSL_FLAG(int64_t, threads, 0, "event loops, 1 .. 64; 0: one per core");
ABSL_FLAG(int64_t, maxclients, 10'000, "connections at one time");
ABSL_FLAG(int64_t, default_lease_ms, 30'000, "for an IDEM.BEGIN without LEASE");
ABSL_FLAG(int64_t, default_retention_ms, 86'400'000, "for an IDEM.BEGIN without TTL");
ABSL_FLAG(int64_t, restart_grace_ms, -1,
          "after a start no claim is taken over for this long; -1: one default lease");
ABSL_FLAG(int64_t, max_response_bytes, 1 << 20,
          "a longer response is dropped and the fact kept; a longer plain value is refused");
ABSL_FLAG(std::string, segment_bytes, "64mb",
          "size of one log file, or with kb, mb: two are kept filled with zeros ahead");

namespace idem::server {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kMaxThreads = 64;

std::vector<absl::CommandLineFlag*> OurFlags() {
  std::vector<absl::CommandLineFlag*> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (absl::EndsWith(flag->Filename(), "server/options.cc")) flags.push_back(flag);
  }
  std::sort(flags.begin(), flags.end(), [](const auto* a, const auto* b) {
    return std::string(a->Name()) < std::string(b->Name());
  });
  return flags;
}

absl::Status Invalid(std::string_view flag, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", Absl(flag), ": ", Absl(why)));
}

absl::CommandLineFlag* FindFlag(std::string_view spelled) {
  const std::string name = absl::StrReplaceAll(Absl(spelled), {{"-", "_"}});
  for (absl::CommandLineFlag* flag : OurFlags()) {
    if (flag->Name() == name) return flag;
  }
  return nullptr;
}

absl::Status SetFlags(std::span<const char* const> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const size_t dashes = std::min(argument.find_first_not_of('-'), argument.size());
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(dashes, equals - dashes);
    absl::CommandLineFlag* const flag = dashes == 0 ? nullptr : FindFlag(name);
    if (flag == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown option ", Absl(argument), "; --help lists all"));
    }
    const bool next_is_value = equals == argument.npos;
    if (next_is_value && i + 1 == arguments.size()) return Invalid(name, "needs a value");
    const std::string_view value = next_is_value ? arguments[++i] : argument.substr(equals + 1);
    std::string error;
    if (!flag->ParseFrom(Absl(value), &error)) {
      return Invalid(name, absl::StrCat("cannot read '", Absl(value), "'"));
    }
  }
  return absl::OkStatus();
}

struct Range {
  std::string_view flag;
  int64_t value;
  int64_t low;
  int64_t high;
};

absl::Status CheckRanges() {
  const Range ranges[] = {
      {"port", absl::GetFlag(FLAGS_port), 0, 65'535},
      {"appendfsync-interval-ms", absl::GetFlag(FLAGS_appendfsync_interval_ms), 1, 60'000},
      {"threads", absl::GetFlag(FLAGS_threads), 0, kMaxThreads},
      {"maxclients", absl::GetFlag(FLAGS_maxclients), 1, 1'000'000},
      {"default-lease-ms", absl::GetFlag(FLAGS_default_lease_ms), 1, kDayMs},
      {"default-retention-ms", absl::GetFlag(FLAGS_default_retention_ms),
       absl::GetFlag(FLAGS_default_lease_ms), 90 * kDayMs},
      {"restart-grace-ms", absl::GetFlag(FLAGS_restart_grace_ms), -1, kDayMs},
      {"max-response-bytes", absl::GetFlag(FLAGS_max_response_bytes), 0, 16 << 20},
  };
  for (const Range& range : ranges) {
    if (range.value >= range.low && range.value <= range.high) continue;
    return Invalid(range.flag, absl::StrCat(range.value, " is out of range; it takes ", range.low,
                                            " to ", range.high));
  }
  return absl::OkStatus();
}

// As redis.conf has it: k is 1000, kb is 1024.
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

bool IsLoopback(const std::string& address) {
  in_addr v4;
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::StatusOr<std::string> DefaultDirectory() {
  const char* const state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return absl::StrCat(state, "/idem");
  const char* const home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return absl::StrCat(home, "/.local/state/idem");
  return Invalid("dir", "neither XDG_STATE_HOME nor HOME is set; name a directory");
}

absl::Status SetDurability(Options* store) {
  const std::string appendonly = ToLower(absl::GetFlag(FLAGS_appendonly));
  const std::string appendfsync = ToLower(absl::GetFlag(FLAGS_appendfsync));
  if (appendonly != "yes" && appendonly != "no") return Invalid("appendonly", "takes yes or no");
  store->sync_interval_ms = absl::GetFlag(FLAGS_appendfsync_interval_ms);
  if (appendfsync == "always") {
    store->durability = Durability::kAlways;
  } else if (appendfsync == "interval") {
    store->durability = Durability::kInterval;
  } else if (appendfsync == "everysec") {
    store->durability = Durability::kInterval;
    store->sync_interval_ms = 1000;
  } else if (appendfsync == "no" || appendfsync == "os") {
    store->durability = Durability::kOs;
  } else {
    return Invalid("appendfsync", "takes always, interval, everysec, no or os");
  }
  if (appendonly == "no") store->durability = Durability::kMemory;
  return absl::OkStatus();
}

absl::Status SetDirectory(Options* store) {
  if (store->durability == Durability::kMemory) return absl::OkStatus();
  store->directory = absl::GetFlag(FLAGS_dir);
  if (!store->directory.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> directory = DefaultDirectory();
  if (directory.ok()) store->directory = *directory;
  return directory.status();
}

absl::Status SetMemory(Options* store) {
  const std::optional<uint64_t> bytes = ParseBytes(absl::GetFlag(FLAGS_maxmemory));
  if (!bytes || *bytes < (16 << 20)) {
    return Invalid("maxmemory", "takes 16mb or more: bytes, or a number with kb, mb or gb");
  }
  store->memory_limit_bytes = *bytes;
  return absl::OkStatus();
}

absl::Status SetSegments(Options* store) {
  const std::optional<uint64_t> bytes = ParseBytes(absl::GetFlag(FLAGS_segment_bytes));
  if (!bytes || *bytes < (64 << 10) || *bytes > (1 << 30)) {
    return Invalid("segment-bytes", "takes 64kb to 1gb: bytes, or a number with kb, mb or gb");
  }
  store->segment_bytes = *bytes;
  return absl::OkStatus();
}

absl::Status SetBind(ServerOptions* options) {
  options->bind = absl::GetFlag(FLAGS_bind);
  if (IsLoopback(options->bind)) return absl::OkStatus();
  return Invalid("bind", absl::StrCat("will not listen on ", options->bind,
                                      " without a password, and this version has none yet; use "
                                      "127.0.0.1 or ::1 and a tunnel"));
}

void SetNumbers(ServerOptions* options) {
  const auto cores = std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
  const int64_t threads = absl::GetFlag(FLAGS_threads);
  options->port = static_cast<uint16_t>(absl::GetFlag(FLAGS_port));
  options->threads = static_cast<int>(threads == 0 ? cores : threads);
  options->maxclients = static_cast<int>(absl::GetFlag(FLAGS_maxclients));
  options->store.default_lease_ms = absl::GetFlag(FLAGS_default_lease_ms);
  options->store.default_retention_ms = absl::GetFlag(FLAGS_default_retention_ms);
  options->store.restart_grace_ms = absl::GetFlag(FLAGS_restart_grace_ms);
  options->store.max_response_bytes =
      static_cast<uint32_t>(absl::GetFlag(FLAGS_max_response_bytes));
}

}  // namespace

absl::StatusOr<ServerOptions> ParseOptions(std::span<const char* const> arguments) {
  if (absl::Status status = SetFlags(arguments); !status.ok()) return status;
  if (absl::Status status = CheckRanges(); !status.ok()) return status;
  ServerOptions options;
  SetNumbers(&options);
  if (absl::Status status = SetBind(&options); !status.ok()) return status;
  if (absl::Status status = SetDurability(&options.store); !status.ok()) return status;
  if (absl::Status status = SetDirectory(&options.store); !status.ok()) return status;
  if (absl::Status status = SetMemory(&options.store); !status.ok()) return status;
  if (absl::Status status = SetSegments(&options.store); !status.ok()) return status;
  return options;
}

std::string UsageText() {
  std::string text = "idem-server " IDEM_VERSION
                     ": an idempotency store that speaks the Redis protocol\n\n"
                     "  idem-server [--option value]..\n\n";
  for (const absl::CommandLineFlag* flag : OurFlags()) {
    const std::string name = absl::StrReplaceAll(flag->Name(), {{"_", "-"}});
    absl::StrAppend(&text, "  --", name, " (", flag->DefaultValue(), ")\n      ", flag->Help(),
                    "\n");
  }
  text +=
      "\nExit codes:\n"
      "  0  stopped by a signal\n"
      "  1  the store or the port cannot be opened, or the log has failed: stderr says why\n"
      "  2  a wrong command line\n";
  return text;
}

std::string DurabilityName(const Options& options) {
  switch (options.durability) {
    case Durability::kAlways:
      return "always";
    case Durability::kInterval:
      return options.sync_interval_ms == 1000
                 ? "everysec"
                 : absl::StrCat("interval ", options.sync_interval_ms, " ms");
    case Durability::kOs:
      return "os";
    case Durability::kMemory:
      return "memory";
  }
  return "";
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

}  // namespace idem::server
