// CONFIG: the table of settings (settings.h), told to clients and, for the few that may move, set.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/commands/introspection.h"
#include "server/error_texts.h"
#include "server/settings.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr size_t kShownBytes = 64;  // of a name that nobody knows, in an error

using NameAndValue = std::pair<std::string_view, std::string>;

// Words of redis.conf that cannot be set here, but that clients ask for.
const NameAndValue kFixed[] = {
    {"databases", "1"},
    {"maxmemory-policy", "noeviction"},
    {"replica-read-only", "yes"},
    {"slave-read-only", "yes"},
    {"save", ""},
};

bool IsAskedFor(std::string_view name, Arguments patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [name](std::string_view pattern) {
    return MatchesGlob(ToLower(pattern), name);
  });
}

// CONFIG GET pattern [pattern ...]
void RunGet(Call& call, RespWriter& out) {
  const Arguments patterns = call.args.subspan(2);
  size_t bytes = 0;
  for (const std::string_view pattern : patterns) bytes += pattern.size();
  if (bytes > kPatternBytesMax) return out.Error(kPatternTooLong);
  std::vector<NameAndValue> chosen;
  for (const Setting& setting : Settings()) {
    if (setting.Is(kSecret) || !IsAskedFor(setting.name, patterns)) continue;
    chosen.emplace_back(setting.name, setting.show(call.server.options));
  }
  for (const NameAndValue& fixed : kFixed) {
    if (IsAskedFor(fixed.first, patterns)) chosen.push_back(fixed);
  }
  out.Map(chosen.size());
  for (const auto& [name, value] : chosen) {
    out.Bulk(name);
    out.Bulk(value);
  }
}

std::string SetError(std::string_view name, std::string_view why) {
  return absl::StrCat("ERR CONFIG SET failed (possibly related to argument '", Absl(name), "') - ",
                      Absl(why));
}

// Sets one of the arguments; the error, empty when all is well.
std::string SetOne(std::string_view name, std::string_view value, ServerOptions& options) {
  const Setting* const setting = FindSetting(name);
  if (setting == nullptr) {
    return absl::StrCat("ERR Unknown option or number of arguments for CONFIG SET - '",
                        Absl(name.substr(0, kShownBytes)), "'");
  }
  if (!setting->Is(kLive)) return SetError(setting->name, "can't set immutable config");
  const std::string fault = setting->set(value, options);
  return fault.empty() ? "" : SetError(setting->name, fault);
}

// CONFIG SET name value [name value ...]: all of them or none.
void RunSet(Call& call, RespWriter& out) {
  const Arguments pairs = call.args.subspan(2);
  if (pairs.size() % 2 != 0) return out.Error(WrongArity(call.command.name));
  ServerOptions tried = call.server.options;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const std::string error = SetOne(pairs[i], pairs[i + 1], tried);
    if (!error.empty()) return out.Error(error);
    for (size_t before = 0; before < i; before += 2) {
      if (FindSetting(pairs[before]) != FindSetting(pairs[i])) continue;
      return out.Error(SetError(ToLower(pairs[i]), "duplicate parameter"));
    }
  }
  for (size_t i = 0; i < pairs.size(); i += 2) SetOne(pairs[i], pairs[i + 1], call.server.options);
  call.server.log.set_level(call.server.options.loglevel);
  out.SimpleString("OK");
}

void RunResetStat(Call&, RespWriter& out) {
  out.Error("ERR CONFIG RESETSTAT is not supported: counters run from the start of the server");
}

void RunRewrite(Call& call, RespWriter& out) {
  const std::string& file = call.server.options.config_file;
  if (file.empty()) return out.Error("ERR The server is running without a config file");
  out.Error(absl::StrCat("ERR Rewriting config file: this server never writes ", file,
                         "; change it by hand"));
}

constexpr uint32_t kFlags = kLoading | kStale;

constexpr Command kCommands[] = {
    {"config", -2, kContainer, kNone, nullptr, nullptr, nullptr, "server", "2.0.0", "",
     "A container for server configuration commands"},
    {"config|get", -3, kFlags | kAdmin, kNone, nullptr, nullptr, RunGet, "server", "2.0.0",
     "parameter [parameter ...]", "Get the values of configuration parameters"},
    {"config|set", -4, kFlags | kAdmin, kNone, nullptr, nullptr, RunSet, "server", "2.0.0",
     "parameter value [parameter value ...]", "Set configuration parameters that may move"},
    {"config|resetstat", 2, kFlags | kAdmin, kNone, nullptr, nullptr, RunResetStat, "server",
     "2.0.0", "", "Refused: counters run from the start"},
    {"config|rewrite", 2, kFlags | kAdmin, kNone, nullptr, nullptr, RunRewrite, "server", "2.8.0",
     "", "Refused: the config file is never written"},
    {"config|help", 2, kFlags, kNone, nullptr, nullptr, RunHelp, "server", "5.0.0", "",
     "Show the subcommands"},
};

}  // namespace

std::span<const Command> ConfigCommands() { return kCommands; }

}  // namespace idem::server
