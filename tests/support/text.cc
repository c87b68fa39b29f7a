#include "tests/support/text.h"

#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace idem::engine {
namespace {

const char* Name(Kind kind) {
  switch (kind) {
    case Kind::kAny:
      return "none";
    case Kind::kRecord:
      return "record";
    case Kind::kRegister:
      return "register";
    case Kind::kSeen:
      return "seen";
    case Kind::kSequence:
      return "sequence";
  }
  return "?";
}

const char* Name(Busy::Reason reason) {
  switch (reason) {
    case Busy::Reason::kRunning:
      return "running";
    case Busy::Reason::kHeld:
      return "held";
    case Busy::Reason::kBackoff:
      return "backoff";
  }
  return "?";
}

// Long values by their size and both ends.
std::string Short(std::string_view value) {
  if (value.size() <= 24) return absl::StrCat("'", std::string(value), "'");
  return absl::StrCat(value.size(), " bytes '", std::string(value.substr(0, 8)), "..",
                      std::string(value.substr(value.size() - 8)), "'");
}

std::string Flag(bool set, const char* name) { return set ? absl::StrCat(" ", name) : ""; }

bool IsRegisterOp(Op op) { return op == Op::kPut || op == Op::kSetDeadline; }

std::string ValueText(const Reply& reply) {
  return absl::StrCat(" value=", Short(reply.response.bytes()), " bytes=", reply.value_bytes,
                      Flag(reply.value_omitted, "omitted"));
}

std::string RecordText(const Reply& reply) {
  return absl::StrCat(" token=", reply.token, " attempt=", reply.attempt, " code=", reply.code,
                      " lease=", reply.lease_ms, " after=", reply.retry_after_ms,
                      " age=", reply.age_ms, " ttl=", reply.ttl_ms, " fp=", Text(reply.fingerprint),
                      Flag(reply.held, "hold"), Flag(reply.orphaned, "orphaned"),
                      Flag(reply.has_owner, "owned"), ValueText(reply));
}

std::string RegisterText(const Reply& reply) {
  return absl::StrCat(" version=", reply.token, ValueText(reply));
}

std::string SequenceText(const Reply& reply) {
  return absl::StrCat(" epoch=", reply.epoch, " next=", reply.seq);
}

bool HasValue(Kind kind) { return kind == Kind::kRecord || kind == Kind::kRegister; }

std::string FieldsText(Op op, const Reply& reply) {
  switch (reply.outcome) {
    case Outcome::kClaimed:
      return absl::StrCat(" token=", reply.token, " attempt=", reply.attempt,
                          " lease=", reply.lease_ms, " steps=", Short(reply.response.bytes()));
    case Outcome::kReplay:
      return absl::StrCat(" code=", reply.code, " age=", reply.age_ms, " ttl=", reply.ttl_ms,
                          ValueText(reply));
    case Outcome::kBusy:
      return absl::StrCat(" reason=", Name(reply.busy_reason), " after=", reply.retry_after_ms,
                          " attempt=", reply.attempt, " age=", reply.age_ms);
    case Outcome::kNew:
    case Outcome::kDuplicate:
    case Outcome::kGap:
    case Outcome::kStaleEpoch:
      return SequenceText(reply) + (op == Op::kSeen ? absl::StrCat(" ttl=", reply.ttl_ms) : "");
    case Outcome::kOk:
      if (op == Op::kGet && !HasValue(reply.kind)) {
        return absl::StrCat(SequenceText(reply), " ttl=", reply.ttl_ms);
      }
      if (op == Op::kGet && reply.kind == Kind::kRecord) return RecordText(reply);
      if (op == Op::kGet) return absl::StrCat(RegisterText(reply), " ttl=", reply.ttl_ms);
      [[fallthrough]];
    case Outcome::kNotMet:
      if (reply.kind == Kind::kRegister || IsRegisterOp(op)) return RegisterText(reply);
      [[fallthrough]];
    default:  // nothing more, and above all no response
      return absl::StrCat(" value=", Short(reply.response.bytes()));
  }
}

}  // namespace

const char* Name(Op op) {
  constexpr const char* kNames[] = {"BEGIN",   "COMPLETE", "FAIL",    "EXTEND", "STEP",
                                    "RELEASE", "AWAIT",    "RESOLVE", "PUT",    "SETDEADLINE",
                                    "SEEN",    "SEQ",      "REMOVE",  "GET"};
  return kNames[static_cast<int>(op)];
}

const char* Name(Outcome outcome) {
  constexpr const char* kNames[] = {
      "OK",        "CLAIMED", "REPLAY",     "BUSY",    "MISMATCH",  "TOOOLD",   "NEW",
      "DUPLICATE", "GAP",     "STALE",      "NOTMET",  "ABSENT",    "UNKNOWN",  "FENCED",
      "CONFLICT",  "REFUSED", "WRONG KIND", "INVALID", "NO MEMORY", "NO SPACE", "UNAVAILABLE"};
  return kNames[static_cast<int>(outcome)];
}

const char* Name(State state) {
  constexpr const char* kNames[] = {"absent", "in-progress", "completed", "failed-final",
                                    "failed-retry"};
  return kNames[static_cast<int>(state)];
}

std::string Text(const Fingerprint& fingerprint) {
  constexpr const char* kKinds[] = {"none", "body", "digest"};
  return absl::StrCat(kKinds[static_cast<int>(fingerprint.kind)], ":", fingerprint.high, ":",
                      fingerprint.low);
}

std::string Text(Op op, const Reply& reply) {
  if (reply.outcome >= Outcome::kInvalid) return Name(reply.outcome);  // does not tell of the entry
  return absl::StrCat(Name(reply.outcome), reply.changed ? " changed " : " ", Name(reply.kind), " ",
                      Name(reply.state), FieldsText(op, reply));
}

std::string Text(const Image& image) {
  return absl::StrCat(
      Name(image.kind), " ", Short(image.key), " ", Name(image.state), " token=", image.token,
      " attempt=", image.attempt, " since=", image.since_ms, " until=", image.until_ms,
      " deadline=", image.deadline_ms, " retention=", image.retention_ms, " code=", image.code,
      " fp=", Text(image.fingerprint), Flag(image.hold, "hold"),
      image.has_owner ? absl::StrCat(" owner=", absl::BytesToHexString(absl::string_view(
                                                    image.owner.data(), image.owner.size())))
                      : "",
      " value=", Short(image.value),
      image.kind == Kind::kSequence
          ? absl::StrCat(" epoch=", image.sequence.epoch, " next=", image.sequence.next,
                         " ahead=", image.sequence.ahead)
          : "",
      image.value_omitted
          ? absl::StrCat(" omitted=", image.omitted_bytes, ":", image.omitted_checksum)
          : "");
}

}  // namespace idem::engine
