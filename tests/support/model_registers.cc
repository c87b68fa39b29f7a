// The half of the model that knows about registers.
#include <limits>
#include <utility>

#include "tests/support/model.h"

namespace idem::engine {

bool Model::Holds(const Request& request, const Entry* entry) {
  const Register* const found = entry == nullptr ? nullptr : &std::get<Register>(entry->what);
  switch (request.condition) {
    case Condition::kAlways:
      return true;
    case Condition::kIfAbsent:
      return found == nullptr;
    case Condition::kIfPresent:
      return found != nullptr;
    case Condition::kIfValue:
      return found != nullptr && found->value == request.expected_value;
    case Condition::kIfVersion:
      return (found == nullptr ? 0 : found->version) == request.expected_version;
  }
  return false;
}

Reply Model::Put(const Request& request, const Entry* entry, const Reply& told) {
  Reply reply;
  if (entry != nullptr) Describe(*entry, request.want_value, reply);
  if (!Holds(request, entry)) {
    reply.outcome = Outcome::kNotMet;
    return reply;
  }
  std::optional<int64_t> new_ms = NewDeadline(request);
  if (request.keep_deadline) new_ms = entry == nullptr ? std::nullopt : entry->forget_ms;
  if (new_ms.has_value() && *new_ms <= now_ms_) {
    reply.changed = entry != nullptr;
    if (reply.changed) Forget(request.key);
    return reply;
  }
  if (Refused(told)) return Plain(Outcome::kOutOfMemory);
  Entry put{.what = Register{TakeToken(told), std::string(request.value)}};
  put.forget_ms = new_ms;
  reply.token = std::get<Register>(put.what).version;
  reply.changed = true;
  Install(request.key, std::move(put));
  return reply;
}

std::optional<int64_t> Model::NewDeadline(const Request& request) const {
  if (request.deadline_ms != 0) return request.deadline_ms + offset_ms_;
  const int64_t ttl_ms = request.retention_ms.value_or(0);
  return ttl_ms == 0 ? std::nullopt : std::optional(now_ms_ + ttl_ms);
}

bool Model::DeadlineHolds(const Request& request, const Entry& entry, int64_t new_ms) {
  const std::optional<int64_t>& old_ms = entry.forget_ms;
  switch (request.deadline_condition) {
    case DeadlineCondition::kAlways:
      return true;
    case DeadlineCondition::kIfNone:
      return !old_ms.has_value();
    case DeadlineCondition::kIfSet:
      return old_ms.has_value();
    case DeadlineCondition::kIfLater:  // than never nothing is
      return old_ms.has_value() && new_ms > *old_ms;
    case DeadlineCondition::kIfEarlier:
      return new_ms < old_ms.value_or(std::numeric_limits<int64_t>::max());
    case DeadlineCondition::kIfSetAndEarlier:
      return old_ms.has_value() && new_ms < *old_ms;
  }
  return false;
}

Reply Model::SetDeadline(const Request& request, Entry* entry) {
  if (entry == nullptr) return Plain(Outcome::kAbsent);
  const std::optional<int64_t> new_ms = NewDeadline(request);
  const int64_t end_ms = new_ms.value_or(std::numeric_limits<int64_t>::max());
  if (!Holds(request, entry) || !DeadlineHolds(request, *entry, end_ms)) {
    return Plain(Outcome::kNotMet);
  }
  entry->forget_ms = new_ms;
  if (end_ms <= now_ms_) Forget(request.key);
  Reply reply;
  reply.changed = true;
  return reply;
}

Reply Model::RemoveRegister(const Request& request, const Entry& entry) {
  Reply reply;
  Describe(entry, request.want_value, reply);
  if (!Holds(request, &entry)) {
    reply.outcome = Outcome::kNotMet;
    return reply;
  }
  Forget(request.key);
  reply.changed = true;
  return reply;
}

}  // namespace idem::engine
