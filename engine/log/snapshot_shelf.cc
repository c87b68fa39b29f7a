#include "log/snapshot_shelf.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/seeded_bug.h"
#include "log/log_recovery.h"
#include "log/segment.h"

namespace idem::engine {
namespace {

constexpr size_t kSnapshotsKept = 2;

bool Names(const Manifest& manifest, Lsn covers) {
  return std::any_of(manifest.snapshots.begin(), manifest.snapshots.end(),
                     [covers](const auto& snapshot) { return snapshot.covers == covers; });
}

Lsn CoversOf(const Manifest& manifest, size_t slot) {
  return slot < manifest.snapshots.size() ? manifest.snapshots[slot].covers : 0;
}

// Of `bytes` that hold the records before + 1 .. last: those behind `covers`, by count.
uint64_t PartBehind(Lsn covers, Lsn before, Lsn last, uint64_t bytes) {
  if (covers <= before) return bytes;
  return covers >= last ? 0 : bytes * (last - covers) / (last - before);
}

// Of the log. Where its first segment begins the manifest does not tell: not behind the older
// snapshot.
uint64_t BytesBehind(const Manifest& manifest, const LogExtent& log, Lsn covers) {
  uint64_t behind = 0;
  uint64_t in_use_bytes = log.kept_bytes;
  Lsn before = std::max(CoversOf(manifest, 1), manifest.forgotten_lsn);
  for (const ManifestSegment& segment : manifest.segments) {
    if (segment.state != SegmentState::kClosed) break;
    in_use_bytes -= std::min(in_use_bytes, segment.file_bytes);
    behind += PartBehind(covers, before, segment.end.last_lsn, segment.file_bytes);
    before = segment.end.last_lsn;
  }
  return behind + PartBehind(covers, before, log.appended, in_use_bytes);
}

// How many segments, from the first, hold nothing behind `covers`.
size_t CountCovered(const Manifest& manifest, Lsn covers) {
  size_t count = 0;
  for (const ManifestSegment& segment : manifest.segments) {
    if (segment.state != SegmentState::kClosed || segment.end.last_lsn > covers) break;
    ++count;
  }
  return count;
}

// Of the segments that an open needs no more: kept for a cursor.
uint64_t PinnedBytes(const Manifest& manifest) {
  const size_t count = CountCovered(manifest, CoversOf(manifest, kSnapshotsKept - 1));
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes += manifest.segments[i].file_bytes;
  return bytes;
}

uint64_t UnpinnedBytes(const Manifest& manifest, const LogExtent& log) {
  return log.kept_bytes - std::min(log.kept_bytes, PinnedBytes(manifest));
}

// .. hold nothing that has not expired.
size_t CountExpired(const Manifest& manifest, int64_t now_ms) {
  size_t count = 0;
  for (const ManifestSegment& segment : manifest.segments) {
    const bool lives = segment.end.latest_deadline_ms > now_ms && !IDEM_BUG(live_segment_dropped);
    if (segment.state != SegmentState::kClosed || lives) break;
    ++count;
  }
  return count;
}

}  // namespace

void RemoveUnnamedSnapshots(FileSystem* file_system, const std::string& directory,
                            const Manifest& manifest) {
  const absl::StatusOr<std::vector<std::string>> names = file_system->List(directory);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::optional<Lsn> covers = SnapshotCovers(name);
    if (!covers.has_value()) continue;
    if (Names(manifest, *covers) && !name.ends_with(".tmp")) continue;
    file_system->Remove(absl::StrCat(directory, "/", name)).IgnoreError();
  }
}

// Decided once, because a manifest is changed twice: on disk and in memory.
struct SnapshotShelf::Drop {
  std::vector<uint64_t> segments;  // numbers, a prefix
  size_t snapshots_kept = 0;
  Lsn forgotten_lsn = 0;

  void SetSegments(const Manifest& manifest, size_t count) {
    for (size_t i = 0; i < count; ++i) segments.push_back(manifest.segments[i].number);
  }
};

SnapshotShelf::SnapshotShelf(const Options& options, ManifestFile* manifest,
                             const StoreClock& clock)
    : options_(options), manifest_(manifest), clock_(clock) {}

absl::StatusOr<std::unique_ptr<SnapshotWriter>> SnapshotShelf::Start(const LogExtent& log) {
  if (unsettled_) {
    absl::Status status = manifest_->Commit([](Manifest&) {});
    if (!status.ok()) return status;
    unsettled_ = false;
  }
  const Manifest manifest = manifest_->Get();
  RemoveUnnamedSnapshots(options_.file_system, options_.directory, manifest);
  if (CoversOf(manifest, 0) == log.appended) return nullptr;
  SnapshotHeader header;
  header.covers = log.appended;
  header.salt = Random64();
  header.store_ms = clock_.NowMs();
  header.wall_ms = clock_.source().WallMs();
  header.epoch = manifest.epoch;
  header.store_id = manifest.store_id;
  header.secret = manifest.secret;
  kept_bytes_at_start_ = log.kept_bytes;
  return SnapshotWriter::Create(options_.file_system, options_.directory, header);
}

