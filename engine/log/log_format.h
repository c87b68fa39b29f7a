// The bytes of a log segment, shared by whoever writes and reads one. FORMAT.md tells why.
//
//   segment:  header, one block | batch | batch | .. | zeros to the end of the file
//   batch:    header 72 | records | zeros to the next multiple of the alignment
//
//   segment header                                  batch header
//     0  magic 8                                      0  magic 4
//     8  hash 8, of all that follows in the block     4  kind 4
//    16  major 2, minor 2                             8  segment number 8
//    20  incompatible features 4                     16  first LSN 8
//    24  compatible features 4                       24  record count 4
//    28  alignment of batches 4                      28  payload bytes 4
//    32  store id 16                                 32  durable up to this LSN 8
//    48  segment number 8                            40  store time, ms 8
//    56  file bytes 8                                48  chain: hash of the header before 8
//    64  salt 8                                      56  payload hash 8
//    72  first LSN 8                                 64  header hash 8, of bytes 0 to 63
//    80  chain of the segment before 8
//    88  store time, ms 8
//    96  wall time, ms 8
//   104  epoch 4, zero 4
//   112  fingerprint secret 192
//   304  zeros
//
// Hashes are XXH3-64 seeded with the salt of the segment. Magic and hash of a segment header stand
// where they stand in every version to come, so that a newer one is told from a damaged one.
//
// Thread rule: pure functions.
#ifndef IDEM_LOG_LOG_FORMAT_H_
#define IDEM_LOG_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "idem/answer.h"
#include "log/store_id.h"

namespace idem::engine {

inline constexpr uint16_t kFormatMajor = 1;
inline constexpr uint16_t kFormatMinor = 1;
// What this code understands. Files with other incompatible bits are refused.
inline constexpr uint32_t kSeenAndSequences = 1
                                              << 0;  // record kinds 4 and 5, removals without token
inline constexpr uint32_t kIncompatibleFeatures = kSeenAndSequences;
inline constexpr uint32_t kCompatibleFeatures = 0;

inline constexpr size_t kBlockBytes = 4096;
inline constexpr size_t kBatchHeaderBytes = 72;
// Where batches may start: on blocks, so that a torn write never touches a block that was synced;
// in the weaker modes closer, but on a new block after each sync.
inline constexpr uint32_t kBlockAlignment = kBlockBytes;
inline constexpr uint32_t kDenseAlignment = 64;

constexpr uint64_t RoundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
bool IsZero(std::string_view bytes);

// OK, or kFailedPrecondition: `file` was written by a version that this one cannot read.
absl::Status CheckVersion(std::string_view file, uint16_t major, uint32_t incompatible_features);

struct SegmentHeader {
  uint64_t number = 0;
  uint64_t file_bytes = 0;
  uint64_t salt = 0;
  Lsn first_lsn = 1;            // of the first record; the segment before ends just below
  uint64_t previous_chain = 0;  // where the chain of hashes comes from; 0 in the very first
  int64_t store_ms = 0;
  int64_t wall_ms = 0;
  uint32_t epoch = 0;
  uint32_t alignment = kBlockAlignment;
  StoreId store_id{};
  HashSecret secret{};
};

// Fills the block at `block`; returns the chain value with which the first batch goes on.
uint64_t EncodeSegmentHeader(const SegmentHeader& header, char* block);
// kDataLoss: not the header of a segment. kFailedPrecondition: of a newer version.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view file, std::string_view block,
                                                  uint64_t* chain);

enum class BatchKind : uint32_t {
  kRecords = 0,
  kIdleMark = 1,  // no records: only tells that all before is durable
  kSeal = 2,      // the same at a clean stop
};

struct BatchHeader {
  BatchKind kind = BatchKind::kRecords;
  uint64_t segment_number = 0;
  Lsn first_lsn = 0;
  uint32_t record_count = 0;
  uint32_t payload_bytes = 0;
  Lsn durable_upto = 0;  // what was known to be synced when this batch was made
  int64_t store_ms = 0;
  uint64_t chain = 0;
  uint64_t payload_hash = 0;
  uint64_t hash = 0;  // set by Encode and Decode

  Lsn last_lsn() const { return first_lsn + record_count - 1; }
};

// Fills the header bytes at `to` and sets header.hash.
void EncodeBatchHeader(BatchHeader& header, uint64_t salt, char* to);
// False: no header of that segment stands there. The kind may be one that this version does not
// know.
bool DecodeBatchHeader(std::string_view bytes, uint64_t salt, uint64_t segment_number,
                       BatchHeader& header);

// Later than every deadline.
inline constexpr int64_t kNeverMs = int64_t{1} << 47;

// Where the batches of a segment end.
struct SegmentEnd {
  uint64_t offset = kBlockBytes;
  Lsn last_lsn = 0;
  uint64_t chain = 0;
  int64_t latest_deadline_ms = 0;  // of its records; kNeverMs if one has none

  friend bool operator==(const SegmentEnd&, const SegmentEnd&) = default;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_LOG_FORMAT_H_
