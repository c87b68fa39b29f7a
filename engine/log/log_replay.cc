#include "log/log_replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/seeded_bug.h"
#include "log/segment.h"
#include "log/snapshot_format.h"
#include "log/snapshot_load.h"

namespace idem::engine {
namespace {

using ReadBatch = SegmentReader::ReadBatch;
using HeaderState = SegmentReader::HeaderState;

constexpr uint64_t kTellBytes = 1 << 20;

class Replay {
 public:
  Replay(FileSystem* file_system, const std::string& directory, const Manifest& manifest,
         ReplaySink& sink, const Store::OpenListener& listener)
      : file_system_(file_system),
        directory_(directory),
        manifest_(manifest),
        sink_(sink),
        listener_(listener),
        end_path_(directory + "/MANIFEST") {
    log_.store_ms = manifest.store_ms;
    Prove(manifest.durable_lsn, "the manifest");
    Prove(manifest.clean_stop_lsn, "the manifest's clean stop");
    for (const ManifestSnapshot& snapshot : manifest.snapshots) {
      Prove(snapshot.highest_lsn, SnapshotPath(directory, snapshot.covers));
    }
  }

  // What the sink refuses comes before what is found behind it in the files.
  absl::StatusOr<ReplayedLog> Run() {
    absl::Status status = ReplayAll();
    absl::Status installed = sink_.Finish();
    if (!installed.ok()) return installed;
    if (!status.ok()) return status;
    return std::move(log_);
  }

 private:
  absl::Status ReplayAll();
  absl::Status LoadSnapshot();
  bool Covered(const ManifestSegment& segment, Lsn covers) const;
  void Skip(const ManifestSegment& segment);
  void PlanProgress(const ManifestSnapshot* snapshot);
  absl::Status ReplaySegment(const ManifestSegment& segment);
  absl::Status ReplayClosed(const ManifestSegment& segment, SegmentReader& reader);
  absl::Status ReplayInUse(const ManifestSegment& segment, SegmentReader& reader);
  absl::Status ReplaySpare(const ManifestSegment& segment, SegmentReader& reader);
  absl::StatusOr<bool> LookBehindTheEnd(SegmentReader& reader);
  absl::Status CheckReachesBack(const SegmentReader& reader) const;
  absl::Status CheckContinues(const ManifestSegment& segment, const SegmentReader& reader);
  absl::Status Begin(const ManifestSegment& segment, const SegmentReader& reader);
  absl::StatusOr<bool> ReplayBatch(SegmentReader& reader);
  absl::Status GiveRecords(ReadBatch batch);
  absl::Status NoteDeadlines(const RecordBlock& block);
  void Tell(uint64_t bytes_read);
  absl::Status JudgeEnd() const;

  ReplayedSegment& current() { return log_.segments.back(); }

  // `lsn` was durable, says `witness`.
  void Prove(Lsn lsn, std::string witness) {
    if (lsn <= log_.durable_lsn) return;
    log_.durable_lsn = lsn;
    witness_ = std::move(witness);
  }

