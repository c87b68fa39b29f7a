// The part of the state machine that decides about seen ids and sequences: dedup without a claim.
// Both have no token: nothing is handed out that somebody could come back with.
#include <algorithm>
#include <bit>

#include "base/seeded_bug.h"
#include "store/transition.h"

namespace idem::engine {
namespace {

Change Mark(const Request& request, Kind kind, int64_t deadline_ms, Image& next) {
  next = Image{};
  next.key = request.key;
  next.kind = kind;
  next.deadline_ms = deadline_ms;
  return Change::kInstall;
}

// --- seen ids ---

// A refresh lets the id live longer, from now on, but not beyond what the first one named as its
// cap: however often an id comes, it is forgotten one day.
Change Seen(const Image& entry, const Request& request, const Moment& moment, Image& next,
            Reply& reply) {
  const int64_t ttl_ms = request.retention_ms.value_or(moment.policy->default_retention_ms);
  int64_t until_ms = entry.until_ms;
  if (request.refresh && until_ms == 0) {
    until_ms = moment.now_ms + request.cap_ms.value_or(kRetentionMsMax);
  }
  int64_t deadline_ms = entry.absent() ? moment.now_ms + ttl_ms : entry.deadline_ms;
  if (request.refresh) {
    const int64_t wanted_ms = moment.now_ms + ttl_ms;
    const bool capped = !IDEM_BUG(seen_cap_ignored);
    deadline_ms = std::max(deadline_ms, capped ? std::min(wanted_ms, until_ms) : wanted_ms);
  }
  const bool changes = entry.absent() || deadline_ms != entry.deadline_ms;
  if (changes && moment.disk_full) return Answer(reply, Outcome::kNoSpace);
  if (const auto refusal = WhyNoNewEntry(moment); refusal && entry.absent()) {
    return Answer(reply, *refusal);
  }
  reply.ttl_ms = deadline_ms - moment.now_ms;
  reply.outcome = entry.absent() ? Outcome::kNew : Outcome::kDuplicate;
  if (!changes) return Change::kNone;
  Mark(request, Kind::kSeen, deadline_ms, next);
  next.until_ms = until_ms;
  return Change::kInstall;
}

// --- sequences ---

bool Came(const Sequence& sequence, uint64_t seq) {
  if (seq <= sequence.next) return seq < sequence.next;
  const uint64_t ahead = seq - sequence.next - 1;
  return ahead < Sequence::kWindowMax && (sequence.ahead >> ahead & 1) != 0;
}

// `seq` has not come and is at most kWindowMax beyond the next one.
Sequence WithNumber(Sequence sequence, uint64_t seq) {
  if (seq != sequence.next) {
    sequence.ahead |= uint64_t{1} << (seq - sequence.next - 1);
    return sequence;
  }
  const int came = std::countr_one(sequence.ahead);
  sequence.next += static_cast<uint64_t>(came) + 1;
  sequence.ahead = came + 1 >= 64 ? 0 : sequence.ahead >> (came + 1);
  return sequence;
}

// A producer and its newer epochs begin at 0: what came before is not known, so it is not taken
// for granted. The window is for numbers that overtake each other, not for a beginning.
Change Seq(const Image& entry, const Request& request, const Moment& moment, Image& next,
           Reply& reply) {
  const Sequence& known = entry.sequence;
  const bool begins = entry.absent() || request.epoch > known.epoch;
  const Sequence now = begins ? Sequence{.epoch = request.epoch} : known;
  reply.epoch = now.epoch;
  reply.seq = now.next;
  const bool is_fenced = request.epoch < now.epoch && !IDEM_BUG(older_epoch_taken);
  if (is_fenced) return Answer(reply, Outcome::kStaleEpoch);
  if (Came(now, request.seq)) return Answer(reply, Outcome::kDuplicate);
  const bool is_ahead = request.seq - now.next > (begins ? 0 : request.window);
  if (is_ahead && !IDEM_BUG(gap_taken)) return Answer(reply, Outcome::kGap);
  if (moment.disk_full) return Answer(reply, Outcome::kNoSpace);
  if (const auto refusal = WhyNoNewEntry(moment); refusal && entry.absent()) {
    return Answer(reply, *refusal);
  }
  const int64_t ttl_ms = request.retention_ms.value_or(moment.policy->default_retention_ms);
  Mark(request, Kind::kSequence, ttl_ms == 0 ? 0 : moment.now_ms + ttl_ms, next);
  next.sequence = WithNumber(now, request.seq);
  reply.seq = next.sequence.next;
  reply.outcome = Outcome::kNew;
  return Change::kInstall;
}

}  // namespace

Change DedupTransition(const Image& entry, const Request& request, const Moment& moment,
                       Image& next, Reply& reply) {
  return request.op == Op::kSeen ? Seen(entry, request, moment, next, reply)
                                 : Seq(entry, request, moment, next, reply);
}

}  // namespace idem::engine
