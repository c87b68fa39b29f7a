// The Lua scripts that Idem knows, each as a function over a Transaction. There is no interpreter:
// a text is looked up by its normal form, and what it means is done natively, atomically over its
// keys.
//
// They are what lock, idempotency and rate limit libraries send. A new one is a row and, if its
// meaning is new, a function.
//
// Thread-safe after the first call.
#ifndef IDEM_SERVER_KNOWN_SCRIPTS_H_
#define IDEM_SERVER_KNOWN_SCRIPTS_H_

#include <string_view>

#include "server/command.h"
#include "server/transaction.h"

namespace idem::server {

// What a script was given.
struct ScriptInput {
  Arguments keys;
  Arguments args;
};

struct KnownScript {
  void (*run)(const ScriptInput& in, Transaction& transaction, RespWriter& out);
  size_t keys;  // at least so many, or the script would fail in Redis, too
  size_t args;
  std::string_view text;
};

// Null: this script is none of them.
const KnownScript* FindKnownScript(std::string_view text);

}  // namespace idem::server

#endif  // IDEM_SERVER_KNOWN_SCRIPTS_H_