  FileSystem* const file_system_;
  const std::string& directory_;
  const Manifest& manifest_;
  ReplaySink& sink_;
  const Store::OpenListener& listener_;
  OpenProgress progress_;
  Lsn planned_covers_ = 0;     // of the snapshot that progress_ reckons with
  uint64_t bytes_before_ = 0;  // of the files before the current one
  Lsn base_lsn_ = 0;           // up to here the log is not needed
  absl::Status snapshot_damage_;
  ReplayedLog log_;
  std::string witness_;   // of log_.durable_lsn
  std::string end_path_;  // where the next batch should stand
  uint64_t end_offset_ = 0;
};

absl::Status Replay::ReplayAll() {
  absl::Status status = LoadSnapshot();
  if (!status.ok()) return status;
  for (const ManifestSegment& segment : manifest_.segments) {
    if (Covered(segment, base_lsn_)) {
      Skip(segment);
      continue;
    }
    status = ReplaySegment(segment);
    if (!status.ok()) return status;
    bytes_before_ += segment.file_bytes;
    Tell(bytes_before_);
  }
  return JudgeEnd();
}

absl::Status Replay::LoadSnapshot() {
  absl::StatusOr<LoadedSnapshot> result = LoadNewestSnapshot(
      file_system_, directory_, manifest_, sink_,
      [this](const ManifestSnapshot& snapshot, uint64_t bytes, uint64_t records) {
        if (planned_covers_ != snapshot.covers) PlanProgress(&snapshot);
        log_.records = records;
        if (bytes > progress_.bytes_read + kTellBytes) Tell(bytes);
      });
  if (!result.ok()) return result.status();
  log_.records = result->records;
  log_.store_ms = std::max(log_.store_ms, result->store_ms);
  log_.damaged_snapshots = std::move(result->damaged);
  snapshot_damage_ = std::move(result->first_damage);
  base_lsn_ = result->loaded ? result->loaded->covers : manifest_.forgotten_lsn;
  PlanProgress(result->loaded ? &*result->loaded : nullptr);
  bytes_before_ = result->loaded ? result->loaded->bytes : 0;
  return absl::OkStatus();
}

bool Replay::Covered(const ManifestSegment& segment, Lsn covers) const {
  return segment.state == SegmentState::kClosed && segment.end.last_lsn <= covers;
}

// The manifest tells all that the next segment must go on from.
void Replay::Skip(const ManifestSegment& segment) {
  log_.segments.push_back(
      {.segment = segment, .skipped = true, .header = {}, .end = segment.end, .record_bytes = 0});
  log_.last_lsn = segment.end.last_lsn;
  Prove(log_.last_lsn, "the manifest");
  end_path_ = SegmentPath(directory_, segment.number);
  end_offset_ = segment.end.offset;
}

void Replay::PlanProgress(const ManifestSnapshot* snapshot) {
  planned_covers_ = snapshot == nullptr ? 0 : snapshot->covers;
  progress_ = {};
  progress_.bytes_total = snapshot == nullptr ? 0 : snapshot->bytes;
  for (const ManifestSegment& segment : manifest_.segments) {
    if (!Covered(segment, planned_covers_)) progress_.bytes_total += segment.file_bytes;
  }
}

void Replay::Tell(uint64_t bytes_read) {
  if (!listener_) return;
  progress_.bytes_read = bytes_read;
  progress_.records = log_.records;
  listener_(progress_);
}

absl::Status Replay::ReplaySegment(const ManifestSegment& segment) {
  absl::StatusOr<SegmentReader> reader = SegmentReader::Open(file_system_, directory_, segment);
  if (!reader.ok()) return reader.status();
  if (segment.state == SegmentState::kSpare) return ReplaySpare(segment, *reader);
  if (reader->header_state() != HeaderState::kValid) {
    return DamageAt(reader->path(), 0, "the segment header is damaged");
  }
  return segment.state == SegmentState::kClosed ? ReplayClosed(segment, *reader)
                                                : ReplayInUse(segment, *reader);
}

// The first segment may begin anywhere in what the snapshot covers, or, if there is none, in what
// was dropped because it had expired.
absl::Status Replay::CheckReachesBack(const SegmentReader& reader) const {
  const Lsn first_lsn = reader.header().first_lsn;
  if (first_lsn <= base_lsn_ + 1 || IDEM_BUG(missing_log_accepted)) return absl::OkStatus();
  if (!snapshot_damage_.ok()) return snapshot_damage_;
  const std::string why = "the log begins with record " + std::to_string(first_lsn) +
                          " here, and those from " + std::to_string(base_lsn_ + 1) +
                          " on are missing";
  return DamageAt(reader.path(), 0, why);
}

// A valid header must be of this very segment, and go on where the log stands.
absl::Status Replay::CheckContinues(const ManifestSegment& segment, const SegmentReader& reader) {
  const SegmentHeader& header = reader.header();
  if (header.store_id != manifest_.store_id || header.secret != manifest_.secret ||
      header.number != segment.number || header.salt != segment.salt ||
      header.file_bytes != segment.file_bytes || header.epoch > manifest_.epoch) {
    return DamageAt(reader.path(), 0, "this is not the segment that the manifest names");
  }
  if (log_.segments.empty()) return CheckReachesBack(reader);
  if (header.first_lsn > log_.last_lsn + 1) {
    Prove(header.first_lsn - 1, absl::StrCat(reader.path(), ": offset 0"));
    return JudgeEnd();
  }
  if (header.first_lsn != log_.last_lsn + 1 || header.previous_chain != current().end.chain) {
    return DamageAt(reader.path(), 0, "the segment does not go on where the one before it ends");
  }
  return absl::OkStatus();
}

absl::Status Replay::Begin(const ManifestSegment& segment, const SegmentReader& reader) {
  absl::Status status = CheckContinues(segment, reader);
  if (!status.ok()) return status;
  log_.segments.push_back({.segment = segment,
                           .skipped = false,
                           .header = reader.header(),
                           .end = reader.end(),
                           .record_bytes = 0});
  log_.store_ms = std::max(log_.store_ms, reader.header().store_ms);
  log_.last_lsn = reader.end().last_lsn;
  Prove(log_.last_lsn, absl::StrCat(reader.path(), ": offset 0"));
  return absl::OkStatus();
}

absl::Status Replay::ReplayClosed(const ManifestSegment& segment, SegmentReader& reader) {
  absl::Status status = Begin(segment, reader);
  if (!status.ok()) return status;
  while (reader.end().offset < segment.end.offset) {
    const uint64_t offset = reader.next_offset();
    const absl::StatusOr<bool> read = ReplayBatch(reader);
    if (!read.ok()) return read.status();
    if (!*read) return DamageAt(reader.path(), offset, "damage in a segment that was closed");
  }
  const SegmentEnd& end = reader.end();
  if (end.offset != segment.end.offset || end.last_lsn != segment.end.last_lsn ||
      end.chain != segment.end.chain) {
    return DamageAt(reader.path(), end.offset, "the segment does not end as the manifest says");
  }
  current().end.latest_deadline_ms = segment.end.latest_deadline_ms;
  Prove(end.last_lsn, "the manifest");
  end_path_ = reader.path();
  end_offset_ = reader.next_offset();
  return absl::OkStatus();
}

absl::Status Replay::ReplayInUse(const ManifestSegment& segment, SegmentReader& reader) {
  absl::Status status = Begin(segment, reader);
  if (!status.ok()) return status;
  for (bool more = true; more;) {
    const absl::StatusOr<bool> read = ReplayBatch(reader);
    if (!read.ok()) return read.status();
    more = *read;
  }
  end_path_ = reader.path();
  end_offset_ = reader.next_offset();
  return LookBehindTheEnd(reader).status();
}

// True: nothing but zeros.
absl::StatusOr<bool> Replay::LookBehindTheEnd(SegmentReader& reader) {
  const absl::StatusOr<SegmentReader::Remains> remains = reader.ReadRemains();
  if (!remains.ok()) return remains.status();
  log_.torn |= !remains->zero;
  if (IDEM_BUG(end_not_scanned)) return remains->zero;
  Prove(remains->durable_upto, absl::StrCat(reader.path(), ": offset ", remains->offset));
  return remains->zero;
}

// Zeros, or the log went on into it, or such a step was cut short, or a recovery that did not come
// to its end had begun to use it: then its header has another salt, and an epoch that never was.
absl::Status Replay::ReplaySpare(const ManifestSegment& segment, SegmentReader& reader) {
  if (reader.header_state() != HeaderState::kValid) {
    const absl::StatusOr<bool> zero = LookBehindTheEnd(reader);
    if (zero.ok() && *zero) log_.untouched_spare = segment;
    return zero.status();
  }
  const SegmentHeader& header = reader.header();
  const bool unfinished_recovery = header.store_id == manifest_.store_id &&
                                   header.salt != segment.salt &&
                                   header.epoch == manifest_.epoch + 1;
  if (unfinished_recovery && !IDEM_BUG(unfinished_open_replayed)) return absl::OkStatus();
  return ReplayInUse(segment, reader);
}

// False: no valid batch stands there.
absl::StatusOr<bool> Replay::ReplayBatch(SegmentReader& reader) {
  absl::StatusOr<std::optional<ReadBatch>> batch = reader.Next();
  if (!batch.ok()) return batch.status();
  if (!batch->has_value()) return false;
  const BatchHeader header = (*batch)->header;
  absl::Status status = GiveRecords(*std::move(*batch));
  if (!status.ok()) return status;
  const int64_t latest_deadline_ms = current().end.latest_deadline_ms;
  current().end = reader.end();
  current().end.latest_deadline_ms = latest_deadline_ms;
  current().record_bytes += header.payload_bytes;
  log_.last_lsn = reader.end().last_lsn;
  log_.store_ms = std::max(log_.store_ms, header.store_ms);
  const uint64_t offset = reader.end().offset - header.payload_bytes - kBatchHeaderBytes;
  Prove(header.durable_upto, absl::StrCat(reader.path(), ": offset ", offset));
  if (bytes_before_ + offset > progress_.bytes_read + kTellBytes) Tell(bytes_before_ + offset);
  return true;
}

absl::Status Replay::GiveRecords(ReadBatch batch) {
  if (batch.header.record_count == 0) return absl::OkStatus();
  log_.records += batch.header.record_count;
  if (current().segment.state != SegmentState::kClosed) {
    absl::Status status = NoteDeadlines(batch.block);
    if (!status.ok()) return status;
  }
  return sink_.Add(std::move(batch.block)) ? absl::OkStatus() : sink_.Finish();
}

// Of a closed segment the manifest tells its latest deadline; here it must be found.
absl::Status Replay::NoteDeadlines(const RecordBlock& block) {
  int64_t& latest_deadline_ms = current().end.latest_deadline_ms;
  VisitorSink deadlines([&](const Image& image, Lsn) {
    if (image.absent()) return absl::OkStatus();
    latest_deadline_ms =
        std::max(latest_deadline_ms, image.deadline_ms == 0 ? kNeverMs : image.deadline_ms);
    return absl::OkStatus();
  });
  deadlines.Add(block);
  return deadlines.Finish();
}

absl::Status Replay::JudgeEnd() const {
  if (log_.durable_lsn <= log_.last_lsn) return absl::OkStatus();
  return DamageAt(
      end_path_, end_offset_,
      absl::StrCat("damage: record ", log_.last_lsn + 1, " should stand here; it was durable,",
                   " as up to ", log_.durable_lsn, " (", witness_, ")"));
}

}  // namespace

absl::StatusOr<ReplayedLog> ReplayLog(FileSystem* file_system, const std::string& directory,
                                      const Manifest& manifest, ReplaySink& sink,
                                      const Store::OpenListener& listener) {
  return Replay(file_system, directory, manifest, sink, listener).Run();
}

}  // namespace idem::engine
