#include "log/segment_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/seeded_bug.h"

namespace idem::engine {

absl::Status SegmentWriter::Start(std::unique_ptr<File> file, const SegmentHeader& header) {
  file_ = std::move(file);
  header_ = header;
  AlignedBuffer block(kBlockBytes);
  end_ = SegmentEnd{};
  end_.chain = EncodeSegmentHeader(header, block.data());
  end_.last_lsn = header.first_lsn - 1;
  next_ = kBlockBytes;
  bytes_written_ += kBlockBytes;
  return file_->WriteDurably(0, {block.data(), kBlockBytes});
}

size_t SegmentWriter::PaddedBytes(const Batch& batch) const {
  return RoundUp(kBatchHeaderBytes + batch.payload_bytes(), header_.alignment);
}

bool SegmentWriter::Fits(const Batch& batch) const { return PaddedBytes(batch) <= bytes_left(); }

absl::Status SegmentWriter::Write(Batch& batch, BatchKind kind, Lsn durable_upto,
                                  int64_t store_ms) {
  return WriteBy(&File::WriteAt, batch, kind, durable_upto, store_ms);
}

absl::Status SegmentWriter::WriteDurably(Batch& batch, BatchKind kind, Lsn durable_upto,
                                         int64_t store_ms) {
  absl::Status status = WriteBy(&File::WriteDurably, batch, kind, durable_upto, store_ms);
  if (status.ok()) StartNewBlock();
  return status;
}

absl::Status SegmentWriter::WriteBy(Put put, Batch& batch, BatchKind kind, Lsn durable_upto,
                                    int64_t store_ms) {
  IDEM_CHECK(Fits(batch) && batch.first_lsn() == end_.last_lsn + 1);
  const size_t padded_bytes = PaddedBytes(batch);
  char* const bytes = batch.Finish(padded_bytes, scratch_);
  BatchHeader header;
  header.kind = kind;
  header.segment_number = header_.number;
  header.first_lsn = batch.first_lsn();
  header.record_count = batch.record_count();
  header.payload_bytes = static_cast<uint32_t>(batch.payload_bytes());
  header.durable_upto = durable_upto;
  header.store_ms = store_ms;
  header.chain = end_.chain;
  header.payload_hash = Checksum(header_.salt, {bytes + kBatchHeaderBytes, header.payload_bytes});
  EncodeBatchHeader(header, header_.salt, bytes);
  absl::Status status = (*file_.*put)(next_, {bytes, padded_bytes});
  if (!status.ok()) return status;
  end_.offset = next_ + kBatchHeaderBytes + header.payload_bytes;
  end_.last_lsn = header.last_lsn();
  end_.chain = header.hash;
  end_.latest_deadline_ms = std::max(end_.latest_deadline_ms, batch.latest_deadline_ms());
  next_ += padded_bytes;
  bytes_written_ += padded_bytes;
  return absl::OkStatus();
}

absl::Status SegmentWriter::Sync() {
  absl::Status status = file_->Sync();
  if (!status.ok() && IDEM_BUG(sync_tried_again)) status = file_->Sync();
  if (status.ok() && !IDEM_BUG(synced_block_written_again)) StartNewBlock();
  return status;
}

void SegmentWriter::StartNewBlock() {
  next_ = std::min(RoundUp(next_, kBlockBytes), header_.file_bytes);
}

}  // namespace idem::engine
