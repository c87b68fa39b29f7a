// The bytes of a snapshot, shared by whoever writes and reads one. FORMAT.md tells why.
//
//   snap-<covers>.snap:  header, one block of 4096 | block | block | .. | footer
//   block and footer:    block header 40 | payload
//
//   header                                          block header
//     0  magic 8                                      0  magic 4
//     8  hash 8, of all that follows in the block     4  kind 4: 0 records, 1 footer
//    16  major 2, minor 2                             8  number of the block 8: 1, 2, ..
//    20  incompatible features 4                     16  payload bytes 4
//    24  compatible features 4                       20  record count 4
//    28  zero 4                                      24  payload hash 8
//    32  store id 16                                 32  header hash 8, of bytes 0 to 31
//    48  covers: LSN 8
//    56  salt 8                                    payload of records
//    64  store time, ms 8                             LSN 8 | record (record.h) | LSN 8 | ..
//    72  wall time, ms 8
//    80  epoch 4, zero 4                           payload of the footer
//    88  fingerprint secret 192                       0  blocks before it 8
//   280  zeros                                        8  records 8
//                                                    16  highest LSN 8: of a record, or covers
//                                                    24  latest deadline, ms 8
//                                                    32  chain 8
//
// A snapshot holds, of every key, the newest image up to `covers`, or a later one: after a replay
// of the log from covers + 1 (older images are skipped) it is the whole state. It may be loaded
// only if the log is known to reach `highest LSN`: what it copied must not be lost again.
//
// The blocks are written one after the other; nothing follows the footer. The chain value goes from
// the header's hash through the header hash of every block (NextSnapshotChain), so the header hash
// of the footer stands for the whole file. The manifest has it.
//
// Hashes are XXH3-64 seeded with the salt.
//
// Thread rule: pure functions.
#ifndef IDEM_LOG_SNAPSHOT_FORMAT_H_
#define IDEM_LOG_SNAPSHOT_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/hash.h"
#include "idem/answer.h"
#include "log/log_format.h"
#include "log/store_id.h"

namespace idem::engine {

// "<directory>/snap-<covers, 16 digits>.snap"; it is written under that name with ".tmp" behind.
std::string SnapshotPath(const std::string& directory, Lsn covers);
std::string SnapshotTemporaryPath(const std::string& directory, Lsn covers);
// Which snapshot a file's name (without directory) tells of, finished or not; none if of none.
std::optional<Lsn> SnapshotCovers(std::string_view name);

struct SnapshotHeader {
  Lsn covers = 0;
  uint64_t salt = 0;
  int64_t store_ms = 0;  // when it was begun
  int64_t wall_ms = 0;
  uint32_t epoch = 0;
  StoreId store_id{};
  HashSecret secret{};
};

// Fills the block at `block`; returns the chain value with which the first block goes on.
uint64_t EncodeSnapshotHeader(const SnapshotHeader& header, char* block);
// kDataLoss: not the header of a snapshot. kFailedPrecondition: of a newer version.
absl::StatusOr<SnapshotHeader> DecodeSnapshotHeader(std::string_view file, std::string_view block,
                                                    uint64_t* chain);

inline constexpr size_t kSnapshotBlockHeaderBytes = 40;
inline constexpr size_t kSnapshotFooterBytes = 40;
// The payload of a block, unless it is one larger record.
inline constexpr size_t kSnapshotPayloadBytesMax = 64 << 10;

enum class SnapshotBlockKind : uint32_t { kRecords = 0, kFooter = 1 };

struct SnapshotBlockHeader {
  SnapshotBlockKind kind = SnapshotBlockKind::kRecords;
  uint64_t number = 0;
  uint32_t payload_bytes = 0;
  uint32_t record_count = 0;
  uint64_t payload_hash = 0;
  uint64_t hash = 0;  // set by Encode and Decode
};

// Fills the header bytes at `to` and sets header.hash.
void EncodeSnapshotBlockHeader(SnapshotBlockHeader& header, uint64_t salt, char* to);
// False: the header of block `number` does not stand there.
bool DecodeSnapshotBlockHeader(std::string_view bytes, uint64_t salt, uint64_t number,
                               SnapshotBlockHeader& header);
uint64_t NextSnapshotChain(uint64_t chain, const SnapshotBlockHeader& header);

struct SnapshotFooter {
  uint64_t blocks = 0;  // of records
  uint64_t records = 0;
  Lsn highest_lsn = 0;             // of a record in it, or `covers` if that is higher
  int64_t latest_deadline_ms = 0;  // kNeverMs if a record has none
  uint64_t chain = 0;              // through the last of these blocks

  friend bool operator==(const SnapshotFooter&, const SnapshotFooter&) = default;
};

void EncodeSnapshotFooter(const SnapshotFooter& footer, char* to);
// False: the payload is not as long as that of a footer.
bool DecodeSnapshotFooter(std::string_view payload, SnapshotFooter& footer);

}  // namespace idem::engine

#endif  // IDEM_LOG_SNAPSHOT_FORMAT_H_
