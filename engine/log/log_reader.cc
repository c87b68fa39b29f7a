#include "log/log_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/seeded_bug.h"
#include "log/segment.h"

namespace idem::engine {
namespace {

// A reader that looks for a place reads on from there.
constexpr uint64_t kSeekBytes = 64 << 10;

absl::Status SizeChanged(const std::string& path, uint64_t size, uint64_t file_bytes) {
  return absl::DataLossError(absl::StrCat(path, ": offset ", std::min(size, file_bytes),
                                          ": the file has ", size, " bytes, the manifest says ",
                                          file_bytes));
}

}  // namespace

SegmentReader::SegmentReader(std::unique_ptr<File> file, std::string path,
                             const ManifestSegment& segment)
    : window_(std::move(file), segment.file_bytes),
      path_(std::make_shared<const std::string>(std::move(path))),
      segment_(segment) {}

absl::StatusOr<SegmentReader> SegmentReader::OpenFile(FileSystem* file_system,
                                                      const std::string& directory,
                                                      const ManifestSegment& segment) {
  std::string path = SegmentPath(directory, segment.number);
  absl::StatusOr<std::unique_ptr<File>> file = file_system->Open(path, OpenMode::kRead);
  if (absl::IsNotFound(file.status())) {
    return absl::DataLossError(absl::StrCat(path, ": missing, but named by the manifest"));
  }
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size != segment.file_bytes) return SizeChanged(path, *size, segment.file_bytes);
  return SegmentReader(*std::move(file), std::move(path), segment);
}

absl::StatusOr<SegmentReader> SegmentReader::Open(FileSystem* file_system,
                                                  const std::string& directory,
                                                  const ManifestSegment& segment) {
  absl::StatusOr<SegmentReader> reader = OpenFile(file_system, directory, segment);
  if (!reader.ok()) return reader;
  absl::Status status = reader->ReadHeader();
  if (!status.ok()) return status;
  return reader;
}

absl::StatusOr<SegmentReader> SegmentReader::OpenAt(FileSystem* file_system,
                                                    const std::string& directory,
                                                    const ManifestSegment& segment,
                                                    const Position& position) {
  absl::StatusOr<SegmentReader> reader = OpenFile(file_system, directory, segment);
  if (!reader.ok()) return reader;
  reader->header_state_ = HeaderState::kValid;
  reader->header_ = position.header;
  reader->end_ = position.end;
  return reader;
}

void SegmentReader::LimitTo(uint64_t offset) {
  segment_.file_bytes = std::min(segment_.file_bytes, offset);
  window_.LimitTo(offset);
}

absl::Status SegmentReader::ReadHeader() {
  const absl::StatusOr<std::string_view> block = window_.View(0, kBlockBytes);
  if (!block.ok()) return block.status();
  if (IsZero(*block)) return absl::OkStatus();
  header_state_ = HeaderState::kDamaged;
  uint64_t chain = 0;
  absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(*path_, *block, &chain);
  if (absl::IsDataLoss(header.status())) return absl::OkStatus();
  if (!header.ok()) return header.status();
  header_state_ = HeaderState::kValid;
  header_ = *std::move(header);
  end_.last_lsn = header_.first_lsn - 1;
  end_.chain = chain;
  return absl::OkStatus();
}

uint64_t SegmentReader::next_offset() const { return RoundUp(end_.offset, header_.alignment); }

// After a sync a batch starts on a new block, also where others stand closer.
absl::StatusOr<std::optional<SegmentReader::ReadBatch>> SegmentReader::Next() {
  absl::StatusOr<std::optional<ReadBatch>> batch = BatchAt(next_offset());
  const uint64_t block = RoundUp(end_.offset, kBlockBytes);
  if (!batch.ok() || batch->has_value() || block == next_offset()) return batch;
  return BatchAt(block);
}

bool SegmentReader::Follows(const BatchHeader& header, uint64_t offset) const {
  return header.first_lsn == end_.last_lsn + 1 &&
         (header.chain == end_.chain || IDEM_BUG(chain_not_checked)) &&
         (header.record_count == 0) == (header.payload_bytes == 0) &&
         header.payload_bytes <= segment_.file_bytes - offset - kBatchHeaderBytes;
}

