#include "tests/support/caller.h"

#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "base/body.h"
#include "log/steps.h"
#include "tests/support/requests.h"

namespace idem::engine {
namespace {

constexpr uint64_t kLeaseMsMax = 30;
constexpr uint64_t kRetentionMsMax = 200;
constexpr size_t kValues = 16;

// Each caller prefers one, so that it shows whose finish or put it was.
std::string_view ValueOf(size_t number) {
  static const std::vector<std::string> values = [] {
    constexpr size_t kBytes[] = {3, 0, 300, 60};
    std::vector<std::string> all;
    for (size_t i = 0; i < kValues; ++i)
      all.emplace_back(kBytes[i % 4], static_cast<char>('a' + i));
    return all;
  }();
  return values[number % kValues];
}

bool IsRecordOp(Op op) { return op < Op::kPut; }

// The outcome that a waiting call tells by its status.
Outcome OutcomeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Outcome::kOk;
    case absl::StatusCode::kNotFound:
      return Outcome::kUnknownKey;
    case absl::StatusCode::kAborted:
      return Outcome::kConflict;
    case absl::StatusCode::kFailedPrecondition:
      if (status.message().substr(0, 6) == "fenced") return Outcome::kFenced;
      return status.message().substr(0, 9) == "the claim" ? Outcome::kRefused : Outcome::kWrongKind;
    case absl::StatusCode::kResourceExhausted:
      return Outcome::kNoSpace;
    default:
      return Outcome::kInvalid;
  }
}

// Packed again, as a Reply has them.
void GiveSteps(const std::vector<Step>& steps, Reply& reply) {
  std::string packed;
  for (const Step& step : steps) {
    const size_t end = packed.size();
    packed.resize(end + PackedStepBytes(1, step.name.size() + step.data.size()));
    PackStep(step, packed.data() + end);
  }
  if (packed.size() <= Response::kInlineBytes) return reply.response.Copy(packed);
  const BodyRef body(Body::New(packed));
  reply.response.Share(body.get());
}

Reply Said(const Claim& claim) {
  Reply reply;
  reply.outcome = Outcome::kClaimed;
  reply.token = claim.token();
  reply.attempt = claim.attempt();
  reply.lease_ms = claim.lease_ms();
  GiveSteps(claim.steps(), reply);
  return reply;
}

Reply Said(Replay replay) {
  Reply reply;
  reply.outcome = Outcome::kReplay;
  reply.state = replay.state;
  reply.code = replay.code;
  reply.value_omitted = replay.response_omitted;
  reply.value_bytes = replay.response_bytes;
  reply.age_ms = replay.age_ms;
  reply.ttl_ms = replay.ttl_ms;
  reply.response = std::move(replay.response);
  return reply;
}

Reply Said(const Busy& busy) {
  Reply reply;
  reply.outcome = Outcome::kBusy;
  reply.busy_reason = busy.reason;
  reply.retry_after_ms = busy.retry_after_ms;
  reply.attempt = busy.attempt;
  reply.age_ms = busy.age_ms;
  return reply;
}

Reply Said(const Mismatch& mismatch) {
  Reply reply;
  reply.outcome = Outcome::kMismatch;
  reply.state = mismatch.state;
  return reply;
}

Reply Said(const TooOld&) {
  Reply reply;
  reply.outcome = Outcome::kTooOld;
  return reply;
}

}  // namespace

std::string_view CallersWorld::KeyOf(size_t key) {
  constexpr std::string_view kNames[kKeys] = {"order-1", "register", "order-2", "both"};
  return kNames[key];
}

void Caller::Call(int count) {
  while (count > 0) {
    const Request request = SomeRequest();
    bool answered = false;
    if (OneIn(2) && (IsRecordOp(request.op) || request.op == Op::kRemove) &&
        request.op != Op::kResolve) {
      answered = CallAndWait(request);
      --count;
    } else {
      std::vector<Request> together = {request};
      while (OneIn(3)) together.push_back(SomeRequest());
      answered = Execute(together);
      count -= static_cast<int>(together.size());
    }
    if (!answered) return;
    if (OneIn(4)) std::this_thread::yield();
  }
}

void Caller::ReadAll() {
  for (size_t key = 0; key < world_->keys(); ++key) {
    Request get = Ask(Op::kGet, CallersWorld::KeyOf(key));
    get.want_value = true;
    Execute({&get, 1});
  }
}

History Caller::TakeHistory() {
  std::erase_if(history_, [](const Event& event) { return event.invoked == 0; });
  return std::move(history_);
}

// --- what to ask for

