#include "log/log_recovery.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/seeded_bug.h"
#include "log/log_replay.h"
#include "log/segment.h"
#include "log/snapshot_shelf.h"
#include "log/space_ledger.h"
#include "log/tail_copier.h"

namespace idem::engine {
namespace {

// Trailing segments whose records together take less than this part of a segment are copied whole.
constexpr uint64_t kSmallPart = 8;

class Recovery {
 public:
  Recovery(const Options& options, ReplaySink& sink, const Store::OpenListener& listener)
      : options_(options),
        files_(options.file_system),
        directory_(options.directory),
        sink_(sink),
        listener_(listener) {}

  absl::StatusOr<RecoveredLog> Run() {
    using Step = absl::Status (Recovery::*)();
    for (const Step step :
         {&Recovery::Lock, &Recovery::FindSegments, &Recovery::ReadManifest,
          &Recovery::CheckUnnamedSegments, &Recovery::ReplayAll, &Recovery::PlanTail,
          &Recovery::StartSegment, &Recovery::CopyTail, &Recovery::CommitManifest}) {
      absl::Status status = (this->*step)();
      if (!status.ok()) return status;
    }
    RemoveUnnamedFiles();
    return RecoveredLog{.lock = std::move(lock_),
                        .manifest = std::move(manifest_file_),
                        .writer = std::move(writer_),
                        .clock = clock_,
                        .last_lsn = log_.last_lsn,
                        .next_number = NewestNumber() + 1,
                        .records = log_.records,
                        .torn_tails_cut = log_.torn ? 1u : 0u,
                        .damaged_snapshots = log_.damaged_snapshots.size(),
                        .created = created_};
  }

 private:
  absl::Status Lock();
  absl::Status FindSegments();
  absl::Status ReadManifest();
  absl::Status CreateManifest();
  absl::Status CheckUnnamedSegments();
  absl::Status CheckUnnamedSegment(uint64_t number);
  absl::Status ReplayAll();
  absl::Status PlanTail();
  absl::Status CutLastSegment(std::vector<ReplayedSegment>& segments);
  absl::Status StartSegment();
  absl::StatusOr<std::unique_ptr<File>> TakeFile(uint64_t file_bytes);
  absl::Status CopyTail();
  absl::Status CommitManifest();
  void RemoveUnnamedFiles();

  bool Named(uint64_t number) const;
  uint64_t NewestNumber() const { return numbers_.empty() ? 0 : *numbers_.rbegin(); }
  SegmentHeader HeaderOfNext(uint64_t file_bytes) const;

  const Options& options_;
  FileSystem* const files_;
  const std::string& directory_;
  ReplaySink& sink_;
  const Store::OpenListener& listener_;
  std::unique_ptr<DirectoryLock> lock_;
  std::set<uint64_t> numbers_;  // of all segment files
  Manifest manifest_;           // as it was found
  std::unique_ptr<ManifestFile> manifest_file_;
  bool created_ = false;
  ReplayedLog log_;
  StoreClock clock_{options_.clock, 1};
  std::vector<ManifestSegment> kept_;  // closed; what they do not hold is copied
  Tail tail_;
  uint64_t next_number_ = 0;
  SegmentWriter writer_;
};

absl::Status Recovery::Lock() {
  absl::Status status = files_->CreateDirectory(directory_);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock =
      files_->Lock(directory_ + "/LOCK", absl::StrCat("idem pid ", getpid()));
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  return absl::OkStatus();
}

absl::Status Recovery::FindSegments() {
  const absl::StatusOr<std::vector<std::string>> names = files_->List(directory_);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (const std::optional<uint64_t> number = SegmentNumber(name)) numbers_.insert(*number);
  }
  return absl::OkStatus();
}

absl::Status Recovery::ReadManifest() {
  absl::StatusOr<Manifest> manifest = ManifestFile::Read(files_, directory_);
  if (absl::IsNotFound(manifest.status())) return CreateManifest();
  if (!manifest.ok()) return manifest.status();
  manifest_ = *std::move(manifest);
  if (manifest_.epoch >= kEpochMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(directory_, ": all epochs are used up; begin a new directory"));
  }
  manifest_file_ = std::make_unique<ManifestFile>(files_, directory_, manifest_);
  return absl::OkStatus();
}

