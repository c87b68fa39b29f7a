// What the functions behind the known scripts are written in: keys, arguments, and Lua's ways to
// answer. For lock_scripts.cc and counter_scripts.cc only.
//
// Thread rule: none; lives within one run of a script.
#ifndef IDEM_SERVER_SCRIPT_WORK_H_
#define IDEM_SERVER_SCRIPT_WORK_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/commands/expiry.h"
#include "server/error_texts.h"
#include "server/known_scripts.h"
#include "server/text.h"

namespace idem::server {

// One script at work. After a fault its error is the answer, and nothing more is written.
class Work {
 public:
  static constexpr int64_t kNoKeyTtl = -2;  // as PTTL tells it

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

  const Transaction::Entry& LookAtAny(std::string_view key) { return transaction_.Look(key); }
  // Where a value is needed: no record.
  const Transaction::Entry& Look(std::string_view key) {
    const Transaction::Entry& entry = LookAtAny(key);
    if (!entry.is_plain()) Fail(kWrongType);
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
  void TellValueAndTtl(const Transaction::Entry& entry) {
    if (failed_) return;
    out_.Array(2);
    entry.absent() ? out_.Null() : out_.Bulk(entry.value);
    out_.Integer(entry.absent() ? kNoKeyTtl : entry.ttl_ms);
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

}  // namespace idem::server

#endif  // IDEM_SERVER_SCRIPT_WORK_H_
