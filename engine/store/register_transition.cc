// The half of the state machine that decides about registers: plain values with a version and a
// deadline. Redis' string and expiry commands are built on these few calls in the server.
#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/seeded_bug.h"
#include "store/transition.h"

namespace idem::engine {
namespace {

bool HasDeadline(const Image& entry, std::optional<int64_t> told_ms, const Moment& moment) {
  return !told_ms.has_value() || ToldDeadline(entry, moment) == *told_ms;
}

bool Holds(const Image& entry, const Request& request, const Moment& moment) {
  switch (request.condition) {
    case Condition::kAlways:
      return true;
    case Condition::kIfAbsent:
      return entry.absent();
    case Condition::kIfPresent:
      return !entry.absent();
    case Condition::kIfValue:
      return !entry.absent() && entry.value == request.expected_value;
    case Condition::kIfVersion:  // version 0 is "not there yet"
      return (entry.token == request.expected_version || IDEM_BUG(cas_version_not_compared)) &&
             HasDeadline(entry, request.expected_deadline_ms, moment);
  }
  IDEM_CHECK(false);
  return false;
}

int64_t NamedDeadline(const Request& request, const Moment& moment) {
  if (request.deadline_ms != 0) return std::max<int64_t>(1, request.deadline_ms + moment.offset_ms);
  const int64_t ttl_ms = request.retention_ms.value_or(0);
  return ttl_ms == 0 ? 0 : moment.now_ms + ttl_ms;
}

bool Passed(int64_t deadline_ms, const Moment& moment) {
  return deadline_ms != 0 && deadline_ms <= moment.now_ms;
}

void DescribeIfWanted(const Image& entry, const Request& request, const Moment& moment,
                      Reply& reply) {
  if (!entry.absent()) Describe(entry, moment, request.want_value, reply);
}

Change Put(const Image& entry, const Request& request, const Moment& moment, Image& next,
           Reply& reply) {
  DescribeIfWanted(entry, request, moment, reply);
  if (!Holds(entry, request, moment)) return Answer(reply, Outcome::kNotMet);
  const int64_t deadline_ms =
      request.keep_deadline ? entry.deadline_ms : NamedDeadline(request, moment);
  if (Passed(deadline_ms, moment)) return entry.absent() ? Change::kNone : Change::kRemove;
  if (moment.disk_full) return Answer(reply, Outcome::kNoSpace);
  const bool grows = entry.absent() || request.value.size() > entry.value.size();
  if (const auto refusal = WhyNoNewEntry(moment); refusal && grows) {
    return Answer(reply, *refusal);
  }
  next = Image{};
  next.key = request.key;
  next.kind = Kind::kRegister;
  next.value = request.value;
  next.deadline_ms = deadline_ms;
  return Change::kInstallNewToken;
}

Change SetDeadline(const Image& entry, const Request& request, const Moment& moment, Image& next,
                   Reply& reply) {
  if (entry.absent()) return Answer(reply, Outcome::kAbsent);
  const int64_t deadline_ms = NamedDeadline(request, moment);
  if (!Holds(entry, request, moment) ||
      !idem::Holds(request.deadline_condition, entry.deadline_ms, deadline_ms)) {
    return Answer(reply, Outcome::kNotMet);
  }
  if (Passed(deadline_ms, moment)) return Change::kRemove;
  if (moment.disk_full) return Answer(reply, Outcome::kNoSpace);
  next = entry;
  next.deadline_ms = deadline_ms;
  return Change::kInstall;
}

Change Remove(const Image& entry, const Request& request, const Moment& moment, Reply& reply) {
  DescribeIfWanted(entry, request, moment, reply);
  if (!Holds(entry, request, moment)) return Answer(reply, Outcome::kNotMet);
  return Change::kRemove;
}

}  // namespace

Change RegisterTransition(const Image& entry, const Request& request, const Moment& moment,
                          Image& next, Reply& reply) {
  if (request.op == Op::kPut) return Put(entry, request, moment, next, reply);
  if (request.op == Op::kSetDeadline) return SetDeadline(entry, request, moment, next, reply);
  return Remove(entry, request, moment, reply);
}

}  // namespace idem::engine