// Before its first manifest a directory has no segment, so one that has is damaged.
absl::Status Recovery::CreateManifest() {
  if (!numbers_.empty()) {
    return absl::DataLossError(absl::StrCat(directory_, "/MANIFEST: missing, but there is ",
                                            SegmentPath(directory_, *numbers_.begin())));
  }
  manifest_.store_id = RandomStoreId();
  manifest_.secret = RandomSecret();
  manifest_file_ = std::make_unique<ManifestFile>(files_, directory_, manifest_);
  created_ = true;
  return manifest_file_->Commit([](Manifest&) {});
}

bool Recovery::Named(uint64_t number) const {
  return std::any_of(manifest_.segments.begin(), manifest_.segments.end(),
                     [number](const ManifestSegment& segment) { return segment.number == number; });
}

// Left behind by an open that did not come to its end, or by a spare that was never named; unless
// the manifest is an old one that somebody has put back.
absl::Status Recovery::CheckUnnamedSegments() {
  const uint64_t newest_named = manifest_.segments.empty() ? 0 : manifest_.segments.back().number;
  for (const uint64_t number : numbers_) {
    if (number < newest_named || Named(number)) continue;
    absl::Status status = CheckUnnamedSegment(number);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Recovery::CheckUnnamedSegment(uint64_t number) {
  const std::string path = SegmentPath(directory_, number);
  absl::StatusOr<std::unique_ptr<File>> file = files_->Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  std::string block(kBlockBytes, '\0');
  const absl::StatusOr<size_t> length = (*file)->ReadAt(0, block.data(), block.size());
  if (!length.ok()) return length.status();
  uint64_t chain = 0;
  const absl::StatusOr<SegmentHeader> header =
      DecodeSegmentHeader(path, std::string_view(block).substr(0, *length), &chain);
  if (absl::IsDataLoss(header.status())) return absl::OkStatus();
  if (!header.ok()) return header.status();
  if (header->store_id == manifest_.store_id && header->epoch > manifest_.epoch) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      path, ": offset 0: a segment that MANIFEST should name; is MANIFEST an old copy?"));
}

absl::Status Recovery::ReplayAll() {
  absl::StatusOr<ReplayedLog> log = ReplayLog(files_, directory_, manifest_, sink_, listener_);
  if (!log.ok()) return log.status();
  log_ = *std::move(log);
  clock_ = StoreClock(options_.clock, IDEM_BUG(time_not_recovered) ? 1 : log_.store_ms + 1);
  return absl::OkStatus();
}

// Which segments stay, closed where they end now, and what is copied behind them.
absl::Status Recovery::PlanTail() {
  std::vector<ReplayedSegment>& segments = log_.segments;
  size_t kept = segments.size();
  while (kept > 0 && !segments[kept - 1].skipped) {
    const uint64_t bytes = tail_.record_bytes + segments[kept - 1].record_bytes;
    if (bytes > SegmentBytes(options_) / kSmallPart) break;
    tail_.record_bytes = bytes;
    --kept;
  }
  tail_.segments.assign(segments.begin() + static_cast<ptrdiff_t>(kept), segments.end());
  segments.resize(kept);
  if (tail_.segments.empty() && kept > 0) {
    absl::Status status = CutLastSegment(segments);
    if (!status.ok()) return status;
  }
  for (const ReplayedSegment& replayed : segments) {
    kept_.push_back(replayed.segment);
    kept_.back().state = SegmentState::kClosed;
    kept_.back().end = replayed.end;
  }
  return absl::OkStatus();
}

// Unless a manifest has told where it ends.
absl::Status Recovery::CutLastSegment(std::vector<ReplayedSegment>& segments) {
  if (segments.back().segment.state == SegmentState::kClosed) return absl::OkStatus();
  if (IDEM_BUG(tail_not_copied)) return absl::OkStatus();
  absl::StatusOr<Tail> tail =
      CutUnprovenTail(files_, directory_, segments.back(), log_.durable_lsn);
  if (!tail.ok()) return tail.status();
  tail_ = *std::move(tail);
  if (segments.back().end.offset == kBlockBytes) segments.pop_back();
  return absl::OkStatus();
}

