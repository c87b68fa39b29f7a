// Keys of any kind: delete, look, and how long they live. DEL, UNLINK, EXISTS, TTL, PTTL and
// TYPE see them all; what sets a deadline takes plain keys only.
#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/commands/distinct_keys.h"
#include "server/commands/expiry.h"
#include "server/commands/families.h"
#include "server/commands/type_names.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

// A record that is not settled is refused, and then nothing at all is deleted. A key counts once,
// however often it is named.
void PlanDel(const Call& call, Plan& plan) {
  for (const size_t i : DistinctKeys(call, plan)) plan.Ask(Op::kRemove, call.args[i]);
}

void PlanDelIfEqual(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kRemove, call.args[1]);
  request.kind = Kind::kRegister;
  request.condition = Condition::kIfValue;
  request.expected_value = call.args[2];
}

void PlanLook(const Call& call, Plan& plan) {
  for (const std::string_view key : call.args.subspan(1)) plan.Ask(Op::kGet, key);
}

void AnswerCount(const Told& told, RespWriter& out) {
  int64_t count = 0;
  for (const Reply& reply : told.replies) count += reply.outcome == Outcome::kOk ? 1 : 0;
  out.Integer(count);
}

void TellTtl(const Reply& reply, int64_t unit_ms, RespWriter& out) {
  if (reply.outcome == Outcome::kAbsent) return out.Integer(-2);
  if (reply.ttl_ms < 0) return out.Integer(-1);
  out.Integer((reply.ttl_ms + unit_ms / 2) / unit_ms);
}

void AnswerTtl(const Told& told, RespWriter& out) { TellTtl(told.reply(), 1000, out); }
void AnswerPttl(const Told& told, RespWriter& out) { TellTtl(told.reply(), 1, out); }

// The answer needs to know when the machine was started; kGet does not read this field.
void PlanExpireTime(const Call& call, Plan& plan) {
  plan.Ask(Op::kGet, call.args[1]).issued_unix_ms = call.server.wall_time.UnixMsAt(0);
}

void TellExpireTime(const Told& told, int64_t unit_ms, RespWriter& out) {
  const Reply& reply = told.reply();
  if (reply.outcome == Outcome::kAbsent) return out.Integer(-2);
  if (reply.deadline_ms == 0) return out.Integer(-1);
  out.Integer((told.request().issued_unix_ms + reply.deadline_ms + unit_ms / 2) / unit_ms);
}

void AnswerExpireTime(const Told& told, RespWriter& out) { TellExpireTime(told, 1000, out); }
void AnswerPExpireTime(const Told& told, RespWriter& out) { TellExpireTime(told, 1, out); }

void AnswerType(const Told& told, RespWriter& out) {
  if (told.reply().outcome == Outcome::kAbsent) return out.SimpleString("none");
  out.SimpleString(TypeName(told.reply().kind));
}

// What EXPIRE was given beside key and time.
struct ExpireOptions {
  bool nx = false;
  bool xx = false;
  bool gt = false;
  bool lt = false;
};

ExpireOptions ReadExpireOptions(const Call& call, Plan& plan) {
  ExpireOptions given;
  for (const std::string_view word : call.args.subspan(3)) {
    if (EqualsIgnoreCase(word, "NX")) {
      given.nx = true;
    } else if (EqualsIgnoreCase(word, "XX")) {
      given.xx = true;
    } else if (EqualsIgnoreCase(word, "GT")) {
      given.gt = true;
    } else if (EqualsIgnoreCase(word, "LT")) {
      given.lt = true;
    } else {
      plan.Fail(absl::StrCat("ERR Unsupported option ", Absl(word)));
      return given;
    }
  }
  if (given.nx && (given.xx || given.gt || given.lt)) {
    plan.Fail("ERR NX and XX, GT or LT options at the same time are not compatible");
  } else if (given.gt && given.lt) {
    plan.Fail("ERR GT and LT options at the same time are not compatible");
  }
  return given;
}

DeadlineCondition ConditionOf(const ExpireOptions& given) {
  if (given.nx) return DeadlineCondition::kIfNone;
  if (given.gt) return DeadlineCondition::kIfLater;
  if (given.lt && given.xx) return DeadlineCondition::kIfSetAndEarlier;
  if (given.lt) return DeadlineCondition::kIfEarlier;
  return given.xx ? DeadlineCondition::kIfSet : DeadlineCondition::kAlways;
}

