#include "log/snapshot_verifier.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace idem::engine {

absl::StatusOr<SnapshotVerifier> SnapshotVerifier::Open(FileSystem* file_system,
                                                        const std::string& path,
                                                        const ManifestSnapshot& wanted) {
  absl::StatusOr<std::unique_ptr<File>> file = file_system->Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  SnapshotVerifier verifier(*std::move(file), path, wanted);
  absl::Status status = verifier.ReadHeader();
  if (!status.ok()) return status;
  return verifier;
}

absl::Status SnapshotVerifier::Damaged(absl::string_view why) const {
  return absl::DataLossError(absl::StrCat(path_, ": offset ", offset_, ": ", why));
}

absl::Status SnapshotVerifier::ReadHeader() {
  const absl::StatusOr<uint64_t> size = file_->Size();
  if (!size.ok()) return size.status();
  if (*size != wanted_.bytes) {
    return Damaged(absl::StrCat("the snapshot has ", *size, " bytes, not ", wanted_.bytes));
  }
  absl::Status status = Read(kBlockBytes);
  if (!status.ok()) return status;
  const absl::StatusOr<SnapshotHeader> header = DecodeSnapshotHeader(path_, bytes_, &found_.chain);
  if (!header.ok()) return header.status();
  if (header->covers != wanted_.covers) return Damaged("this is another snapshot");
  salt_ = header->salt;
  offset_ = kBlockBytes;
  return absl::OkStatus();
}

absl::Status SnapshotVerifier::Read(uint64_t length) {
  if (length > wanted_.bytes - offset_) return Damaged("the snapshot ends within a block");
  bytes_.resize(length);
  const absl::StatusOr<size_t> read = file_->ReadAt(offset_, bytes_.data(), length);
  if (!read.ok()) return read.status();
  return *read == length ? absl::OkStatus() : Damaged("the snapshot ends within a block");
}

absl::StatusOr<bool> SnapshotVerifier::Next() {
  absl::Status status = Read(kSnapshotBlockHeaderBytes);
  if (!status.ok()) return status;
  SnapshotBlockHeader header;
  if (!DecodeSnapshotBlockHeader(bytes_, salt_, found_.blocks + 1, header)) {
    return Damaged("the block header is damaged");
  }
  offset_ += kSnapshotBlockHeaderBytes;
  status = Read(header.payload_bytes);
  if (!status.ok()) return status;
  if (Checksum(salt_, bytes_) != header.payload_hash) return Damaged("the block is damaged");
  if (header.kind == SnapshotBlockKind::kFooter) {
    status = CheckFooter(header);
    done_ = status.ok();
    return status.ok() ? absl::StatusOr<bool>(false) : status;
  }
  offset_ += header.payload_bytes;
  ++found_.blocks;
  found_.records += header.record_count;
  found_.chain = NextSnapshotChain(found_.chain, header);
  return true;
}

// What only the records could tell is the footer's word.
absl::Status SnapshotVerifier::CheckFooter(const SnapshotBlockHeader& header) {
  SnapshotFooter footer;
  if (!DecodeSnapshotFooter(bytes_, footer)) return Damaged("this is not a footer");
  found_.highest_lsn = footer.highest_lsn;
  found_.latest_deadline_ms = footer.latest_deadline_ms;
  if (footer != found_) return Damaged("the footer contradicts the blocks");
  if (header.hash != wanted_.hash || footer.highest_lsn != wanted_.highest_lsn ||
      footer.latest_deadline_ms != wanted_.latest_deadline_ms) {
    return Damaged("this is another snapshot");
  }
  if (offset_ + header.payload_bytes != wanted_.bytes) return Damaged("bytes behind the footer");
  return absl::OkStatus();
}

}  // namespace idem::engine
