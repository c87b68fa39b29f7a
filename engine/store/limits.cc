#include "store/limits.h"

#include "log/image.h"
#include "log/steps.h"

namespace idem::engine {
namespace {

constexpr const char* kBadKey = "key must have 1 to 1024 bytes";
constexpr const char* kBadOwner = "owner must have at most 64 bytes; send a digest of a longer one";
constexpr const char* kBadLease = "lease must be 1 to 86400000 ms (24 hours)";
constexpr const char* kBadRetention = "retention must be 1 to 7776000000 ms (90 days)";
constexpr const char* kShortRetention =
    "retention is shorter than the lease; name a longer retention or a shorter lease";
constexpr const char* kBadAfter = "pause before a retry must be 0 to 7776000000 ms (90 days)";
constexpr const char* kBadWait = "time to wait must be 0 to 60000 ms (one minute)";
constexpr const char* kBadIssued = "time of issue must be positive milliseconds since 1970";
constexpr const char* kNoFingerprint =
    "keys of this namespace need a fingerprint; name the request's body or its digest";
constexpr const char* kBadValue =
    "value is larger than max_response_bytes; store a reference to it";
constexpr const char* kHugeValue = "response is larger than 16 MiB; store a reference to it";
constexpr const char* kBadDeadline = "time to live must be 0 (none) to 100 years in ms";
constexpr const char* kBadCap =
    "cap must be at least the retention, at most 31536000000 ms (365 days)";
constexpr const char* kBadSeq = "sequence number must be 0 to 9007199254740991";
constexpr const char* kBadWindow = "window must be 0 to 64";
constexpr const char* kBadStepName = "name of a step must have 1 to 255 bytes";
constexpr const char* kHugeStep =
    "step is larger than max_step_bytes; store its data elsewhere and keep a reference";
constexpr const char* kBadToken = "token must be the number that BEGIN gave";

bool Within(int64_t value, int64_t low, int64_t high) { return value >= low && value <= high; }

const char* WhyInvalidWait(const Request& request) {
  return Within(request.wait_ms, 0, kWaitMsMax) ? nullptr : kBadWait;
}

const char* WhyInvalidBegin(const Request& request, const Policy& policy) {
  const int64_t lease_ms = request.lease_ms.value_or(policy.default_lease_ms);
  const int64_t retention_ms = request.retention_ms.value_or(policy.default_retention_ms);
  if (request.owner.size() > kOwnerBytesMax) return kBadOwner;
  if (!Within(lease_ms, 1, kLeaseMsMax)) return kBadLease;
  if (!Within(retention_ms, 1, kRetentionMsMax)) return kBadRetention;
  if (retention_ms < lease_ms) return kShortRetention;
  if (request.issued_unix_ms < 0) return kBadIssued;
  const bool has_fingerprint = request.fingerprint.kind != Fingerprint::Kind::kNone;
  if (policy.fingerprint_required && !has_fingerprint) return kNoFingerprint;
  return WhyInvalidWait(request);
}

const char* WhyInvalidToken(const Request& request) {
  return request.token == 0 || request.token > kTokenMax ? kBadToken : nullptr;
}

const char* WhyInvalidFinish(const Request& request) {
  if (request.value.size() > kResponseBytesMax) return kHugeValue;
  if (!Within(request.retention_ms.value_or(1), 1, kRetentionMsMax)) return kBadRetention;
  return WhyInvalidToken(request);
}

const char* WhyInvalidFailRetry(const Request& request) {
  if (!Within(request.after_ms, 0, kRetentionMsMax)) return kBadAfter;
  return WhyInvalidToken(request);
}

const char* WhyInvalidExtend(const Request& request) {
  if (!Within(request.lease_ms.value_or(0), 1, kLeaseMsMax)) return kBadLease;
  return WhyInvalidToken(request);
}

const char* WhyInvalidStep(const Request& request, const Policy& policy) {
  if (request.step.empty() || request.step.size() > kStepNameBytesMax) return kBadStepName;
  if (request.step.size() + request.value.size() > policy.max_step_bytes) return kHugeStep;
  return WhyInvalidToken(request);
}

const char* WhyInvalidDeadline(const Request& request) {
  const bool valid = Within(request.retention_ms.value_or(0), 0, kDeadlineMsMax) &&
                     Within(request.deadline_ms, 0, kMomentMsMax);
  return valid ? nullptr : kBadDeadline;
}

const char* WhyInvalidPut(const Request& request, const Policy& policy) {
  if (request.value.size() > policy.max_response_bytes) return kBadValue;
  return WhyInvalidDeadline(request);
}

const char* WhyInvalidSeen(const Request& request, const Policy& policy) {
  const int64_t retention_ms = request.retention_ms.value_or(policy.default_retention_ms);
  if (!Within(retention_ms, 1, kRetentionMsMax)) return kBadRetention;
  if (!Within(request.cap_ms.value_or(retention_ms), retention_ms, kRefreshMsMax)) return kBadCap;
  return nullptr;
}

const char* WhyInvalidSeq(const Request& request) {
  if (request.seq > Sequence::kSeqMax) return kBadSeq;
  if (request.window > Sequence::kWindowMax) return kBadWindow;
  return WhyInvalidDeadline(request);
}

}  // namespace

const char* WhyInvalid(const Request& request, const Policy& policy) {
  if (request.key.empty() || request.key.size() > kKeyBytesMax) return kBadKey;
  switch (request.op) {
    case Op::kBegin:
      return WhyInvalidBegin(request, policy);
    case Op::kAwait:
      return WhyInvalidWait(request);
    case Op::kComplete:
      return WhyInvalidFinish(request);
    case Op::kFail:
      return request.final ? WhyInvalidFinish(request) : WhyInvalidFailRetry(request);
    case Op::kExtend:
      return WhyInvalidExtend(request);
    case Op::kStep:
      return WhyInvalidStep(request, policy);
    case Op::kRelease:
      return WhyInvalidToken(request);
    case Op::kResolve:
      return request.value.size() > kResponseBytesMax ? kHugeValue : nullptr;
    case Op::kPut:
      return WhyInvalidPut(request, policy);
    case Op::kSetDeadline:
      return WhyInvalidDeadline(request);
    case Op::kSeen:
      return WhyInvalidSeen(request, policy);
    case Op::kSeq:
      return WhyInvalidSeq(request);
    case Op::kRemove:
    case Op::kGet:
      return nullptr;
  }
  return "unknown operation";
}

}  // namespace idem::engine
