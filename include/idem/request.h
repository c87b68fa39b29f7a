// The form of a call under Store::Begin and its kin: plain values in, plain values out.
//
// For users with an event loop (and for the server): Store::Execute takes Requests and gives
// Replies without ever waiting. A Reply may be told to anyone only once Store::committed() has
// reached its lsn; before that a power cut could still undo what it says.
//
// There are four kinds of entry. A *record* is the life of one idempotency key: claim, finish,
// replay. A *register* is a plain value with a version and a deadline. A *seen id* says that an id
// came before. A *sequence* says up to where the numbers of one producer came.
#ifndef IDEM_REQUEST_H_
#define IDEM_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "idem/answer.h"
#include "idem/fingerprint.h"
#include "idem/steps.h"

namespace idem {

enum class Op : uint8_t {
  // On records.
  kBegin,     // fingerprint, owner, lease_ms, retention_ms, hold, issued_unix_ms;
              // condition: kAlways, or kIfPresent (an absent key is kNotMet)
  kComplete,  // token, value, code, retention_ms
  kFail,      // token, final: value, code, retention_ms; not final: after_ms
  kExtend,    // token, lease_ms
  kStep,      // token, step, value (its data): a checkpoint for the next attempt
  kRelease,   // token
  kAwait,     // fingerprint: what kBegin would be told, without a claim
  kResolve,   // resolution, value: an operator settles an orphaned or held claim
  // On registers. A deadline is retention_ms from now (0: none), or deadline_ms if that is given;
  // one that has passed removes the register.
  kPut,          // value, deadline, condition, keep_deadline, want_value
  kSetDeadline,  // deadline, condition, deadline_condition
  // On seen ids and on sequences (dedup.h).
  kSeen,  // retention_ms, refresh, cap_ms
  kSeq,   // epoch, seq, window, retention_ms (0: none)
  // On any; `kind` narrows it.
  kRemove,  // record: Forget, with force, body; register: condition, want_value
  kGet,     // want_value
};

enum class Kind : uint8_t { kAny = 0, kRecord = 1, kRegister = 2, kSeen = 3, kSequence = 4 };

enum class Resolution : uint8_t { kCompleted, kFailed, kClaimable };

enum class Condition : uint8_t { kAlways, kIfAbsent, kIfPresent, kIfValue, kIfVersion };

// A register without a deadline outlives every deadline.
enum class DeadlineCondition : uint8_t {
  kAlways,
  kIfNone,
  kIfSet,
  kIfLater,
  kIfEarlier,
  kIfSetAndEarlier,
};

// Whether a register whose deadline is `old_ms` may be given `new_ms`: moments of one clock; 0:
// none.
constexpr bool Holds(DeadlineCondition condition, int64_t old_ms, int64_t new_ms) {
  const bool had_one = old_ms != 0;
  const bool has_one = new_ms != 0;
  switch (condition) {
    case DeadlineCondition::kAlways:
      return true;
    case DeadlineCondition::kIfNone:
      return !had_one;
    case DeadlineCondition::kIfSet:
      return had_one;
    case DeadlineCondition::kIfLater:
      return had_one && (!has_one || new_ms > old_ms);
    case DeadlineCondition::kIfEarlier:
      return has_one && (!had_one || new_ms < old_ms);
    case DeadlineCondition::kIfSetAndEarlier:
      return had_one && has_one && new_ms < old_ms;
  }
  return false;
}

// Only the fields named beside the Op are read. The views must stay valid during Execute.
struct Request {
  Op op = Op::kGet;
  Kind kind = Kind::kAny;
  std::string_view key = {};    // 1 .. 1024 bytes
  std::string_view value = {};  // a response, the data of a step, or a register's value
  std::string_view step = {};   // its name: 1 .. 255 bytes
  Fingerprint fingerprint = {};
  Token token = 0;
  std::optional<int64_t> lease_ms = std::nullopt;
  std::optional<int64_t> retention_ms = std::nullopt;
  int64_t deadline_ms = 0;  // a moment of Clock::BootMs
  int64_t after_ms = 0;     // 0 .. 90 d
  int64_t wait_ms = 0;      // kBegin, kAwait: 0 .. 60 s; for Store::ExecuteOrWait, else not read
  int64_t issued_unix_ms = 0;
  std::string_view owner = {};  // 0 .. 64 bytes
  uint16_t code = 0;
  bool hold = false;
  bool final = false;
  bool force = false;
  bool body = false;  // drops only the response, or the data of the steps, and keeps the fact
  bool keep_deadline = false;
  // Reply::lsn covers only what the call saw, not what it changed; Transact takes no notice.
  bool nowait = false;
  bool want_value = false;  // kGet, kPut and kRemove: also give the (old) value or response
  Resolution resolution = Resolution::kClaimable;
  Condition condition = Condition::kAlways;
  DeadlineCondition deadline_condition = DeadlineCondition::kAlways;
  std::string_view expected_value = {};  // for kIfValue
  Token expected_version = 0;            // for kIfVersion
  // For kIfVersion, too: of a register, that it has this deadline still (Reply::deadline_ms).
  std::optional<int64_t> expected_deadline_ms = std::nullopt;
  bool refresh = false;
  std::optional<int64_t> cap_ms = std::nullopt;
  uint32_t epoch = 0;
  uint32_t window = 0;  // 0 .. 64
  uint64_t seq = 0;     // 0 .. 2^53 - 1
};

enum class Outcome : uint8_t {
  // Answers.
  kOk,        // done, or it was already so
  kClaimed,   // token, attempt, lease_ms, and the steps made before as the response
  kReplay,    // state, code, response, age_ms, ttl_ms
  kBusy,      // busy_reason, retry_after_ms, attempt, age_ms, ttl_ms
  kMismatch,  // state
  kTooOld,
  kNew,         // kSeen, kSeq: for the first time
  kDuplicate,   // kSeen, kSeq: it came before
  kGap,         // kSeq: not before `seq` has come; nothing changed
  kStaleEpoch,  // kSeq: the producer has a newer `epoch`; nothing changed
  kNotMet,      // the condition does not hold; nothing changed
  kAbsent,      // kGet, kRemove, kSetDeadline: no such entry
  // Errors that depend on the entry. Nothing changed.
  kUnknownKey,
  kFenced,    // the token is not the current one
  kConflict,  // settled in another way already, or the step was made with other data
  kRefused,   // kRemove of a claim that runs without force; kResolve of one that is not stuck;
              // kRelease of one that has steps
  kWrongKind,
  // Errors that do not. Nothing changed.
  kInvalid,      // `error` says which limit
  kOutOfMemory,  // at 90 % of the memory limit: new entries are refused
  kQuotaFull,    // of its namespace: new entries are refused there
  kNoSpace,      // the disk is full: claims are refused first
  kUnavailable,  // the log has failed; the store must be opened anew
};

struct Reply {
  Outcome outcome = Outcome::kOk;
  Kind kind = Kind::kAny;        // of the entry that the call found; kAny: none
  State state = State::kAbsent;  // of the record after the call
  Busy::Reason busy_reason = Busy::Reason::kRunning;
  bool held = false;           // the record asked for HOLD
  bool orphaned = false;       // in progress with its lease over
  bool changed = false;        // the call changed the entry
  bool value_omitted = false;  // the response was too large to keep; value_bytes tells its size
  bool has_owner = false;
  uint16_t code = 0;
  uint32_t attempt = 0;
  uint64_t value_bytes = 0;
  Token token = 0;     // register: its version; seen ids and sequences have none
  uint32_t epoch = 0;  // of a sequence
  uint64_t seq = 0;    // .. the lowest number that has not come
  int64_t lease_ms = 0;
  int64_t retry_after_ms = 0;  // kGet: of a pause after a failure
  int64_t age_ms = 0;
  int64_t ttl_ms = 0;       // -1: no deadline
  int64_t deadline_ms = 0;  // kGet: the same as a moment of Clock::BootMs; 0: none
  Fingerprint fingerprint = {};
  // May be told when Store::committed() >= lsn.
  Lsn lsn = 0;
  // A response or a value. kClaimed, and kGet of a record that is not finished: its steps, if it
  // has any, for UnpackSteps.
  Response response = {};
  const char* error = "";  // kInvalid: what to do about it; a constant
};

}  // namespace idem

#endif  // IDEM_REQUEST_H_
