#include "tool/batch_scan.h"

#include "tool/whole_file.h"

namespace idem::engine {
namespace {

std::string_view RecordsOf(std::string_view rest, uint64_t salt, const BatchHeader& header) {
  const std::string_view records = rest.substr(kBatchHeaderBytes).substr(0, header.payload_bytes);
  const bool right =
      records.size() == header.payload_bytes && Checksum(salt, records) == header.payload_hash;
  return right ? records : std::string_view();
}

}  // namespace

absl::Status ScanBatches(FileSystem* files, const std::string& path, const ManifestSegment& segment,
                         const std::function<void(const ScannedBatch&)>& visit) {
  const absl::StatusOr<std::string> bytes = ReadWholeFile(files, path);
  if (!bytes.ok()) return bytes.status();
  const std::string_view all = *bytes;
  uint64_t next = kBlockBytes;
  for (uint64_t at = next; at + kBatchHeaderBytes <= all.size(); at = next) {
    next = at + kDenseAlignment;
    ScannedBatch batch;
    batch.offset = at;
    if (!DecodeBatchHeader(all.substr(at), segment.salt, segment.number, batch.header)) continue;
    batch.records = RecordsOf(all.substr(at), segment.salt, batch.header);
    visit(batch);
    if (batch.records.size() < batch.header.payload_bytes) continue;
    next = RoundUp(at + kBatchHeaderBytes + batch.records.size(), kDenseAlignment);
  }
  return absl::OkStatus();
}

}  // namespace idem::engine
