// The half of the model that knows about records: claims, finishes, takeovers.
#include <algorithm>
#include <utility>

#include "tests/support/model.h"

namespace idem::engine {

// Owners of claims from before the open get time to come back.
int64_t Model::LeaseEnd(const Record& record) const {
  if (record.since_ms > opened_ms_) return record.until_ms;
  return std::max(record.until_ms, opened_ms_ + grace_ms_);
}

Reply Model::Begin(const Request& request, Entry* entry, const Reply& told) {
  if (entry == nullptr) {
    if (request.condition == Condition::kIfPresent) return Plain(Outcome::kNotMet);
    const int64_t retention_ms = request.retention_ms.value_or(default_retention_ms_);
    const bool old =
        request.issued_unix_ms != 0 && wall_ms_ - request.issued_unix_ms > retention_ms;
    if (old) return Plain(Outcome::kTooOld);
    return Refused(told) ? Plain(Outcome::kOutOfMemory) : Claim(request, nullptr, told);
  }
  Record& record = std::get<Record>(entry->what);
  if (!(record.fingerprint == request.fingerprint)) return Plain(Outcome::kMismatch);
  switch (record.state) {
    case State::kInProgress:
      if (!record.owner.empty() && record.owner == request.owner)
        return RenewClaim(request, *entry);
      if (now_ms_ < LeaseEnd(record)) {
        return Busy(record, Busy::Reason::kRunning, LeaseEnd(record));
      }
      if (record.hold) return Busy(record, Busy::Reason::kHeld, now_ms_);
      return Claim(request, entry, told);
    case State::kFailedRetry:
      if (now_ms_ < record.until_ms) return Busy(record, Busy::Reason::kBackoff, record.until_ms);
      return Claim(request, entry, told);
    default:
      Request get = request;
      get.want_value = true;
      Reply reply = Get(get, entry, told);
      reply.outcome = Outcome::kReplay;
      return reply;
  }
}

// As a BEGIN that never gets the claim.
Reply Model::Await(const Request& request, Entry* entry, const Reply& told) {
  if (entry == nullptr) return Plain(Outcome::kAbsent);
  const Record& record = std::get<Record>(entry->what);
  if (!(record.fingerprint == request.fingerprint)) return Plain(Outcome::kMismatch);
  const bool runs = record.state == State::kInProgress;
  if (!runs && record.state != State::kFailedRetry) {
    Request get = request;
    get.want_value = true;
    Reply reply = Get(get, entry, told);
    reply.outcome = Outcome::kReplay;
    return reply;
  }
  const int64_t until_ms = std::max(now_ms_, runs ? LeaseEnd(record) : record.until_ms);
  if (!runs) return Busy(record, Busy::Reason::kBackoff, until_ms);
  const bool held = record.hold && until_ms == now_ms_;
  return Busy(record, held ? Busy::Reason::kHeld : Busy::Reason::kRunning, until_ms);
}

Reply Model::Claim(const Request& request, Entry* entry, const Reply& told) {
  const int64_t lease_ms = request.lease_ms.value_or(default_lease_ms_);
  Record record;
  record.attempt = entry == nullptr ? 1 : std::get<Record>(entry->what).attempt + 1;
  record.token = TakeToken(told);
  record.fingerprint = request.fingerprint;
  record.owner = request.owner;
  record.hold = request.hold;
  record.since_ms = now_ms_;
  record.until_ms = now_ms_ + lease_ms;
  record.retention_ms = request.retention_ms.value_or(default_retention_ms_);
  if (entry != nullptr) record.steps = std::get<Record>(entry->what).steps;
  Reply reply = Changed(Outcome::kClaimed, State::kInProgress);
  reply.response = ResponseOf(Packed(record));
  reply.token = record.token;
  reply.attempt = record.attempt;
  reply.lease_ms = lease_ms;
  Entry claimed{.what = record};
  if (!record.hold) claimed.forget_ms = record.until_ms + record.retention_ms;
  Install(request.key, std::move(claimed));
  return reply;
}

Reply Model::RenewClaim(const Request& request, Entry& entry) {
  Record& record = std::get<Record>(entry.what);
  const int64_t lease_ms = request.lease_ms.value_or(default_lease_ms_);
  const int64_t retention_ms = request.retention_ms.value_or(default_retention_ms_);
  record.until_ms = std::max(record.until_ms, now_ms_ + lease_ms);
  record.retention_ms = std::max(record.retention_ms, retention_ms);
  if (entry.forget_ms.has_value()) {
    entry.forget_ms = std::max(*entry.forget_ms, record.until_ms + record.retention_ms);
  }
  Reply reply = Changed(Outcome::kClaimed, State::kInProgress);
  reply.response = ResponseOf(Packed(record));
  reply.attempt = record.attempt;
  reply.lease_ms = record.until_ms - now_ms_;
  return reply;
}

Reply Model::Busy(const Record& record, Busy::Reason reason, int64_t until_ms) const {
  Reply reply = Plain(Outcome::kBusy);
  reply.busy_reason = reason;
  reply.retry_after_ms = until_ms - now_ms_;
  reply.attempt = record.attempt;
  reply.age_ms = now_ms_ - record.since_ms;
  return reply;
}

Reply Model::Settle(const Request& request, Entry* entry, const Reply& told) {
  if (entry == nullptr) return Plain(Outcome::kUnknownKey);
  Record& record = std::get<Record>(entry->what);
  if (record.token != request.token) return Plain(Outcome::kFenced);
  const bool running = record.state == State::kInProgress;
  switch (request.op) {
    case Op::kExtend:
      return running ? Extend(request, *entry) : Plain(Outcome::kConflict);
    case Op::kRelease:
      if (!running) return Plain(Outcome::kConflict);
      if (!record.steps.empty()) return Plain(Outcome::kRefused);
      Forget(request.key);
      return Changed(Outcome::kOk, State::kAbsent);
    case Op::kStep:
      return running ? MakeStep(request, record, told) : Plain(Outcome::kConflict);
    case Op::kComplete:
      return Finish(request, *entry, State::kCompleted);
    default:
      if (request.final) return Finish(request, *entry, State::kFailedFinal);
      if (running) return FailForRetry(*entry, request.after_ms);
      return Plain(record.state == State::kFailedRetry ? Outcome::kOk : Outcome::kConflict);
  }
}

Reply Model::Extend(const Request& request, Entry& entry) {
  Record& record = std::get<Record>(entry.what);
  const int64_t until_ms = now_ms_ + *request.lease_ms;
  if (until_ms <= record.until_ms) return Plain(Outcome::kOk);
  record.until_ms = until_ms;
  if (entry.forget_ms.has_value()) {
    entry.forget_ms = std::max(*entry.forget_ms, until_ms + record.retention_ms);
  }
  return Changed(Outcome::kOk, State::kInProgress);
}

Reply Model::MakeStep(const Request& request, Record& record, const Reply& told) {
  size_t bytes = request.step.size() + request.value.size();
  for (const auto& [name, data] : record.steps) {
    if (name == request.step)
      return Plain(data == request.value ? Outcome::kOk : Outcome::kConflict);
    bytes += name.size() + data.size();
  }
  if (record.steps.size() == steps_max_ || bytes > step_bytes_max_) return Plain(Outcome::kInvalid);
  if (Refused(told)) return Plain(Outcome::kOutOfMemory);
  record.steps.emplace_back(request.step, request.value);
  return Changed(Outcome::kOk, State::kInProgress);
}

// As log/steps.h says: one byte of name's length, two of the data's.
std::string Model::Packed(const Record& record) {
  std::string packed;
  for (const auto& [name, data] : record.steps) {
    packed += static_cast<char>(name.size());
    packed += static_cast<char>(data.size() % 256);
    packed += static_cast<char>(data.size() / 256);
    packed += name + data;
  }
  return packed;
}

Reply Model::Finish(const Request& request, Entry& entry, State state) {
  Record& record = std::get<Record>(entry.what);
  if (record.state != State::kInProgress) {
    const bool same =
        record.state == state && record.code == request.code && record.response == request.value;
    return Plain(same ? Outcome::kOk : Outcome::kConflict);
  }
  SetResponse(request.value, record);
  record.steps.clear();
  record.state = state;
  record.code = request.code;
  record.since_ms = now_ms_;
  record.hold = false;
  record.owner.clear();
  entry.forget_ms = now_ms_ + std::max(record.retention_ms, request.retention_ms.value_or(0));
  return Changed(Outcome::kOk, state);
}

void Model::SetResponse(std::string_view response, Record& record) const {
  record.response = response;
  record.omitted = response.size() > response_bytes_max_;
  record.may_be_omitted = memory_may_be_short_ && !record.omitted && !response.empty();
}

Reply Model::FailForRetry(Entry& entry, int64_t after_ms) {
  Record& record = std::get<Record>(entry.what);
  record.state = State::kFailedRetry;
  record.since_ms = now_ms_;
  record.until_ms = now_ms_ + after_ms;
  record.hold = false;
  record.owner.clear();
  entry.forget_ms = std::max(entry.forget_ms.value_or(0), record.until_ms + record.retention_ms);
  return Changed(Outcome::kOk, State::kFailedRetry);
}

Reply Model::Resolve(const Request& request, Entry* entry, const Reply& told) {
  if (entry == nullptr) return Plain(Outcome::kUnknownKey);
  Record& record = std::get<Record>(entry->what);
  const bool runs = record.state == State::kInProgress && now_ms_ < LeaseEnd(record);
  const bool finished = record.state == State::kCompleted || record.state == State::kFailedFinal;
  if (runs || finished) return Plain(Outcome::kRefused);
  Reply reply;
  if (request.resolution == Resolution::kClaimable) {
    reply = FailForRetry(*entry, 0);
  } else {
    record.state = State::kInProgress;  // a pause is over, too
    Request finish;
    finish.value = request.value;
    reply = Finish(
        finish, *entry,
        request.resolution == Resolution::kCompleted ? State::kCompleted : State::kFailedFinal);
  }
  record.token = TakeToken(told);
  return reply;
}

Reply Model::RemoveRecord(const Request& request, Entry& entry, const Reply& told) {
  Record& record = std::get<Record>(entry.what);
  if (record.state == State::kInProgress && !request.force) return Plain(Outcome::kRefused);
  if (request.body) return ForgetBody(record, told);
  Forget(request.key);
  return Changed(Outcome::kOk, State::kAbsent);
}

// Its response, or the data of its steps.
Reply Model::ForgetBody(Record& record, const Reply& told) {
  bool has_data = false;
  for (auto& [name, data] : record.steps) has_data |= !std::exchange(data, "").empty();
  // Where memory was short the store may have dropped it already.
  if (std::exchange(record.may_be_omitted, false)) record.omitted = !told.changed;
  const bool finished = record.state == State::kCompleted || record.state == State::kFailedFinal;
  if (finished && !record.omitted && !record.response.empty()) {
    has_data = true;
    record.omitted = true;
  }
  return has_data ? Changed(Outcome::kOk, record.state) : Plain(Outcome::kOk);
}

}  // namespace idem::engine
