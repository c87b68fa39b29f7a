// What the known scripts mean, one function each. `mine` is said of a key that holds ARGV[1].
//
// Answers: 1 and 0, or Lua's true and false, which are 1 and null.
//
// Thread rule: pure functions over their Transaction.
#ifndef IDEM_SERVER_LOCK_SCRIPTS_H_
#define IDEM_SERVER_LOCK_SCRIPTS_H_

#include "server/known_scripts.h"

namespace idem::server {

// --- One key -------------------------------------------------------------------------------------

void DeleteIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void DeleteIfMineTrueFalse(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// -1 where there is nothing.
void DeleteIfMineTellAbsent(const ScriptInput& in, Transaction& transaction, RespWriter& out);

// ARGV[2]: milliseconds, or seconds.
void ExpireMsIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void ExpireMsIfMineTrueFalse(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void ExpireSecondsIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// ARGV[3] is "0": to the time that is left; needs some to be left.
void ExtendIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// KEYS[2]: milliseconds, KEYS[3]: the value. OK or 0.
void SetAgainIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// ARGV[2], ARGV[3]: what must be left, the new time. [outcome, time that was left].
void ExpireMsIfMineInTime(const ScriptInput& in, Transaction& transaction, RespWriter& out);

// ARGV[2]: milliseconds. A free key is claimed, one of mine renewed.
void ClaimOrRenew(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void ClaimOrRenewTrueFalse(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// ARGV[3] "yes": free keys, too. OK or null.
void SetIfFreeOrMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// ARGV[2]: seconds. OK or null.
void SetIfFree(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// ARGV[2]: milliseconds. 1 or 0.
void SetNxThenExpireMs(const ScriptInput& in, Transaction& transaction, RespWriter& out);

// [value, milliseconds left]
void ValueAndTtl(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void ValueAndTtlIfAny(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// -3 where it is not mine.
void TtlIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);

// --- Several keys, all or none -------------------------------------------------------------------

// Answer the number of keys, or 0.
void ClaimAll(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void RenewAllIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// Answer 1 or 0.
void ClaimAllTellOne(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void RenewAllIfMineTellOne(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// How many were.
void DeleteThoseOfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// The same behind a database number, ARGV[1]; there is only one, so it is not looked at.
void ClaimAllInDatabase(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void RenewAllIfMineInDatabase(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void DeleteThoseOfMineInDatabase(const ScriptInput& in, Transaction& transaction, RespWriter& out);

// --- A counter in a window -----------------------------------------------------------------------

// ARGV[1] points, ARGV[2] seconds: [count, milliseconds left]
void CountInWindow(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// ARGV[1] milliseconds: [hits, milliseconds left]
void CountHit(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// ARGV[1] "1": begin the window anew, ARGV[2] milliseconds: [hits, milliseconds left]
void CountHitOrBegin(const ScriptInput& in, Transaction& transaction, RespWriter& out);
// ARGV[1] seconds, or milliseconds, from the first one on: count
void CountFromFirstSeconds(const ScriptInput& in, Transaction& transaction, RespWriter& out);
void CountFromFirstMs(const ScriptInput& in, Transaction& transaction, RespWriter& out);

}  // namespace idem::server

#endif  // IDEM_SERVER_LOCK_SCRIPTS_H_