absl::Status SnapshotShelf::Publish(SnapshotWriter& writer, const LogExtent& log) {
  const ManifestSnapshot& snapshot = writer.snapshot();
  IDEM_CHECK(snapshot.highest_lsn <= log.synced);
  absl::Status status = writer.Publish();
  if (!status.ok()) return status;
  const Manifest manifest = manifest_->Get();
  Drop drop;
  drop.snapshots_kept = kSnapshotsKept;
  drop.forgotten_lsn = manifest.forgotten_lsn;
  const Lsn covers = IDEM_BUG(log_dropped_too_early) ? snapshot.covers : CoversOf(manifest, 0);
  drop.SetSegments(manifest, CountUnpinned(manifest, CountCovered(manifest, covers), log.synced));
  status = Commit(drop, &snapshot, log.synced);
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  growth_bytes_ = log.kept_bytes - std::min(log.kept_bytes, kept_bytes_at_start_);
  return absl::OkStatus();
}

// How many of the first `count` segments, which an open will not need, may go: those that no cursor
// wants, and the oldest of the others beyond what they may take.
size_t SnapshotShelf::CountUnpinned(const Manifest& manifest, size_t count, Lsn synced) const {
  if (count == 0 || !pin_ || IDEM_BUG(pin_forgotten)) return count;
  const LogPin pin = pin_();
  uint64_t wanted_bytes = 0;
  for (; count > 0; --count) {
    const ManifestSegment& segment = manifest.segments[count - 1];
    if (segment.end.last_lsn <= pin.upto) return pin.lsn <= synced ? count : 0;
    wanted_bytes += segment.file_bytes;
    if (wanted_bytes > options_.max_pinned_log_bytes) return count;
  }
  return 0;
}

absl::Status SnapshotShelf::Commit(const Drop& drop, const ManifestSnapshot* added, Lsn synced) {
  absl::Status status = manifest_->Commit([&](Manifest& manifest) {
    if (added != nullptr) manifest.snapshots.insert(manifest.snapshots.begin(), *added);
    if (manifest.snapshots.size() > drop.snapshots_kept) {
      manifest.snapshots.resize(drop.snapshots_kept);
    }
    std::erase_if(manifest.segments, [&](const ManifestSegment& segment) {
      return std::binary_search(drop.segments.begin(), drop.segments.end(), segment.number);
    });
    manifest.forgotten_lsn = drop.forgotten_lsn;
    Stamp(manifest, synced, clock_);
  });
  unsettled_ = !status.ok();
  if (!status.ok()) return status;
  for (const uint64_t number : drop.segments) {
    options_.file_system->Remove(SegmentPath(options_.directory, number)).IgnoreError();
  }
  RemoveUnnamedSnapshots(options_.file_system, options_.directory, manifest_->Get());
  return absl::OkStatus();
}

// What the bound on disk leaves to the log.
uint64_t SnapshotShelf::LongestLog(const Manifest& manifest, uint64_t live_bytes) const {
  return (4 - manifest.snapshots.size()) * live_bytes + 2 * SegmentBytes(options_);
}

bool SnapshotShelf::Due(const LogExtent& log, uint64_t live_bytes) const {
  const Manifest manifest = manifest_->Get();
  const Lsn newest = CoversOf(manifest, 0);
  const Lsn older = CoversOf(manifest, 1);
  if (log.appended == newest) return false;
  const uint64_t longest = LongestLog(manifest, live_bytes);
  const uint64_t unpinned_bytes = UnpinnedBytes(manifest, log);
  MutexLock lock(mutex_);
  if (BytesBehind(manifest, log, newest) + growth_bytes_ > longest / 2) return true;
  return unpinned_bytes + growth_bytes_ > longest &&
         (log.appended - newest) * 4 >= log.appended - older;
}

bool SnapshotShelf::Late(const LogExtent& log, uint64_t live_bytes) const {
  const Manifest manifest = manifest_->Get();
  return UnpinnedBytes(manifest, log) > LongestLog(manifest, live_bytes);
}

// Once the newest snapshot has expired, so has all that was dropped for its sake and for that of
// those before.
void SnapshotShelf::DropExpired(Lsn synced) {
  const Manifest manifest = manifest_->Get();
  const int64_t now_ms = clock_.NowMs();
  const auto& snapshots = manifest.snapshots;
  if (!snapshots.empty() && snapshots.front().latest_deadline_ms > now_ms) return;
  const size_t count = CountUnpinned(manifest, CountExpired(manifest, now_ms), synced);
  if (count == 0) return;
  Drop drop;
  drop.SetSegments(manifest, count);
  drop.forgotten_lsn = manifest.segments[count - 1].end.last_lsn;
  for (const ManifestSnapshot& snapshot : snapshots) {
    if (snapshot.covers >= drop.forgotten_lsn) ++drop.snapshots_kept;
  }
  Commit(drop, nullptr, synced).IgnoreError();
}

void SnapshotShelf::DropUnpinned(Lsn synced) {
  const Manifest manifest = manifest_->Get();
  const size_t covered = CountCovered(manifest, CoversOf(manifest, kSnapshotsKept - 1));
  const size_t count = CountUnpinned(manifest, covered, synced);
  if (count == 0) return;
  Drop drop;
  drop.snapshots_kept = kSnapshotsKept;
  drop.forgotten_lsn = manifest.forgotten_lsn;
  drop.SetSegments(manifest, count);
  Commit(drop, nullptr, synced).IgnoreError();
}

void SnapshotShelf::AddStats(LogStats& stats) const {
  const Manifest manifest = manifest_->Get();
  stats.pinned_bytes = PinnedBytes(manifest);
  if (manifest.snapshots.empty()) return;
  const ManifestSnapshot& newest = manifest.snapshots.front();
  stats.snapshot_lsn = newest.covers;
  stats.snapshot_bytes = newest.bytes;
  stats.snapshot_unix_ms = newest.wall_ms;
}

}  // namespace idem::engine
