#include "log/manifest.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/coding.h"
#include "base/seeded_bug.h"

namespace idem::engine {
namespace {

constexpr uint64_t kMagic = 0x316e616d6d656469;  // "idemman1"
constexpr uint64_t kHashSeed = kMagic;
constexpr size_t kHashed = 16;  // the hash covers all from here
constexpr size_t kBootIdBytes = 64;
constexpr size_t kSnapshotsMax = 2;
constexpr size_t kSnapshotBytes = 48;
constexpr size_t kFixedBytes = 464;
constexpr size_t kSegmentBytes = 64;
constexpr size_t kSegmentsMax = 1 << 20;

void AppendSegment(std::string& to, const ManifestSegment& segment) {
  const bool closed = segment.state == SegmentState::kClosed;
  const SegmentEnd end = closed ? segment.end : SegmentEnd{0, 0, 0, 0};
  Append(to, segment.number);
  Append(to, segment.salt);
  Append(to, segment.file_bytes);
  Append(to, static_cast<uint32_t>(segment.state));
  Append(to, uint32_t{0});
  Append(to, end.offset);
  Append(to, end.last_lsn);
  Append(to, end.chain);
  Append(to, end.latest_deadline_ms);
}

void AppendSnapshot(std::string& to, const ManifestSnapshot& snapshot) {
  Append(to, snapshot.covers);
  Append(to, snapshot.highest_lsn);
  Append(to, snapshot.bytes);
  Append(to, snapshot.hash);
  Append(to, snapshot.latest_deadline_ms);
  Append(to, snapshot.wall_ms);
}

void AppendFixed(std::string& to, const Manifest& manifest) {
  const size_t bytes = kFixedBytes + manifest.segments.size() * kSegmentBytes;
  Append(to, kMagic);
  Append(to, uint64_t{0});  // the hash, at the end
  Append(to, static_cast<uint32_t>(bytes));
  Append(to, kFormatMajor);
  Append(to, kFormatMinor);
  Append(to, kIncompatibleFeatures);
  Append(to, kCompatibleFeatures);
  Append(to, manifest.generation);
  to.append(manifest.store_id.data(), manifest.store_id.size());
  to.append(manifest.secret.data(), manifest.secret.size());
  Append(to, manifest.epoch);
  Append(to, static_cast<uint32_t>(manifest.segments.size()));
  Append(to, manifest.store_ms);
  Append(to, manifest.wall_ms);
  Append(to, manifest.durable_lsn);
  Append(to, manifest.clean_stop_lsn);
  const std::string boot_id = manifest.boot_id.substr(0, kBootIdBytes);
  Append(to, static_cast<uint32_t>(boot_id.size()));
  to.append(boot_id);
  to.append(kBootIdBytes - boot_id.size(), '\0');
  Append(to, manifest.salvages);
  IDEM_CHECK(manifest.snapshots.size() <= kSnapshotsMax);
  for (const ManifestSnapshot& snapshot : manifest.snapshots) AppendSnapshot(to, snapshot);
  to.append((kSnapshotsMax - manifest.snapshots.size()) * kSnapshotBytes, '\0');
  Append(to, manifest.forgotten_lsn);
}

// --- reading: the hash is right, so what is wrong now was written so.

// An integer that must be zero in this version.
template <typename T>
bool ReadZero(ByteReader& from) {
  return from.Read<T>() == 0;
}

template <typename Array>
void ReadArray(ByteReader& from, Array& to) {
  const std::string_view bytes = from.ReadBytes(to.size());
  bytes.copy(to.data(), bytes.size());
}

bool ReadBootId(ByteReader& from, std::string& boot_id) {
  const uint32_t length = from.Read<uint32_t>();
  const std::string_view bytes = from.ReadBytes(kBootIdBytes);
  if (length > bytes.size()) return false;
  boot_id = bytes.substr(0, length);
  return IsZero(bytes.substr(length));
}

bool ValidEnd(const ManifestSegment& segment) {
  const SegmentEnd& end = segment.end;
  if (segment.state != SegmentState::kClosed) return end == SegmentEnd{0, 0, 0, 0};
  return end.offset >= kBlockBytes && end.offset <= segment.file_bytes &&
         end.latest_deadline_ms >= 0 && end.latest_deadline_ms <= kNeverMs;
}

bool ReadSegment(ByteReader& from, ManifestSegment& segment) {
  segment.number = from.Read<uint64_t>();
  segment.salt = from.Read<uint64_t>();
  segment.file_bytes = from.Read<uint64_t>();
  const uint32_t state = from.Read<uint32_t>();
  const bool zero = ReadZero<uint32_t>(from);
  segment.end.offset = from.Read<uint64_t>();
  segment.end.last_lsn = from.Read<Lsn>();
  segment.end.chain = from.Read<uint64_t>();
  segment.end.latest_deadline_ms = from.Read<int64_t>();
  segment.state = static_cast<SegmentState>(state);
  return zero && state >= 1 && state <= 3 && ValidEnd(segment) &&
         segment.file_bytes >= kBlockBytes && segment.file_bytes % kBlockBytes == 0;
}

// Closed ones, then one in use, then a spare; numbers and LSNs rise.
bool InOrder(const std::vector<ManifestSegment>& segments) {
  for (size_t i = 1; i < segments.size(); ++i) {
    const ManifestSegment& before = segments[i - 1];
    const ManifestSegment& segment = segments[i];
    if (segment.number <= before.number || segment.state < before.state) return false;
    if (segment.state == SegmentState::kClosed && segment.end.last_lsn < before.end.last_lsn) {
      return false;
    }
    if (segment.state == before.state && segment.state != SegmentState::kClosed) return false;
  }
  return true;
}

bool ValidSnapshot(const ManifestSnapshot& snapshot) {
  return snapshot.covers != 0 && snapshot.highest_lsn >= snapshot.covers &&
         snapshot.bytes > kBlockBytes && snapshot.latest_deadline_ms >= 0 &&
         snapshot.latest_deadline_ms <= kNeverMs;
}

bool ReadSnapshots(ByteReader& from, std::vector<ManifestSnapshot>& snapshots) {
  for (size_t slot = 0; slot < kSnapshotsMax; ++slot) {
    ManifestSnapshot snapshot;
    snapshot.covers = from.Read<Lsn>();
    snapshot.highest_lsn = from.Read<Lsn>();
    snapshot.bytes = from.Read<uint64_t>();
    snapshot.hash = from.Read<uint64_t>();
    snapshot.latest_deadline_ms = from.Read<int64_t>();
    snapshot.wall_ms = from.Read<int64_t>();
    if (snapshot == ManifestSnapshot{}) continue;
    if (!ValidSnapshot(snapshot) || snapshots.size() != slot) return false;
    if (slot > 0 && snapshot.covers >= snapshots[0].covers) return false;
    snapshots.push_back(snapshot);
  }
  return true;
}

bool ReadFixed(ByteReader& from, Manifest& manifest, uint32_t& segment_count) {
  manifest.generation = from.Read<uint64_t>();
  ReadArray(from, manifest.store_id);
  ReadArray(from, manifest.secret);
  manifest.epoch = from.Read<uint32_t>();
  segment_count = from.Read<uint32_t>();
  manifest.store_ms = from.Read<int64_t>();
  manifest.wall_ms = from.Read<int64_t>();
  manifest.durable_lsn = from.Read<Lsn>();
  manifest.clean_stop_lsn = from.Read<Lsn>();
  if (!ReadBootId(from, manifest.boot_id)) return false;
  manifest.salvages = from.Read<uint32_t>();
  if (!ReadSnapshots(from, manifest.snapshots)) return false;
  manifest.forgotten_lsn = from.Read<Lsn>();
  return manifest.epoch <= kEpochMax && manifest.store_ms >= 0 && segment_count <= kSegmentsMax;
}

bool ReadBody(ByteReader& from, Manifest& manifest) {
  uint32_t segment_count = 0;
  if (!ReadFixed(from, manifest, segment_count)) return false;
  if (from.left() != segment_count * kSegmentBytes) return false;
  manifest.segments.resize(segment_count);
  for (ManifestSegment& segment : manifest.segments) {
    if (!ReadSegment(from, segment)) return false;
  }
  return InOrder(manifest.segments);
}

std::string PathOf(const std::string& directory, const char* name) {
  return directory + "/" + name;
}

absl::Status Damaged(std::string_view file, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(absl::string_view(file.data(), file.size()), ": ", why));
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  std::string bytes;
  AppendFixed(bytes, manifest);
  IDEM_CHECK(bytes.size() == kFixedBytes);
  IDEM_CHECK(InOrder(manifest.segments));
  for (const ManifestSegment& segment : manifest.segments) AppendSegment(bytes, segment);
  StoreAt(bytes.data() + 8, Checksum(kHashSeed, std::string_view(bytes).substr(kHashed)));
  return bytes;
}

absl::StatusOr<Manifest> DecodeManifest(std::string_view file, std::string_view bytes) {
  ByteReader from(bytes);
  const uint64_t magic = from.Read<uint64_t>();
  const uint64_t hash = from.Read<uint64_t>();
  const uint32_t length = from.Read<uint32_t>();
  if (!from.ok() || magic != kMagic || length != bytes.size() ||
      hash != Checksum(kHashSeed, bytes.substr(kHashed))) {
    return Damaged(file, "the manifest is damaged (its hash is wrong)");
  }
  const uint16_t major = from.Read<uint16_t>();
  from.Read<uint16_t>();  // minor: what a newer one of this major adds may be ignored
  const uint32_t incompatible = from.Read<uint32_t>();
  from.Read<uint32_t>();  // compatible features
  absl::Status version = CheckVersion(file, major, incompatible);
  if (!version.ok()) return version;
  Manifest manifest;
  if (!ReadBody(from, manifest)) return Damaged(file, "the manifest contradicts itself");
  return manifest;
}

ManifestFile::ManifestFile(FileSystem* file_system, std::string directory, Manifest manifest)
    : file_system_(file_system),
      directory_(std::move(directory)),
      generation_(manifest.generation),
      manifest_(std::move(manifest)) {}

absl::StatusOr<Manifest> ManifestFile::Read(FileSystem* file_system, const std::string& directory) {
  const std::string path = PathOf(directory, "MANIFEST");
  absl::StatusOr<std::unique_ptr<File>> file = file_system->Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size > kFixedBytes + kSegmentsMax * kSegmentBytes) {
    return Damaged(path, "the manifest is damaged (it is too long)");
  }
  std::string bytes(*size, '\0');
  const absl::StatusOr<size_t> length = (*file)->ReadAt(0, bytes.data(), bytes.size());
  if (!length.ok()) return length.status();
  return DecodeManifest(path, std::string_view(bytes).substr(0, *length));
}

