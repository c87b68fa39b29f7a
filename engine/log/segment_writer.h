// Writes batches into one segment after the other. It decides where a batch stands, and keeps the
// chain of hashes; when to sync and what to acknowledge its owner decides.
//
// A block that was synced is never written again: after a sync the next batch starts on a new one.
// After an error the writer is used up.
//
// Thread rule: none; one thread at a time.
#ifndef IDEM_LOG_SEGMENT_WRITER_H_
#define IDEM_LOG_SEGMENT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "idem/file_system.h"
#include "log/batch.h"
#include "log/log_format.h"

namespace idem::engine {

class SegmentWriter {
 public:
  // Goes on in `file`, which holds header.file_bytes zeros, and writes its header durably.
  absl::Status Start(std::unique_ptr<File> file, const SegmentHeader& header);

  bool Fits(const Batch& batch) const;
  // The batch must fit. An idle mark or a seal is an empty batch.
  absl::Status Write(Batch& batch, BatchKind kind, Lsn durable_upto, int64_t store_ms);
  // Write and Sync in one, for a batch before which nothing waits for a Sync.
  absl::Status WriteDurably(Batch& batch, BatchKind kind, Lsn durable_upto, int64_t store_ms);
  absl::Status Sync();

  uint64_t number() const { return header_.number; }
  const SegmentHeader& header() const { return header_; }
  const SegmentEnd& end() const { return end_; }
  uint64_t bytes_left() const { return header_.file_bytes - next_; }
  uint64_t bytes_written() const { return bytes_written_; }  // in all segments

 private:
  using Put = absl::Status (File::*)(uint64_t offset, std::string_view bytes);

  size_t PaddedBytes(const Batch& batch) const;
  absl::Status WriteBy(Put put, Batch& batch, BatchKind kind, Lsn durable_upto, int64_t store_ms);
  void StartNewBlock();

  std::unique_ptr<File> file_;
  SegmentHeader header_;
  SegmentEnd end_;
  uint64_t next_ = 0;  // where the next batch starts
  uint64_t bytes_written_ = 0;
  AlignedBuffer scratch_{kBlockBytes};
};

}  // namespace idem::engine

#endif  // IDEM_LOG_SEGMENT_WRITER_H_
