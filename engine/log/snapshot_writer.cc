#include "log/snapshot_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "base/seeded_bug.h"
#include "log/batch.h"
#include "log/record.h"

namespace idem::engine {
namespace {

// So that no sync, ours or the log's, has much to write at once.
constexpr uint64_t kSyncEveryBytes = 4 << 20;
// What one slice of a stripe takes, so that under its lock memory is neither asked for nor touched
// for the first time.
constexpr size_t kAddedBytes = 1 << 20;
constexpr size_t kAddedRecords = 1024;

bool IsShared(const Image& image) {
  return image.value_body != nullptr && image.value.size() >= Batch::kSharedBytesMin;
}

}  // namespace

SnapshotWriter::SnapshotWriter(FileSystem* file_system, const std::string& directory,
                               const SnapshotHeader& header)
    : file_system_(file_system),
      directory_(directory),
      temporary_path_(SnapshotTemporaryPath(directory, header.covers)),
      salt_(header.salt) {
  snapshot_.covers = snapshot_.highest_lsn = header.covers;
  snapshot_.wall_ms = header.wall_ms;
  added_bytes_.resize(kAddedBytes);
  added_bytes_.clear();
  added_.reserve(kAddedRecords);
  block_.reserve(kSnapshotBlockHeaderBytes + kSnapshotPayloadBytesMax);
  block_.resize(kSnapshotBlockHeaderBytes);
}

SnapshotWriter::~SnapshotWriter() {
  file_.reset();
  file_system_->Remove(temporary_path_).IgnoreError();  // not there once it is published
}

absl::StatusOr<std::unique_ptr<SnapshotWriter>> SnapshotWriter::Create(
    FileSystem* file_system, const std::string& directory, const SnapshotHeader& header) {
  std::unique_ptr<SnapshotWriter> writer(new SnapshotWriter(file_system, directory, header));
  absl::Status status = writer->WriteHeader(header);
  if (!status.ok()) return status;
  return writer;
}

absl::Status SnapshotWriter::WriteHeader(const SnapshotHeader& header) {
  file_system_->Remove(temporary_path_).IgnoreError();  // of an attempt that failed
  absl::StatusOr<std::unique_ptr<File>> file =
      file_system_->Open(temporary_path_, OpenMode::kCreate);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  std::string block(kBlockBytes, '\0');
  footer_.chain = EncodeSnapshotHeader(header, block.data());
  snapshot_.bytes = block.size();
  return file_->WriteAt(0, block);
}

void SnapshotWriter::Add(const Image& image, Lsn lsn) {
  const size_t bytes_before = added_bytes_.size();
  Append(added_bytes_, lsn);
  if (!IsShared(image)) {
    EncodeRecord(image, added_bytes_);
    added_.push_back({added_bytes_.size() - bytes_before, BodyRef()});
  } else {
    const size_t start = added_bytes_.size();
    added_bytes_.resize(start + MaxRecordBytes(image.key.size(), 0));
    const char* const end = EncodeRecordHead(image, added_bytes_.data() + start);
    added_bytes_.resize(static_cast<size_t>(end - added_bytes_.data()));
    added_.push_back({added_bytes_.size() - bytes_before, BodyRef::Share(image.value_body)});
  }
  snapshot_.highest_lsn = std::max(snapshot_.highest_lsn, lsn);
  snapshot_.latest_deadline_ms =
      std::max(snapshot_.latest_deadline_ms, image.deadline_ms == 0 ? kNeverMs : image.deadline_ms);
}

void SnapshotWriter::Misses(Lsn removal) {
  snapshot_.highest_lsn = std::max(snapshot_.highest_lsn, removal);
}

absl::Status SnapshotWriter::Write() {
  std::string_view encoded = added_bytes_;
  for (const Added& added : added_) {
    const Body* const body = added.body.get();
    absl::Status status = PutRecord(encoded.substr(0, added.bytes),
                                    body == nullptr ? std::string_view() : body->bytes());
    if (!status.ok()) return status;
    encoded.remove_prefix(added.bytes);
  }
  added_.clear();
  added_bytes_.clear();
  return absl::OkStatus();
}

absl::Status SnapshotWriter::PutRecord(std::string_view encoded, std::string_view body) {
  const size_t block_bytes = block_.size() + encoded.size() + body.size();
  if (block_bytes > kSnapshotBlockHeaderBytes + kSnapshotPayloadBytesMax && block_records_ > 0) {
    absl::Status status = WriteBlock(SnapshotBlockKind::kRecords);
    if (!status.ok()) return status;
  }
  block_.append(encoded).append(body);
  ++block_records_;
  return absl::OkStatus();
}

absl::Status SnapshotWriter::WriteBlock(SnapshotBlockKind kind) {
  SnapshotBlockHeader header;
  header.kind = kind;
  header.number = footer_.blocks + 1;
  header.payload_bytes = static_cast<uint32_t>(block_.size() - kSnapshotBlockHeaderBytes);
  header.record_count = block_records_;
  header.payload_hash = Checksum(salt_, std::string_view(block_).substr(kSnapshotBlockHeaderBytes));
  EncodeSnapshotBlockHeader(header, salt_, block_.data());
  absl::Status status = file_->WriteAt(snapshot_.bytes, block_);
  if (!status.ok()) return status;
  snapshot_.bytes += block_.size();
  snapshot_.hash = header.hash;
  footer_.chain = NextSnapshotChain(footer_.chain, header);
  footer_.records += block_records_;
  ++footer_.blocks;
  unsynced_bytes_ += block_.size();
  block_.resize(kSnapshotBlockHeaderBytes);
  block_records_ = 0;
  return unsynced_bytes_ < kSyncEveryBytes ? absl::OkStatus() : Sync();
}

absl::Status SnapshotWriter::Sync() {
  unsynced_bytes_ = 0;
  return file_->Sync();
}

absl::Status SnapshotWriter::Seal() {
  absl::Status status = Write();
  if (status.ok() && block_records_ > 0) status = WriteBlock(SnapshotBlockKind::kRecords);
  if (!status.ok()) return status;
  footer_.highest_lsn = snapshot_.highest_lsn;
  footer_.latest_deadline_ms = snapshot_.latest_deadline_ms;
  block_.resize(kSnapshotBlockHeaderBytes + kSnapshotFooterBytes);
  EncodeSnapshotFooter(footer_, block_.data() + kSnapshotBlockHeaderBytes);
  status = WriteBlock(SnapshotBlockKind::kFooter);
  if (status.ok() && !IDEM_BUG(snapshot_not_synced)) status = Sync();
  if (!status.ok()) return status;
  file_.reset();
  absl::StatusOr<SnapshotVerifier> verifier =
      SnapshotVerifier::Open(file_system_, temporary_path_, snapshot_);
  if (!verifier.ok()) return verifier.status();
  verifier_ = *std::move(verifier);
  return absl::OkStatus();
}

absl::StatusOr<bool> SnapshotWriter::Verify() { return verifier_->Next(); }

absl::Status SnapshotWriter::Publish() {
  IDEM_CHECK(verifier_.has_value() && verifier_->done());
  absl::Status status =
      file_system_->Rename(temporary_path_, SnapshotPath(directory_, snapshot_.covers));
  return status.ok() ? file_system_->SyncDirectory(directory_) : status;
}

}  // namespace idem::engine
