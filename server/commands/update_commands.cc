// Values that are read, changed and written back: INCR and its kin, GETEX, DELEX. Each is a
// transaction over one key, so nobody's update is lost.
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/commands/expiry.h"
#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/option_reader.h"
#include "server/text.h"
#include "server/transaction.h"

namespace idem::server {
namespace {

void AddTo(Transaction& transaction, std::string_view key, int64_t by, RespWriter& out) {
  const Transaction::Entry& entry = transaction.Look(key);
  if (!entry.is_plain()) return out.Error(kWrongType);
  const std::optional<int64_t> old = entry.absent() ? 0 : ParseInteger(entry.value);
  int64_t sum = 0;
  if (!old) return out.Error(kNotAnInteger);
  if (__builtin_add_overflow(*old, by, &sum)) {
    return out.Error("ERR increment or decrement would overflow");
  }
  transaction.PutKeepingDeadline(key, absl::StrCat(sum));
  out.Integer(sum);
}

void Add(Call& call, int64_t by, RespWriter& out) {
  RunTransaction(call, out, [&call, by](Transaction& transaction, RespWriter& answer) {
    AddTo(transaction, call.args[1], by, answer);
  });
}

void RunIncr(Call& call, RespWriter& out) { Add(call, 1, out); }
void RunDecr(Call& call, RespWriter& out) { Add(call, -1, out); }

void RunIncrBy(Call& call, RespWriter& out) {
  const std::optional<int64_t> by = ParseInteger(call.args[2]);
  if (!by) return out.Error(kNotAnInteger);
  Add(call, *by, out);
}

void RunDecrBy(Call& call, RespWriter& out) {
  const std::optional<int64_t> by = ParseInteger(call.args[2]);
  if (!by) return out.Error(kNotAnInteger);
  if (*by == std::numeric_limits<int64_t>::min()) {
    return out.Error("ERR decrement would overflow");
  }
  Add(call, -*by, out);
}

// What GETEX was given beside the key.
struct GetExOptions {
  bool persist = false;
  std::optional<Expiry> expiry;
};

GetExOptions ReadGetExOptions(const Call& call, std::string* error) {
  GetExOptions get;
  OptionReader options(call, 2, error);
  while (options.Next()) {
    if (options.Is("PERSIST") && !get.expiry) {
      get.persist = true;
    } else if (get.persist || !ReadExpiryOption(options, get.expiry)) {
      options.Unknown();
    }
  }
  return get;
}

// As in Redis a bad time is told only where there is a value.
void GetAndExpire(Transaction& transaction, const GetExOptions& get, const Call& call,
                  RespWriter& out) {
  const std::string_view key = call.args[1];
  const Transaction::Entry entry = transaction.Look(key);
  if (entry.absent()) return out.Null();
  if (!entry.is_plain()) return out.Error(kWrongType);
  Request set = {.op = Op::kSetDeadline, .key = key};
  if (get.persist) set.deadline_condition = DeadlineCondition::kIfSet;
  std::string error;
  if (get.expiry) ReadExpiry(*get.expiry, call, set, &error);
  if (!error.empty()) return out.Error(error);
  std::string_view value = entry.value;
  if (get.expiry || get.persist) transaction.Ask(set, &value);
  out.Bulk(value);
}

// GETEX key [EX seconds | PX milliseconds | EXAT .. | PXAT .. | PERSIST]
void RunGetEx(Call& call, RespWriter& out) {
  std::string error;
  const GetExOptions get = ReadGetExOptions(call, &error);
  if (!error.empty()) return out.Error(error);
  RunTransaction(call, out, [&](Transaction& transaction, RespWriter& answer) {
    GetAndExpire(transaction, get, call, answer);
  });
}

// DELEX key [IFEQ value | IFNE value]
void RunDelEx(Call& call, RespWriter& out) {
  const Arguments args = call.args;
  if (args.size() != 2 && args.size() != 4) return out.Error(WrongArity(call.command.name));
  const bool if_equal = args.size() == 4 && EqualsIgnoreCase(args[2], "IFEQ");
  const bool if_not_equal = args.size() == 4 && EqualsIgnoreCase(args[2], "IFNE");
  if (args.size() == 4 && !if_equal && !if_not_equal) {
    return out.Error("ERR Invalid condition. Use IFEQ or IFNE");
  }
  RunTransaction(call, out, [&](Transaction& transaction, RespWriter& answer) {
    const Transaction::Entry entry = transaction.Look(args[1]);
    if (!entry.is_plain()) return answer.Error(kWrongType);
    const bool goes = !entry.absent() && (!if_equal || entry.Holds(args[3])) &&
                      (!if_not_equal || !entry.Holds(args[3]));
    if (goes) transaction.Remove(args[1]);
    answer.Integer(goes ? 1 : 0);
  });
}

constexpr Command kCommands[] = {
    {"incr", 2, kWrite | kDenyOom | kFast, kFirst, nullptr, nullptr, RunIncr, "string", "1.0.0",
     "key", "Increment the integer value of a key by one"},
    {"decr", 2, kWrite | kDenyOom | kFast, kFirst, nullptr, nullptr, RunDecr, "string", "1.0.0",
     "key", "Decrement the integer value of a key by one"},
    {"incrby", 3, kWrite | kDenyOom | kFast, kFirst, nullptr, nullptr, RunIncrBy, "string", "1.0.0",
     "key increment", "Increment the integer value of a key by the given amount"},
    {"decrby", 3, kWrite | kDenyOom | kFast, kFirst, nullptr, nullptr, RunDecrBy, "string", "1.0.0",
     "key decrement", "Decrement the integer value of a key by the given number"},
    {"getex", -2, kWrite | kFast, kFirst, nullptr, nullptr, RunGetEx, "string", "6.2.0",
     "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | "
     "PERSIST]",
     "Get the value of a key and optionally set its expiration"},
    {"delex", -2, kWrite | kFast, kFirst, nullptr, nullptr, RunDelEx, "string", "8.4.0",
     "key [IFEQ ifeq-value | IFNE ifne-value]", "Delete a key under a condition on its value"},
};

}  // namespace

std::span<const Command> UpdateCommands() { return kCommands; }

}  // namespace idem::server
