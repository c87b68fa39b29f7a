// Plain values: SET and its kin, with Redis' answers to the letter.
#include <algorithm>
#include <optional>

#include "server/commands/distinct_keys.h"
#include "server/commands/expiry.h"
#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/option_reader.h"

namespace idem::server {
namespace {

// What SET was given beside key and value.
struct SetOptions {
  bool nx = false;
  bool xx = false;
  bool get = false;
  bool keep_ttl = false;
  std::optional<Expiry> expiry;
  std::optional<std::string_view> if_equal;

  bool has_condition() const { return nx || xx || if_equal; }
};

SetOptions ReadSetOptions(OptionReader& options) {
  SetOptions set;
  while (options.Next()) {
    if (options.Is("NX") && (set.nx || !set.has_condition())) {
      set.nx = true;
    } else if (options.Is("XX") && (set.xx || !set.has_condition())) {
      set.xx = true;
    } else if (options.Is("IFEQ") && !set.has_condition()) {
      set.if_equal = options.Value();
    } else if (options.Is("GET")) {
      set.get = true;
    } else if (options.Is("KEEPTTL") && !set.expiry) {
      set.keep_ttl = true;
    } else if (set.keep_ttl || !ReadExpiryOption(options, set.expiry)) {
      options.Unknown();
    }
  }
  return set;
}

void PlanSet(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kPut, call.args[1]);
  request.value = call.args[2];
  OptionReader options(call, 3, plan.error());
  const SetOptions set = ReadSetOptions(options);
  if (plan.failed()) return;
  if (set.nx) request.condition = Condition::kIfAbsent;
  if (set.xx) request.condition = Condition::kIfPresent;
  if (set.if_equal) {
    request.condition = Condition::kIfValue;
    request.expected_value = *set.if_equal;
  }
  request.want_value = set.get;
  request.keep_deadline = set.keep_ttl;
  if (set.expiry) ReadExpiry(*set.expiry, call, request, plan.error());
}

// Though perhaps only to end at once.
bool WasSet(const Told& told) { return told.reply().outcome == Outcome::kOk; }

void TellOldValue(const Told& told, size_t i, RespWriter& out) {
  if (told.replies[i].kind == Kind::kRegister) {
    out.Bulk(told.value(i));
  } else {
    out.Null();
  }
}

void AnswerSet(const Told& told, RespWriter& out) {
  if (told.request().want_value) return TellOldValue(told, 0, out);
  if (WasSet(told)) {
    out.SimpleString("OK");
  } else {
    out.Null();
  }
}

// SETEX key seconds value, PSETEX key milliseconds value
void PlanSetWithExpiry(const Call& call, int64_t unit_ms, Plan& plan) {
  Request& request = plan.Ask(Op::kPut, call.args[1]);
  request.value = call.args[3];
  ReadExpiry({.text = call.args[2], .unit_ms = unit_ms}, call, request, plan.error());
}

void PlanSetEx(const Call& call, Plan& plan) { PlanSetWithExpiry(call, 1000, plan); }
void PlanPSetEx(const Call& call, Plan& plan) { PlanSetWithExpiry(call, 1, plan); }

void PlanSetNx(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kPut, call.args[1]);
  request.value = call.args[2];
  request.condition = Condition::kIfAbsent;
}

void AnswerSetNx(const Told& told, RespWriter& out) { out.Integer(WasSet(told) ? 1 : 0); }

void PlanGetSet(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kPut, call.args[1]);
  request.value = call.args[2];
  request.want_value = true;
}

void PlanGetDel(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kRemove, call.args[1]);
  request.kind = Kind::kRegister;
  request.want_value = true;
}

void PlanGet(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kGet, call.args[1]);
  request.kind = Kind::kRegister;
  request.want_value = true;
}

void AnswerValue(const Told& told, RespWriter& out) { TellOldValue(told, 0, out); }

// Takes records too, and shows nothing of them: MGET tells what is no string as missing.
void PlanMGet(const Call& call, Plan& plan) {
  for (const std::string_view key : call.args.subspan(1)) {
    plan.Ask(Op::kGet, key).want_value = true;
  }
}

