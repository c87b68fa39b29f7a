#include "tool/store_files.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "log/segment.h"
#include "log/snapshot_format.h"

namespace idem::engine {
namespace {

bool IsFinishedSnapshot(const std::string& name, Lsn covers) {
  return SnapshotPath("", covers) == "/" + name;
}

}  // namespace

const ManifestSegment* StoreFiles::Named(uint64_t number) const {
  if (!manifest.ok()) return nullptr;
  const auto found =
      std::find_if(manifest->segments.begin(), manifest->segments.end(),
                   [number](const auto& segment) { return segment.number == number; });
  return found == manifest->segments.end() ? nullptr : &*found;
}

const ManifestSnapshot* StoreFiles::NamedSnapshot(Lsn covers) const {
  if (!manifest.ok()) return nullptr;
  const auto found =
      std::find_if(manifest->snapshots.begin(), manifest->snapshots.end(),
                   [covers](const auto& snapshot) { return snapshot.covers == covers; });
  return found == manifest->snapshots.end() ? nullptr : &*found;
}

absl::StatusOr<StoreFiles> FindStoreFiles(FileSystem* files, const std::string& directory) {
  const absl::StatusOr<std::vector<std::string>> names = files->List(directory);
  if (!names.ok()) return names.status();
  StoreFiles found{ManifestFile::Read(files, directory), {}, {}, {}};
  for (const std::string& name : *names) {
    const std::optional<Lsn> covers = SnapshotCovers(name);
    if (const std::optional<uint64_t> number = SegmentNumber(name)) {
      found.segments.push_back(*number);
    } else if (covers.has_value() && IsFinishedSnapshot(name, *covers)) {
      found.snapshots.push_back(*covers);
    } else if (name != "LOCK" && name != "MANIFEST") {
      found.other_files.push_back(name);
    }
  }
  const bool empty = found.segments.empty() && found.snapshots.empty();
  if (absl::IsNotFound(found.manifest.status()) && empty) {
    return absl::NotFoundError(absl::StrCat(directory, ": there is no store in it"));
  }
  if (!found.manifest.ok() && !absl::IsDataLoss(found.manifest.status()) &&
      !absl::IsNotFound(found.manifest.status())) {
    return found.manifest.status();
  }
  return found;
}

std::optional<SegmentHeader> ReadSegmentHeader(FileSystem* files, const std::string& directory,
                                               uint64_t number) {
  const std::string path = SegmentPath(directory, number);
  const absl::StatusOr<std::unique_ptr<File>> file = files->Open(path, OpenMode::kRead);
  if (!file.ok()) return std::nullopt;
  std::string block(kBlockBytes, '\0');
  const absl::StatusOr<size_t> length = (*file)->ReadAt(0, block.data(), block.size());
  if (!length.ok() || *length < kBlockBytes) return std::nullopt;
  uint64_t chain = 0;
  absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(path, block, &chain);
  if (!header.ok() || header->number != number) return std::nullopt;
  return *std::move(header);
}

std::optional<ManifestSegment> DescribeSegment(FileSystem* files, const std::string& directory,
                                               uint64_t number) {
  const std::optional<SegmentHeader> header = ReadSegmentHeader(files, directory, number);
  if (!header.has_value()) return std::nullopt;
  return ManifestSegment{.number = number,
                         .salt = header->salt,
                         .file_bytes = header->file_bytes,
                         .state = SegmentState::kInUse,
                         .end = {}};
}

}  // namespace idem::engine