SegmentHeader Recovery::HeaderOfNext(uint64_t file_bytes) const {
  SegmentHeader header;
  header.number = next_number_;
  header.file_bytes = file_bytes;
  header.salt = Random64();
  if (!kept_.empty()) {
    header.first_lsn = kept_.back().end.last_lsn + 1;
    header.previous_chain = kept_.back().end.chain;
  } else if (!tail_.segments.empty()) {
    header.first_lsn = tail_.segments.front().header.first_lsn;
    header.previous_chain = tail_.segments.front().header.previous_chain;
  }
  header.store_ms = clock_.NowMs();
  header.wall_ms = options_.clock->WallMs();
  header.epoch = manifest_.epoch + (IDEM_BUG(epoch_not_raised) ? 0 : 1);
  header.alignment = options_.durability == Durability::kAlways ? kBlockAlignment : kDenseAlignment;
  header.store_id = manifest_.store_id;
  header.secret = manifest_.secret;
  return header;
}

absl::Status Recovery::StartSegment() {
  const uint64_t needed = kBlockBytes + SpaceLedger::SpaceFor(tail_.record_bytes);
  const uint64_t file_bytes = std::max(SegmentBytes(options_), RoundUp(needed, kBlockBytes));
  absl::StatusOr<std::unique_ptr<File>> file = TakeFile(file_bytes);
  if (!file.ok()) return file.status();
  return writer_.Start(*std::move(file), HeaderOfNext(file_bytes));
}

// The spare, unless another open has left a newer file, which would look like one that the manifest
// should name if a power cut brings it back after it was removed.
absl::StatusOr<std::unique_ptr<File>> Recovery::TakeFile(uint64_t file_bytes) {
  const std::optional<ManifestSegment>& spare = log_.untouched_spare;
  if (spare.has_value() && spare->file_bytes == file_bytes &&
      (spare->number == NewestNumber() || IDEM_BUG(spare_below_a_leftover))) {
    next_number_ = spare->number;
    return files_->Open(SegmentPath(directory_, next_number_), OpenMode::kReadWrite);
  }
  next_number_ = NewestNumber() + 1;
  numbers_.insert(next_number_);
  return CreateZeroedSegment(options_, next_number_, file_bytes);
}

absl::Status Recovery::CopyTail() {
  absl::Status status = CopyTailTo(writer_, files_, directory_, tail_, clock_.NowMs());
  if (!status.ok() || IDEM_BUG(tail_not_synced)) return status;
  return writer_.Sync();
}

absl::Status Recovery::CommitManifest() {
  const SegmentHeader& header = writer_.header();
  std::vector<ManifestSegment> segments = kept_;
  segments.push_back({.number = header.number,
                      .salt = header.salt,
                      .file_bytes = header.file_bytes,
                      .state = SegmentState::kInUse,
                      .end = {}});
  absl::Status status = manifest_file_->Commit([&](Manifest& manifest) {
    manifest.epoch = header.epoch;
    manifest.segments = segments;
    std::erase_if(manifest.snapshots, [this](const ManifestSnapshot& snapshot) {
      const auto& damaged = log_.damaged_snapshots;
      return std::find(damaged.begin(), damaged.end(), snapshot) != damaged.end();
    });
    manifest.clean_stop_lsn = 0;
    Stamp(manifest, log_.last_lsn, clock_);
  });
  manifest_ = manifest_file_->Get();
  return status;
}

// What cannot be removed now is tried again at the next open.
void Recovery::RemoveUnnamedFiles() {
  for (const uint64_t number : numbers_) {
    if (!Named(number)) files_->Remove(SegmentPath(directory_, number)).IgnoreError();
  }
  RemoveUnnamedSnapshots(files_, directory_, manifest_);
}

}  // namespace

uint64_t SegmentBytes(const Options& options) {
  return RoundUp(options.segment_bytes, kBlockBytes);
}

void Stamp(Manifest& manifest, Lsn durable_lsn, const StoreClock& clock) {
  manifest.durable_lsn = std::max(manifest.durable_lsn, durable_lsn);
  manifest.store_ms = clock.NowMs();
  manifest.wall_ms = clock.source().WallMs();
  manifest.boot_id = clock.source().BootId();
}

absl::StatusOr<RecoveredLog> RecoverLog(const Options& options, ReplaySink& sink,
                                        const Store::OpenListener& listener) {
  return Recovery(options, sink, listener).Run();
}

}  // namespace idem::engine
