// IDEM.* beside records: seen ids, sequences, versioned values. What has more than one answer tells
// an array whose first element is the outcome.
#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/option_reader.h"

namespace idem::server {
namespace {

constexpr int64_t kMaxInteger = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxEpoch = std::numeric_limits<uint32_t>::max();
constexpr int64_t kMaxSeq = (int64_t{1} << 53) - 1;
constexpr int64_t kMaxWindow = 64;
constexpr int64_t kMaxTtlMs = 7'776'000'000;  // 90 d
constexpr size_t kIdsMax = 1000;              // of one MSEEN
constexpr size_t kIdsTogether = 64;           // that the store is asked at once
constexpr size_t kIdBytesMax = 1024;

void Number(uint64_t number, RespWriter& out) { out.Integer(static_cast<int64_t>(number)); }

// --- IDEM.SEEN, IDEM.MSEEN -----------------------------------------------------------------------

void PlanSeen(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kSeen, call.args[1]);
  OptionReader options(call, 2, plan.error());
  while (options.Next()) {
    if (options.Is("TTL")) {
      request.retention_ms = options.Integer();
    } else if (options.Is("REFRESH")) {
      request.refresh = true;
    } else if (options.Is("CAP")) {
      request.cap_ms = options.Integer();
    } else {
      options.Unknown();
    }
  }
  if (request.cap_ms && !request.refresh) plan.Fail("ERR CAP goes with REFRESH");
}

void AnswerSeen(const Told& told, RespWriter& out) {
  out.Integer(told.reply().outcome == Outcome::kNew ? 1 : 0);
}

// IDEM.MSEEN ttl_ms id [id ...]: what is wrong with it; empty: nothing.
std::string MSeenError(const Call& call, int64_t& ttl_ms) {
  std::string error;
  ttl_ms = IntegerArgument(call, 1, "ttl_ms", 1, kMaxTtlMs, &error);
  const Arguments ids = call.args.subspan(2);
  if (ids.size() > kIdsMax) {
    return absl::StrCat("ERR IDEM.MSEEN takes at most ", kIdsMax, " ids; split it");
  }
  const auto fits = [](std::string_view id) { return !id.empty() && id.size() <= kIdBytesMax; };
  if (error.empty() && !std::all_of(ids.begin(), ids.end(), fits)) {
    return absl::StrCat("ERR an id must have 1 to ", kIdBytesMax, " bytes");
  }
  return error;
}

// False: the log has no room for the rest of them.
bool MarkSeen(Arguments ids, int64_t ttl_ms, Call& call) {
  SeenSoFar& seen = call.session.seen;
  std::array<Request, kIdsTogether> requests;
  std::array<Reply, kIdsTogether> replies;
  while (seen.outcomes.size() < ids.size()) {
    const Arguments next = ids.subspan(seen.outcomes.size());
    const size_t count = std::min(kIdsTogether, next.size());
    for (size_t i = 0; i < count; ++i) {
      requests[i] = {.op = Op::kSeen, .key = next[i]};
      requests[i].retention_ms = ttl_ms;
    }
    const size_t executed =
        call.server.store->Execute({requests.data(), count}, replies, Store::CommitBy::kCaller);
    for (const Reply& reply : std::span(replies).first(executed)) {
      call.changes += reply.changed ? 1 : 0;
      seen.lsn = std::max(seen.lsn, reply.lsn);
      seen.outcomes.push_back(reply.outcome);
    }
    if (executed < count) return false;
  }
  return true;
}

// Not atomic over its ids, and not planned: what was marked before the log was full must not be
// asked again, or it would be told as a duplicate.
void RunMSeen(Call& call, RespWriter& out) {
  int64_t ttl_ms = 0;
  const std::string error = MSeenError(call, ttl_ms);
  if (!error.empty()) return out.Error(error);
  call.backlog_full = !MarkSeen(call.args.subspan(2), ttl_ms, call);
  if (call.backlog_full) return;
  const SeenSoFar seen = std::exchange(call.session.seen, {});
  call.lsn = seen.lsn;
  out.Array(seen.outcomes.size());
  for (const Outcome outcome : seen.outcomes) {
    if (IsError(outcome)) {
      Reply failed;
      failed.outcome = outcome;
      out.Error(ErrorText({.op = Op::kSeen}, failed));
    } else {
      out.Integer(outcome == Outcome::kNew ? 1 : 0);
    }
  }
}

// --- IDEM.SEQ, IDEM.SEQGET -----------------------------------------------------------------------

void PlanSeq(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kSeq, call.args[1]);
  request.epoch =
      static_cast<uint32_t>(IntegerArgument(call, 2, "epoch", 0, kMaxEpoch, plan.error()));
  request.seq = static_cast<uint64_t>(IntegerArgument(call, 3, "seq", 0, kMaxSeq, plan.error()));
  OptionReader options(call, 4, plan.error());
  while (options.Next()) {
    if (options.Is("TTL")) {
      request.retention_ms = options.Integer();
    } else if (options.Is("WINDOW")) {
      request.window = static_cast<uint32_t>(options.Integer(0, kMaxWindow));
    } else {
      options.Unknown();
    }
  }
}

