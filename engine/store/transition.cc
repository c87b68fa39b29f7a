#include "store/transition.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace idem::engine {
namespace {

constexpr uint64_t kOwnerDomain = 0x6f776e6572;  // "owner"

OwnerDigest DigestOf(std::string_view owner, const Moment& moment) {
  const Hash128 hash = KeyedHash128(*moment.secret, kOwnerDomain, {owner});
  OwnerDigest digest;
  __builtin_memcpy(digest.data(), &hash, sizeof(hash));
  return digest;
}

uint64_t ChecksumOf(std::string_view response, const Moment& moment) {
  return KeyedHash64(*moment.secret, response);
}

bool OwnedBy(const Image& entry, std::string_view owner, const Moment& moment) {
  return entry.has_owner && !owner.empty() && entry.owner == DigestOf(owner, moment);
}

bool LeaseRuns(const Image& entry, const Moment& moment) {
  return moment.now_ms < LeaseEndMs(entry, moment);
}

// A held record has no deadline until it is finished.
void SetUnfinishedDeadline(Image& next) {
  const int64_t deadline_ms = next.until_ms + next.retention_ms;
  next.deadline_ms = next.hold ? 0 : std::max(next.deadline_ms, deadline_ms);
}

Change Claim(const Image& entry, const Request& request, const Moment& moment, Image& next,
             Reply& reply) {
  if (moment.disk_full) return Answer(reply, Outcome::kNoSpace);
  const int64_t lease_ms = request.lease_ms.value_or(moment.policy->default_lease_ms);
  next = Image{};
  next.key = request.key;
  next.kind = Kind::kRecord;
  next.state = State::kInProgress;
  next.hold = request.hold || moment.policy->hold;
  next.fingerprint = request.fingerprint;
  next.attempt =
      entry.attempt == std::numeric_limits<uint32_t>::max() ? entry.attempt : entry.attempt + 1;
  next.has_owner = !request.owner.empty();
  if (next.has_owner) next.owner = DigestOf(request.owner, moment);
  next.since_ms = moment.now_ms;
  next.until_ms = moment.now_ms + lease_ms;
  next.retention_ms = request.retention_ms.value_or(moment.policy->default_retention_ms);
  next.value = entry.value;  // the steps made so far
  next.value_body = entry.value_body;
  SetUnfinishedDeadline(next);
  GiveValue(next, reply);
  reply.attempt = next.attempt;
  reply.lease_ms = lease_ms;
  reply.state = State::kInProgress;
  reply.outcome = Outcome::kClaimed;
  return Change::kInstallNewToken;
}

Change BeginAbsent(const Image& entry, const Request& request, const Moment& moment, Image& next,
                   Reply& reply) {
  if (request.condition == Condition::kIfPresent) return Answer(reply, Outcome::kNotMet);
  const int64_t retention_ms = request.retention_ms.value_or(moment.policy->default_retention_ms);
  if (request.issued_unix_ms != 0 && request.issued_unix_ms < moment.wall_ms - retention_ms) {
    return Answer(reply, Outcome::kTooOld);
  }
  if (const auto refusal = WhyNoNewEntry(moment)) return Answer(reply, *refusal);
  return Claim(entry, request, moment, next, reply);
}

// The owner asks again, its first answer may be lost: the same claim, its lease renewed.
Change Reclaim(const Image& entry, const Request& request, const Moment& moment, Image& next,
               Reply& reply) {
  const int64_t lease_ms = request.lease_ms.value_or(moment.policy->default_lease_ms);
  const int64_t retention_ms = request.retention_ms.value_or(moment.policy->default_retention_ms);
  next = entry;
  next.until_ms = std::max(entry.until_ms, moment.now_ms + lease_ms);
  next.retention_ms = std::max(entry.retention_ms, retention_ms);
  SetUnfinishedDeadline(next);
  GiveValue(next, reply);
  reply.outcome = Outcome::kClaimed;
  reply.attempt = next.attempt;
  reply.lease_ms = next.until_ms - moment.now_ms;
  return Change::kInstall;
}

Change Busy(const Image& entry, const Moment& moment, Busy::Reason reason, int64_t until_ms,
            Reply& reply) {
  reply.busy_reason = reason;
  reply.attempt = entry.attempt;
  reply.retry_after_ms = std::max<int64_t>(0, until_ms - moment.now_ms);
  reply.ttl_ms = entry.deadline_ms == 0 ? -1 : entry.deadline_ms - moment.now_ms;
  reply.deadline_ms = ToldDeadline(entry, moment);
  return Answer(reply, Outcome::kBusy);
}

Change Replay(const Image& entry, const Moment& moment, Reply& reply) {
  Describe(entry, moment, /*with_value=*/true, reply);
  return Answer(reply, Outcome::kReplay);
}

Change BeginInProgress(const Image& entry, const Request& request, const Moment& moment,
                       Image& next, Reply& reply) {
  if (OwnedBy(entry, request.owner, moment)) {
    return Reclaim(entry, request, moment, next, reply);
  }
  if (LeaseRuns(entry, moment)) {
    return Busy(entry, moment, Busy::Reason::kRunning, LeaseEndMs(entry, moment), reply);
  }
  if (entry.hold) return Busy(entry, moment, Busy::Reason::kHeld, moment.now_ms, reply);
  return Claim(entry, request, moment, next, reply);
}

Change Begin(const Image& entry, const Request& request, const Moment& moment, Image& next,
             Reply& reply) {
  if (entry.absent()) return BeginAbsent(entry, request, moment, next, reply);
  if (entry.fingerprint != request.fingerprint) return Answer(reply, Outcome::kMismatch);
  if (entry.finished()) return Replay(entry, moment, reply);
  if (entry.state == State::kInProgress) {
    return BeginInProgress(entry, request, moment, next, reply);
  }
  if (moment.now_ms < entry.until_ms) {
    return Busy(entry, moment, Busy::Reason::kBackoff, entry.until_ms, reply);
  }
  return Claim(entry, request, moment, next, reply);
}

// What BEGIN would be told, without a claim: a lease or a pause that is over is still waited for,
// as somebody may begin.
Change Await(const Image& entry, const Request& request, const Moment& moment, Reply& reply) {
  if (entry.absent()) return Answer(reply, Outcome::kAbsent);
  if (entry.fingerprint != request.fingerprint) return Answer(reply, Outcome::kMismatch);
  if (entry.finished()) return Replay(entry, moment, reply);
  if (entry.state == State::kFailedRetry) {
    return Busy(entry, moment, Busy::Reason::kBackoff, entry.until_ms, reply);
  }
  const bool held = entry.hold && !LeaseRuns(entry, moment);
  return Busy(entry, moment, held ? Busy::Reason::kHeld : Busy::Reason::kRunning,
              LeaseEndMs(entry, moment), reply);
}

void Finish(const Image& entry, const Request& request, State state, const Moment& moment,
            Image& next) {
  next = entry;
  next.state = state;
  next.hold = false;
  next.has_owner = false;
  next.retention_ms = 0;
  next.since_ms = moment.now_ms;
  next.until_ms = 0;
  next.deadline_ms = moment.now_ms + entry.retention_ms;
  next.value_body = nullptr;  // the steps have served
  if (request.value.size() > moment.response_bytes_max) {
    OmitValue(request.value, *moment.secret, next);
  } else {
    next.value = request.value;
  }
}

// A settlement that is already there: the same one again is fine, another comes too late.
Change Settled(bool same, Reply& reply) {
  return Answer(reply, same ? Outcome::kOk : Outcome::kConflict);
}

bool SameFinish(const Image& entry, const Request& request, State state, const Moment& moment) {
  if (entry.state != state || entry.code != request.code) return false;
  if (!entry.value_omitted) return entry.value == request.value;
  return entry.omitted_bytes == request.value.size() &&
         entry.omitted_checksum == ChecksumOf(request.value, moment);
}

Change FinishClaim(const Image& entry, const Request& request, State state, const Moment& moment,
                   Image& next, Reply& reply) {
  if (entry.state != State::kInProgress) {
    return Settled(SameFinish(entry, request, state, moment), reply);
  }
  Finish(entry, request, state, moment, next);
  next.code = request.code;
  next.deadline_ms = std::max(next.deadline_ms, moment.now_ms + request.retention_ms.value_or(0));
  reply.state = state;
  return Change::kInstall;
}

// Gives the claim up: claimable from `until_ms` on, remembered at least its retention longer.
void GiveUp(const Image& entry, int64_t until_ms, const Moment& moment, Image& next) {
  next = entry;
  next.state = State::kFailedRetry;
  next.hold = false;
  next.has_owner = false;
  next.since_ms = moment.now_ms;
  next.until_ms = until_ms;
  SetUnfinishedDeadline(next);
}

Change FailRetry(const Image& entry, const Request& request, const Moment& moment, Image& next,
                 Reply& reply) {
  if (entry.state != State::kInProgress) {
    return Settled(entry.state == State::kFailedRetry, reply);
  }
  GiveUp(entry, moment.now_ms + request.after_ms, moment, next);
  reply.state = State::kFailedRetry;
  return Change::kInstall;
}

Change Extend(const Image& entry, const Request& request, const Moment& moment, Image& next,
              Reply& reply) {
  if (entry.state != State::kInProgress) return Answer(reply, Outcome::kConflict);
  next = entry;
  next.until_ms = std::max(entry.until_ms, moment.now_ms + *request.lease_ms);
  SetUnfinishedDeadline(next);
  return next.until_ms == entry.until_ms ? Change::kNone : Change::kInstall;
}

// Who made a step did something: FAIL RETRY keeps it for the next attempt.
Change Release(const Image& entry, Reply& reply) {
  if (entry.state != State::kInProgress) return Answer(reply, Outcome::kConflict);
  if (!entry.value.empty()) return Answer(reply, Outcome::kRefused);
  reply.state = State::kAbsent;
  return Change::kRemove;
}

// COMPLETE, FAIL, EXTEND, STEP, RELEASE: the token decides, never the clock.
Change Settle(const Image& entry, const Request& request, const Moment& moment, Image& next,
              Reply& reply) {
  if (entry.absent()) return Answer(reply, Outcome::kUnknownKey);
  if (entry.token != request.token) return Answer(reply, Outcome::kFenced);
  switch (request.op) {
    case Op::kComplete:
      return FinishClaim(entry, request, State::kCompleted, moment, next, reply);
    case Op::kFail:
      return request.final ? FinishClaim(entry, request, State::kFailedFinal, moment, next, reply)
                           : FailRetry(entry, request, moment, next, reply);
    case Op::kExtend:
      return Extend(entry, request, moment, next, reply);
    case Op::kStep:
      return MakeStep(entry, request, moment, next, reply);
    default:
      return Release(entry, reply);
  }
}

// An operator decides what a claim that nobody finishes was worth.
Change Resolve(const Image& entry, const Request& request, const Moment& moment, Image& next,
               Reply& reply) {
  if (entry.absent()) return Answer(reply, Outcome::kUnknownKey);
  if (entry.finished()) return Answer(reply, Outcome::kRefused);
  if (entry.state == State::kInProgress && LeaseRuns(entry, moment)) {
    return Answer(reply, Outcome::kRefused);
  }
  if (request.resolution == Resolution::kClaimable) {
    GiveUp(entry, moment.now_ms, moment, next);
  } else {
    const bool completed = request.resolution == Resolution::kCompleted;
    Finish(entry, request, completed ? State::kCompleted : State::kFailedFinal, moment, next);
  }
  reply.state = next.state;
  return Change::kInstallNewToken;
}

Change Forget(const Image& entry, const Request& request, const Moment& moment, Image& next,
              Reply& reply) {
  if (entry.state == State::kInProgress && !request.force) {
    return Answer(reply, Outcome::kRefused);
  }
  if (request.body) return ForgetBody(entry, request, moment, next, reply);
  reply.state = State::kAbsent;
  return Change::kRemove;
}

bool IsRegisterOp(Op op) { return op == Op::kPut || op == Op::kSetDeadline; }

// Which kind of entry the request is for; kAny where it takes both.
Kind WantedKind(const Request& request) {
  if (IsRegisterOp(request.op)) return Kind::kRegister;
  if (request.op == Op::kSeen) return Kind::kSeen;
  if (request.op == Op::kSeq) return Kind::kSequence;
  if (request.op == Op::kGet) return request.kind;
  return request.op == Op::kRemove && !request.body ? request.kind : Kind::kRecord;
}

Change Get(const Image& entry, const Request& request, const Moment& moment, Reply& reply) {
  if (entry.absent()) return Answer(reply, Outcome::kAbsent);
  Describe(entry, moment, request.want_value, reply);
  return Change::kNone;
}

Change Decide(const Image& entry, const Request& request, const Moment& moment, Image& next,
              Reply& reply) {
  const Kind wanted = WantedKind(request);
  if (!entry.absent() && wanted != Kind::kAny && wanted != entry.kind) {
    return Answer(reply, Outcome::kWrongKind);
  }
  switch (request.op) {
    case Op::kBegin:
      return Begin(entry, request, moment, next, reply);
    case Op::kAwait:
      return Await(entry, request, moment, reply);
    case Op::kComplete:
    case Op::kFail:
    case Op::kExtend:
    case Op::kStep:
    case Op::kRelease:
      return Settle(entry, request, moment, next, reply);
    case Op::kResolve:
      return Resolve(entry, request, moment, next, reply);
    case Op::kGet:
      return Get(entry, request, moment, reply);
    case Op::kRemove:
      if (entry.absent()) return Answer(reply, Outcome::kAbsent);
      if (entry.kind == Kind::kRecord) return Forget(entry, request, moment, next, reply);
      if (entry.kind != Kind::kRegister) return Change::kRemove;
      return RegisterTransition(entry, request, moment, next, reply);
    case Op::kPut:
    case Op::kSetDeadline:
      return RegisterTransition(entry, request, moment, next, reply);
    case Op::kSeen:
    case Op::kSeq:
      return DedupTransition(entry, request, moment, next, reply);
  }
  IDEM_CHECK(false);
  return Change::kNone;
}

}  // namespace

Change Transition(const Image& entry, const Request& request, const Moment& moment, Image& next,
                  Reply& reply) {
  static const Image kAbsentEntry;
  const Image& live = Expired(entry, moment.now_ms) ? kAbsentEntry : entry;
  reply.kind = live.kind;
  reply.state = live.state;
  reply.token = live.token;
  if (live.kind == Kind::kRecord)
    reply.age_ms = std::max<int64_t>(0, moment.now_ms - live.since_ms);
  const Change change = Decide(live, request, moment, next, reply);
  reply.changed = change != Change::kNone;
  return change;
}

}  // namespace idem::engine
