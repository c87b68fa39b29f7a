#include "server/lock_scripts.h"

#include "server/script_work.h"

namespace idem::server {
namespace {

using Entry = Transaction::Entry;

bool DeleteMine(Work& work) {
  const bool mine = work.Holds(work.key(), work.arg(1));
  if (mine) work.Delete(work.key());
  return mine;
}

bool ExpireMine(Work& work, int64_t unit_ms) {
  if (!work.Holds(work.key(), work.arg(1))) return false;
  int64_t ttl_ms = 0;
  if (__builtin_mul_overflow(work.Integer(work.arg(2)), unit_ms, &ttl_ms)) {
    work.Fail(InvalidExpireTime(unit_ms == 1 ? "pexpire" : "expire"));
  }
  work.Expire(work.key(), ttl_ms);
  return true;
}

bool Claim(Work& work) {
  if (work.Holds(work.key(), work.arg(1))) {
    work.Expire(work.key(), work.Integer(work.arg(2)));
    return true;
  }
  if (!work.Look(work.key()).absent()) return false;
  work.Set(work.key(), work.arg(1), work.Ttl(work.arg(2), 1, "set"));
  return true;
}

// The family's scripts over several keys: `value` and `ttl` are positions in ARGV.
bool SetAll(Work& work, size_t value, size_t ttl) {
  const int64_t ttl_ms = work.Ttl(work.arg(ttl), 1, "set");
  for (const std::string_view key : work.keys()) work.Set(key, work.arg(value), ttl_ms);
  return true;
}

bool ClaimEach(Work& work, size_t value, size_t ttl) {
  bool free = true;  // a record is not
  for (const std::string_view key : work.keys()) free = free && work.LookAtAny(key).absent();
  return free && SetAll(work, value, ttl);
}

bool RenewEach(Work& work, size_t value, size_t ttl) {
  bool mine = true;
  for (const std::string_view key : work.keys()) mine = mine && work.Holds(key, work.arg(value));
  return mine && SetAll(work, value, ttl);
}

int64_t DeleteEach(Work& work, size_t value) {
  int64_t count = 0;
  for (const std::string_view key : work.keys()) {
    if (!work.Holds(key, work.arg(value))) continue;
    work.Delete(key);
    ++count;
  }
  return count;
}

int64_t CountOf(Work& work) { return static_cast<int64_t>(work.keys().size()); }

}  // namespace

// --- One key -------------------------------------------------------------------------------------

void DeleteIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(DeleteMine(work) ? 1 : 0);
}

void DeleteIfMineTrueFalse(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.TellTrueFalse(DeleteMine(work));
}

void DeleteIfMineTellAbsent(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  if (work.Look(work.key()).absent()) return work.Tell(-1);
  work.Tell(DeleteMine(work) ? 1 : 0);
}

void ExpireMsIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(ExpireMine(work, 1) ? 1 : 0);
}

void ExpireMsIfMineTrueFalse(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.TellTrueFalse(ExpireMine(work, 1));
}

void ExpireSecondsIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(ExpireMine(work, 1000) ? 1 : 0);
}

void ExtendIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  if (!work.Holds(work.key(), work.arg(1))) return work.Tell(0);
  const int64_t left_ms = work.Look(work.key()).ttl_ms;
  if (left_ms < 0) return work.Tell(0);
  int64_t ttl_ms = work.Integer(work.arg(2));
  if (work.arg(3) == "0" && __builtin_add_overflow(ttl_ms, left_ms, &ttl_ms)) {
    work.Fail(InvalidExpireTime("pexpire"));
  }
  work.Expire(work.key(), ttl_ms);
  work.Tell(1);
}

void SetAgainIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  if (!work.Holds(work.key(), work.key(3))) return work.Tell(0);
  work.Set(work.key(), work.key(3), work.Ttl(work.key(2), 1, "set"));
  work.TellOkOrNull(true);
}

void ExpireMsIfMineInTime(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  const Entry entry = work.Look(work.key());
  const int64_t least_ms = work.Integer(work.arg(2));
  const int64_t ttl_ms = work.Integer(work.arg(3));
  if (entry.absent()) return work.TellPair(-1, Work::kNoKeyTtl);
  if (entry.ttl_ms < least_ms) return work.TellPair(0, entry.ttl_ms);
  if (!entry.Holds(work.arg(1))) return work.TellPair(-1, entry.ttl_ms);
  work.Expire(work.key(), ttl_ms);
  work.TellPair(1, entry.ttl_ms);
}

void ClaimOrRenew(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(Claim(work) ? 1 : 0);
}

void ClaimOrRenewTrueFalse(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.TellTrueFalse(Claim(work));
}

void SetIfFreeOrMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  const Entry& entry = work.Look(work.key());
  const bool free = entry.absent() && work.arg(3) == "yes";
  if (!free && !entry.Holds(work.arg(1))) return work.TellOkOrNull(false);
  work.Set(work.key(), work.arg(1), work.Ttl(work.arg(2), 1, "set"));
  work.TellOkOrNull(true);
}

void SetIfFree(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  if (!work.LookAtAny(work.key()).absent()) return work.TellOkOrNull(false);
  work.Set(work.key(), work.arg(1), work.Ttl(work.arg(2), 1000, "setex"));
  work.TellOkOrNull(true);
}

void SetNxThenExpireMs(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  if (!work.LookAtAny(work.key()).absent()) return work.Tell(0);
  work.Set(work.key(), work.arg(1), Transaction::kNoDeadline);
  work.Expire(work.key(), work.Integer(work.arg(2)));
  work.Tell(1);
}

void ValueAndTtl(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.TellValueAndTtl(work.Look(work.key()));
}

void ValueAndTtlIfAny(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  const Entry& entry = work.Look(work.key());
  if (entry.absent()) return work.TellNull();
  work.TellValueAndTtl(entry);
}

void TtlIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  const Entry& entry = work.Look(work.key());
  work.Tell(entry.Holds(work.arg(1)) ? entry.ttl_ms : -3);
}

// --- Several keys, all or none -------------------------------------------------------------------

void ClaimAll(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(ClaimEach(work, 1, 2) ? CountOf(work) : 0);
}

void RenewAllIfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(RenewEach(work, 1, 2) ? CountOf(work) : 0);
}

void ClaimAllTellOne(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(ClaimEach(work, 1, 2) ? 1 : 0);
}

void RenewAllIfMineTellOne(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(RenewEach(work, 1, 2) ? 1 : 0);
}

void DeleteThoseOfMine(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(DeleteEach(work, 1));
}

void ClaimAllInDatabase(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(ClaimEach(work, 2, 3) ? CountOf(work) : 0);
}

void RenewAllIfMineInDatabase(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(RenewEach(work, 2, 3) ? CountOf(work) : 0);
}

void DeleteThoseOfMineInDatabase(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  work.Tell(DeleteEach(work, 2));
}

}  // namespace idem::server