void AnswerSeq(const Told& told, RespWriter& out) {
  const Reply& reply = told.reply();
  const bool tells_more = reply.outcome == Outcome::kGap || reply.outcome == Outcome::kStaleEpoch;
  out.Array(tells_more ? 2 : 1);
  switch (reply.outcome) {
    case Outcome::kNew:
      return out.Bulk("NEW");
    case Outcome::kDuplicate:
      return out.Bulk("DUPLICATE");
    case Outcome::kGap:
      out.Bulk("GAP");
      return Number(reply.seq, out);
    default:
      out.Bulk("FENCED");
      return Number(reply.epoch, out);
  }
}

void PlanSeqGet(const Call& call, Plan& plan) {
  plan.Ask(Op::kGet, call.args[1]).kind = Kind::kSequence;
}

void AnswerSeqGet(const Told& told, RespWriter& out) {
  const Reply& reply = told.reply();
  if (reply.outcome == Outcome::kAbsent) return out.NullArray();
  out.Array(3);
  Number(reply.epoch, out);
  Number(reply.seq, out);
  out.Integer(reply.ttl_ms);
}

// --- IDEM.CAS, IDEM.CASGET -----------------------------------------------------------------------

void PlanCas(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kPut, call.args[1]);
  request.condition = Condition::kIfVersion;
  request.expected_version =
      static_cast<Token>(IntegerArgument(call, 2, "version", 0, kMaxInteger, plan.error()));
  request.value = call.args[3];
  request.want_value = true;
  OptionReader options(call, 4, plan.error());
  while (options.Next()) {
    if (options.Is("TTL")) {
      request.retention_ms = options.Integer(1);
    } else {
      options.Unknown();
    }
  }
}

// Version and value; 0 and null if there is none.
void TellVersioned(const Told& told, RespWriter& out) {
  if (told.reply().kind == Kind::kAny) {
    out.Integer(0);
    out.Null();
  } else {
    Number(told.reply().token, out);
    out.Bulk(told.value());
  }
}

void AnswerCas(const Told& told, RespWriter& out) {
  if (told.reply().outcome == Outcome::kNotMet) {
    out.Array(3);
    out.Bulk("CONFLICT");
    return TellVersioned(told, out);
  }
  out.Array(2);
  out.Bulk("OK");
  Number(told.reply().token, out);
}

void PlanCasGet(const Call& call, Plan& plan) {
  Request& request = plan.Ask(Op::kGet, call.args[1]);
  request.kind = Kind::kRegister;
  request.want_value = true;
}

void AnswerCasGet(const Told& told, RespWriter& out) {
  out.Array(2);
  TellVersioned(told, out);
}

constexpr KeyRange kFromSecond = {2, -1, 1};
constexpr uint32_t kAlone = kFast | kNoMulti;

constexpr Command kCommands[] = {
    {"idem.seen", -2, kAlone | kWrite | kDenyOom, kFirst, PlanSeen, AnswerSeen, nullptr, "idem",
     "0.1.0", "id [TTL milliseconds] [REFRESH [CAP milliseconds]]",
     "Marks an id as seen; 1: for the first time"},
    {"idem.mseen", -3, kNoMulti | kWrite | kDenyOom, kFromSecond, nullptr, nullptr, RunMSeen,
     "idem", "0.1.0", "ttl-milliseconds id [id ...]",
     "Marks ids as seen; 1 for each that is for the first time"},
    {"idem.seq", -4, kAlone | kWrite | kDenyOom, kFirst, PlanSeq, AnswerSeq, nullptr, "idem",
     "0.1.0", "producer epoch seq [TTL milliseconds] [WINDOW count]",
     "Tells whether a number of a producer is new, a duplicate, or comes too early"},
    {"idem.seqget", 2, kAlone | kReadOnly, kFirst, PlanSeqGet, AnswerSeqGet, nullptr, "idem",
     "0.1.0", "producer", "Tells epoch, next number and time to live of a producer"},
    {"idem.cas", -4, kAlone | kWrite | kDenyOom, kFirst, PlanCas, AnswerCas, nullptr, "idem",
     "0.1.0", "key version value [TTL milliseconds]",
     "Stores a value if the key has this version; 0: if there is none"},
    {"idem.casget", 2, kAlone | kReadOnly, kFirst, PlanCasGet, AnswerCasGet, nullptr, "idem",
     "0.1.0", "key", "Tells version and value of a plain key"},
};

}  // namespace

std::span<const Command> DedupCommands() { return kCommands; }

}  // namespace idem::server
