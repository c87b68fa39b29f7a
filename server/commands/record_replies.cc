#include "server/commands/record_replies.h"

#include <string>
#include <vector>

#include "absl/strings/str_format.h"

namespace idem::server {
namespace {

std::string_view ReasonName(Busy::Reason reason) {
  switch (reason) {
    case Busy::Reason::kRunning:
      return "running";
    case Busy::Reason::kHeld:
      return "held";
    case Busy::Reason::kBackoff:
      return "backoff";
  }
  return "";
}

void Number(uint64_t number, RespWriter& out) { out.Integer(static_cast<int64_t>(number)); }

// An array of [name, data].
void TellSteps(const Reply& reply, RespWriter& out) {
  const std::vector<Step> steps = UnpackSteps(reply.response.bytes());
  out.Array(steps.size());
  for (const Step& step : steps) {
    out.Array(2);
    out.Bulk(step.name);
    out.Bulk(step.data);
  }
}

bool IsFinished(const Reply& reply) {
  return reply.state == State::kCompleted || reply.state == State::kFailedFinal;
}

// Null: there is none, or it was not kept.
void TellResponse(const Reply& reply, RespWriter& out) {
  if (reply.value_omitted || !IsFinished(reply)) return out.Null();
  out.Bulk(reply.response.bytes());
}

void TellClaimed(const Reply& reply, RespWriter& out) {
  out.Array(5);
  out.Bulk("CLAIMED");
  Number(reply.token, out);
  Number(reply.attempt, out);
  out.Integer(reply.lease_ms);
  TellSteps(reply, out);
}

void TellReplay(const Reply& reply, RespWriter& out) {
  out.Array(6);
  out.Bulk("REPLAY");
  out.Bulk(StateName(reply));
  Number(reply.code, out);
  TellResponse(reply, out);
  out.Integer(reply.age_ms);
  out.Integer(reply.ttl_ms);
}

void TellBusy(const Reply& reply, RespWriter& out) {
  out.Array(5);
  out.Bulk("BUSY");
  out.Bulk(ReasonName(reply.busy_reason));
  out.Integer(reply.retry_after_ms);
  Number(reply.attempt, out);
  out.Integer(reply.age_ms);
}

void TellMismatch(const Reply& reply, RespWriter& out) {
  out.Array(2);
  out.Bulk("MISMATCH");
  out.Bulk(StateName(reply));
}

void TellTooOld(RespWriter& out) {
  out.Array(1);
  out.Bulk("TOOOLD");
}

void TellFingerprint(const Fingerprint& fingerprint, RespWriter& out) {
  if (fingerprint.kind == Fingerprint::Kind::kNone) return out.Null();
  out.Bulk(absl::StrFormat("%016x%016x", fingerprint.high, fingerprint.low));
}

}  // namespace

std::string_view StateName(const Reply& reply) {
  switch (reply.state) {
    case State::kAbsent:
      return "absent";
    case State::kInProgress:
      if (!reply.orphaned) return "running";
      return reply.held ? "held" : "orphaned";
    case State::kCompleted:
      return "completed";
    case State::kFailedFinal:
      return "failed_final";
    case State::kFailedRetry:
      return "failed_retry";
  }
  return "";
}

void AnswerBegin(const Told& told, RespWriter& out) {
  const Reply& reply = told.reply();
  switch (reply.outcome) {
    case Outcome::kClaimed:
      return TellClaimed(reply, out);
    case Outcome::kReplay:
      return TellReplay(reply, out);
    case Outcome::kBusy:
      return TellBusy(reply, out);
    case Outcome::kMismatch:
      return TellMismatch(reply, out);
    default:
      return TellTooOld(out);
  }
}

void AnswerWait(const Told& told, RespWriter& out) {
  if (told.reply().outcome == Outcome::kAbsent) return out.NullArray();
  AnswerBegin(told, out);
}

void AnswerGet(const Told& told, RespWriter& out) {
  const Reply& reply = told.reply();
  if (reply.outcome == Outcome::kAbsent) return out.NullArray();
  const bool with_data = told.request().want_value;
  out.Map(with_data ? 13 : 12);
  out.Bulk("state");
  out.Bulk(StateName(reply));
  out.Bulk("attempt");
  Number(reply.attempt, out);
  out.Bulk("token");
  Number(reply.token, out);
  out.Bulk("age_ms");
  out.Integer(reply.age_ms);
  out.Bulk("lease_ms");
  out.Integer(reply.lease_ms);
  out.Bulk("retry_after_ms");
  out.Integer(reply.retry_after_ms);
  out.Bulk("ttl_ms");
  out.Integer(reply.ttl_ms);
  out.Bulk("fingerprint");
  TellFingerprint(reply.fingerprint, out);
  out.Bulk("owner");
  Number(reply.has_owner ? 1 : 0, out);
  out.Bulk("steps");
  if (IsFinished(reply)) {
    out.Array(0);
  } else {
    with_data ? TellSteps(reply, out) : TellStepSizes(reply, out);
  }
  out.Bulk("code");
  Number(reply.code, out);
  out.Bulk("response_bytes");
  Number(reply.value_bytes, out);
  if (!with_data) return;
  out.Bulk("response");
  TellResponse(reply, out);
}

void TellStepSizes(const Reply& reply, RespWriter& out) {
  const std::vector<Step> steps = UnpackSteps(reply.response.bytes());
  out.Array(steps.size());
  for (const Step& step : steps) {
    out.Array(2);
    out.Bulk(step.name);
    Number(step.data.size(), out);
  }
}

void AnswerOk(const Told&, RespWriter& out) { out.SimpleString("OK"); }

}  // namespace idem::server