Request Caller::SomeRequest() {
  constexpr Op kRecordOps[] = {Op::kBegin,    Op::kBegin,    Op::kBegin,  Op::kBegin,   Op::kBegin,
                               Op::kBegin,    Op::kComplete, Op::kFail,   Op::kFail,    Op::kFail,
                               Op::kComplete, Op::kExtend,   Op::kExtend, Op::kRelease, Op::kRemove,
                               Op::kResolve,  Op::kGet,      Op::kStep,   Op::kStep};
  constexpr Op kRegisterOps[] = {Op::kPut,    Op::kPut,         Op::kPut, Op::kPut,
                                 Op::kRemove, Op::kSetDeadline, Op::kGet};
  constexpr Op kDedupOps[] = {Op::kSeen, Op::kSeq, Op::kSeq};
  key_ = Pick(world_->keys());
  const bool record = key_ == 3 ? OneIn(2) : key_ % 2 == 0;
  Request request =
      Ask(record != OneIn(40) ? Any(kRecordOps) : Any(kRegisterOps), CallersWorld::KeyOf(key_));
  if (OneIn(key_ == 3 ? 3 : 20)) request.op = Any(kDedupOps);
  Fill(request);
  return request;
}

void Caller::Fill(Request& request) {
  switch (request.op) {
    case Op::kBegin:
      return FillBegin(request);
    case Op::kFail:
      request.final = OneIn(3);
      request.after_ms = OneIn(2) ? 0 : static_cast<int64_t>(Pick(kLeaseMsMax));
      [[fallthrough]];
    case Op::kComplete:
      request.value = request.op == Op::kComplete || request.final ? PickValue() : "";
      request.code = OneIn(4) ? 500 : 0;
      if (OneIn(4)) request.retention_ms = 1 + static_cast<int64_t>(Pick(2 * kRetentionMsMax));
      [[fallthrough]];
    case Op::kExtend:
    case Op::kStep:
    case Op::kRelease:
      if (request.op == Op::kStep) {
        request.step = Any({std::string_view("charge"), std::string_view("mail")});
        request.value = PickValue();
      }
      if (request.op == Op::kExtend) {
        request.lease_ms = 1 + static_cast<int64_t>(Pick(2 * kLeaseMsMax));
      }
      request.token = PickToken();
      return;
    case Op::kAwait:
      return;  // is not among these
    case Op::kResolve:
      request.resolution =
          Any({Resolution::kCompleted, Resolution::kFailed, Resolution::kClaimable});
      request.value = PickValue();
      return;
    case Op::kPut:
    case Op::kSetDeadline:
      return FillPut(request);
    case Op::kSeen:
      request.refresh = OneIn(2);
      request.retention_ms = PickRetentionMs();
      return;
    case Op::kSeq:
      request.epoch = OneIn(8) ? 1 : 0;
      request.seq = Pick(4);
      request.window = OneIn(2) ? 2 : 0;
      request.retention_ms = PickRetentionMs();
      return;
    case Op::kRemove:
      request.kind = key_ % 2 == 0 ? Kind::kRecord : Any({Kind::kAny, Kind::kRegister});
      request.force = OneIn(2);
      request.body = request.kind == Kind::kRecord && OneIn(2);
      PickCondition(request);
      return;
    case Op::kGet:
      request.want_value = true;
  }
}

void Caller::FillBegin(Request& request) {
  constexpr std::string_view kOwners[] = {"", "", "", "", "ann", "bob"};
  request.owner = Any(kOwners);
  if (OneIn(12)) request.fingerprint = {.low = 1, .high = 2, .kind = Fingerprint::Kind::kBody};
  request.hold = OneIn(12);
  request.lease_ms = 1 + static_cast<int64_t>(Pick(kLeaseMsMax));
  request.retention_ms = *request.lease_ms + PickRetentionMs();
}

void Caller::FillPut(Request& request) {
  if (OneIn(2)) request.retention_ms = PickRetentionMs();
  PickCondition(request);
  if (request.op == Op::kSetDeadline) return;
  request.value = PickValue();
  request.keep_deadline = OneIn(4);
  request.want_value = OneIn(2);
}

void Caller::PickCondition(Request& request) {
  request.condition = Any({Condition::kAlways, Condition::kIfAbsent, Condition::kIfPresent,
                           Condition::kIfValue, Condition::kIfVersion, Condition::kIfVersion});
  if (request.condition == Condition::kIfValue) request.expected_value = PickValue();
  if (request.condition == Condition::kIfVersion) request.expected_version = PickToken();
}

