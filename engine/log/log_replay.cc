#include "log/log_replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/seeded_bug.h"
#include "log/record.h"

namespace idem::engine {
namespace {

using ReadBatch = SegmentReader::ReadBatch;
using HeaderState = SegmentReader::HeaderState;

absl::Status Rot(const std::string& path, uint64_t offset, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(path, ": offset ", offset, ": ", why));
}

class Replay {
 public:
  Replay(FileSystem* file_system, const std::string& directory, const Manifest& manifest,
         const ReplayVisitor& visitor)
      : file_system_(file_system),
        directory_(directory),
        manifest_(manifest),
        visitor_(visitor),
        end_path_(directory + "/MANIFEST") {
    log_.store_ms = manifest.store_ms;
    Prove(manifest.durable_lsn, "the manifest");
    Prove(manifest.clean_stop_lsn, "the manifest's clean stop");
  }

  absl::StatusOr<ReplayedLog> Run() {
    for (const ManifestSegment& segment : manifest_.segments) {
      absl::Status status = ReplaySegment(segment);
      if (!status.ok()) return status;
    }
    absl::Status status = JudgeEnd();
    if (!status.ok()) return status;
    return std::move(log_);
  }

 private:
  absl::Status ReplaySegment(const ManifestSegment& segment);
  absl::Status ReplayClosed(const ManifestSegment& segment, SegmentReader& reader);
  absl::Status ReplayInUse(const ManifestSegment& segment, SegmentReader& reader);
  absl::Status ReplaySpare(const ManifestSegment& segment, SegmentReader& reader);
  absl::StatusOr<bool> LookBehindTheEnd(SegmentReader& reader);
  absl::Status CheckContinues(const ManifestSegment& segment, const SegmentReader& reader);
  absl::Status Begin(const ManifestSegment& segment, const SegmentReader& reader);
  absl::StatusOr<bool> ReplayBatch(SegmentReader& reader);
  absl::Status VisitRecords(const SegmentReader& reader, const ReadBatch& batch);
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
  const ReplayVisitor& visitor_;
  ReplayedLog log_;
  std::string witness_;   // of log_.durable_lsn
  std::string end_path_;  // where the next batch should stand
  uint64_t end_offset_ = 0;
};

absl::Status Replay::ReplaySegment(const ManifestSegment& segment) {
  absl::StatusOr<SegmentReader> reader = SegmentReader::Open(file_system_, directory_, segment);
  if (!reader.ok()) return reader.status();
  if (segment.state == SegmentState::kSpare) return ReplaySpare(segment, *reader);
  if (reader->header_state() != HeaderState::kValid) {
    return Rot(reader->path(), 0, "the segment header is damaged");
  }
  return segment.state == SegmentState::kClosed ? ReplayClosed(segment, *reader)
                                                : ReplayInUse(segment, *reader);
}

// A valid header must be of this very segment, and go on where the log stands. The first segment
// may start anywhere: those before it have been dropped.
absl::Status Replay::CheckContinues(const ManifestSegment& segment, const SegmentReader& reader) {
  const SegmentHeader& header = reader.header();
  if (header.store_id != manifest_.store_id || header.secret != manifest_.secret ||
      header.number != segment.number || header.salt != segment.salt ||
      header.file_bytes != segment.file_bytes || header.epoch > manifest_.epoch) {
    return Rot(reader.path(), 0, "this is not the segment that the manifest names");
  }
  if (log_.segments.empty()) return absl::OkStatus();
  if (header.first_lsn > log_.last_lsn + 1) {
    Prove(header.first_lsn - 1, absl::StrCat(reader.path(), ": offset 0"));
    return JudgeEnd();
  }
  if (header.first_lsn != log_.last_lsn + 1 || header.previous_chain != current().end.chain) {
    return Rot(reader.path(), 0, "the segment does not go on where the one before it ends");
  }
  return absl::OkStatus();
}

absl::Status Replay::Begin(const ManifestSegment& segment, const SegmentReader& reader) {
  absl::Status status = CheckContinues(segment, reader);
  if (!status.ok()) return status;
  log_.segments.push_back({segment, reader.header(), reader.end(), 0});
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
    if (!*read) return Rot(reader.path(), offset, "damage in a segment that was closed");
  }
  const SegmentEnd& end = reader.end();
  if (end.offset != segment.end.offset || end.last_lsn != segment.end.last_lsn ||
      end.chain != segment.end.chain) {
    return Rot(reader.path(), end.offset, "the segment does not end as the manifest says");
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
  const absl::StatusOr<std::optional<ReadBatch>> batch = reader.Next();
  if (!batch.ok()) return batch.status();
  if (!batch->has_value()) return false;
  const BatchHeader& header = (*batch)->header;
  absl::Status status = VisitRecords(reader, **batch);
  if (!status.ok()) return status;
  const int64_t latest_deadline_ms = current().end.latest_deadline_ms;
  current().end = reader.end();
  current().end.latest_deadline_ms = latest_deadline_ms;
  current().record_bytes += header.payload_bytes;
  log_.last_lsn = reader.end().last_lsn;
  log_.store_ms = std::max(log_.store_ms, header.store_ms);
  const uint64_t offset = reader.end().offset - header.payload_bytes - kBatchHeaderBytes;
  Prove(header.durable_upto, absl::StrCat(reader.path(), ": offset ", offset));
  return true;
}

absl::Status Replay::VisitRecords(const SegmentReader& reader, const ReadBatch& batch) {
  std::string_view records = batch.records;
  int64_t& latest_deadline_ms = current().end.latest_deadline_ms;
  for (uint32_t i = 0; i < batch.header.record_count; ++i) {
    Image image;
    const absl::StatusOr<size_t> length = DecodeRecord(records, image);
    const uint64_t offset = reader.end().offset - records.size();
    if (!length.ok()) return Rot(reader.path(), offset, length.status().message());
    absl::Status status = visitor_(image, batch.header.first_lsn + i);
    if (!status.ok()) return status;
    if (!image.absent()) {
      latest_deadline_ms =
          std::max(latest_deadline_ms, image.deadline_ms == 0 ? kNeverMs : image.deadline_ms);
    }
    records.remove_prefix(*length);
  }
  log_.records += batch.header.record_count;
  if (records.empty()) return absl::OkStatus();
  return Rot(reader.path(), reader.end().offset - records.size(), "bytes behind the last record");
}

absl::Status Replay::JudgeEnd() const {
  if (log_.durable_lsn <= log_.last_lsn) return absl::OkStatus();
  return Rot(
      end_path_, end_offset_,
      absl::StrCat("damage: record ", log_.last_lsn + 1, " should stand here; it was durable,",
                   " as up to ", log_.durable_lsn, " (", witness_, ")"));
}

}  // namespace

absl::StatusOr<ReplayedLog> ReplayLog(FileSystem* file_system, const std::string& directory,
                                      const Manifest& manifest, const ReplayVisitor& visitor) {
  return Replay(file_system, directory, manifest, visitor).Run();
}

}  // namespace idem::engine
