// IDEM.*: the life of one idempotency key. Our own commands, so their errors explain themselves.
#include <limits>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "idem/issue_time.h"
#include "server/commands/claim_options.h"
#include "server/commands/families.h"
#include "server/commands/record_replies.h"
#include "server/option_reader.h"

namespace idem::server {
namespace {

constexpr int64_t kMaxInteger = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxCode = 65'535;

Request& AskRecord(Op op, const Call& call, Plan& plan) {
  Request& request = plan.Ask(op, call.args[1]);
  request.kind = Kind::kRecord;
  return request;
}

Request& AskWithToken(Op op, const Call& call, Plan& plan) {
  Request& request = AskRecord(op, call, plan);
  request.token =
      static_cast<Token>(IntegerArgument(call, 2, "token", 1, kMaxInteger, plan.error()));
  return request;
}

// A number, or the time that the key tells.
void SetIssueTime(OptionReader& options, Request& request, Plan& plan) {
  if (!options.Takes("KEY")) {
    request.issued_unix_ms = options.Integer(1);
    return;
  }
  const absl::StatusOr<int64_t> issued_unix_ms = IssueTimeOf(request.key);
  if (!issued_unix_ms.ok())
    return plan.Fail(absl::StrCat("ERR ", issued_unix_ms.status().message()));
  request.issued_unix_ms = *issued_unix_ms;
}

void PlanBegin(const Call& call, Plan& plan) {
  Request& request = AskRecord(Op::kBegin, call, plan);
  OptionReader options(call, 2, plan.error());
  while (options.Next()) {
    if (ReadClaimOption(options, call, request, plan.error())) continue;
    if (options.Is("WAIT")) {
      request.wait_ms = options.Integer(0);
    } else if (options.Is("ISSUED")) {
      SetIssueTime(options, request, plan);
    } else if (options.Is("NOWAIT")) {
      request.nowait = true;
    } else {
      options.Unknown();
    }
  }
}

// IDEM.WAIT key ms [FP digest | BODY bytes]
void PlanWait(const Call& call, Plan& plan) {
  Request& request = AskRecord(Op::kAwait, call, plan);
  request.wait_ms = IntegerArgument(call, 2, "time to wait", 0, kMaxInteger, plan.error());
  OptionReader options(call, 3, plan.error());
  while (options.Next()) {
    if (options.Is("FP") || options.Is("BODY")) {
      SetFingerprint(options, call, request, plan.error());
    } else {
      options.Unknown();
    }
  }
}

// [CODE n] [TTL ms] [NOWAIT]
void ReadFinish(OptionReader& options, Request& request) {
  while (options.Next()) {
    if (options.Is("CODE")) {
      request.code = static_cast<uint16_t>(options.Integer(0, kMaxCode));
    } else if (options.Is("TTL")) {
      request.retention_ms = options.Integer();
    } else if (options.Is("NOWAIT")) {
      request.nowait = true;
    } else {
      options.Unknown();
    }
  }
}

void PlanComplete(const Call& call, Plan& plan) {
  Request& request = AskWithToken(Op::kComplete, call, plan);
  request.value = call.args[3];
  OptionReader options(call, 4, plan.error());
  ReadFinish(options, request);
}

void PlanFail(const Call& call, Plan& plan) {
  Request& request = AskWithToken(Op::kFail, call, plan);
  OptionReader options(call, 3, plan.error());
  if (!options.Next()) return;
  if (options.Is("FINAL")) {
    request.final = true;
    request.value = options.Value();
    return ReadFinish(options, request);
  }
  if (!options.Is("RETRY")) return options.Unknown();
  while (options.Next()) {
    if (options.Is("AFTER")) {
      request.after_ms = options.Integer();
    } else if (options.Is("NOWAIT")) {
      request.nowait = true;
    } else {
      options.Unknown();
    }
  }
}

void PlanExtend(const Call& call, Plan& plan) {
  Request& request = AskWithToken(Op::kExtend, call, plan);
  request.lease_ms = IntegerArgument(call, 3, "lease", std::numeric_limits<int64_t>::min(),
                                     kMaxInteger, plan.error());
}

// IDEM.STEP key token name [data]
void PlanStep(const Call& call, Plan& plan) {
  Request& request = AskWithToken(Op::kStep, call, plan);
  request.step = call.args[3];
  if (call.args.size() > 4) request.value = call.args[4];
  OptionReader options(call, 5, plan.error());
  if (options.Next()) options.Unknown();
}

void PlanRelease(const Call& call, Plan& plan) { AskWithToken(Op::kRelease, call, plan); }

void PlanGet(const Call& call, Plan& plan) {
  Request& request = AskRecord(Op::kGet, call, plan);
  OptionReader options(call, 2, plan.error());
  while (options.Next()) options.Is("DATA") ? void(request.want_value = true) : options.Unknown();
}

void PlanForget(const Call& call, Plan& plan) {
  Request& request = AskRecord(Op::kRemove, call, plan);
  OptionReader options(call, 2, plan.error());
  while (options.Next()) {
    if (options.Is("FORCE")) {
      request.force = true;
    } else if (options.Is("BODY")) {
      request.body = true;
    } else {
      options.Unknown();
    }
  }
}

void PlanResolve(const Call& call, Plan& plan) {
  Request& request = AskRecord(Op::kResolve, call, plan);
  OptionReader options(call, 2, plan.error());
  if (!options.Next()) return;
  if (options.Is("COMPLETE") || options.Is("FAIL")) {
    request.resolution = options.Is("FAIL") ? Resolution::kFailed : Resolution::kCompleted;
    request.value = options.Value();
  } else if (options.Is("RETRY")) {
    request.resolution = Resolution::kClaimable;
  } else {
    return options.Unknown();
  }
  if (options.Next()) options.Unknown();
}

constexpr uint32_t kRecords = kFast | kNoMulti;  // a Transaction changes plain keys only

constexpr Command kCommands[] = {
    {"idem.begin", -2, kRecords | kWrite | kDenyOom, kFirst, PlanBegin, AnswerBegin, nullptr,
     "idem", "0.1.0",
     "key [FP digest | BODY bytes] [LEASE milliseconds] [TTL milliseconds] [OWNER nonce] [WAIT "
     "milliseconds] [HOLD] [ISSUED <unix-time-milliseconds | KEY>] [NOWAIT]",
     "Asks to run the request of this key: claims it, or tells what became of it"},
    {"idem.wait", -3, kNoMulti | kReadOnly, kFirst, PlanWait, AnswerWait, nullptr, "idem", "0.1.0",
     "key milliseconds [FP digest | BODY bytes]",
     "Waits until the request of this key is finished, and does not claim it"},
    {"idem.complete", -4, kRecords | kWrite, kFirst, PlanComplete, AnswerOk, nullptr, "idem",
     "0.1.0", "key token response [CODE number] [TTL milliseconds] [NOWAIT]",
     "Settles a claim: the request took effect, and this response answers its retries"},
    {"idem.fail", -4, kRecords | kWrite, kFirst, PlanFail, AnswerOk, nullptr, "idem", "0.1.0",
     "key token <RETRY [AFTER milliseconds] | FINAL response [CODE number] [TTL milliseconds]> "
     "[NOWAIT]",
     "Settles a claim as failed, for a later attempt or for good"},
    {"idem.extend", 4, kRecords | kWrite, kFirst, PlanExtend, AnswerOk, nullptr, "idem", "0.1.0",
     "key token milliseconds", "Keeps a claim for at least this long from now"},
    {"idem.step", -4, kRecords | kWrite, kFirst, PlanStep, AnswerOk, nullptr, "idem", "0.1.0",
     "key token name [data]", "Makes a checkpoint of which the next attempt is told"},
    {"idem.release", 3, kRecords | kWrite, kFirst, PlanRelease, AnswerOk, nullptr, "idem", "0.1.0",
     "key token", "Gives a claim back of which nothing was done"},
    {"idem.get", -2, kRecords | kReadOnly, kFirst, PlanGet, AnswerGet, nullptr, "idem", "0.1.0",
     "key [DATA]", "Describes the record of a key; with DATA also what it holds"},
    {"idem.forget", -2, kRecords | kWrite | kAudited, kFirst, PlanForget, AnswerOk, nullptr, "idem",
     "0.1.0", "key [BODY] [FORCE]",
     "Drops a record, or with BODY its response alone; with FORCE also of a claim not settled"},
    {"idem.resolve", -3, kRecords | kWrite | kAdmin | kAudited, kFirst, PlanResolve, AnswerOk,
     nullptr, "idem", "0.1.0", "key <COMPLETE response | FAIL response | RETRY>",
     "Settles a claim whose lease is over in its owner's place"},
};

}  // namespace

std::span<const Command> IdemCommands() { return kCommands; }

}  // namespace idem::server