absl::StatusOr<std::optional<SegmentReader::ReadBatch>> SegmentReader::BatchAt(uint64_t offset) {
  if (offset + kBatchHeaderBytes > segment_.file_bytes) return std::nullopt;
  absl::StatusOr<std::string_view> bytes = window_.View(offset, kBatchHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  BatchHeader header;
  if (!DecodeBatchHeader(*bytes, segment_.salt, segment_.number, header)) return std::nullopt;
  if (!Follows(header, offset)) return std::nullopt;
  bytes = window_.View(offset, kBatchHeaderBytes + header.payload_bytes);
  if (!bytes.ok()) return bytes.status();
  const std::string_view records = bytes->substr(kBatchHeaderBytes);
  if (records.size() != header.payload_bytes) return std::nullopt;
  const bool intact = Checksum(segment_.salt, records) == header.payload_hash;
  if (!intact && !IDEM_BUG(records_not_hashed)) return std::nullopt;
  if (header.kind > BatchKind::kSeal) {
    return absl::FailedPreconditionError(absl::StrCat(
        *path_, ": offset ", offset, ": a batch of a kind that this version does not know"));
  }
  end_.offset = offset + kBatchHeaderBytes + header.payload_bytes;
  end_.last_lsn = header.last_lsn();
  end_.chain = header.hash;
  return ReadBatch{header,
                   {.records = records,
                    .bytes = window_.TakeBuffer(),
                    .record_count = header.record_count,
                    .first_lsn = header.first_lsn,
                    .path = path_,
                    .offset = offset + kBatchHeaderBytes}};
}

// Halves what is left, at the first header behind its middle.
absl::Status SegmentReader::SeekTo(Lsn lsn) {
  uint64_t low = next_offset();
  uint64_t high = segment_.file_bytes;
  while (high > low + kSeekBytes) {
    const uint64_t middle = RoundUp(low + (high - low) / 2, header_.alignment);
    BatchHeader header;
    const absl::StatusOr<std::optional<uint64_t>> found = FindHeader(middle, header);
    if (!found.ok()) return found.status();
    if (!found->has_value() || header.first_lsn > lsn) {
      high = middle;
      continue;
    }
    low = **found;
    end_.offset = low;
    end_.last_lsn = header.first_lsn - 1;
    end_.chain = header.chain;
  }
  return absl::OkStatus();
}

// The first one at `offset` or behind it, and where it stands.
absl::StatusOr<std::optional<uint64_t>> SegmentReader::FindHeader(uint64_t offset,
                                                                  BatchHeader& header) {
  while (offset + kBatchHeaderBytes <= segment_.file_bytes) {
    const absl::StatusOr<std::string_view> window = window_.View(offset, kBlockBytes);
    if (!window.ok()) return window.status();
    if (window->size() < kBatchHeaderBytes) break;
    for (size_t at = 0; at + kBatchHeaderBytes <= window->size(); at += header_.alignment) {
      if (DecodeBatchHeader(window->substr(at), segment_.salt, segment_.number, header)) {
        return offset + at;
      }
    }
    // One may lie across the end of the window: the next one begins there.
    const uint64_t looked = window->size() - kBatchHeaderBytes;
    offset += looked / header_.alignment * header_.alignment + header_.alignment;
  }
  return std::nullopt;
}

absl::StatusOr<SegmentReader::Remains> SegmentReader::ReadRemains() {
  Remains remains;
  const bool valid = header_state_ == HeaderState::kValid;
  uint64_t offset = valid ? next_offset() : 0;
  while (offset < segment_.file_bytes) {
    const absl::StatusOr<std::string_view> window = window_.View(offset, FileWindow::kBytes);
    if (!window.ok()) return window.status();
    if (window->empty()) break;
    ScanWindow(*window, offset, remains);
    // A header may lie across the end of the window: the next one begins a little earlier.
    const uint64_t length = window->size();
    offset += length < FileWindow::kBytes ? length : length - kBlockBytes;
  }
  return remains;
}

void SegmentReader::ScanWindow(std::string_view window, uint64_t offset, Remains& remains) const {
  if (IsZero(window)) return;
  remains.zero = false;
  BatchHeader header;
  for (size_t at = 0; at < window.size(); at += kDenseAlignment) {
    if (!DecodeBatchHeader(window.substr(at), segment_.salt, segment_.number, header)) continue;
    if (header.durable_upto <= remains.durable_upto) continue;
    remains.durable_upto = header.durable_upto;
    remains.offset = offset + at;
  }
}

}  // namespace idem::engine
