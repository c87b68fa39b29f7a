#include "tool/store_copier.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "log/manifest.h"
#include "log/segment.h"
#include "log/snapshot_format.h"
#include "tool/file_copy.h"
#include "tool/survey.h"

namespace idem::engine {
namespace {

constexpr int kTries = 10;

// The store has moved on; what was copied so far does not fit together.
absl::Status MovedOn(absl::string_view path) {
  return absl::AbortedError(absl::StrCat(path, ": changes faster than it can be copied"));
}

class Copier {
 public:
  Copier(FileSystem* files, const std::string& from, const std::string& to, uint32_t raise_epoch)
      : files_(files), from_(from), to_(to), raise_epoch_(raise_epoch) {}

  absl::Status CheckTarget();
  absl::StatusOr<CopiedStore> Run();

 private:
  absl::Status Copy();
  absl::Status CopySnapshots(const Manifest& manifest);
  absl::StatusOr<bool> CopySegment(const ManifestSegment& segment);
  absl::Status CopyPart(const std::string& from_path, const std::string& to_path,
                        const CopiedPart& part);
  absl::Status WriteManifest(const Manifest& manifest);
  absl::Status Verify();
  void RemoveCopies();

  FileSystem* const files_;
  const std::string& from_;
  const std::string& to_;
  const uint32_t raise_epoch_;
  std::vector<std::string> made_;  // paths
  CopiedStore copied_;
};

absl::Status Copier::CheckTarget() {
  absl::Status status = files_->CreateDirectory(to_);
  if (!status.ok()) return status;
  const absl::StatusOr<std::vector<std::string>> names = files_->List(to_);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (name == "LOCK") continue;
    return absl::FailedPreconditionError(absl::StrCat(to_, ": must be empty, but there is ", name));
  }
  return absl::OkStatus();
}

absl::StatusOr<CopiedStore> Copier::Run() {
  absl::Status status = MovedOn(from_);
  for (int i = 0; i < kTries && absl::IsAborted(status); ++i) {
    copied_ = {};
    status = Copy();
    if (status.ok()) status = Verify();
    if (!status.ok()) RemoveCopies();
  }
  if (!status.ok()) return status;
  return std::move(copied_);
}

absl::Status Copier::Copy() {
  absl::StatusOr<Manifest> manifest = ManifestFile::Read(files_, from_);
  if (!manifest.ok()) return manifest.status();
  absl::Status status = CopySnapshots(*manifest);
  std::vector<ManifestSegment>& segments = manifest->segments;
  for (size_t i = segments.size(); status.ok() && i-- > 0;) {
    const absl::StatusOr<bool> copied = CopySegment(segments[i]);
    if (copied.ok() && !*copied) segments.erase(segments.begin() + static_cast<ptrdiff_t>(i));
    status = copied.status();
  }
  return status.ok() ? WriteManifest(*manifest) : status;
}

absl::Status Copier::CopySnapshots(const Manifest& manifest) {
  for (const ManifestSnapshot& snapshot : manifest.snapshots) {
    const std::string path = SnapshotPath(from_, snapshot.covers);
    const absl::StatusOr<CopiedPart> whole = WholeFile(files_, path);
    if (absl::IsNotFound(whole.status())) return MovedOn(path);
    if (!whole.ok()) return whole.status();
    absl::Status status = CopyPart(path, SnapshotPath(to_, snapshot.covers), *whole);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// False: there is nothing in it.
absl::StatusOr<bool> Copier::CopySegment(const ManifestSegment& segment) {
  const std::string path = SegmentPath(from_, segment.number);
  const absl::StatusOr<CopiedPart> whole = WholeFile(files_, path);
  if (absl::IsNotFound(whole.status())) return MovedOn(path);
  if (!whole.ok()) return whole.status();
  uint64_t end = segment.end.offset;
  if (segment.state != SegmentState::kClosed) {
    const SurveyedSegment survey = SurveySegment(files_, from_, segment);
    if (!survey.status.ok()) return survey.status;
    const bool used = survey.has_header() && survey.header.salt == segment.salt;
    if (survey.remains.durable_upto > (used ? survey.end.last_lsn : 0)) return MovedOn(path);
    if (!used && segment.state == SegmentState::kSpare) return false;
    end = survey.end.offset;
  }
  absl::Status status = CopyPart(path, SegmentPath(to_, segment.number), {end, segment.file_bytes});
  if (!status.ok()) return status;
  return true;
}

absl::Status Copier::CopyPart(const std::string& from_path, const std::string& to_path,
                              const CopiedPart& part) {
  made_.push_back(to_path);
  copied_.files += 1;
  copied_.bytes += part.bytes;
  return CopyFile(files_, from_path, to_path, part);
}

absl::Status Copier::WriteManifest(const Manifest& manifest) {
  if (raise_epoch_ > kEpochMax - manifest.epoch) {
    return absl::ResourceExhaustedError(absl::StrCat(from_, ": all epochs are used up"));
  }
  made_.push_back(to_ + "/MANIFEST.tmp");
  made_.push_back(to_ + "/MANIFEST");
  copied_.files += 1;
  copied_.epoch = manifest.epoch + raise_epoch_;
  return ManifestFile(files_, to_, manifest).Commit([this](Manifest& copy) {
    copy.epoch = copied_.epoch;
  });
}

absl::Status Copier::Verify() {
  copied_.verdict = JudgeDirectory(files_, to_);
  if (!copied_.verdict.status.ok()) return copied_.verdict.status;
  if (copied_.verdict.torn) return absl::DataLossError(absl::StrCat(to_, ": the copy is torn"));
  return absl::OkStatus();
}

// The manifest first: without it the rest is no store.
void Copier::RemoveCopies() {
  for (; !made_.empty(); made_.pop_back()) files_->Remove(made_.back()).IgnoreError();
  files_->SyncDirectory(to_).IgnoreError();
}

}  // namespace

absl::StatusOr<CopiedStore> CopyStore(FileSystem* files, const std::string& from,
                                      const std::string& to, uint32_t raise_epoch) {
  Copier copier(files, from, to, raise_epoch);
  absl::Status status = copier.CheckTarget();
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<DirectoryLock>> lock =
      files->Lock(to + "/LOCK", absl::StrCat("idem-tool pid ", getpid()));
  if (!lock.ok()) return lock.status();
  return copier.Run();
}

}  // namespace idem::engine
