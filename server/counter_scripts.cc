// Counters in a window, as rate limiters keep them.
#include "server/lock_scripts.h"
#include "server/script_work.h"

namespace idem::server {
namespace {

using Entry = Transaction::Entry;

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