absl::Status ManifestFile::Commit(const Change& change) {
  MutexLock writing(write_mutex_);
  Manifest next = Get();
  change(next);
  next.generation = ++generation_;
  absl::Status status = Write(next);
  if (!status.ok()) return status;
  Apply([&](Manifest& manifest) {
    change(manifest);
    manifest.generation = next.generation;
  });
  return absl::OkStatus();
}

void ManifestFile::Apply(const Change& change) {
  MutexLock lock(mutex_);
  change(manifest_);
}

Manifest ManifestFile::Get() const {
  MutexLock lock(mutex_);
  return manifest_;
}

absl::Status ManifestFile::Write(const Manifest& manifest) {
  const std::string temporary = PathOf(directory_, "MANIFEST.tmp");
  file_system_->Remove(temporary).IgnoreError();  // of an attempt that failed; mostly not there
  {
    absl::StatusOr<std::unique_ptr<File>> file = file_system_->Open(temporary, OpenMode::kCreate);
    if (!file.ok()) return file.status();
    absl::Status status = (*file)->WriteAt(0, EncodeManifest(manifest));
    if (status.ok() && !IDEM_BUG(manifest_not_synced)) status = (*file)->Sync();
    if (!status.ok()) return status;
  }
  absl::Status status = file_system_->Rename(temporary, PathOf(directory_, "MANIFEST"));
  if (!status.ok() || IDEM_BUG(manifest_directory_not_synced)) return status;
  return file_system_->SyncDirectory(directory_);
}

}  // namespace idem::engine
