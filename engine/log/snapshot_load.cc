#include "log/snapshot_load.h"

#include <utility>

#include "base/seeded_bug.h"
#include "log/snapshot_reader.h"

namespace idem::engine {
namespace {

absl::Status CheckOwner(const SnapshotHeader& header, const Manifest& manifest,
                        const std::string& path) {
  if (header.store_id == manifest.store_id && header.secret == manifest.secret &&
      header.epoch <= manifest.epoch) {
    return absl::OkStatus();
  }
  return DamageAt(path, 0, "this is not the snapshot that the manifest names");
}

absl::Status ReadOne(FileSystem* file_system, const std::string& directory,
                     const Manifest& manifest, const ManifestSnapshot& snapshot, ReplaySink& sink,
                     TellSnapshotRead tell, LoadedSnapshot& result) {
  absl::StatusOr<SnapshotReader> reader = SnapshotReader::Open(file_system, directory, snapshot);
  if (!reader.ok()) return reader.status();
  absl::Status status =
      CheckOwner(reader->header(), manifest, SnapshotPath(directory, snapshot.covers));
  if (!status.ok()) return status;
  result.store_ms = reader->header().store_ms;
  result.records = 0;
  while (true) {
    absl::StatusOr<std::optional<RecordBlock>> block = reader->Next();
    if (!block.ok()) return block.status();
    if (!block->has_value()) return absl::OkStatus();
    result.records += (*block)->record_count;
    if (!sink.Add(**std::move(block))) return sink.Finish();
    tell(snapshot, reader->offset(), result.records);
  }
}

bool MeansDamage(const absl::Status& status) {
  return !absl::IsFailedPrecondition(status) && !absl::IsResourceExhausted(status);
}

}  // namespace

absl::StatusOr<LoadedSnapshot> LoadNewestSnapshot(FileSystem* file_system,
                                                  const std::string& directory,
                                                  const Manifest& manifest, ReplaySink& sink,
                                                  TellSnapshotRead tell) {
  LoadedSnapshot result;
  for (const ManifestSnapshot& snapshot : manifest.snapshots) {
    absl::Status status = ReadOne(file_system, directory, manifest, snapshot, sink, tell, result);
    absl::Status installed = sink.Finish();
    if (!installed.ok()) status = std::move(installed);
    if (status.ok()) {
      result.loaded = snapshot;
      return result;
    }
    if (!MeansDamage(status) || IDEM_BUG(older_snapshot_not_tried)) return status;
    sink.Clear();
    result.damaged.push_back(snapshot);
    if (result.first_damage.ok()) result.first_damage = std::move(status);
  }
  result.records = 0;
  result.store_ms = 0;
  return result;
}

}  // namespace idem::engine
