// Keys of either kind: delete, look, and how long they live. DEL, UNLINK, EXISTS, TTL, PTTL and
// TYPE see records too; what sets a deadline takes plain keys only.
#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/commands/ttl.h"
#include "server/error_texts.h"
#include "server/option_reader.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr size_t kKeysAtOnce = 64;  // what the store changes atomically

// A record that is not settled is refused, and then nothing at all is deleted. A key counts once,
// however often it is named.
void PlanDel(const Call& call, Plan& plan) {
  if (call.args.size() == 2) {
    plan.Ask(Op::kRemove, call.args[1]);
    return;
  }
  std::vector<std::string_view> keys(call.args.begin() + 1, call.args.end());
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  if (keys.size() > kKeysAtOnce) {
    return plan.Fail(absl::StrCat("ERR '", Absl(call.command.name), "' takes at most ", kKeysAtOnce,
                                  " keys, because it deletes all or none; send several commands"));
  }
  for (const std::string_view key : keys) plan.Ask(Op::kRemove, key);
  plan.SetAtomic();
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

void AnswerType(const Told& told, RespWriter& out) {
  if (told.reply().outcome == Outcome::kAbsent) return out.SimpleString("none");
  out.SimpleString(told.reply().kind == Kind::kRecord ? "record" : "string");
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

// Nothing: the number does not do, and the plan says why.
std::optional<int64_t> ReadTtl(const Call& call, int64_t unit_ms, Plan& plan) {
  const std::optional<int64_t> number = ParseInteger(call.args[2]);
  int64_t ttl_ms = 0;
  int64_t moment_ms = 0;
  if (!number) {
    plan.Fail(kNotAnInteger);
  } else if (__builtin_mul_overflow(*number, unit_ms, &ttl_ms) ||
             __builtin_add_overflow(ttl_ms, call.server.clock().WallMs(), &moment_ms)) {
    plan.Fail(InvalidExpireTime(call.command.name));
  } else {
    return ttl_ms;
  }
  return std::nullopt;
}

DeadlineCondition ConditionOf(const ExpireOptions& given) {
  if (given.nx) return DeadlineCondition::kIfNone;
  if (given.gt) return DeadlineCondition::kIfLater;
  if (given.lt) return DeadlineCondition::kIfEarlier;
  return given.xx ? DeadlineCondition::kIfSet : DeadlineCondition::kAlways;
}

// A time that has passed deletes the key. The store has no removal under a condition on the
// deadline: there the shortest time to live must do.
void PlanExpire(const Call& call, int64_t unit_ms, Plan& plan) {
  const ExpireOptions given = ReadExpireOptions(call, plan);
  if (plan.failed()) return;
  const std::optional<int64_t> ttl_ms = ReadTtl(call, unit_ms, plan);
  if (!ttl_ms) return;
  if (given.xx && given.lt) {
    return plan.Fail("ERR XX and LT together are not supported; use LT alone");
  }
  const bool removes = *ttl_ms <= 0 && !given.nx && !given.xx && !given.gt;
  Request& request = plan.Ask(removes ? Op::kRemove : Op::kSetDeadline, call.args[1]);
  request.kind = Kind::kRegister;
  request.retention_ms = std::clamp<int64_t>(*ttl_ms, 1, kLongestTtlMs);
  request.deadline_condition = ConditionOf(given);
}

void PlanExpireSeconds(const Call& call, Plan& plan) { PlanExpire(call, 1000, plan); }
void PlanExpireMs(const Call& call, Plan& plan) { PlanExpire(call, 1, plan); }

void PlanPersist(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kSetDeadline, call.args[1]);
  request.retention_ms = 0;
  request.deadline_condition = DeadlineCondition::kIfSet;
}

constexpr KeyRange kFirst = {1, 1, 1};
constexpr KeyRange kAll = {1, -1, 1};

constexpr Command kCommands[] = {
    {"del", -2, kWrite, kAll, PlanDel, AnswerCount, nullptr, "generic", "1.0.0", "key [key ...]",
     "Delete a key"},
    {"unlink", -2, kWrite | kFast, kAll, PlanDel, AnswerCount, nullptr, "generic", "4.0.0",
     "key [key ...]", "Delete a key"},
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
    {"expire", -3, kWrite | kFast, kFirst, PlanExpireSeconds, AnswerCount, nullptr, "generic",
     "1.0.0", "key seconds [NX | XX | GT | LT]", "Set a key's time to live in seconds"},
    {"pexpire", -3, kWrite | kFast, kFirst, PlanExpireMs, AnswerCount, nullptr, "generic", "2.6.0",
     "key milliseconds [NX | XX | GT | LT]", "Set a key's time to live in milliseconds"},
    {"persist", 2, kWrite | kFast, kFirst, PlanPersist, AnswerCount, nullptr, "generic", "2.2.0",
     "key", "Remove the expiration from a key"},
};

}  // namespace

std::span<const Command> KeyCommands() { return kCommands; }

}  // namespace idem::server
