// What a stripe does beside answering: recovery, walks and counts.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/seeded_bug.h"
#include "store/stripe.h"

namespace idem::engine {
namespace {

// From the front: most retries come soon.
size_t AgeIndex(int64_t age_ms) {
  size_t index = 0;
  while (index < kRetryAgesMs.size() && age_ms > kRetryAgesMs[index]) ++index;
  return index;
}

void CountEntry(const Image& image, size_t bytes, int sign, Stats& counts) {
  const uint64_t one = static_cast<uint64_t>(int64_t{sign});
  switch (image.kind) {
    case Kind::kRegister:
      counts.registers += one;
      counts.register_bytes += one * bytes;
      if (image.deadline_ms != 0) counts.registers_with_deadline += one;
      break;
    case Kind::kSeen:
      counts.seen_ids += one;
      counts.seen_bytes += one * bytes;
      break;
    case Kind::kSequence:
      counts.sequences += one;
      counts.sequence_bytes += one * bytes;
      break;
    default:
      counts.records += one;
      counts.record_bytes += one * bytes;
      if (image.state == State::kInProgress) counts.in_progress += one;
  }
}

}  // namespace

absl::Status Stripe::Apply(const StoredKey& key, Table::Place place, const Image& image, Lsn lsn) {
  if (!FitsEntry(image)) {
    return absl::DataLossError("times that no store comes to, at LSN " + std::to_string(lsn));
  }
  MutexLock lock(mutex_);
  Pending pending;
  pending.key = &key;
  pending.place = place;
  pending.old_ref = FindLocked(key, place);
  if (pending.old_ref != 0) {
    const char* entry = arena_.At(pending.old_ref);
    if (EntryLsn(entry) >= lsn && !IDEM_BUG(older_image_applied)) return absl::OkStatus();
    const bool has_token = image.has_token() || image.absent();
    if (has_token && image.token < ReadEntry(entry).token) {
      return absl::DataLossError("the token of a key falls while its log goes on, at LSN " +
                                 std::to_string(lsn));
    }
  }
  pending.next = image;
  if (image.absent()) {
    pending.change = Change::kRemove;
    if (pending.old_ref != 0 && !IDEM_BUG(removal_not_replayed)) InstallLocked(pending, lsn);
    removal_lsn_ = std::max(removal_lsn_, lsn);
    return absl::OkStatus();
  }
  const bool shared = image.value.size() > kInlineValueBytesMax;
  const BodyRef body(shared ? Body::New(image.value) : nullptr);
  if (shared && body.get() != nullptr) {
    pending.next.value_body = body.get();
    pending.next.value = body.get()->bytes();
  }
  pending.change = Change::kInstall;
  // A store that is being filled does not tell its time; it has come as far as its claims have.
  if (wheel_.size() == 0) wheel_.Advance(TickAt(image.since_ms), 1, [](TimingWheel::Item) {});
  if ((shared && body.get() == nullptr) || !TakeBlockLocked(pending)) {
    return absl::ResourceExhaustedError("the system has no memory for what the log holds");
  }
  InstallLocked(pending, lsn);
  return absl::OkStatus();
}

uint64_t Stripe::CopyFrom(uint64_t from, size_t count, const Moment& moment, std::string& keys,
                          std::vector<Copy>& copies) {
  MutexLock lock(mutex_);
  const Moment now = MomentLocked(moment, nullptr);
  return table_.VisitFrom(from, count, [&](Ref ref) IDEM_NO_ANALYSIS {
    const char* const entry = arena_.At(ref);
    const Image image = ReadEntry(entry);
    if (Expired(image, now.now_ms)) return;
    UuidText buffer;
    keys.append(EntryKeyText(entry, buffer));
    Copy& copy = copies.emplace_back();
    copy.key_end = keys.size();
    Request get;
    Image unchanged;
    Transition(image, get, now, unchanged, copy.about);
    copy.about.lsn = EntryLsn(entry);
  });
}

uint64_t Stripe::AddTo(SnapshotWriter& snapshot, uint64_t from, size_t count) {
  MutexLock lock(mutex_);
  snapshot.Misses(removal_lsn_);
  table_.VisitFrom(from, count, [&](Ref ref) IDEM_NO_ANALYSIS { PrefetchEntry(arena_.At(ref)); });
  return table_.VisitFrom(from, count, [&](Ref ref) IDEM_NO_ANALYSIS {
    const char* const entry = arena_.At(ref);
    UuidText buffer;
    Image image = ReadEntry(entry);
    image.key = EntryKeyText(entry, buffer);
    snapshot.Add(image, EntryLsn(entry));
  });
}

// What an entry takes: its block, and its part of a shared body.
size_t Stripe::MemoryBytesLocked(const Image& image, Ref ref) const {
  const size_t body_bytes = image.value_body == nullptr ? 0 : image.value_body->memory_bytes();
  return arena_.BlockBytes(ref) + body_bytes;
}

void Stripe::CountLocked(const Image& image, Ref ref, int sign) {
  const size_t bytes = MemoryBytesLocked(image, ref);
  sign > 0 ? meter_.Add(bytes) : meter_.Subtract(bytes);
  if (image.value_body != nullptr) bodies_ += static_cast<size_t>(sign);
  CountEntry(image, bytes, sign, counts_);
  if (Namespace* const space = NamespaceOf(arena_.At(ref))) space->CountEntry(bytes, sign);
}

Namespace* Stripe::NamespaceOf(const char* entry) const {
  if (shared_.namespaces == nullptr || shared_.namespaces->empty()) return nullptr;
  UuidText buffer;
  return shared_.namespaces->Find(EntryKeyText(entry, buffer));
}

void Stripe::MeterIndexLocked() {
  const size_t bytes = table_.memory_bytes() + wheel_.memory_bytes();
  if (bytes > index_bytes_) meter_.Add(bytes - index_bytes_);
  if (bytes < index_bytes_) meter_.Subtract(index_bytes_ - bytes);
  index_bytes_ = bytes;
}

void Stripe::CountReplyLocked(const Pending& pending, const Reply& reply) {
  const bool finished =
      reply.outcome == Outcome::kOk && reply.changed && pending.finishes && pending.next.finished();
  if (pending.space != nullptr) pending.space->CountReply(reply, finished);
  switch (reply.outcome) {
    case Outcome::kClaimed:
      ++counts_.claims;
      if (reply.attempt > 1) ++counts_.takeovers;
      break;
    case Outcome::kReplay:
      ++counts_.replays;
      ++counts_.replays_by_age[AgeIndex(reply.age_ms)];
      counts_.replay_ages_ms += reply.age_ms;
      break;
    case Outcome::kBusy:
      ++counts_.busy;
      break;
    case Outcome::kMismatch:
      ++counts_.mismatches;
      break;
    case Outcome::kTooOld:
      ++counts_.too_old;
      break;
    case Outcome::kFenced:
    case Outcome::kStaleEpoch:
      ++counts_.fenced;
      break;
    case Outcome::kUnknownKey:
      ++counts_.unknown_keys;
      break;
    case Outcome::kDuplicate:
      ++counts_.duplicates;
      break;
    case Outcome::kGap:
      ++counts_.gaps;
      break;
    case Outcome::kOutOfMemory:
      ++counts_.refused_for_memory;
      break;
    case Outcome::kNoSpace:
      ++counts_.refused_for_disk;
      break;
    case Outcome::kOk:
      if (!finished) break;
      ++counts_.finishes;
      if (pending.next.value_omitted) ++counts_.responses_omitted;
      break;
    default:
      break;
  }
}

void Stripe::AddStats(Stats& stats) const {
  MutexLock lock(mutex_);
  stats.records += counts_.records;
  stats.registers += counts_.registers;
  stats.registers_with_deadline += counts_.registers_with_deadline;
  stats.in_progress += counts_.in_progress;
  stats.seen_ids += counts_.seen_ids;
  stats.sequences += counts_.sequences;
  stats.record_bytes += counts_.record_bytes;
  stats.register_bytes += counts_.register_bytes;
  stats.seen_bytes += counts_.seen_bytes;
  stats.sequence_bytes += counts_.sequence_bytes;
  stats.index_bytes += table_.memory_bytes();
  stats.wheel_bytes += wheel_.memory_bytes();
  stats.claims += counts_.claims;
  stats.takeovers += counts_.takeovers;
  stats.replays += counts_.replays;
  for (size_t i = 0; i < stats.replays_by_age.size(); ++i) {
    stats.replays_by_age[i] += counts_.replays_by_age[i];
  }
  stats.replay_ages_ms += counts_.replay_ages_ms;
  stats.too_old += counts_.too_old;
  stats.busy += counts_.busy;
  stats.mismatches += counts_.mismatches;
  stats.finishes += counts_.finishes;
  stats.fenced += counts_.fenced;
  stats.unknown_keys += counts_.unknown_keys;
  stats.duplicates += counts_.duplicates;
  stats.gaps += counts_.gaps;
  stats.expired += counts_.expired;
  stats.expired_registers += counts_.expired_registers;
  stats.responses_omitted += counts_.responses_omitted;
  stats.refused_for_memory += counts_.refused_for_memory;
  stats.refused_for_disk += counts_.refused_for_disk;
  const uint64_t now_tick = TickAt(now_ms_);
  const uint64_t due_tick = std::min(wheel_.next_tick().value_or(now_tick), now_tick);
  const int64_t lag_ms = static_cast<int64_t>(now_tick - due_tick) * kTickMs;
  stats.timer_lag_ms = std::max(stats.timer_lag_ms, lag_ms);
}

void Stripe::CheckInvariants() const {
  MutexLock lock(mutex_);
  arena_.CheckInvariants();
  chunks_.CheckInvariants();
  table_.CheckInvariants();
  wheel_.CheckInvariants();
  Stats counts;
  size_t bytes = index_bytes_;
  size_t bodies = 0;
  for (uint64_t from = 0; from < Table::kEnd;) {
    from = table_.VisitFrom(from, table_.size(), [&](Ref ref) IDEM_NO_ANALYSIS {
      UuidText buffer;
      const StoredKey key(EntryKeyText(arena_.At(ref), buffer));
      const Image image = ReadEntry(arena_.At(ref));
      IDEM_CHECK(EntryBytes(image, key) <= arena_.BlockBytes(ref));
      const size_t entry_bytes = MemoryBytesLocked(image, ref);
      bytes += entry_bytes;
      bodies += image.value_body != nullptr;
      CountEntry(image, entry_bytes, +1, counts);
    });
  }
  IDEM_CHECK(arena_.CountBlocks() == table_.size());
  IDEM_CHECK(chunks_.CountBlocks() == wheel_.memory_bytes() / TimingWheel::kChunkBytes);
  IDEM_CHECK(meter_.bytes() == static_cast<int64_t>(bytes));
  IDEM_CHECK(bodies == bodies_);
  IDEM_CHECK(counts.records == counts_.records && counts.registers == counts_.registers);
  IDEM_CHECK(counts.registers_with_deadline == counts_.registers_with_deadline);
  IDEM_CHECK(counts.in_progress == counts_.in_progress);
  IDEM_CHECK(counts.record_bytes == counts_.record_bytes);
  IDEM_CHECK(counts.register_bytes == counts_.register_bytes);
  IDEM_CHECK(counts.seen_ids == counts_.seen_ids && counts.seen_bytes == counts_.seen_bytes);
  IDEM_CHECK(counts.sequences == counts_.sequences);
  IDEM_CHECK(counts.sequence_bytes == counts_.sequence_bytes);
}

}  // namespace idem::engine
