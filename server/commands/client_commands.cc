// CLIENT: names, ids and what client libraries say about themselves. There is no
// CLIENT MAINT_NOTIFICATIONS: libraries that ask for it take the error as "not there".
#include <string>

#include "absl/strings/str_cat.h"
#include "server/commands/client_identity.h"
#include "server/commands/families.h"
#include "server/commands/introspection.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

void RunId(Call& call, RespWriter& out) { out.Integer(static_cast<int64_t>(call.session.id)); }

void RunGetName(Call& call, RespWriter& out) {
  if (call.session.name.empty()) return out.Null();
  out.Bulk(call.session.name);
}

void RunSetName(Call& call, RespWriter& out) {
  const std::string error = SetClientName(call.args[2], call.session);
  if (!error.empty()) return out.Error(error);
  out.SimpleString("OK");
}

void RunSetInfo(Call& call, RespWriter& out) {
  const bool is_name = EqualsIgnoreCase(call.args[2], "LIB-NAME");
  const bool is_version = EqualsIgnoreCase(call.args[2], "LIB-VER");
  if (!is_name && !is_version) {
    return out.Error(absl::StrCat("ERR Unrecognized option '", Absl(Shown(call.args[2])), "'"));
  }
  const std::string error = WhyNotForInfo(is_name ? "lib-name" : "lib-ver", call.args[3]);
  if (!error.empty()) return out.Error(error);
  (is_name ? call.session.library_name : call.session.library_version) = call.args[3];
  out.SimpleString("OK");
}

// All fields of Redis, because client libraries look each of them up; what has no meaning here is
// 0.
void RunInfo(Call& call, RespWriter& out) {
  const Session& session = call.session;
  const int64_t age_ms = call.server.clock().BootMs() - session.since_boot_ms;
  out.Verbatim(absl::StrCat(
      "id=", session.id, " addr=", session.peer, " laddr=", call.server.options.bind, ":",
      call.server.options.port, " fd=0 name=", session.name, " age=", age_ms / 1000,
      " idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0"
      " rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info user=",
      session.user->name(), " redir=-1 resp=", static_cast<int>(out.version()),
      " lib-name=", session.library_name, " lib-ver=", session.library_version, "\n"));
}

// Nobody is evicted here, so both ON and OFF are kept.
void RunNoEvict(Call& call, RespWriter& out) {
  const bool known = EqualsIgnoreCase(call.args[2], "ON") || EqualsIgnoreCase(call.args[2], "OFF");
  if (!known) return out.Error(kSyntaxError);
  out.SimpleString("OK");
}

constexpr uint32_t kFlags = kLoading | kStale;

constexpr Command kCommands[] = {
    {"client",
     -2,
     kContainer,
     {},
     nullptr,
     nullptr,
     nullptr,
     "connection",
     "2.4.0",
     "",
     "A container for client connection commands"},
    {"client|help",
     2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunHelp,
     "connection",
     "5.0.0",
     "",
     "Show the subcommands"},
    {"client|id",
     2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunId,
     "connection",
     "5.0.0",
     "",
     "Return the id of this connection"},
    {"client|getname",
     2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunGetName,
     "connection",
     "2.6.9",
     "",
     "Return the name of this connection"},
    {"client|setname",
     3,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunSetName,
     "connection",
     "2.6.9",
     "connection-name",
     "Set the name of this connection"},
    {"client|setinfo",
     4,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunSetInfo,
     "connection",
     "7.2.0",
     "<LIB-NAME libname | LIB-VER libver>",
     "Say which client library this is"},
    {"client|info",
     2,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunInfo,
     "connection",
     "6.2.0",
     "",
     "Describe this connection"},
    {"client|no-evict",
     3,
     kFlags,
     {},
     nullptr,
     nullptr,
     RunNoEvict,
     "connection",
     "7.0.0",
     "<ON | OFF>",
     "Nobody is evicted"},
};

}  // namespace

std::span<const Command> ClientCommands() { return kCommands; }

}  // namespace idem::server
