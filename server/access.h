// May this client run this command? The one place that knows, from the command's row alone: its
// flags and where its keys stand.
//
//   nobody yet       what is marked kNoAuth
//   reader           what is neither kWrite nor kAdmin
//   client           what is not kAdmin
//   admin            all
//
// With a prefix, all keys named must begin with it. Commands that tell keys without being told any
// (SCAN, IDEM.STUCK) leave out the others by themselves, through Session::Sees.
//
// Thread-safe: pure functions.
#ifndef IDEM_SERVER_ACCESS_H_
#define IDEM_SERVER_ACCESS_H_

#include <string>

#include "server/command.h"

namespace idem::server {

// The error that refuses it, with Redis' texts; empty: it may. Not worth asking if
// session.may_do_all().
std::string AccessError(const Session& session, const Command& command, Arguments args);

}  // namespace idem::server

#endif  // IDEM_SERVER_ACCESS_H_
