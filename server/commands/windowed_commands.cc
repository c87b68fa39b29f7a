// IDEM.BEGINWINDOW: a claim for a request whose client sends no key (idem/windowed_key.h).
#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/commands/claim_options.h"
#include "server/commands/families.h"
#include "server/commands/record_replies.h"
#include "server/error_texts.h"

namespace idem::server {
namespace {

constexpr int64_t kMaxInteger = std::numeric_limits<int64_t>::max();

// IDEM.BEGINWINDOW scope window_ms issued_unix_ms <FP digest | BODY bytes> [option ..]
WindowedKey ReadArguments(const Call& call, Request& begin, std::string* error) {
  WindowedKey key;
  key.scope = call.args[1];
  key.window_ms = IntegerArgument(call, 2, "window", 1, kMaxInteger, error);
  key.issued_unix_ms = IntegerArgument(call, 3, "time of issue", 1, kMaxInteger, error);
  OptionReader options(call, 4, error);
  while (options.Next()) {
    if (!ReadClaimOption(options, call, begin, error)) options.Unknown();
  }
  key.request = begin.fingerprint;
  return key;
}

// [key, what BEGIN answers]. No requests of a batch: where the claim stands comes out of a look.
void RunBeginWindow(Call& call, RespWriter& out) {
  std::string error;
  Request begin;
  begin.op = Op::kBegin;
  const WindowedKey key = ReadArguments(call, begin, &error);
  if (!error.empty()) return out.Error(error);
  std::string stands;
  Reply reply;
  const absl::Status status = call.server.store->ExecuteWindowed(key, begin, stands, reply);
  call.backlog_full = absl::IsCancelled(status);
  if (call.backlog_full) return;
  if (!status.ok()) return out.Error(absl::StrCat("ERR ", status.message()));
  call.changes += reply.changed ? 1 : 0;
  call.lsn = std::max(call.lsn, reply.lsn);
  if (IsError(reply.outcome)) return out.Error(ErrorText(begin, reply));
  out.Array(2);
  out.Bulk(stands);
  AnswerBegin({{&begin, 1}, {&reply, 1}}, out);
}

constexpr Command kCommands[] = {
    {"idem.beginwindow", -6, kFast | kNoMulti | kWrite | kDenyOom, kFirst, nullptr, nullptr,
     RunBeginWindow, "idem", "0.1.0",
     "scope window-milliseconds issued-unix-time-milliseconds <FP digest | BODY bytes> [LEASE "
     "milliseconds] [TTL milliseconds] [OWNER nonce] [HOLD]",
     "Asks to run a request that has no key: finds it by what it is and when it was issued"},
};

}  // namespace

std::span<const Command> WindowedCommands() { return kCommands; }

}  // namespace idem::server
