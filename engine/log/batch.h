// Records on their way to a file: one batch is one write and one group commit.
//
//   buffer:  | header, later | record | record head | record | ..        | zeros |
//                                     ▲
//   splices:                          └ value of a shared Body, put in when the batch is finished
//
// Records are encoded where they will be written from. Only a batch with shared bodies is copied
// once more, by the committer, so that a large value is never copied under a lock.
//
// Thread rule: none; the owner locks.
#ifndef IDEM_LOG_BATCH_H_
#define IDEM_LOG_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/body.h"
#include "log/image.h"
#include "log/log_format.h"

namespace idem::engine {

// Uninitialised bytes that start on a block, as direct I/O would want them.
class AlignedBuffer {
 public:
  explicit AlignedBuffer(size_t bytes);
  char* data() const { return bytes_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(char* bytes) const;
  };
  size_t size_;
  std::unique_ptr<char[], Free> bytes_;
};

class Batch {
 public:
  // A batch is full at either limit; one append alone may be larger.
  static constexpr size_t kPayloadBytesMax = 1 << 20;
  static constexpr uint32_t kRecordsMax = 4096;
  // Values in a Body of at least this size are shared, others copied.
  static constexpr size_t kSharedBytesMin = 4096;

  // With room for `copied_bytes` of records, shared bodies not counted.
  explicit Batch(size_t copied_bytes = kPayloadBytesMax);

  void Clear(Lsn first_lsn);
  bool HasRoomFor(std::span<const Image> images) const;
  void Add(const Image& image);
  // Records that are encoded already.
  bool HasRoomForEncoded(size_t bytes) const;
  void AddEncoded(std::string_view records, uint32_t count, int64_t latest_deadline_ms);

  Lsn first_lsn() const { return first_lsn_; }
  Lsn last_lsn() const { return first_lsn_ + record_count_ - 1; }
  uint32_t record_count() const { return record_count_; }
  size_t payload_bytes() const { return copied_bytes_ + shared_bytes_; }
  int64_t latest_deadline_ms() const { return latest_deadline_ms_; }
  size_t capacity() const { return buffer_.size() - kBatchHeaderBytes - kBlockBytes; }

  // The batch as it is written, `padded_bytes` long, its header not filled in yet. Uses `scratch`
  // if there are shared bodies. Nothing may be added afterwards.
  char* Finish(size_t padded_bytes, AlignedBuffer& scratch);

 private:
  struct Splice {
    size_t after_copied_bytes;
    BodyRef body;
  };

  char* end() const { return buffer_.data() + kBatchHeaderBytes + copied_bytes_; }
  void CountRecords(uint32_t count, int64_t latest_deadline_ms);

  AlignedBuffer buffer_;
  std::vector<Splice> splices_;
  Lsn first_lsn_ = 0;
  uint32_t record_count_ = 0;
  size_t copied_bytes_ = 0;
  size_t shared_bytes_ = 0;
  int64_t latest_deadline_ms_ = 0;
};

// Batches in the order of their LSNs; the last one is still filled.
class BatchQueue {
 public:
  struct Appended {
    size_t bytes;
    bool new_batch;  // one was begun for them
  };
  // Adds contiguous records to one batch.
  Appended Append(std::span<const Image> images, Lsn first_lsn);
  bool empty() const { return batches_.empty(); }
  size_t size() const { return batches_.size(); }
  std::unique_ptr<Batch> TakeFront();
  // Keeps the buffer of a written batch for the next one.
  void Recycle(std::unique_ptr<Batch> batch);

 private:
  void Begin(std::span<const Image> images, Lsn first_lsn);

  std::deque<std::unique_ptr<Batch>> batches_;
  std::vector<std::unique_ptr<Batch>> spare_;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_BATCH_H_
