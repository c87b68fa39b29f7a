#include "server/lock_scripts.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/commands/expiry.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

using Entry = Transaction::Entry;

constexpr int64_t kNoKey = -2;  // as PTTL tells it

// One script at work. After a fault its error is the answer, and nothing more is written.
class Work {
 public:
  Work(const ScriptInput& in, Transaction& transaction, RespWriter& out)
      : in_(in), transaction_(transaction), out_(out) {}

  std::string_view key(size_t i = 1) const { return in_.keys[i - 1]; }
  std::string_view arg(size_t i) const { return in_.args[i - 1]; }
  Arguments keys() const { return in_.keys; }
  bool failed() const { return failed_; }

  void Fail(std::string_view error) {
    if (!failed_) out_.Error(error);
    failed_ = true;
  }

  const Entry& LookAtAny(std::string_view key) { return transaction_.Look(key); }
  // Where a value is needed: no record.
  const Entry& Look(std::string_view key) {
    const Entry& entry = LookAtAny(key);
    if (entry.is_record()) Fail(kWrongType);
    return entry;
  }
  bool Holds(std::string_view key, std::string_view value) { return Look(key).Holds(value); }

  int64_t Integer(std::string_view text) {
    const std::optional<int64_t> number = ParseInteger(text);
    if (!number) Fail(kNotAnInteger);
    return number.value_or(0);
  }
  // In milliseconds, for a SET that refuses what is not positive.
  int64_t Ttl(std::string_view text, int64_t unit_ms, std::string_view command) {
    int64_t ttl_ms = 0;
    const bool too_long = __builtin_mul_overflow(Integer(text), unit_ms, &ttl_ms);
    if (!failed_ && (too_long || ttl_ms <= 0)) Fail(InvalidExpireTime(command));
    return std::min(ttl_ms, kLongestTtlMs);
  }

  void Set(std::string_view key, std::string_view value, int64_t ttl_ms) {
    if (!failed_) transaction_.Put(key, value, ttl_ms);
  }
  void Delete(std::string_view key) {
    if (!failed_) transaction_.Remove(key);
  }
  // A time that has passed deletes.
  void Expire(std::string_view key, int64_t ttl_ms) {
    if (ttl_ms <= 0) return Delete(key);
    if (!failed_) transaction_.SetTtl(key, std::min(ttl_ms, kLongestTtlMs));
  }
  void SetNumber(std::string_view key, int64_t number) {
    if (!failed_) transaction_.PutKeepingDeadline(key, absl::StrCat(number));
  }

  void Tell(int64_t number) {
    if (!failed_) out_.Integer(number);
  }
  void TellTrueFalse(bool truth) {
    if (failed_) return;
    truth ? out_.Integer(1) : out_.Null();
  }
  void TellOkOrNull(bool ok) {
    if (failed_) return;
    ok ? out_.SimpleString("OK") : out_.Null();
  }
  void TellPair(int64_t first, int64_t second) {
    if (failed_) return;
    out_.Array(2);
    out_.Integer(first);
    out_.Integer(second);
  }
  void TellValueAndTtl(const Entry& entry) {
    if (failed_) return;
    out_.Array(2);
    entry.absent() ? out_.Null() : out_.Bulk(entry.value);
    out_.Integer(entry.absent() ? kNoKey : entry.ttl_ms);
  }
  void TellNull() {
    if (!failed_) out_.Null();
  }

 private:
  const ScriptInput& in_;
  Transaction& transaction_;
  RespWriter& out_;
  bool failed_ = false;
};

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

// The counter and `by`; 0 is where there is none.
int64_t Add(Work& work, int64_t by) {
  const Entry& entry = work.Look(work.key());
  int64_t sum = 0;
  const int64_t old = entry.absent() ? 0 : work.Integer(entry.value);
  if (__builtin_add_overflow(old, by, &sum)) {
    work.Fail("ERR increment or decrement would overflow");
  }
  work.SetNumber(work.key(), sum);
  return sum;
}

void CountFromFirst(Work& work, int64_t unit_ms) {
  const int64_t count = Add(work, 1);
  int64_t ttl_ms = 0;
  if (count == 1) {
    if (__builtin_mul_overflow(work.Integer(work.arg(1)), unit_ms, &ttl_ms)) {
      work.Fail(InvalidExpireTime("expire"));
    }
    work.Expire(work.key(), ttl_ms);
  }
  work.Tell(count);
}

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
  if (entry.absent()) return work.TellPair(-1, kNoKey);
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

// --- A counter in a window -----------------------------------------------------------------------

void CountInWindow(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  const int64_t window_ms = work.Ttl(work.arg(2), 1000, "set");
  if (work.Look(work.key()).absent()) work.Set(work.key(), "0", window_ms);
  const int64_t count = Add(work, work.Integer(work.arg(1)));
  int64_t left_ms = work.Look(work.key()).ttl_ms;
  if (left_ms == Transaction::kNoDeadline) {
    work.Expire(work.key(), window_ms);
    left_ms = window_ms;
  }
  work.TellPair(count, left_ms);
}

void CountHit(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  const int64_t left_ms = work.Look(work.key()).ttl_ms;
  if (left_ms > 0) return work.TellPair(Add(work, 1), left_ms);
  const int64_t window_ms = work.Ttl(work.arg(1), 1, "set");
  work.Set(work.key(), "1", window_ms);
  work.TellPair(1, window_ms);
}

void CountHitOrBegin(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  const int64_t hits = Add(work, 1);
  int64_t left_ms = work.Look(work.key()).ttl_ms;
  if (left_ms <= 0 || work.arg(1) == "1") {
    left_ms = work.Integer(work.arg(2));
    work.Expire(work.key(), left_ms);
  }
  work.TellPair(hits, left_ms);
}

void CountFromFirstSeconds(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  CountFromFirst(work, 1000);
}

void CountFromFirstMs(const ScriptInput& in, Transaction& transaction, RespWriter& out) {
  Work work(in, transaction, out);
  CountFromFirst(work, 1);
}

}  // namespace idem::server
