#include "log/snapshot_format.h"

#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/coding.h"

namespace idem::engine {
namespace {

constexpr std::string_view kPrefix = "snap-";
constexpr std::string_view kSuffix = ".snap";
constexpr std::string_view kTemporary = ".tmp";
constexpr size_t kDigits = 16;

constexpr uint64_t kMagic = 0x31706e736d656469;  // "idemsnp1"
constexpr uint32_t kBlockMagic = 0x424e5369;     // "iSNB"

// Offsets in the header.
constexpr size_t kHash = 8, kMajor = 16, kMinor = 18, kIncompatible = 20, kCompatible = 24,
                 kStoreId = 32, kCovers = 48, kSalt = 56, kStoreMs = 64, kWallMs = 72, kEpoch = 80,
                 kSecret = 88, kHeaderEnd = 280;
constexpr size_t kHashed = 16;  // the hash covers all from here

static_assert(kStoreId + sizeof(StoreId) == kCovers);
static_assert(kSecret + sizeof(HashSecret) == kHeaderEnd);

// Offsets in a block header.
constexpr size_t kBlockKind = 4, kBlockNumber = 8, kBlockPayload = 16, kBlockCount = 20,
                 kBlockPayloadHash = 24, kBlockHash = 32;

static_assert(kBlockHash + sizeof(uint64_t) == kSnapshotBlockHeaderBytes);

// Offsets in a footer.
constexpr size_t kFooterRecords = 8, kFooterHighest = 16, kFooterDeadline = 24, kFooterChain = 32;

static_assert(kFooterChain + sizeof(uint64_t) == kSnapshotFooterBytes);

absl::Status NotASnapshot(std::string_view file) {
  return absl::DataLossError(absl::StrCat(absl::string_view(file.data(), file.size()),
                                          ": offset 0: the snapshot header is damaged"));
}

}  // namespace

std::string SnapshotPath(const std::string& directory, Lsn covers) {
  return absl::StrFormat("%s/snap-%016d.snap", directory, covers);
}

std::string SnapshotTemporaryPath(const std::string& directory, Lsn covers) {
  return SnapshotPath(directory, covers) + std::string(kTemporary);
}

std::optional<Lsn> SnapshotCovers(std::string_view name) {
  if (name.ends_with(kTemporary)) name.remove_suffix(kTemporary.size());
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size()) return std::nullopt;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size(), kDigits);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  Lsn covers = 0;
  if (!absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &covers)) {
    return std::nullopt;
  }
  return covers;
}

uint64_t EncodeSnapshotHeader(const SnapshotHeader& header, char* block) {
  std::memset(block, 0, kBlockBytes);
  StoreAt(block, kMagic);
  StoreAt(block + kMajor, kFormatMajor);
  StoreAt(block + kMinor, kFormatMinor);
  StoreAt(block + kIncompatible, kIncompatibleFeatures);
  StoreAt(block + kCompatible, kCompatibleFeatures);
  std::memcpy(block + kStoreId, header.store_id.data(), header.store_id.size());
  StoreAt(block + kCovers, header.covers);
  StoreAt(block + kSalt, header.salt);
  StoreAt(block + kStoreMs, header.store_ms);
  StoreAt(block + kWallMs, header.wall_ms);
  StoreAt(block + kEpoch, header.epoch);
  std::memcpy(block + kSecret, header.secret.data(), header.secret.size());
  const uint64_t hash = Checksum(header.salt, {block + kHashed, kBlockBytes - kHashed});
  StoreAt(block + kHash, hash);
  return hash;
}

absl::StatusOr<SnapshotHeader> DecodeSnapshotHeader(std::string_view file, std::string_view block,
                                                    uint64_t* chain) {
  if (block.size() < kBlockBytes) return NotASnapshot(file);
  const char* from = block.data();
  SnapshotHeader header;
  header.salt = Load<uint64_t>(from + kSalt);
  *chain = Checksum(header.salt, block.substr(kHashed, kBlockBytes - kHashed));
  if (Load<uint64_t>(from) != kMagic || Load<uint64_t>(from + kHash) != *chain) {
    return NotASnapshot(file);
  }
  absl::Status version =
      CheckVersion(file, Load<uint16_t>(from + kMajor), Load<uint32_t>(from + kIncompatible));
  if (!version.ok()) return version;
  std::memcpy(header.store_id.data(), from + kStoreId, header.store_id.size());
  header.covers = Load<Lsn>(from + kCovers);
  header.store_ms = Load<int64_t>(from + kStoreMs);
  header.wall_ms = Load<int64_t>(from + kWallMs);
  header.epoch = Load<uint32_t>(from + kEpoch);
  std::memcpy(header.secret.data(), from + kSecret, header.secret.size());
  return header;
}

void EncodeSnapshotBlockHeader(SnapshotBlockHeader& header, uint64_t salt, char* to) {
  StoreAt(to, kBlockMagic);
  StoreAt(to + kBlockKind, static_cast<uint32_t>(header.kind));
  StoreAt(to + kBlockNumber, header.number);
  StoreAt(to + kBlockPayload, header.payload_bytes);
  StoreAt(to + kBlockCount, header.record_count);
  StoreAt(to + kBlockPayloadHash, header.payload_hash);
  header.hash = Checksum(salt, {to, kBlockHash});
  StoreAt(to + kBlockHash, header.hash);
}

bool DecodeSnapshotBlockHeader(std::string_view bytes, uint64_t salt, uint64_t number,
                               SnapshotBlockHeader& header) {
  if (bytes.size() < kSnapshotBlockHeaderBytes) return false;
  const char* from = bytes.data();
  if (Load<uint32_t>(from) != kBlockMagic) return false;
  header.hash = Load<uint64_t>(from + kBlockHash);
  if (header.hash != Checksum(salt, bytes.substr(0, kBlockHash))) return false;
  const uint32_t kind = Load<uint32_t>(from + kBlockKind);
  header.number = Load<uint64_t>(from + kBlockNumber);
  if (kind > static_cast<uint32_t>(SnapshotBlockKind::kFooter) || header.number != number) {
    return false;
  }
  header.kind = static_cast<SnapshotBlockKind>(kind);
  header.payload_bytes = Load<uint32_t>(from + kBlockPayload);
  header.record_count = Load<uint32_t>(from + kBlockCount);
  header.payload_hash = Load<uint64_t>(from + kBlockPayloadHash);
  return true;
}

uint64_t NextSnapshotChain(uint64_t chain, const SnapshotBlockHeader& header) {
  char hash[sizeof(uint64_t)];
  StoreAt(hash, header.hash);
  return Checksum(chain, {hash, sizeof(hash)});
}

void EncodeSnapshotFooter(const SnapshotFooter& footer, char* to) {
  StoreAt(to, footer.blocks);
  StoreAt(to + kFooterRecords, footer.records);
  StoreAt(to + kFooterHighest, footer.highest_lsn);
  StoreAt(to + kFooterDeadline, footer.latest_deadline_ms);
  StoreAt(to + kFooterChain, footer.chain);
}

bool DecodeSnapshotFooter(std::string_view payload, SnapshotFooter& footer) {
  if (payload.size() != kSnapshotFooterBytes) return false;
  const char* from = payload.data();
  footer.blocks = Load<uint64_t>(from);
  footer.records = Load<uint64_t>(from + kFooterRecords);
  footer.highest_lsn = Load<Lsn>(from + kFooterHighest);
  footer.latest_deadline_ms = Load<int64_t>(from + kFooterDeadline);
  footer.chain = Load<uint64_t>(from + kFooterChain);
  return true;
}

}  // namespace idem::engine
