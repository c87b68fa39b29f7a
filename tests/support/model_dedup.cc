// The part of the model that knows about seen ids and sequences. A producer is the set of all the
// numbers that came.
#include <algorithm>
#include <utility>

#include "tests/support/model.h"

namespace idem::engine {

Reply Model::Seen(const Request& request, Entry* entry, const Reply& told) {
  constexpr int64_t kDefaultCapMs = int64_t{90} * 86'400'000;
  const int64_t named_ms = now_ms_ + request.retention_ms.value_or(default_retention_ms_);
  const int64_t cap_ms = now_ms_ + request.cap_ms.value_or(kDefaultCapMs);
  if (entry == nullptr) {
    if (Refused(told)) return Plain(Outcome::kOutOfMemory);
    Entry seen{.what = SeenId{}, .forget_ms = named_ms};
    if (request.refresh) std::get<SeenId>(seen.what).capped_ms = cap_ms;
    Install(request.key, std::move(seen));
    Reply reply = Changed(Outcome::kNew, State::kAbsent);
    reply.ttl_ms = named_ms - now_ms_;
    return reply;
  }
  Reply reply = Plain(Outcome::kDuplicate);
  SeenId& seen = std::get<SeenId>(entry->what);
  const int64_t refreshed_ms = std::min(named_ms, seen.capped_ms.value_or(cap_ms));
  if (request.refresh && refreshed_ms > *entry->forget_ms) {
    if (Refused(told)) return Plain(Outcome::kOutOfMemory);
    if (!seen.capped_ms.has_value()) seen.capped_ms = cap_ms;
    entry->forget_ms = refreshed_ms;
    reply.changed = true;
  }
  reply.ttl_ms = *entry->forget_ms - now_ms_;
  return reply;
}

uint64_t Model::NextOf(const Producer& producer) {
  uint64_t next = 0;
  for (const uint64_t seq : producer.came) {
    if (seq != next) break;
    ++next;
  }
  return next;
}

Reply Model::Seq(const Request& request, Entry* entry, const Reply& told) {
  const Producer* const known = entry == nullptr ? nullptr : &std::get<Producer>(entry->what);
  const bool begins = known == nullptr || known->epoch < request.epoch;
  Producer producer = begins ? Producer{request.epoch, {}} : *known;
  Reply reply;
  reply.epoch = producer.epoch;
  reply.seq = NextOf(producer);
  if (producer.epoch > request.epoch) {
    reply.outcome = Outcome::kStaleEpoch;
  } else if (producer.came.contains(request.seq)) {
    reply.outcome = Outcome::kDuplicate;
  } else if (request.seq > reply.seq + (begins ? 0 : request.window)) {
    reply.outcome = Outcome::kGap;
  } else if (Refused(told)) {
    return Plain(Outcome::kOutOfMemory);
  } else {
    producer.came.insert(request.seq);
    reply.seq = NextOf(producer);
    Entry next{.what = std::move(producer)};
    const int64_t ttl_ms = request.retention_ms.value_or(default_retention_ms_);
    if (ttl_ms != 0) next.forget_ms = now_ms_ + ttl_ms;
    Install(request.key, std::move(next));
    reply.outcome = Outcome::kNew;
    reply.changed = true;
  }
  return reply;
}

}  // namespace idem::engine
