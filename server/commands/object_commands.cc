// How a value is kept, in the words of Redis: OBJECT and MEMORY. Tools ask; nothing depends on it.
#include <string_view>

#include "server/commands/families.h"
#include "server/commands/introspection.h"
#include "server/commands/type_names.h"
#include "server/error_texts.h"
#include "server/option_reader.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr size_t kEmbeddedBytes = 44;  // Redis keeps longer strings apart
constexpr size_t kEntryBytes = 64;     // what an entry takes beside key and value, about

std::string_view EncodingOf(std::string_view value) {
  if (ParseInteger(value)) return "int";
  return value.size() <= kEmbeddedBytes ? "embstr" : "raw";
}

void PlanEncoding(const Call& call, Plan& plan) {
  plan.Ask(Op::kGet, call.args[2]).want_value = true;
}

void AnswerEncoding(const Told& told, RespWriter& out) {
  if (told.reply().outcome == Outcome::kAbsent) return out.Null();
  const Kind kind = told.reply().kind;
  out.Bulk(kind == Kind::kRegister ? EncodingOf(told.value()) : TypeName(kind));
}

void PlanLook(const Call& call, Plan& plan) { plan.Ask(Op::kGet, call.args[2]); }

void AnswerRefCount(const Told& told, RespWriter& out) {
  if (told.reply().outcome == Outcome::kAbsent) return out.Null();
  out.Integer(1);
}

// MEMORY USAGE key [SAMPLES count]
void PlanMemoryUsage(const Call& call, Plan& plan) {
  OptionReader options(call, 3, plan.error());
  while (options.Next()) {
    if (!options.Is("SAMPLES")) {
      options.Unknown();
    } else if (options.Integer() < 0) {
      plan.Fail(kSyntaxError);
    }
  }
  PlanLook(call, plan);
}

void AnswerMemoryUsage(const Told& told, RespWriter& out) {
  const Reply& reply = told.reply();
  if (reply.outcome == Outcome::kAbsent) return out.Null();
  const size_t value_bytes = reply.value_omitted ? 0 : reply.value_bytes;
  out.Integer(static_cast<int64_t>(kEntryBytes + told.request().key.size() + value_bytes));
}

constexpr KeyRange kSecond = {2, 2, 1};
constexpr uint32_t kAlways = kLoading | kStale;

constexpr Command kCommands[] = {
    {"object", -2, kContainer, kNone, nullptr, nullptr, nullptr, "generic", "2.2.3", "",
     "A container for object introspection commands"},
    {"object|encoding", 3, kReadOnly, kSecond, PlanEncoding, AnswerEncoding, nullptr, "generic",
     "2.2.3", "key", "Inspect the internal encoding of a key"},
    {"object|refcount", 3, kReadOnly, kSecond, PlanLook, AnswerRefCount, nullptr, "generic",
     "2.2.3", "key", "Get the number of references to the value of the key"},
    {"object|help", 2, kAlways, kNone, nullptr, nullptr, RunHelp, "generic", "6.2.0", "",
     "Show the subcommands"},
    {"memory", -2, kContainer, kNone, nullptr, nullptr, nullptr, "server", "4.0.0", "",
     "A container for memory diagnostics commands"},
    {"memory|usage", -3, kReadOnly, kSecond, PlanMemoryUsage, AnswerMemoryUsage, nullptr, "server",
     "4.0.0", "key [SAMPLES count]", "Estimate the memory usage of a key"},
    {"memory|help", 2, kAlways, kNone, nullptr, nullptr, RunHelp, "server", "4.0.0", "",
     "Show the subcommands"},
};

}  // namespace

std::span<const Command> ObjectCommands() { return kCommands; }

}  // namespace idem::server
