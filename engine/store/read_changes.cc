// The half of Core that reads the change stream and keeps its cursors.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "store/core.h"
#include "store/cursors.h"

namespace idem::engine {
namespace {

constexpr size_t kPageChangesMax = 1000;

absl::Status WhyInvalid(const ChangesOptions& options) {
  if (options.count == 0 || options.count > kPageChangesMax) {
    return absl::InvalidArgumentError("count must be 1 to 1000");
  }
  if (options.cursor.size() > kCursorNameBytesMax) {
    return absl::InvalidArgumentError("the name of a cursor must have at most 256 bytes");
  }
  return absl::OkStatus();
}

absl::Status Ahead(Lsn after, Lsn synced) {
  return absl::FailedPreconditionError(
      absl::StrCat("LSN ", after, " is ahead of this log, which was synced up to ", synced,
                   ": is the store another one, or restored from a copy?"));
}

Request AboutCursor(Op op, std::string_view key) {
  Request request;
  request.op = op;
  request.kind = Kind::kRegister;
  request.key = key;
  request.want_value = true;
  return request;
}

bool IsAnswer(const Reply& reply) {
  return reply.outcome == Outcome::kOk || reply.outcome == Outcome::kAbsent ||
         reply.outcome == Outcome::kNotMet;
}

}  // namespace

absl::StatusOr<ChangesAnswer> Core::ReadChanges(Lsn after, const ChangesOptions& options,
                                                Reply& cursor) {
  cursor = Reply{};
  absl::Status status = WhyInvalid(options);
  if (!status.ok()) return status;
  // Read before the file is: what is synced meanwhile is not missed by who goes on.
  const Lsn synced = log_->synced();
  if (after > synced) return Ahead(after, synced);
  if (!options.cursor.empty() && options_.durability != Durability::kMemory) {
    const absl::StatusOr<Lsn> stands = MoveCursor(CursorKey(options.cursor), after, cursor);
    if (!stands.ok()) return stands.status();
    after = *stands;
    if (after > synced) return Ahead(after, synced);
  }
  return log_->ReadChanges(after, options);
}

// Forward only, so a call that is made again does no harm. Returns where it stands.
absl::StatusOr<Lsn> Core::MoveCursor(const std::string& key, Lsn to, Reply& reply) {
  constexpr auto kBy = Store::CommitBy::kCaller;
  if (!cursors_.Add(key)) return absl::ResourceExhaustedError("there are 1000 cursors already");
  while (true) {
    const Request get = AboutCursor(Op::kGet, key);
    if (Execute({&get, 1}, {&reply, 1}, kBy) == 0)
      return absl::CancelledError("the backlog is full");
    if (!IsAnswer(reply)) return absl::AbortedError("see the reply");
    const bool absent = reply.outcome == Outcome::kAbsent;
    const std::optional<Lsn> stands = absent ? Lsn{0} : CursorLsn(reply.response.bytes());
    if (!stands.has_value()) {
      return absl::FailedPreconditionError(
          absl::StrCat("the value at ", key, " is no LSN, so it is no cursor; remove it"));
    }
    if (!absent && *stands >= to) return *stands;
    const std::string value = CursorValue(to);
    Request put = AboutCursor(Op::kPut, key);
    put.value = value;
    put.condition = idem::Condition::kIfVersion;
    put.expected_version = absent ? 0 : reply.token;
    if (Execute({&put, 1}, {&reply, 1}, kBy) == 0)
      return absl::CancelledError("the backlog is full");
    if (!IsAnswer(reply)) return absl::AbortedError("see the reply");
    if (reply.outcome != Outcome::kOk) continue;  // somebody else has moved it
    cursors_.Add(key);  // again: one that was absent may have been forgotten meanwhile
    return to;
  }
}

// What the cursor that is furthest behind wants. One that somebody removed wants nothing.
LogPin Core::Pin() {
  LogPin pin;
  for (const std::string& key : cursors_.keys()) {
    const Request get = AboutCursor(Op::kGet, key);
    Reply reply;
    if (Execute({&get, 1}, {&reply, 1}, Store::CommitBy::kCaller) == 0) return {0, 0};
    const std::optional<Lsn> stands = CursorLsn(reply.response.bytes());
    if (reply.outcome != Outcome::kOk || !stands.has_value()) {
      cursors_.Forget(key);
    } else {
      pin.upto = std::min(pin.upto, *stands);
    }
    pin.lsn = std::max(pin.lsn, reply.lsn);
  }
  return pin;
}

}  // namespace idem::engine
