// What a client says about its connection: PING, HELLO, AUTH, SELECT and their kin.
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/commands/client_identity.h"
#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/text.h"
#include "server/version.h"

namespace idem::server {
namespace {

void RunPing(Call& call, RespWriter& out) {
  if (call.args.size() > 2) {
    return out.Error(WrongArity(call.command.name));
  }
  if (call.args.size() == 2) return out.Bulk(call.args[1]);
  out.SimpleString("PONG");
}

void RunEcho(Call& call, RespWriter& out) { out.Bulk(call.args[1]); }

void RunSelect(Call& call, RespWriter& out) {
  const std::optional<int64_t> database = ParseInteger(call.args[1]);
  if (!database) return out.Error(kNotAnInteger);
  if (*database != static_cast<int32_t>(*database)) {
    return out.Error("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (*database != 0) return out.Error("ERR DB index is out of range");
  out.SimpleString("OK");
}

void RunQuit(Call& call, RespWriter& out) {
  call.session.quit = true;
  out.SimpleString("OK");
}

void RunReset(Call& call, RespWriter& out) {
  call.session.queue.reset();
  call.session.watched.clear();
  call.session.name.clear();
  call.session.user = call.server.users.initial();
  out.set_version(RespVersion::k2);
  out.SimpleString("RESET");
}

void RunAuth(Call& call, RespWriter& out) {
  if (call.args.size() > 3) return out.Error(kSyntaxError);
  const bool names_user = call.args.size() == 3;
  if (!names_user && call.server.users.initial() != nullptr) {
    return out.Error(
        "ERR AUTH <password> called without any password configured for the default "
        "user. Are you sure your configuration is correct?");
  }
  const std::string error = Authenticate(names_user ? call.args[1] : "default", call.args.back(),
                                         call.server, call.session);
  if (!error.empty()) return out.Error(error);
  out.SimpleString("OK");
}

void RunWhoAmI(Call& call, RespWriter& out) { out.Bulk(call.session.user->name()); }

void TellHello(const Session& session, RespWriter& out) {
  out.Map(7);
  out.Bulk("server");
  out.Bulk("redis");
  out.Bulk("version");
  out.Bulk(kRedisVersion);
  out.Bulk("proto");
  out.Integer(static_cast<int64_t>(out.version()));
  out.Bulk("id");
  out.Integer(static_cast<int64_t>(session.id));
  out.Bulk("mode");
  out.Bulk("standalone");
  out.Bulk("role");
  out.Bulk("master");
  out.Bulk("modules");
  out.Array(0);
}

constexpr std::string_view kHelloFirst =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
    "protocol version at the same time";

bool IsKnown(const Session& session) { return session.user != nullptr && !session.user->revoked(); }

// [AUTH user password] [SETNAME name]: the error, empty when all is well.
std::string TakeHelloOptions(Arguments options, const ServerContext& server, Session& session) {
  while (!options.empty()) {
    std::string error;
    size_t taken = 0;
    if (EqualsIgnoreCase(options[0], "AUTH") && options.size() >= 3) {
      error = Authenticate(options[1], options[2], server, session);
      taken = 3;
    } else if (EqualsIgnoreCase(options[0], "SETNAME") && options.size() >= 2) {
      error = SetClientName(options[1], session);
      taken = 2;
    } else {
      error = absl::StrCat("ERR Syntax error in HELLO option '", Absl(Shown(options[0])), "'");
    }
    if (!error.empty()) return error;
    options = options.subspan(taken);
  }
  return "";
}

// HELLO [2 | 3 [AUTH user password] [SETNAME name]]
void RunHello(Call& call, RespWriter& out) {
  if (call.args.size() == 1) {
    return IsKnown(call.session) ? TellHello(call.session, out) : out.Error(kHelloFirst);
  }
  const std::optional<int64_t> version = ParseInteger(call.args[1]);
  if (!version) return out.Error("ERR Protocol version is not an integer or out of range");
  if (*version != 2 && *version != 3) return out.Error("NOPROTO unsupported protocol version");
  const std::string error = TakeHelloOptions(call.args.subspan(2), call.server, call.session);
  if (!error.empty()) return out.Error(error);
  if (!IsKnown(call.session)) return out.Error(kHelloFirst);
  out.set_version(*version == 3 ? RespVersion::k3 : RespVersion::k2);
  TellHello(call.session, out);
}

constexpr uint32_t kAlways = kFast | kLoading | kStale;

constexpr Command kCommands[] = {
    {"ping",
     -1,
     kFast,
     {},
     nullptr,
     nullptr,
     RunPing,
     "connection",
     "1.0.0",
     "[message]",
     "Ping the server"},
    {"echo",
     2,
     kFast | kLoading | kStale,
     {},
     nullptr,
     nullptr,
     RunEcho,
     "connection",
     "1.0.0",
     "message",
     "Echo the given string"},
    {"select",
     2,
     kAlways,
     {},
     nullptr,
     nullptr,
     RunSelect,
     "connection",
     "1.0.0",
     "index",
     "Change the selected database; there is only 0"},
    {"quit",
     -1,
     kAlways | kNoAuth | kNotQueued,
     {},
     nullptr,
     nullptr,
     RunQuit,
     "connection",
     "1.0.0",
     "",
     "Close the connection"},
    {"reset",
     1,
     kAlways | kNoAuth | kNotQueued,
     {},
     nullptr,
     nullptr,
     RunReset,
     "connection",
     "6.2.0",
     "",
     "Reset the connection"},
    {"auth",
     -2,
     kAlways | kNoAuth,
     {},
     nullptr,
     nullptr,
     RunAuth,
     "connection",
     "1.0.0",
     "[username] password",
     "Authenticate to the server"},
    {"hello",
     -1,
     kAlways | kNoAuth | kNoMulti,
     {},
     nullptr,
     nullptr,
     RunHello,
     "connection",
     "6.0.0",
     "[protover [AUTH username password] [SETNAME clientname]]",
     "Handshake with Redis"},
    {"acl",
     -2,
     kContainer,
     {},
     nullptr,
     nullptr,
     nullptr,
     "server",
     "6.0.0",
     "",
     "A container for questions about users"},
    {"acl|whoami",
     2,
     kLoading | kStale,
     {},
     nullptr,
     nullptr,
     RunWhoAmI,
     "server",
     "6.0.0",
     "",
     "Return the name of the user of this connection"},
};

}  // namespace

std::span<const Command> ConnectionCommands() { return kCommands; }

}  // namespace idem::server
