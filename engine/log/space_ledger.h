// Which reservations the log can grant: everything granted or appended must fit into the backlog,
// and into the rest of the segment in use or into the spare alone.
//
// Why that is enough: batches go into the segment in use while they fit, the rest goes into the
// spare. What is needed in all is no more than the larger of the two rooms, so it is met by one of
// them, or by the first together with less than all of the second.
//
// Every batch wastes up to one block: a header, and padding to the next one. Over how many batches
// the bytes of a reservation will be spread nobody knows beforehand, because the committer takes
// the batch that is being filled whenever it is free. So a reservation is charged for one new batch
// and for those that could become full; and the committer leaves the batch that is being filled
// alone while space is so short that one more would not fit (MayTakeTail), until reservations have
// been given back. They are soon: who holds one waits for nothing.
//
// Thread rule: none; the owner locks.
#ifndef IDEM_LOG_SPACE_LEDGER_H_
#define IDEM_LOG_SPACE_LEDGER_H_

#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "log/log_format.h"

namespace idem::engine {

class SpaceLedger {
 public:
  // What a batch takes beside its records, at most.
  static constexpr uint64_t kBatchOverheadMax = kBatchHeaderBytes + kBlockBytes - 1;
  // A batch that was full and the next append hold more than 90 KB together: 1 MiB, or 4096 records
  // of 22 bytes or more. So of n bytes at most n / 45,000 batches become full.
  static constexpr uint64_t kFullBatchBytesMin = 32 << 10;

  // Space for appends of `bytes` in all, whatever batches they end up in.
  static constexpr uint64_t SpaceFor(uint64_t bytes) {
    return bytes + kBatchOverheadMax * (1 + bytes / kFullBatchBytesMin);
  }

  // `segment_room` is what a new segment takes, its header not counted.
  SpaceLedger(uint64_t backlog_bytes, uint64_t segment_room)
      : backlog_bytes_(backlog_bytes), segment_room_(segment_room) {}

  // `bytes` would not even fit into an empty log.
  bool NeverFits(uint64_t bytes) const { return SpaceFor(bytes) > segment_room_; }
  // A single large reservation passes an empty backlog.
  bool FitsBacklog(uint64_t bytes) const {
    const uint64_t waiting = queued_bytes_ + reserved_bytes_;
    return waiting == 0 || waiting + bytes <= backlog_bytes_;
  }
  bool FitsFiles(uint64_t bytes) const {
    return queued_space_ + SpaceFor(reserved_bytes_ + bytes) <= std::max(in_use_left_, spare_left_);
  }
  // Whether the batch that is being filled may be closed and written.
  bool MayTakeTail() const { return reserved_bytes_ == 0 || FitsFiles(0); }
  // Nothing is queued or reserved, and `bytes` fit into the segment in use.
  bool IdleWith(uint64_t bytes) const {
    return queued_space_ + reserved_bytes_ == 0 && in_use_left_ >= bytes;
  }

  void Reserve(uint64_t bytes) { reserved_bytes_ += bytes; }
  void Release(uint64_t bytes) {
    IDEM_CHECK(bytes <= reserved_bytes_);
    reserved_bytes_ -= bytes;
  }
  void Appended(uint64_t bytes, bool new_batch) {
    queued_bytes_ += bytes;
    queued_space_ += bytes + (new_batch ? kBatchOverheadMax : 0);
  }
  void Written(uint64_t batch_bytes) {
    queued_bytes_ -= batch_bytes;
    queued_space_ -= batch_bytes + kBatchOverheadMax;
  }
  void SetInUseLeft(uint64_t bytes) { in_use_left_ = bytes; }
  void SetSpareLeft(uint64_t bytes) { spare_left_ = bytes; }
  // For a batch without records, when IdleWith(kBatchOverheadMax).
  void TakeForMark() { in_use_left_ -= kBatchOverheadMax; }

 private:
  const uint64_t backlog_bytes_;
  const uint64_t segment_room_;
  uint64_t reserved_bytes_ = 0;
  uint64_t queued_bytes_ = 0;
  uint64_t queued_space_ = 0;
  uint64_t in_use_left_ = 0;
  uint64_t spare_left_ = 0;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_SPACE_LEDGER_H_
