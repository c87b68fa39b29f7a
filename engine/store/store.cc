// The public face: turns calls into Requests and Replies into answers.
#include "idem/store.h"

#include <string>
#include <utility>

#include "store/begin_request.h"
#include "store/core.h"
#include "store/reply_status.h"

namespace idem {
namespace {

constexpr uint64_t kBodyDomain = 1;
constexpr uint64_t kDigestDomain = 2;
constexpr size_t kDigestBytesMax = 32;

Fingerprint FingerprintFrom(engine::Hash128 hash, Fingerprint::Kind kind) {
  return {hash.low, hash.high, kind};
}

void MoveTo(Replay& replay, Reply& reply) {
  replay.state = reply.state;
  replay.code = reply.code;
  replay.response_omitted = reply.value_omitted;
  replay.response_bytes = reply.value_bytes;
  replay.age_ms = reply.age_ms;
  replay.ttl_ms = reply.ttl_ms;
  replay.response = std::move(reply.response);
}

Request ForgetRequest(std::string_view key, bool force) {
  Request request;
  request.op = Op::kRemove;
  request.kind = Kind::kRecord;
  request.key = key;
  request.force = force;
  return request;
}

}  // namespace

Store::Store(std::unique_ptr<engine::Core> core) : core_(std::move(core)) {}
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const Options& options,
                                                   const OpenListener& listener) {
  absl::StatusOr<std::unique_ptr<engine::Core>> core = engine::Core::Open(options, listener);
  if (!core.ok()) return core.status();
  return std::unique_ptr<Store>(new Store(*std::move(core)));
}

absl::StatusOr<Answer> Store::Begin(std::string_view key, const Fingerprint& fingerprint,
                                    const BeginOptions& options) {
  Reply reply;
  const Request request = BeginRequest(key, fingerprint, options);
  const absl::Status called = request.wait_ms == 0 ? core_->Call({&request, 1}, {&reply, 1})
                                                   : core_->CallAndWait(request, reply);
  return called.ok() ? AnswerOf(key, reply) : called;
}

void Store::BeginMany(std::span<const BeginCall> calls, std::span<absl::StatusOr<Answer>> answers) {
  core_->CallMany(
      calls.size(),
      [&](size_t i) {
        const BeginCall& call = calls[i];
        return BeginRequest(call.key, call.fingerprint, call.options);
      },
      [&](size_t i, const absl::Status& called, Reply& reply) {
        answers[i] = called.ok() ? AnswerOf(calls[i].key, reply) : called;
      });
}

absl::StatusOr<Answer> Store::AnswerOf(std::string_view key, Reply& reply) {
  switch (reply.outcome) {
    case Outcome::kClaimed:
      return Claim(this, key, reply);
    case Outcome::kReplay: {
      // Made where it is returned: its response is copied once.
      absl::StatusOr<Answer> answer(absl::in_place, std::in_place_type<Replay>);
      MoveTo(std::get<Replay>(*answer), reply);
      return answer;
    }
    case Outcome::kBusy:
      return Busy{reply.busy_reason, reply.retry_after_ms, reply.attempt, reply.age_ms};
    case Outcome::kMismatch:
      return Mismatch{reply.state};
    case Outcome::kTooOld:
      return TooOld{};
    default:
      return engine::StatusOf(reply);
  }
}

Claim Store::Attach(std::string_view key, Token token) { return Claim(this, key, token); }

absl::Status Store::Settle(const Request& request) {
  Reply reply;
  const absl::Status called = core_->Call({&request, 1}, {&reply, 1});
  return called.ok() ? engine::StatusOf(reply, request.op) : called;
}