void AnswerMGet(const Told& told, RespWriter& out) {
  out.Array(told.replies.size());
  for (size_t i = 0; i < told.replies.size(); ++i) TellOldValue(told, i, out);
}

// Also MSETNX: if one of its keys is there, none is set.
void PlanMSetIf(const Call& call, Condition condition, Plan& plan) {
  if (call.args.size() % 2 == 0) return plan.Fail(WrongArity(call.command.name));
  for (const size_t i : DistinctKeys(call, plan)) {
    Request& request = plan.Ask(Op::kPut, call.args[i]);
    request.value = call.args[i + 1];
    request.condition = condition;
  }
}

void PlanMSet(const Call& call, Plan& plan) { PlanMSetIf(call, Condition::kAlways, plan); }
void PlanMSetNx(const Call& call, Plan& plan) { PlanMSetIf(call, Condition::kIfAbsent, plan); }

void AnswerMSet(const Told&, RespWriter& out) { out.SimpleString("OK"); }

void AnswerMSetNx(const Told& told, RespWriter& out) {
  const bool all = std::all_of(told.replies.begin(), told.replies.end(),
                               [](const Reply& reply) { return reply.outcome == Outcome::kOk; });
  out.Integer(all ? 1 : 0);
}

void PlanStrLen(const Call& call, Plan& plan) {
  plan.Ask(Op::kGet, call.args[1]).kind = Kind::kRegister;
}

void AnswerStrLen(const Told& told, RespWriter& out) {
  out.Integer(static_cast<int64_t>(told.reply().value_bytes));
}

constexpr KeyRange kEverySecond = {1, -1, 2};

constexpr Command kCommands[] = {
    {"set", -3, kWrite | kDenyOom, kFirst, PlanSet, AnswerSet, nullptr, "string", "1.0.0",
     "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT "
     "unix-time-seconds | PXAT "
     "unix-time-milliseconds | KEEPTTL]",
     "Set the string value of a key"},
    {"setnx", 3, kWrite | kDenyOom | kFast, kFirst, PlanSetNx, AnswerSetNx, nullptr, "string",
     "1.0.0", "key value", "Set the value of a key, only if the key does not exist"},
    {"setex", 4, kWrite | kDenyOom, kFirst, PlanSetEx, AnswerSet, nullptr, "string", "2.0.0",
     "key seconds value", "Set the value and expiration of a key"},
    {"psetex", 4, kWrite | kDenyOom, kFirst, PlanPSetEx, AnswerSet, nullptr, "string", "2.6.0",
     "key milliseconds value", "Set the value and expiration in milliseconds of a key"},
    {"get", 2, kReadOnly | kFast, kFirst, PlanGet, AnswerValue, nullptr, "string", "1.0.0", "key",
     "Get the value of a key"},
    {"getset", 3, kWrite | kDenyOom | kFast, kFirst, PlanGetSet, AnswerValue, nullptr, "string",
     "1.0.0", "key value", "Set the string value of a key and return its old value"},
    {"getdel", 2, kWrite | kFast, kFirst, PlanGetDel, AnswerValue, nullptr, "string", "6.2.0",
     "key", "Get the value of a key and delete the key"},
    {"mget", -2, kReadOnly | kFast, kAll, PlanMGet, AnswerMGet, nullptr, "string", "1.0.0",
     "key [key ...]", "Get the values of all the given keys"},
    {"mset", -3, kWrite | kDenyOom, kEverySecond, PlanMSet, AnswerMSet, nullptr, "string", "1.0.1",
     "key value [key value ...]", "Set multiple keys to multiple values"},
    {"msetnx", -3, kWrite | kDenyOom, kEverySecond, PlanMSetNx, AnswerMSetNx, nullptr, "string",
     "1.0.1", "key value [key value ...]",
     "Set multiple keys to multiple values, only if none of the keys exist"},
    {"strlen", 2, kReadOnly | kFast, kFirst, PlanStrLen, AnswerStrLen, nullptr, "string", "2.2.0",
     "key", "Get the length of the value stored in a key"},
};

}  // namespace

std::span<const Command> StringCommands() { return kCommands; }

}  // namespace idem::server
