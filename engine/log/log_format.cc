#include "log/log_format.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/coding.h"

namespace idem::engine {
namespace {

constexpr uint64_t kSegmentMagic = 0x316c61776d656469;  // "idemwal1"
constexpr uint32_t kBatchMagic = 0x54414269;            // "iBAT"

// Offsets in a segment header.
constexpr size_t kHash = 8, kMajor = 16, kMinor = 18, kIncompatible = 20, kCompatible = 24,
                 kAlignment = 28, kStoreId = 32, kNumber = 48, kFileBytes = 56, kSalt = 64,
                 kFirstLsn = 72, kPreviousChain = 80, kStoreMs = 88, kWallMs = 96, kEpoch = 104,
                 kSecret = 112, kSegmentHeaderEnd = 304;
constexpr size_t kHashed = 16;  // the hash covers all from here

static_assert(kStoreId + sizeof(StoreId) == kNumber);
static_assert(kSecret + sizeof(HashSecret) == kSegmentHeaderEnd);
static_assert(kSegmentHeaderEnd <= kBlockBytes);

// Offsets in a batch header.
constexpr size_t kBatchKind = 4, kBatchSegment = 8, kBatchFirstLsn = 16, kBatchCount = 24,
                 kBatchPayload = 28, kBatchDurable = 32, kBatchStoreMs = 40, kBatchChain = 48,
                 kBatchPayloadHash = 56, kBatchHash = 64;

static_assert(kBatchHash + sizeof(uint64_t) == kBatchHeaderBytes);
static_assert(kBatchHeaderBytes <= 2 * kDenseAlignment);

absl::Status NotASegment(std::string_view file) {
  return absl::DataLossError(absl::StrCat(absl::string_view(file.data(), file.size()),
                                          ": offset 0: the segment header is damaged"));
}

}  // namespace

bool IsZero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

absl::Status CheckVersion(std::string_view file, uint16_t major, uint32_t incompatible_features) {
  if (major == kFormatMajor && (incompatible_features & ~kIncompatibleFeatures) == 0) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      absl::string_view(file.data(), file.size()), ": format ", major, " with features ",
      incompatible_features, ", this version reads format ", kFormatMajor, " with features ",
      kIncompatibleFeatures, " (open it with a newer version of Idem)"));
}

uint64_t EncodeSegmentHeader(const SegmentHeader& header, char* block) {
  std::memset(block, 0, kBlockBytes);
  StoreAt(block, kSegmentMagic);
  StoreAt(block + kMajor, kFormatMajor);
  StoreAt(block + kMinor, kFormatMinor);
  StoreAt(block + kIncompatible, kIncompatibleFeatures);
  StoreAt(block + kCompatible, kCompatibleFeatures);
  StoreAt(block + kAlignment, header.alignment);
  std::memcpy(block + kStoreId, header.store_id.data(), header.store_id.size());
  StoreAt(block + kNumber, header.number);
  StoreAt(block + kFileBytes, header.file_bytes);
  StoreAt(block + kSalt, header.salt);
  StoreAt(block + kFirstLsn, header.first_lsn);
  StoreAt(block + kPreviousChain, header.previous_chain);
  StoreAt(block + kStoreMs, header.store_ms);
  StoreAt(block + kWallMs, header.wall_ms);
  StoreAt(block + kEpoch, header.epoch);
  std::memcpy(block + kSecret, header.secret.data(), header.secret.size());
  const uint64_t hash = Checksum(header.salt, {block + kHashed, kBlockBytes - kHashed});
  StoreAt(block + kHash, hash);
  return hash;
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view file, std::string_view block,
                                                  uint64_t* chain) {
  if (block.size() < kBlockBytes) return NotASegment(file);
  const char* from = block.data();
  const uint64_t salt = Load<uint64_t>(from + kSalt);
  *chain = Checksum(salt, block.substr(kHashed, kBlockBytes - kHashed));
  if (Load<uint64_t>(from) != kSegmentMagic || Load<uint64_t>(from + kHash) != *chain) {
    return NotASegment(file);
  }
  absl::Status version =
      CheckVersion(file, Load<uint16_t>(from + kMajor), Load<uint32_t>(from + kIncompatible));
  if (!version.ok()) return version;

  SegmentHeader header;
  header.salt = salt;
  header.alignment = Load<uint32_t>(from + kAlignment);
  std::memcpy(header.store_id.data(), from + kStoreId, header.store_id.size());
  header.number = Load<uint64_t>(from + kNumber);
  header.file_bytes = Load<uint64_t>(from + kFileBytes);
  header.first_lsn = Load<Lsn>(from + kFirstLsn);
  header.previous_chain = Load<uint64_t>(from + kPreviousChain);
  header.store_ms = Load<int64_t>(from + kStoreMs);
  header.wall_ms = Load<int64_t>(from + kWallMs);
  header.epoch = Load<uint32_t>(from + kEpoch);
  std::memcpy(header.secret.data(), from + kSecret, header.secret.size());
  if (header.alignment != kBlockAlignment && header.alignment != kDenseAlignment) {
    return NotASegment(file);
  }
  return header;
}

void EncodeBatchHeader(BatchHeader& header, uint64_t salt, char* to) {
  StoreAt(to, kBatchMagic);
  StoreAt(to + kBatchKind, static_cast<uint32_t>(header.kind));
  StoreAt(to + kBatchSegment, header.segment_number);
  StoreAt(to + kBatchFirstLsn, header.first_lsn);
  StoreAt(to + kBatchCount, header.record_count);
  StoreAt(to + kBatchPayload, header.payload_bytes);
  StoreAt(to + kBatchDurable, header.durable_upto);
  StoreAt(to + kBatchStoreMs, header.store_ms);
  StoreAt(to + kBatchChain, header.chain);
  StoreAt(to + kBatchPayloadHash, header.payload_hash);
  header.hash = Checksum(salt, {to, kBatchHash});
  StoreAt(to + kBatchHash, header.hash);
}

bool DecodeBatchHeader(std::string_view bytes, uint64_t salt, uint64_t segment_number,
                       BatchHeader& header) {
  if (bytes.size() < kBatchHeaderBytes) return false;
  const char* from = bytes.data();
  if (Load<uint32_t>(from) != kBatchMagic) return false;
  header.segment_number = Load<uint64_t>(from + kBatchSegment);
  header.hash = Load<uint64_t>(from + kBatchHash);
  if (header.segment_number != segment_number) return false;
  if (header.hash != Checksum(salt, bytes.substr(0, kBatchHash))) return false;
  header.kind = static_cast<BatchKind>(Load<uint32_t>(from + kBatchKind));
  header.first_lsn = Load<Lsn>(from + kBatchFirstLsn);
  header.record_count = Load<uint32_t>(from + kBatchCount);
  header.payload_bytes = Load<uint32_t>(from + kBatchPayload);
  header.durable_upto = Load<Lsn>(from + kBatchDurable);
  header.store_ms = Load<int64_t>(from + kBatchStoreMs);
  header.chain = Load<uint64_t>(from + kBatchChain);
  header.payload_hash = Load<uint64_t>(from + kBatchPayloadHash);
  return true;
}

}  // namespace idem::engine
