#include "log/tail_copier.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "log/log_reader.h"

namespace idem::engine {
namespace {

using ReadBatch = SegmentReader::ReadBatch;

// It was read a moment ago; now it is different.
absl::Status Changed(const SegmentReader& reader) {
  return absl::DataLossError(absl::StrCat(reader.path(), ": offset ", reader.next_offset(),
                                          ": the file changes while it is read"));
}

// Calls `visit(batch, where it ends)` for each batch, until it returns an error.
template <typename Visit>
absl::Status ForEachBatch(FileSystem* file_system, const std::string& directory,
                          const ReplayedSegment& segment, const Visit& visit) {
  absl::StatusOr<SegmentReader> reader =
      SegmentReader::Open(file_system, directory, segment.segment);
  if (!reader.ok()) return reader.status();
  while (reader->end().offset < segment.end.offset) {
    const absl::StatusOr<std::optional<ReadBatch>> batch = reader->Next();
    if (!batch.ok()) return batch.status();
    if (!batch->has_value()) return Changed(*reader);
    absl::Status status = visit(**batch, reader->end());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Gathers records into batches as large as the log writes them.
class Copier {
 public:
  Copier(SegmentWriter& writer, int64_t store_ms)
      : writer_(writer), store_ms_(store_ms), batch_(std::make_unique<Batch>()) {
    batch_->Clear(writer.end().last_lsn + 1);
  }

  absl::Status Add(const ReadBatch& from, int64_t latest_deadline_ms) {
    if (!batch_->HasRoomForEncoded(from.block.records.size())) {
      absl::Status status = Flush();
      if (!status.ok()) return status;
      MakeRoomFor(from.block.records.size());
    }
    batch_->AddEncoded(from.block.records, from.header.record_count, latest_deadline_ms);
    return absl::OkStatus();
  }

  // The copies count only together, so none of them tells that another is durable.
  absl::Status Flush() {
    if (batch_->record_count() == 0) return absl::OkStatus();
    absl::Status status =
        writer_.Write(*batch_, BatchKind::kRecords, writer_.header().first_lsn - 1, store_ms_);
    batch_->Clear(writer_.end().last_lsn + 1);
    return status;
  }

 private:
  void MakeRoomFor(size_t bytes) {
    if (batch_->HasRoomForEncoded(bytes)) return;
    batch_ = std::make_unique<Batch>(bytes);
    batch_->Clear(writer_.end().last_lsn + 1);
  }

  SegmentWriter& writer_;
  const int64_t store_ms_;
  std::unique_ptr<Batch> batch_;
};

}  // namespace

absl::StatusOr<Tail> CutUnprovenTail(FileSystem* file_system, const std::string& directory,
                                     ReplayedSegment& segment, Lsn durable_lsn) {
  Tail tail{{segment}, segment.header.first_lsn - 1, 0};
  SegmentEnd& cut = segment.end;
  cut.offset = kBlockBytes;
  const auto find_cut = [&](const ReadBatch& batch, const SegmentEnd& end) {
    if (batch.header.last_lsn() > durable_lsn) {
      tail.record_bytes += batch.header.payload_bytes;
    } else if (batch.header.record_count > 0) {
      cut = end;
      tail.after_lsn = end.last_lsn;
    }
    return absl::OkStatus();
  };
  absl::Status status = ForEachBatch(file_system, directory, tail.segments[0], find_cut);
  if (!status.ok()) return status;
  cut.latest_deadline_ms = tail.segments[0].end.latest_deadline_ms;
  return tail;
}

absl::Status CopyTailTo(SegmentWriter& writer, FileSystem* file_system,
                        const std::string& directory, const Tail& tail, int64_t store_ms) {
  Copier copier(writer, store_ms);
  for (const ReplayedSegment& segment : tail.segments) {
    const int64_t latest_deadline_ms = segment.end.latest_deadline_ms;
    absl::Status status = ForEachBatch(
        file_system, directory, segment, [&](const ReadBatch& batch, const SegmentEnd&) {
          const bool wanted =
              batch.header.record_count != 0 && batch.header.last_lsn() > tail.after_lsn;
          return wanted ? copier.Add(batch, latest_deadline_ms) : absl::OkStatus();
        });
    if (!status.ok()) return status;
  }
  return copier.Flush();
}

}  // namespace idem::engine