// What somebody was told of this key just now, or what this caller was told, current or not.
Token Caller::PickToken() {
  const Token token = OneIn(3) ? own_tokens_[key_] : world_->TokenOf(key_);
  return token == 0 ? 1 : token;
}

int64_t Caller::PickRetentionMs() { return 1 + static_cast<int64_t>(Pick(kRetentionMsMax)); }

std::string_view Caller::PickValue() {
  return ValueOf(OneIn(4) ? Pick(kValues) : static_cast<size_t>(thread_) + 1);
}

// --- asking

Event& Caller::Begin(const Request& request) {
  Event& event = history_.emplace_back();
  event.life = life_;
  event.thread = thread_;
  event.request = request;
  event.invoked = world_->moments().Next();
  return event;
}

void Caller::End(Event& event) {
  if (event.told->outcome >= Outcome::kOutOfMemory) {
    ++refused_;
    return LeaveOut(event);
  }
  event.returned = world_->moments().Next();
  const Token token = event.told->token;
  if (token == 0) return;
  for (size_t key = 0; key < CallersWorld::kKeys; ++key) {
    if (CallersWorld::KeyOf(key) != event.request.key) continue;
    own_tokens_[key] = token;
    world_->HeardOf(key, token);
  }
}

bool Caller::CallAndWait(const Request& asked) {
  Request request = asked;
  if (request.op == Op::kRemove) request = Remove(Kind::kRecord, asked.force);
  request.key = asked.key;
  Event& event = Begin(request);
  absl::StatusOr<Reply> reply = Wait(request);
  if (!reply.ok()) return false;
  event.told = *std::move(reply);
  event.briefly = true;
  End(event);
  return true;
}

// Not OK: there is no answer, and there will be none.
absl::StatusOr<Reply> Caller::Wait(const Request& request) {
  if (request.op != Op::kBegin) {
    const absl::Status status = Settle(request);
    if (absl::IsDataLoss(status)) return status;
    Reply reply;
    reply.outcome = OutcomeOf(status);
    return reply;
  }
  BeginOptions options;
  options.lease_ms = request.lease_ms;
  options.retention_ms = request.retention_ms;
  options.owner = request.owner;
  options.hold = request.hold;
  absl::StatusOr<Answer> answer = store_->Begin(request.key, request.fingerprint, options);
  if (absl::IsDataLoss(answer.status())) return answer.status();
  if (answer.ok()) {
    return std::visit([](auto& said) { return Said(std::move(said)); }, *answer);
  }
  Reply reply;
  reply.outcome = OutcomeOf(answer.status());
  return reply;
}

absl::Status Caller::Settle(const Request& request) {
  Claim claim = store_->Attach(request.key, request.token);
  const FinishOptions finish = {.code = request.code, .retention_ms = request.retention_ms};
  switch (request.op) {
    case Op::kComplete:
      return claim.Complete(request.value, finish);
    case Op::kFail:
      return request.final ? claim.FailFinal(request.value, finish)
                           : claim.FailRetry(request.after_ms);
    case Op::kExtend:
      return claim.Extend(*request.lease_ms);
    case Op::kStep:
      return claim.Step(request.step, request.value);
    case Op::kRelease:
      return claim.Release();
    default:
      return request.body ? store_->ForgetBody(request.key, request.force)
                          : store_->Forget(request.key, request.force);
  }
}

// Each is told once it is committed.
bool Caller::Execute(std::span<const Request> requests) {
  const size_t first = history_.size();
  const auto by = OneIn(2) ? Store::CommitBy::kStore : Store::CommitBy::kCaller;
  std::vector<Reply> replies(requests.size());
  for (const Request& request : requests) Begin(request);
  for (size_t done = 0; done < requests.size();) {
    const size_t executed =
        store_->Execute(requests.subspan(done), std::span(replies).subspan(done), by);
    done += executed;
    if (executed == 0 && !store_->Commit()) std::this_thread::yield();
  }
  bool answered = true;
  for (size_t i = 0; i < requests.size(); ++i) {
    Event& event = history_[first + i];
    if (Committed(replies[i].lsn)) {
      answered = answered && replies[i].outcome != Outcome::kUnavailable;
      event.told = std::move(replies[i]);
      End(event);
      continue;
    }
    answered = false;
    if (!replies[i].changed) LeaveOut(event);
  }
  return answered;
}

// Who waits commits himself, if nobody else does.
bool Caller::Committed(Lsn lsn) {
  while (store_->committed() < lsn) {
    if (!store_->log_status().ok()) return store_->committed() >= lsn;
    if (!store_->Commit()) std::this_thread::yield();
  }
  return true;
}

}  // namespace idem::engine
