// What tools and monitors of Redis ask a server: ROLE, WAIT, FUNCTION, MODULE, SHUTDOWN. There are
// no replicas, no functions and no modules here; the answers say so in Redis' own form.
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/commands/introspection.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

// A master without replicas; the log's position stands for the replication offset.
void RunRole(Call& call, RespWriter& out) {
  const Store* const store = call.server.store.get();
  out.Array(3);
  out.Bulk("master");
  out.Integer(store == nullptr ? 0 : static_cast<int64_t>(store->committed()));
  out.Array(0);
}

// WAIT numreplicas timeout: there are none to wait for, so it does not.
void RunWait(Call& call, RespWriter& out) {
  const std::optional<int64_t> replicas = ParseInteger(call.args[1]);
  const std::optional<int64_t> timeout_ms = ParseInteger(call.args[2]);
  if (!replicas) return out.Error(kNotAnInteger);
  if (!timeout_ms) return out.Error("ERR timeout is not an integer or out of range");
  if (*timeout_ms < 0) return out.Error("ERR timeout is negative");
  out.Integer(0);
}

// FUNCTION FLUSH [ASYNC | SYNC]
void RunFunctionFlush(Call& call, RespWriter& out) {
  const Arguments args = call.args;
  if (args.size() > 3) {
    return out.Error(absl::StrCat("ERR unknown subcommand or wrong number of arguments for '",
                                  Absl(Shown(args[1])), "'. Try FUNCTION HELP."));
  }
  if (args.size() == 3 && !EqualsIgnoreCase(args[2], "ASYNC") &&
      !EqualsIgnoreCase(args[2], "SYNC")) {
    return out.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  out.SimpleString("OK");
}

// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]: what SIGTERM does, and nothing else, because
// nothing needs to be saved. There is no answer; the connection closes.
void RunShutdown(Call& call, RespWriter& out) {
  bool save = false, nosave = false, abort = false;
  for (const std::string_view word : call.args.subspan(1)) {
    save = save || EqualsIgnoreCase(word, "SAVE");
    nosave = nosave || EqualsIgnoreCase(word, "NOSAVE");
    abort = abort || EqualsIgnoreCase(word, "ABORT");
    const bool known = EqualsIgnoreCase(word, "SAVE") || EqualsIgnoreCase(word, "NOSAVE") ||
                       EqualsIgnoreCase(word, "NOW") || EqualsIgnoreCase(word, "FORCE") ||
                       EqualsIgnoreCase(word, "ABORT");
    if (!known) return out.Error(kSyntaxError);
  }
  if ((save && nosave) || (abort && call.args.size() > 2)) return out.Error(kSyntaxError);
  if (abort) return out.Error("ERR No shutdown in progress.");
  if (call.server.options.shut_down == nullptr) {
    return out.Error("ERR Errors trying to SHUTDOWN. Check logs.");
  }
  call.session.quit = true;
  call.server.options.shut_down();
}

constexpr uint32_t kAlways = kLoading | kStale;

constexpr Command kCommands[] = {
    {"role", 1, kAlways | kFast, kNone, nullptr, nullptr, RunRole, "server", "2.8.12", "",
     "Return the role of the instance: a master without replicas"},
    {"wait", 3, 0, kNone, nullptr, nullptr, RunWait, "generic", "3.0.0", "numreplicas timeout",
     "Return the number of replicas: 0"},
    {"shutdown", -1, kTools | kNoMulti, kNone, nullptr, nullptr, RunShutdown, "server", "1.0.0",
     "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]", "Answer what was asked, then stop the server"},
    {"module", -2, kContainer, kNone, nullptr, nullptr, nullptr, "server", "4.0.0", "",
     "A container for module commands; there are no modules"},
    {"module|list", 2, kTools, kNone, nullptr, nullptr, TellNothing, "server", "4.0.0", "",
     "List all modules: none"},
    {"module|help", 2, kAlways, kNone, nullptr, nullptr, RunHelp, "server", "5.0.0", "",
     "Show the subcommands"},
    {"function", -2, kContainer, kNone, nullptr, nullptr, nullptr, "scripting", "7.0.0", "",
     "A container for function commands; there are no functions"},
    {"function|flush", -2, kTools, kNone, nullptr, nullptr, RunFunctionFlush, "scripting", "7.0.0",
     "[ASYNC | SYNC]", "Delete all functions; there are none"},
    {"function|list", -2, kTools, kNone, nullptr, nullptr, TellNothing, "scripting", "7.0.0",
     "[LIBRARYNAME library-name-pattern] [WITHCODE]", "List all functions: none"},
    {"function|help", 2, kAlways, kNone, nullptr, nullptr, RunHelp, "scripting", "7.0.0", "",
     "Show the subcommands"},
};

}  // namespace

std::span<const Command> OperatorCommands() { return kCommands; }

}  // namespace idem::server
