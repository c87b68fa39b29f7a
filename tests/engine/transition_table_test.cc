// The state table, written again, and walked: every state x call x fingerprint x token x owner x
// lease x restart grace, with memory and disk as they can be. What a cell says is one function
// below, which builds the whole reply and the whole next entry.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "store/transition.h"
#include "tests/support/text.h"
#include "tests/support/transition_cases.h"

namespace idem::engine {
namespace {

enum Column { kAbsent, kLeaseRuns, kOrphaned, kHeld, kFailedRetry, kFinished, kColumns };

enum Row {
  kBeginSame,   // with the fingerprint of the entry, or none on both sides
  kBeginOther,  // with another fingerprint, or on one side only
  kBeginOwner,  // by the current owner, with the same fingerprint
  kAwaitSame,   // with the fingerprint of the entry, or none on both sides
  kAwaitOther,
  kFinish,      // COMPLETE and FAIL with the current token
  kOtherToken,  // COMPLETE, FAIL, EXTEND, STEP, RELEASE with any other
  kExtend,
  kStep,
  kRelease,
  kForget,
  kForgetBody,
  kResolve,
  kGet,
  kRows
};

struct Case {
  const Image& entry;
  const Request& request;
  const Moment& moment;
};

bool Living(const Image& entry) {
  return !entry.absent() && (entry.deadline_ms == 0 || entry.deadline_ms > kNowMs);
}

// No takeover of what was claimed before the open while the grace lasts.
int64_t LeaseEnd(const Case& c) {
  return c.entry.since_ms <= kOpenedMs ? std::max(c.entry.until_ms, c.moment.grace_end_ms)
                                       : c.entry.until_ms;
}

Column ColumnOf(const Case& c) {
  if (!Living(c.entry)) return kAbsent;
  if (c.entry.state == State::kFailedRetry) return kFailedRetry;
  if (c.entry.state != State::kInProgress) return kFinished;
  if (kNowMs < LeaseEnd(c)) return kLeaseRuns;
  return c.entry.hold ? kHeld : kOrphaned;
}

Row RowOfBegin(const Case& c) {
  if (c.entry.fingerprint != c.request.fingerprint) return kBeginOther;
  const bool by_owner = c.entry.has_owner && !c.request.owner.empty() &&
                        c.entry.owner == DigestOfOwner(c.request.owner);
  return by_owner ? kBeginOwner : kBeginSame;
}

Row RowOf(const Case& c) {
  const Row by_token = c.request.op == Op::kExtend    ? kExtend
                       : c.request.op == Op::kStep    ? kStep
                       : c.request.op == Op::kRelease ? kRelease
                                                      : kFinish;
  switch (c.request.op) {
    case Op::kBegin:
      return RowOfBegin(c);
    case Op::kAwait:
      return c.entry.fingerprint == c.request.fingerprint ? kAwaitSame : kAwaitOther;
    case Op::kRemove:
      return c.request.body ? kForgetBody : kForget;
    case Op::kResolve:
      return kResolve;
    case Op::kGet:
      return kGet;
    default:
      return c.request.token == c.entry.token ? by_token : kOtherToken;
  }
}

// --- What the cells say ---

Decision Stays(const Case& c, Outcome outcome) {
  Decision d;
  d.reply.outcome = outcome;
  d.reply.kind = Living(c.entry) ? Kind::kRecord : Kind::kAny;
  d.reply.state = Living(c.entry) ? c.entry.state : State::kAbsent;
  d.reply.token = Living(c.entry) ? c.entry.token : 0;
  return d;
}

Decision Changes(const Case& c, Outcome outcome, Change change, const Image& next) {
  Decision d = Stays(c, outcome);
  d.change = change;
  d.next = next;
  d.reply.changed = true;
  d.reply.state = next.state;
  if (change == Change::kInstallNewToken) d.next.token = d.reply.token = kFreshToken;
  return d;
}

Decision ChangesSteps(const Case& c, const std::vector<Step>& steps) {
  const auto packed = std::make_shared<std::string>(PackedSteps(steps));
  Image next = c.entry;
  next.value = *packed;
  next.step_made = c.request.op == Op::kStep;
  Decision d = Changes(c, Outcome::kOk, Change::kInstallSteps, next);
  d.steps = packed;
  return d;
}

Decision Unknown(const Case& c) { return Stays(c, Outcome::kUnknownKey); }
Decision NoEntry(const Case& c) { return Stays(c, Outcome::kAbsent); }
Decision Fenced(const Case& c) { return Stays(c, Outcome::kFenced); }
Decision Conflict(const Case& c) { return Stays(c, Outcome::kConflict); }
Decision Refused(const Case& c) { return Stays(c, Outcome::kRefused); }
Decision Mismatch(const Case& c) { return Stays(c, Outcome::kMismatch); }

int64_t LeaseNamed(const Case& c) { return c.request.lease_ms.value_or(kPolicy.default_lease_ms); }
int64_t RetentionNamed(const Case& c) {
  return c.request.retention_ms.value_or(kPolicy.default_retention_ms);
}

Decision Claimed(const Case& c, uint32_t attempt) {
  if (c.moment.disk_full) return Stays(c, Outcome::kNoSpace);
  Image next;
  next.key = kKey;
  next.kind = Kind::kRecord;
  next.state = State::kInProgress;
  next.attempt = attempt;
  next.fingerprint = c.request.fingerprint;
  next.hold = c.request.hold;
  next.has_owner = !c.request.owner.empty();
  if (next.has_owner) next.owner = DigestOfOwner(c.request.owner);
  next.since_ms = kNowMs;
  next.until_ms = kNowMs + LeaseNamed(c);
  next.retention_ms = RetentionNamed(c);
  next.deadline_ms = next.hold ? 0 : next.until_ms + next.retention_ms;
  if (attempt > 1) next.value = c.entry.value;
  Decision d = Changes(c, Outcome::kClaimed, Change::kInstallNewToken, next);
  d.reply.attempt = attempt;
  d.reply.lease_ms = LeaseNamed(c);
  d.reply.response.Copy(next.value);
  return d;
}

Decision FirstClaim(const Case& c) {
  if (c.request.condition == Condition::kIfPresent) return Stays(c, Outcome::kNotMet);
  if (c.moment.memory_full) return Stays(c, Outcome::kOutOfMemory);
  return c.moment.quota_full ? Stays(c, Outcome::kQuotaFull) : Claimed(c, 1);
}

Decision TakeOver(const Case& c) { return Claimed(c, c.entry.attempt + 1); }

Decision Renewed(const Case& c) {
  Image next = c.entry;
  next.until_ms = std::max(c.entry.until_ms, kNowMs + LeaseNamed(c));
  next.retention_ms = std::max(c.entry.retention_ms, RetentionNamed(c));
  if (!next.hold) next.deadline_ms = std::max(next.deadline_ms, next.until_ms + next.retention_ms);
  Decision d = Changes(c, Outcome::kClaimed, Change::kInstall, next);
  d.reply.attempt = c.entry.attempt;
  d.reply.lease_ms = next.until_ms - kNowMs;
  d.reply.response.Copy(next.value);
  return d;
}

Decision Busy(const Case& c, Busy::Reason reason, int64_t retry_after_ms) {
  Decision d = Stays(c, Outcome::kBusy);
  d.reply.busy_reason = reason;
  d.reply.retry_after_ms = retry_after_ms;
  d.reply.attempt = c.entry.attempt;
  d.reply.age_ms = kNowMs - c.entry.since_ms;
  return d;
}

Decision BusyRunning(const Case& c) {
  return Busy(c, Busy::Reason::kRunning, LeaseEnd(c) - kNowMs);
}
Decision StillBusy(const Case& c) { return Busy(c, Busy::Reason::kRunning, 0); }
Decision BusyBackoff(const Case& c) {
  return Busy(c, Busy::Reason::kBackoff, std::max<int64_t>(0, c.entry.until_ms - kNowMs));
}
Decision BusyHeld(const Case& c) { return Busy(c, Busy::Reason::kHeld, 0); }

Decision AfterBackoff(const Case& c) {
  return kNowMs < c.entry.until_ms ? Busy(c, Busy::Reason::kBackoff, c.entry.until_ms - kNowMs)
                                   : TakeOver(c);
}

void DescribeFinish(const Image& entry, Reply& reply) {
  reply.code = entry.code;
  reply.value_omitted = entry.value_omitted;
  if (entry.finished()) {
    reply.value_bytes = entry.value_omitted ? entry.omitted_bytes : entry.value.size();
  }
  reply.ttl_ms = entry.deadline_ms == 0 ? -1 : entry.deadline_ms - kNowMs;
  reply.age_ms = kNowMs - entry.since_ms;
}

Decision Replay(const Case& c) {
  Decision d = Stays(c, Outcome::kReplay);
  DescribeFinish(c.entry, d.reply);
  d.reply.response.Copy(c.entry.value);
  return d;
}

Image FailedForRetry(const Case& c, int64_t after_ms) {
  Image next = c.entry;
  next.state = State::kFailedRetry;
  next.hold = next.has_owner = false;
  next.since_ms = kNowMs;
  next.until_ms = kNowMs + after_ms;
  next.deadline_ms = std::max(c.entry.deadline_ms, next.until_ms + c.entry.retention_ms);
  return next;
}

Image FinishedAs(const Case& c, State state, uint16_t code, int64_t retention_ms) {
  Image next =
      FinishedRecord(state, c.request.value, kNowMs + std::max(c.entry.retention_ms, retention_ms));
  next.attempt = c.entry.attempt;
  next.fingerprint = c.entry.fingerprint;
  next.since_ms = kNowMs;
  next.code = code;
  return next;
}

State StateNamed(const Request& request) {
  if (request.op == Op::kComplete) return State::kCompleted;
  return request.final ? State::kFailedFinal : State::kFailedRetry;
}

Decision Settled(const Case& c) {
  const State state = StateNamed(c.request);
  const Image next = state == State::kFailedRetry
                         ? FailedForRetry(c, c.request.after_ms)
                         : FinishedAs(c, state, c.request.code, c.request.retention_ms.value_or(0));
  return Changes(c, Outcome::kOk, Change::kInstall, next);
}

Decision SameOutcome(const Case& c) {
  return StateNamed(c.request) == c.entry.state ? Stays(c, Outcome::kOk) : Conflict(c);
}

Decision SameBytes(const Case& c) {
  const Image again = FinishedAs(c, StateNamed(c.request), c.request.code, 0);
  const bool same = again.state == c.entry.state && again.code == c.entry.code &&
                    again.value == c.entry.value && again.omitted_bytes == c.entry.omitted_bytes &&
                    again.omitted_checksum == c.entry.omitted_checksum;
  return same ? Stays(c, Outcome::kOk) : Conflict(c);
}

Decision Lengthened(const Case& c) {
  const int64_t until_ms = kNowMs + *c.request.lease_ms;
  if (until_ms <= c.entry.until_ms) return Stays(c, Outcome::kOk);
  Image next = c.entry;
  next.until_ms = until_ms;
  if (!next.hold) next.deadline_ms = std::max(next.deadline_ms, until_ms + next.retention_ms);
  return Changes(c, Outcome::kOk, Change::kInstall, next);
}

Decision Gone(const Case& c) { return Changes(c, Outcome::kOk, Change::kRemove, Image{}); }
Decision IfForced(const Case& c) { return c.request.force ? Gone(c) : Refused(c); }
Decision IfNoSteps(const Case& c) { return c.entry.value.empty() ? Gone(c) : Refused(c); }

Decision OneMoreStep(const Case& c) {
  std::vector<Step> steps = UnpackSteps(c.entry.value);
  size_t bytes = c.request.step.size() + c.request.value.size();
  for (const Step& step : steps) {
    if (step.name == c.request.step) {
      return step.data == c.request.value ? Stays(c, Outcome::kOk) : Conflict(c);
    }
    bytes += step.name.size() + step.data.size();
  }
  if (steps.size() == kPolicy.max_steps || bytes > kPolicy.max_step_bytes) {
    return Stays(c, Outcome::kInvalid);
  }
  steps.push_back({c.request.step, c.request.value});
  return ChangesSteps(c, steps);
}

Decision NoData(const Case& c) {
  std::vector<Step> steps = UnpackSteps(c.entry.value);
  bool has_data = false;
  for (Step& step : steps) has_data |= !std::exchange(step.data, {}).empty();
  return has_data ? ChangesSteps(c, steps) : Stays(c, Outcome::kOk);
}

Decision DataIfForced(const Case& c) { return c.request.force ? NoData(c) : Refused(c); }

Decision NoResponse(const Case& c) {
  if (c.entry.value.empty()) return Stays(c, Outcome::kOk);
  Image next = c.entry;
  OmitValue(c.entry.value, *c.moment.secret, next);
  return Changes(c, Outcome::kOk, Change::kInstall, next);
}

Decision Resolved(const Case& c) {
  const Resolution to = c.request.resolution;
  const State state = to == Resolution::kCompleted ? State::kCompleted : State::kFailedFinal;
  const Image next =
      to == Resolution::kClaimable ? FailedForRetry(c, 0) : FinishedAs(c, state, 0, 0);
  return Changes(c, Outcome::kOk, Change::kInstallNewToken, next);
}

Decision Described(const Case& c) {
  Decision d = Stays(c, Outcome::kOk);
  DescribeFinish(c.entry, d.reply);
  d.reply.attempt = c.entry.attempt;
  d.reply.fingerprint = c.entry.fingerprint;
  d.reply.has_owner = c.entry.has_owner;
  d.reply.held = c.entry.hold;
  if (c.entry.state == State::kInProgress) {
    d.reply.lease_ms = std::max<int64_t>(0, LeaseEnd(c) - kNowMs);
    d.reply.orphaned = kNowMs >= LeaseEnd(c);
  } else if (c.entry.state == State::kFailedRetry) {
    d.reply.retry_after_ms = std::max<int64_t>(0, c.entry.until_ms - kNowMs);
  }
  const bool shows = c.request.want_value || !c.entry.finished();
  if (shows) d.reply.response.Copy(c.entry.value);
  return d;
}

// --- The table ---

using Cell = Decision (*)(const Case&);

// clang-format off
constexpr Cell kTable[kRows][kColumns] = {
//               absent      lease runs   orphaned    held        failed retry  finished
/*BeginSame*/  { FirstClaim, BusyRunning, TakeOver,   BusyHeld,   AfterBackoff, Replay },
/*BeginOther*/ { FirstClaim, Mismatch,    Mismatch,   Mismatch,   Mismatch,     Mismatch },
/*BeginOwner*/ { FirstClaim, Renewed,     Renewed,    Renewed,    AfterBackoff, Replay },
/*AwaitSame*/  { NoEntry,    BusyRunning, StillBusy,  BusyHeld,   BusyBackoff,  Replay },
/*AwaitOther*/ { NoEntry,    Mismatch,    Mismatch,   Mismatch,   Mismatch,     Mismatch },
/*Finish*/     { Unknown,    Settled,     Settled,    Settled,    SameOutcome,  SameBytes },
/*OtherToken*/ { Unknown,    Fenced,      Fenced,     Fenced,     Fenced,       Fenced },
/*Extend*/     { Unknown,    Lengthened,  Lengthened, Lengthened, Conflict,     Conflict },
/*Step*/       { Unknown,    OneMoreStep, OneMoreStep, OneMoreStep, Conflict,   Conflict },
/*Release*/    { Unknown,    IfNoSteps,   IfNoSteps,  IfNoSteps,  Conflict,     Conflict },
/*Forget*/     { NoEntry,    IfForced,    IfForced,   IfForced,   Gone,         Gone },
/*ForgetBody*/ { NoEntry,    DataIfForced, DataIfForced, DataIfForced, NoData, NoResponse },
/*Resolve*/    { Unknown,    Refused,     Resolved,   Resolved,   Resolved,     Refused },
/*Get*/        { NoEntry,    Described,   Described,  Described,  Described,    Described },
};
// clang-format on

std::string TextOf(const Request& request, const Decision& d) {
  const bool installs = d.change != Change::kNone && d.change != Change::kRemove;
  return std::to_string(static_cast<int>(d.change)) + " | " + Text(request.op, d.reply) +
         (installs ? " | " + Text(d.next) : "");
}

TEST(TransitionTableTest, EveryCombinationDoesWhatItsCellSays) {
  size_t visits[kRows][kColumns] = {};
  size_t count = 0;
  const auto calls = RecordCalls();
  const auto moments = MomentCases();
  for (const EntryCase& entry : RecordCases()) {
    for (const CallCase& call : calls) {
      for (const MomentCase& moment : moments) {
        const Case c{entry.entry, call.request, moment.moment};
        const Row row = RowOf(c);
        const Column column = ColumnOf(c);
        ++visits[row][column];
        ++count;
        ASSERT_EQ(TextOf(c.request, Decide(c.entry, c.request, c.moment)),
                  TextOf(c.request, kTable[row][column](c)))
            << call.name << "\n on: " << entry.name << "\n at: " << moment.name << "\n row " << row
            << ", column " << column;
      }
    }
  }
  for (const auto& row : visits) {
    for (const size_t cell : row) EXPECT_GT(cell, 0u);
  }
  RecordProperty("combinations", static_cast<int>(count));
  EXPECT_GT(count, 2'000'000u);
}

}  // namespace
}  // namespace idem::engine
