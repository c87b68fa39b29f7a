#include "log/snapshot_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace idem::engine {

SnapshotReader::SnapshotReader(std::unique_ptr<File> file, std::string path,
                               const ManifestSnapshot& wanted)
    : path_(std::make_shared<const std::string>(std::move(path))),
      wanted_(wanted),
      window_(std::move(file), wanted.bytes) {}

absl::StatusOr<SnapshotReader> SnapshotReader::Open(FileSystem* file_system,
                                                    const std::string& directory,
                                                    const ManifestSnapshot& wanted) {
  const std::string path = SnapshotPath(directory, wanted.covers);
  absl::StatusOr<std::unique_ptr<File>> file = file_system->Open(path, OpenMode::kRead);
  if (absl::IsNotFound(file.status())) {
    return DamageAt(path, 0, "missing, but named by the manifest");
  }
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  SnapshotReader reader(*std::move(file), path, wanted);
  if (*size != wanted.bytes) {
    return reader.Damaged(std::string(
        absl::StrCat("the snapshot has ", *size, " bytes, the manifest says ", wanted.bytes)));
  }
  absl::Status status = reader.ReadHeader();
  if (!status.ok()) return status;
  return reader;
}

absl::Status SnapshotReader::ReadHeader() {
  const absl::StatusOr<std::string_view> block = Read(kBlockBytes);
  if (!block.ok()) return block.status();
  absl::StatusOr<SnapshotHeader> header = DecodeSnapshotHeader(*path_, *block, &found_.chain);
  if (!header.ok()) return header.status();
  header_ = *std::move(header);
  if (header_.covers != wanted_.covers) return Damaged("this is another snapshot");
  offset_ = kBlockBytes;
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> SnapshotReader::Read(uint64_t length) {
  if (length > wanted_.bytes - offset_) return Damaged("the snapshot ends within a block");
  absl::StatusOr<std::string_view> bytes = window_.View(offset_, length);
  if (bytes.ok() && bytes->size() != length) return Damaged("the snapshot ends within a block");
  return bytes;
}

absl::StatusOr<std::optional<RecordBlock>> SnapshotReader::Next() {
  absl::StatusOr<std::string_view> bytes = Read(kSnapshotBlockHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  SnapshotBlockHeader block;
  if (!DecodeSnapshotBlockHeader(*bytes, header_.salt, found_.blocks + 1, block)) {
    return Damaged("the block header is damaged");
  }
  offset_ += kSnapshotBlockHeaderBytes;
  bytes = Read(block.payload_bytes);
  if (!bytes.ok()) return bytes.status();
  if (Checksum(header_.salt, *bytes) != block.payload_hash) return Damaged("the block is damaged");
  if (block.kind == SnapshotBlockKind::kFooter) {
    absl::Status status = CheckFooter(block, *bytes);
    if (!status.ok()) return status;
    return std::nullopt;
  }
  if (block.kind != SnapshotBlockKind::kRecords) return Damaged("a block of an unknown kind");
  ++found_.blocks;
  found_.records += block.record_count;
  found_.chain = NextSnapshotChain(found_.chain, block);
  const uint64_t payload_offset = std::exchange(offset_, offset_ + block.payload_bytes);
  return RecordBlock{.records = *bytes,
                     .bytes = window_.TakeBuffer(),
                     .record_count = block.record_count,
                     .first_lsn = 0,
                     .path = path_,
                     .offset = payload_offset};
}

// What only the records could tell is the footer's word.
absl::Status SnapshotReader::CheckFooter(const SnapshotBlockHeader& block,
                                         std::string_view payload) {
  SnapshotFooter footer;
  if (!DecodeSnapshotFooter(payload, footer)) return Damaged("this is not a footer");
  found_.highest_lsn = footer.highest_lsn;
  found_.latest_deadline_ms = footer.latest_deadline_ms;
  if (footer != found_) return Damaged("the footer contradicts the blocks");
  if (block.hash != wanted_.hash || footer.highest_lsn != wanted_.highest_lsn ||
      footer.latest_deadline_ms != wanted_.latest_deadline_ms) {
    return Damaged("this is another snapshot");
  }
  if (offset_ + payload.size() != wanted_.bytes) return Damaged("bytes behind the footer");
  return absl::OkStatus();
}

}  // namespace idem::engine