// A time that has passed deletes the key.
void PlanExpiry(const Call& call, int64_t unit_ms, bool is_moment, Plan& plan) {
  const ExpireOptions given = ReadExpireOptions(call, plan);
  if (plan.failed()) return;
  Request& request = plan.Ask(Op::kSetDeadline, call.args[1]);
  request.deadline_condition = ConditionOf(given);
  const Expiry expiry = {call.args[2], unit_ms, is_moment, /*may_have_passed=*/true};
  ReadExpiry(expiry, call, request, plan.error());
}

void PlanExpire(const Call& call, Plan& plan) { PlanExpiry(call, 1000, false, plan); }
void PlanPExpire(const Call& call, Plan& plan) { PlanExpiry(call, 1, false, plan); }
void PlanExpireAt(const Call& call, Plan& plan) { PlanExpiry(call, 1000, true, plan); }
void PlanPExpireAt(const Call& call, Plan& plan) { PlanExpiry(call, 1, true, plan); }

void PlanPersist(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kSetDeadline, call.args[1]);
  request.retention_ms = 0;
  request.deadline_condition = DeadlineCondition::kIfSet;
}

constexpr Command kCommands[] = {
    {"del", -2, kWrite, kAll, PlanDel, AnswerCount, nullptr, "generic", "1.0.0", "key [key ...]",
     "Delete a key"},
    {"unlink", -2, kWrite | kFast, kAll, PlanDel, AnswerCount, nullptr, "generic", "4.0.0",
     "key [key ...]", "Delete a key"},
    {"delifeq", 3, kWrite | kFast, kFirst, PlanDelIfEqual, AnswerCount, nullptr, "string", "9.0.0",
     "key value", "Delete a key if it holds this value"},
    {"exists", -2, kReadOnly | kFast, kAll, PlanLook, AnswerCount, nullptr, "generic", "1.0.0",
     "key [key ...]", "Determine if a key exists"},
    {"touch", -2, kReadOnly | kFast, kAll, PlanLook, AnswerCount, nullptr, "generic", "3.2.1",
     "key [key ...]", "Determine how many of the keys exist"},
    {"ttl", 2, kReadOnly | kFast, kFirst, PlanLook, AnswerTtl, nullptr, "generic", "1.0.0", "key",
     "Get the time to live for a key in seconds"},
    {"pttl", 2, kReadOnly | kFast, kFirst, PlanLook, AnswerPttl, nullptr, "generic", "2.6.0", "key",
     "Get the time to live for a key in milliseconds"},
    {"type", 2, kReadOnly | kFast, kFirst, PlanLook, AnswerType, nullptr, "generic", "1.0.0", "key",
     "Determine the type stored at key"},
    {"expire", -3, kWrite | kFast, kFirst, PlanExpire, AnswerCount, nullptr, "generic", "1.0.0",
     "key seconds [NX | XX | GT | LT]", "Set a key's time to live in seconds"},
    {"pexpire", -3, kWrite | kFast, kFirst, PlanPExpire, AnswerCount, nullptr, "generic", "2.6.0",
     "key milliseconds [NX | XX | GT | LT]", "Set a key's time to live in milliseconds"},
    {"expireat", -3, kWrite | kFast, kFirst, PlanExpireAt, AnswerCount, nullptr, "generic", "1.2.0",
     "key unix-time-seconds [NX | XX | GT | LT]",
     "Set the expiration for a key as a UNIX timestamp"},
    {"pexpireat", -3, kWrite | kFast, kFirst, PlanPExpireAt, AnswerCount, nullptr, "generic",
     "2.6.0", "key unix-time-milliseconds [NX | XX | GT | LT]",
     "Set the expiration for a key as a UNIX timestamp specified in milliseconds"},
    {"expiretime", 2, kReadOnly | kFast, kFirst, PlanExpireTime, AnswerExpireTime, nullptr,
     "generic", "7.0.0", "key", "Get the expiration Unix timestamp for a key"},
    {"pexpiretime", 2, kReadOnly | kFast, kFirst, PlanExpireTime, AnswerPExpireTime, nullptr,
     "generic", "7.0.0", "key", "Get the expiration Unix timestamp for a key in milliseconds"},
    {"persist", 2, kWrite | kFast, kFirst, PlanPersist, AnswerCount, nullptr, "generic", "2.2.0",
     "key", "Remove the expiration from a key"},
};

}  // namespace

std::span<const Command> KeyCommands() { return kCommands; }

}  // namespace idem::server
