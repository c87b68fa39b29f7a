// EVAL, EVALSHA and SCRIPT for the scripts that Idem knows (known_scripts.h). Any other one gets an
// error that names its SHA-1.
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/commands/introspection.h"
#include "server/error_texts.h"
#include "server/known_scripts.h"
#include "server/sha1.h"
#include "server/text.h"
#include "server/transaction.h"

namespace idem::server {
namespace {

constexpr std::string_view kNoScript = "NOSCRIPT No matching script. Please use EVAL.";
constexpr std::string_view kMissingInput =
    "ERR this script needs more keys or arguments than it was given";

std::string UnknownScript(std::string_view sha1) {
  return absl::StrCat(
      "ERR script ", Absl(sha1),
      " is not known to Idem, and there is no Lua interpreter; known are the scripts "
      "of lock and rate limit libraries, see PROTOCOL.md");
}

// By its text; remembered for EVALSHA. Null: it is unknown, and that was told.
const KnownScript* Recognise(std::string_view text, const std::string& sha1, ServerContext& server,
                             RespWriter& out) {
  if (const KnownScript* const seen = server.scripts.Find(sha1)) return seen;
  const KnownScript* const script = FindKnownScript(text);
  if (script == nullptr) {
    server.scripts.CountUnknown();
    server.log.WriteOfClient(LogLevel::kNotice, "unknown_script", {{"sha1", sha1}});
    out.Error(UnknownScript(sha1));
    return nullptr;
  }
  server.scripts.Add(sha1, script);
  return script;
}

// numkeys key [key ...] arg [arg ...], behind the script. Nothing: the fault was told.
std::optional<ScriptInput> ReadInput(const Call& call, RespWriter& out) {
  const std::optional<int64_t> keys = ParseInteger(call.args[2]);
  const Arguments rest = call.args.subspan(3);
  if (!keys) {
    out.Error(kNotAnInteger);
  } else if (*keys > static_cast<int64_t>(rest.size())) {
    out.Error("ERR Number of keys can't be greater than number of args");
  } else if (*keys < 0) {
    out.Error("ERR Number of keys can't be negative");
  } else {
    const auto count = static_cast<size_t>(*keys);
    return ScriptInput{rest.first(count), rest.subspan(count)};
  }
  return std::nullopt;
}

void RunScript(const KnownScript& script, const ScriptInput& in, Call& call, RespWriter& out) {
  if (in.keys.size() < script.keys || in.args.size() < script.args) return out.Error(kMissingInput);
  RunTransaction(call, out, [&](Transaction& transaction, RespWriter& answer) {
    script.run(in, transaction, answer);
  });
}

// EVAL script numkeys [key ...] [arg ...]
void RunEval(Call& call, RespWriter& out) {
  const std::optional<ScriptInput> in = ReadInput(call, out);
  if (!in) return;
  const KnownScript* const script =
      Recognise(call.args[1], Sha1Hex(call.args[1]), call.server, out);
  if (script != nullptr) RunScript(*script, *in, call, out);
}

// EVALSHA sha1 numkeys [key ...] [arg ...]
void RunEvalSha(Call& call, RespWriter& out) {
  const std::optional<ScriptInput> in = ReadInput(call, out);
  if (!in) return;
  const KnownScript* const script = call.server.scripts.Find(ToLower(call.args[1]));
  if (script == nullptr) return out.Error(kNoScript);
  RunScript(*script, *in, call, out);
}

void RunLoad(Call& call, RespWriter& out) {
  const std::string sha1 = Sha1Hex(call.args[2]);
  if (Recognise(call.args[2], sha1, call.server, out) != nullptr) out.Bulk(sha1);
}

void RunExists(Call& call, RespWriter& out) {
  const Arguments names = call.args.subspan(2);
  out.Array(names.size());
  for (const std::string_view name : names) {
    out.Integer(call.server.scripts.Find(ToLower(name)) == nullptr ? 0 : 1);
  }
}

// SCRIPT FLUSH [ASYNC | SYNC]
void RunFlush(Call& call, RespWriter& out) {
  const Arguments args = call.args;
  const bool understood =
      args.size() == 2 || (args.size() == 3 && (EqualsIgnoreCase(args[2], "ASYNC") ||
                                                EqualsIgnoreCase(args[2], "SYNC")));
  if (!understood) return out.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  call.server.scripts.Flush();
  out.SimpleString("OK");
}

constexpr KeyRange kCounted = {.count_at = 2};
constexpr uint32_t kAlways = kLoading | kStale;

constexpr Command kCommands[] = {
    {"eval", -3, kWrite, kCounted, nullptr, nullptr, RunEval, "scripting", "2.6.0",
     "script numkeys [key [key ...]] [arg [arg ...]]", "Execute one of the known scripts"},
    {"evalsha", -3, kWrite, kCounted, nullptr, nullptr, RunEvalSha, "scripting", "2.6.0",
     "sha1 numkeys [key [key ...]] [arg [arg ...]]",
     "Execute one of the known scripts that was sent before"},
    {"script", -2, kContainer, kNone, nullptr, nullptr, nullptr, "scripting", "2.6.0", "",
     "A container for script commands"},
    {"script|load", 3, kAlways, kNone, nullptr, nullptr, RunLoad, "scripting", "2.6.0", "script",
     "Make one of the known scripts callable by its SHA-1"},
    {"script|exists", -3, kAlways, kNone, nullptr, nullptr, RunExists, "scripting", "2.6.0",
     "sha1 [sha1 ...]", "Tell which scripts are callable by their SHA-1"},
    {"script|flush", -2, kAlways, kNone, nullptr, nullptr, RunFlush, "scripting", "2.6.0",
     "[ASYNC | SYNC]", "Forget which scripts were sent"},
    {"script|help", 2, kAlways, kNone, nullptr, nullptr, RunHelp, "scripting", "5.0.0", "",
     "Show the subcommands"},
};

}  // namespace

std::span<const Command> ScriptCommands() { return kCommands; }

}  // namespace idem::server
