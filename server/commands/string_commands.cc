// Plain values: SET and its kin, with Redis' answers to the letter.
#include <algorithm>
#include <optional>
#include <string>

#include "server/commands/families.h"
#include "server/commands/ttl.h"
#include "server/error_texts.h"
#include "server/option_reader.h"
#include "server/text.h"

namespace idem::server {
namespace {

// EX 10, PXAT 1800000000000: when a value ends, as the client wrote it.
struct Expiry {
  std::string_view text;
  int64_t unit_ms = 1;
  bool is_moment = false;  // a point in time, not a length
};

// Milliseconds from now, at most 0 for a moment that has passed. Nothing: `error` says why.
std::optional<int64_t> ReadExpiry(const Expiry& expiry, const Call& call, std::string* error) {
  const std::optional<int64_t> number = ParseInteger(expiry.text);
  const int64_t now_ms = call.server.clock().WallMs();
  int64_t ms = 0;
  int64_t unused = 0;
  if (!number) {
    *error = kNotAnInteger;
  } else if (*number <= 0 || __builtin_mul_overflow(*number, expiry.unit_ms, &ms) ||
             (!expiry.is_moment && __builtin_add_overflow(ms, now_ms, &unused))) {
    *error = InvalidExpireTime(call.command.name);
  } else {
    return std::min(expiry.is_moment ? ms - now_ms : ms, kLongestTtlMs);
  }
  return std::nullopt;
}

void SetExpiry(const Expiry& expiry, const Call& call, Request& request, Plan& plan) {
  const std::optional<int64_t> ttl_ms = ReadExpiry(expiry, call, plan.error());
  if (!ttl_ms) return;
  if (*ttl_ms > 0) {
    request.retention_ms = *ttl_ms;
    return;
  }
  // Ends at once: nothing may be seen of it, but what it replaces is gone.
  request.op = request.condition == Condition::kIfAbsent ? Op::kGet : Op::kRemove;
  request.kind = Kind::kRegister;
}

// What SET was given beside key and value.
struct SetOptions {
  bool nx = false;
  bool xx = false;
  bool get = false;
  bool keep_ttl = false;
  std::optional<Expiry> expiry;
};

// Reads EX, PX, EXAT or PXAT with its number. The same one twice is fine, as in Redis.
bool ReadExpiryOption(OptionReader& options, SetOptions& set) {
  static constexpr struct {
    std::string_view word;
    int64_t unit_ms;
    bool is_moment;
  } kWords[] = {{"EX", 1000, false}, {"PX", 1, false}, {"EXAT", 1000, true}, {"PXAT", 1, true}};
  for (const auto& [word, unit_ms, is_moment] : kWords) {
    if (!options.Is(word)) continue;
    const bool same =
        !set.expiry || (set.expiry->unit_ms == unit_ms && set.expiry->is_moment == is_moment);
    if (set.keep_ttl || !same) return false;
    set.expiry = {options.Value(), unit_ms, is_moment};
    return true;
  }
  return false;
}

SetOptions ReadSetOptions(OptionReader& options) {
  SetOptions set;
  while (options.Next()) {
    if (options.Is("NX") && !set.xx) {
      set.nx = true;
    } else if (options.Is("XX") && !set.nx) {
      set.xx = true;
    } else if (options.Is("GET")) {
      set.get = true;
    } else if (options.Is("KEEPTTL") && !set.expiry) {
      set.keep_ttl = true;
    } else if (!ReadExpiryOption(options, set)) {
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
  request.want_value = set.get;
  request.keep_deadline = set.keep_ttl;
  if (set.expiry) SetExpiry(*set.expiry, call, request, plan);
}

// Was the value stored, though perhaps only to end at once?
bool WasSet(const Told& told) {
  const Outcome outcome = told.reply().outcome;
  switch (told.request().condition) {
    case Condition::kAlways:
      return true;
    case Condition::kIfAbsent:
      return told.request().op == Op::kGet ? outcome == Outcome::kAbsent : outcome == Outcome::kOk;
    default:
      return outcome == Outcome::kOk;
  }
}

void TellOldValue(const Reply& reply, RespWriter& out) {
  if (reply.kind == Kind::kRegister) {
    out.Bulk(reply.response.bytes());
  } else {
    out.Null();
  }
}

void AnswerSet(const Told& told, RespWriter& out) {
  if (told.request().want_value) return TellOldValue(told.reply(), out);
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
  SetExpiry({call.args[2], unit_ms, false}, call, request, plan);
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

void AnswerValue(const Told& told, RespWriter& out) { TellOldValue(told.reply(), out); }

// Takes records too, and shows nothing of them: MGET tells what is no string as missing.
void PlanMGet(const Call& call, Plan& plan) {
  for (const std::string_view key : call.args.subspan(1)) {
    plan.Ask(Op::kGet, key).want_value = true;
  }
}

void AnswerMGet(const Told& told, RespWriter& out) {
  out.Array(told.replies.size());
  for (const Reply& reply : told.replies) TellOldValue(reply, out);
}

void PlanStrLen(const Call& call, Plan& plan) {
  plan.Ask(Op::kGet, call.args[1]).kind = Kind::kRegister;
}

void AnswerStrLen(const Told& told, RespWriter& out) {
  out.Integer(static_cast<int64_t>(told.reply().value_bytes));
}

constexpr KeyRange kFirst = {1, 1, 1};

constexpr Command kCommands[] = {
    {"set", -3, kWrite | kDenyOom, kFirst, PlanSet, AnswerSet, nullptr, "string", "1.0.0",
     "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
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
    {"mget",
     -2,
     kReadOnly | kFast,
     {1, -1, 1},
     PlanMGet,
     AnswerMGet,
     nullptr,
     "string",
     "1.0.0",
     "key [key ...]",
     "Get the values of all the given keys"},
    {"strlen", 2, kReadOnly | kFast, kFirst, PlanStrLen, AnswerStrLen, nullptr, "string", "2.2.0",
     "key", "Get the length of the value stored in a key"},
};

}  // namespace

std::span<const Command> StringCommands() { return kCommands; }

}  // namespace idem::server
