// What the parts of the state machine share: how a reply tells of an entry.
#include <algorithm>

#include "base/seeded_bug.h"
#include "store/transition.h"

namespace idem::engine {

int64_t LeaseEndMs(const Image& entry, const Moment& moment) {
  // Store time stands still while closed: the last claim before the open can have its very moment.
  const bool made_before_open = entry.since_ms <= moment.opened_ms && !IDEM_BUG(no_restart_grace);
  return made_before_open ? std::max(entry.until_ms, moment.grace_end_ms) : entry.until_ms;
}

void OmitValue(std::string_view value, const HashSecret& secret, Image& image) {
  image.value = {};
  image.value_body = nullptr;
  image.value_omitted = true;
  image.omitted_bytes = value.size();
  image.omitted_checksum = KeyedHash64(secret, value);
}

void GiveValue(const Image& entry, Reply& reply) {
  if (entry.value_body != nullptr) {
    reply.response.Share(entry.value_body);
  } else if (!entry.value.empty()) {
    reply.response.Copy(entry.value);
  }
}

void Describe(const Image& entry, const Moment& moment, bool with_value, Reply& reply) {
  const bool has_steps = entry.kind == Kind::kRecord && !entry.finished();
  reply.code = entry.code;
  reply.held = entry.hold;
  reply.has_owner = entry.has_owner;
  reply.attempt = entry.attempt;
  reply.fingerprint = entry.fingerprint;
  reply.value_omitted = entry.value_omitted;
  if (!has_steps) {
    reply.value_bytes = entry.value_omitted ? entry.omitted_bytes : entry.value.size();
  }
  reply.ttl_ms = entry.deadline_ms == 0 ? -1 : entry.deadline_ms - moment.now_ms;
  reply.deadline_ms = ToldDeadline(entry, moment);
  reply.epoch = entry.sequence.epoch;
  reply.seq = entry.sequence.next;
  if (entry.state == State::kInProgress) {
    reply.lease_ms = std::max<int64_t>(0, LeaseEndMs(entry, moment) - moment.now_ms);
    reply.orphaned = reply.lease_ms == 0;
  } else if (entry.state == State::kFailedRetry) {
    reply.retry_after_ms = std::max<int64_t>(0, entry.until_ms - moment.now_ms);
  }
  if (with_value || has_steps) GiveValue(entry, reply);
}

}  // namespace idem::engine
