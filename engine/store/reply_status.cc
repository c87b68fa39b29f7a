#include "store/reply_status.h"

namespace idem::engine {

absl::Status StatusOf(const Reply& reply, Op op) {
  switch (reply.outcome) {
    case Outcome::kInvalid:
      return absl::InvalidArgumentError(reply.error);
    case Outcome::kOutOfMemory:
      return absl::ResourceExhaustedError(
          "memory is at 90 % of its limit: new claims are refused; raise memory_limit_bytes");
    case Outcome::kQuotaFull:
      return absl::ResourceExhaustedError(
          "the namespace of the key is full: new entries are refused there; raise its max_entries "
          "or max_bytes, or shorten its retention");
    case Outcome::kNoSpace:
      return absl::ResourceExhaustedError(
          "the disk is full: new claims are refused; free space, no restart is needed");
    case Outcome::kUnavailable:
      return absl::DataLossError("the log has failed; open the store anew");
    case Outcome::kWrongKind:
      return absl::FailedPreconditionError("the key holds an entry of another kind");
    case Outcome::kFenced:
      return absl::FailedPreconditionError(
          "fenced: the key has a newer token; this claim's work no longer counts");
    case Outcome::kUnknownKey:
      return absl::NotFoundError("the key is unknown: forgotten, released, or its time is over");
    case Outcome::kConflict:
      return absl::AbortedError(
          op == Op::kStep ? "already settled, or the step was made with other data, which stands"
                          : "already settled in another way; the first settlement stands");
    case Outcome::kRefused:
      return absl::FailedPreconditionError(op == Op::kRelease
                                               ? "the claim has steps; FailRetry keeps them"
                                               : "the claim is in progress; use force");
    default:
      return absl::OkStatus();
  }
}

}  // namespace idem::engine