// kAborted: the claim has not finished. What has its token has its fingerprint, too.
absl::StatusOr<Replay> Store::FinishOf(const Claim& claim) {
  Request request;
  request.op = Op::kGet;
  request.kind = Kind::kRecord;
  request.key = claim.key();
  request.want_value = true;
  Reply reply;
  absl::Status called = core_->Call({&request, 1}, {&reply, 1});
  if (!called.ok()) return called;
  const bool finished = reply.state == State::kCompleted || reply.state == State::kFailedFinal;
  if (!finished || reply.token != claim.token()) {
    return absl::AbortedError("the claim was settled for retry meanwhile");
  }
  Replay replay;
  MoveTo(replay, reply);
  return replay;
}

absl::Status Store::Forget(std::string_view key, bool force) {
  return Settle(ForgetRequest(key, force));
}

absl::Status Store::ForgetBody(std::string_view key, bool force) {
  Request request = ForgetRequest(key, force);
  request.body = true;
  return Settle(request);
}

Fingerprint Store::FingerprintOf(std::initializer_list<std::string_view> parts) const {
  return FingerprintFrom(engine::KeyedHash128(core_->fingerprint_secret(), kBodyDomain, parts),
                         Fingerprint::Kind::kBody);
}

absl::StatusOr<Fingerprint> Store::FingerprintOfDigest(std::string_view digest) const {
  if (digest.empty() || digest.size() > kDigestBytesMax) {
    return absl::InvalidArgumentError("a digest must have 1 to 32 bytes");
  }
  return FingerprintFrom(engine::KeyedHash128(core_->fingerprint_secret(), kDigestDomain, {digest}),
                         Fingerprint::Kind::kDigest);
}

size_t Store::Execute(std::span<const Request> requests, std::span<Reply> replies, CommitBy by) {
  return core_->Execute(requests, replies, by);
}

Store::Waiting Store::ExecuteOrWait(const Request& request, Reply& reply, WaitId& id,
                                    const WaitListener& told, CommitBy by) {
  return core_->ExecuteOrWait(request, reply, id, told, by);
}

bool Store::ForgetWaiter(WaitId id) { return core_->ForgetWaiter(id); }

bool Store::Transact(std::span<const Request> requests, std::span<Reply> replies, CommitBy by) {
  return core_->Transact(requests, replies, by);
}

absl::StatusOr<ChangesAnswer> Store::ReadChanges(Lsn after, const ChangesOptions& options,
                                                 Reply& cursor) {
  return core_->ReadChanges(after, options, cursor);
}

absl::StatusOr<ChangesAnswer> Store::ReadChanges(Lsn after, const ChangesOptions& options) {
  while (true) {
    Reply cursor;
    absl::StatusOr<ChangesAnswer> answer = core_->ReadChanges(after, options, cursor);
    const bool backlog_full = absl::IsCancelled(answer.status());
    const Lsn lsn = backlog_full ? committed() + 1 : cursor.lsn;
    absl::Status status = core_->log().WaitCommitted(lsn);
    if (!status.ok()) return status;
    if (backlog_full) continue;
    if (absl::IsAborted(answer.status())) return engine::StatusOf(cursor);
    return answer;
  }
}

void Store::RequestCommit() { core_->log().RequestCommit(); }
bool Store::Commit() { return core_->log().Commit(); }
Lsn Store::committed() const { return core_->log().committed(); }
Lsn Store::synced() const { return core_->log().synced(); }
absl::Status Store::log_status() const { return core_->log().status(); }

int Store::AddCommitListener(std::function<void()> listener) {
  return core_->AddCommitListener(std::move(listener));
}

void Store::RemoveCommitListener(int id) { core_->RemoveCommitListener(id); }

uint64_t Store::Scan(uint64_t cursor, size_t count,
                     const std::function<void(const Entry&)>& visit) {
  return core_->Scan(cursor, count, visit);
}

Stats Store::GetStats() const { return core_->GetStats(); }

absl::Status Store::Snapshot() { return core_->Snapshot(); }
absl::Status Store::StartSnapshot() { return core_->RequestSnapshot().status(); }

bool Store::Step(StepKind kind) { return core_->Step(kind); }

}  // namespace idem
