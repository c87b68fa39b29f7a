// Questions about the server: INFO, CONFIG GET, TIME.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/commands/info.h"
#include "server/commands/introspection.h"
#include "server/text.h"

namespace idem::server {
namespace {

void RunInfo(Call& call, RespWriter& out) {
  out.Verbatim(InfoText(call.server, call.args.subspan(1)));
}

void RunTime(Call& call, RespWriter& out) {
  const int64_t now_ms = call.server.clock().WallMs();
  out.Array(2);
  out.Bulk(absl::StrCat(now_ms / 1000));
  out.Bulk(absl::StrCat(now_ms % 1000 * 1000));
}

using Setting = std::pair<std::string_view, std::string>;

std::string_view AppendFsync(Durability durability) {
  switch (durability) {
    case Durability::kAlways:
      return "always";
    case Durability::kInterval:
      return "everysec";
    default:
      return "no";
  }
}

// The words of redis.conf that mean something here, and those that clients ask for.
std::vector<Setting> Settings(const ServerOptions& options) {
  const Options& store = options.store;
  const bool on_disk = store.durability != Durability::kMemory;
  return {
      {"appendfsync", std::string(AppendFsync(store.durability))},
      {"appendfsync-interval-ms", absl::StrCat(store.sync_interval_ms)},
      {"appendonly", on_disk ? "yes" : "no"},
      {"bind", options.bind},
      {"databases", "1"},
      {"default-lease-ms", absl::StrCat(store.default_lease_ms)},
      {"default-retention-ms", absl::StrCat(store.default_retention_ms)},
      {"dir", store.directory},
      {"max-response-bytes", absl::StrCat(store.max_response_bytes)},
      {"maxclients", absl::StrCat(options.maxclients)},
      {"maxmemory", absl::StrCat(store.memory_limit_bytes)},
      {"maxmemory-policy", "noeviction"},
      {"port", absl::StrCat(options.port)},
      {"replica-read-only", "yes"},
      {"restart-grace-ms", absl::StrCat(store.restart_grace_ms)},
      {"save", ""},
      {"segment-bytes", absl::StrCat(store.segment_bytes)},
      {"slave-read-only", "yes"},
      {"threads", absl::StrCat(options.threads)},
      {"timeout", "0"},
  };
}

// CONFIG GET pattern [pattern ...]
void RunConfigGet(Call& call, RespWriter& out) {
  std::vector<Setting> chosen = Settings(call.server.options);
  std::erase_if(chosen, [&call](const Setting& setting) {
    for (const std::string_view pattern : call.args.subspan(2)) {
      if (MatchesGlob(ToLower(pattern), setting.first)) return false;
    }
    return true;
  });
  out.Map(chosen.size());
  for (const auto& [name, value] : chosen) {
    out.Bulk(name);
    out.Bulk(value);
  }
}

constexpr uint32_t kFlags = kLoading | kStale;

constexpr Command kCommands[] = {
    {"info",
     -1,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunInfo,
     "server",
     "1.0.0",
     "[section [section ...]]",
     "Get information and statistics about the server"},
    {"time",
     1,
     kFlags | kFast,
     {},
     nullptr,
     nullptr,
     RunTime,
     "server",
     "2.6.0",
     "",
     "Return the current server time"},
    {"config",
     -2,
     kContainer,
     {},
     nullptr,
     nullptr,
     nullptr,
     "server",
     "2.0.0",
     "",
     "A container for server configuration commands"},
    {"config|get",
     -3,
     kFlags | kAdmin,
     {},
     nullptr,
     nullptr,
     RunConfigGet,
     "server",
     "2.0.0",
     "parameter [parameter ...]",
     "Get the values of configuration parameters"},
    {"config|help",
     2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunHelp,
     "server",
     "5.0.0",
     "",
     "Show the subcommands"},
};

}  // namespace

std::span<const Command> ServerCommands() { return kCommands; }

}  // namespace idem::server
