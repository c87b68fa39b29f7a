// idem-tool salvage: goes on with what can be read of a damaged store. The only command that
// changes one.
//
//   lock ─► judge: damaged? ─► gather what survives ─► copy all files aside
//        ─► write it as one snapshot and an empty segment behind it ─► MANIFEST names these two
//        ─► remove the rest ─► judge: clean?
//
// Before the manifest is renamed the damaged store stands as it was, so a crash or a full disk
// costs nothing: remove the aside directory and begin again.
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "idem/clock.h"
#include "log/record.h"
#include "log/segment.h"
#include "log/segment_writer.h"
#include "log/snapshot_writer.h"
#include "tool/commands.h"
#include "tool/file_copy.h"
#include "tool/judge.h"
#include "tool/store_files.h"
#include "tool/survivors.h"

namespace idem::engine {
namespace {

class Salvager {
 public:
  Salvager(const Surroundings& to, std::string directory, std::string aside, Salvage how)
      : to_(to),
        files_(to.files),
        directory_(std::move(directory)),
        aside_(std::move(aside)),
        how_(how) {}

  absl::Status Run() {
    using Step = absl::Status (Salvager::*)();
    for (const Step step :
         {&Salvager::Lock, &Salvager::CheckDamaged, &Salvager::Gather, &Salvager::CopyAside,
          &Salvager::WriteSnapshot, &Salvager::StartSegment, &Salvager::WriteManifest,
          &Salvager::RemoveTheRest, &Salvager::CheckClean}) {
      absl::Status status = (this->*step)();
      if (!status.ok()) return status;
    }
    Tell();
    return absl::OkStatus();
  }

 private:
  absl::Status Lock();
  absl::Status CheckDamaged();
  absl::Status Gather();
  absl::Status CopyAside();
  absl::Status WriteSnapshot();
  absl::Status AddSurvivors(SnapshotWriter& writer);
  absl::Status StartSegment();
  absl::Status WriteManifest();
  absl::Status RemoveTheRest();
  absl::Status CheckClean();
  void Tell();

  uint64_t NextNumber() const;

  const Surroundings& to_;
  FileSystem* const files_;
  const std::string directory_;
  const std::string aside_;
  const Salvage how_;
  std::unique_ptr<DirectoryLock> lock_;
  std::vector<std::string> old_names_;
  SurvivingStore store_;
  ManifestSnapshot snapshot_;
  ManifestSegment segment_;
};

absl::Status Salvager::Lock() {
  const absl::StatusOr<StoreFiles> found = FindStoreFiles(files_, directory_);
  if (!found.ok()) return found.status();  // before a LOCK file is made there
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock =
      files_->Lock(directory_ + "/LOCK", absl::StrCat("idem-tool salvage pid ", getpid()));
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  return absl::OkStatus();
}

absl::Status Salvager::CheckDamaged() {
  const Verdict verdict = JudgeDirectory(files_, directory_);
  if (verdict.status.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory_, ": is healthy",
                     verdict.torn ? " but for a torn tail, which the next open cuts by itself" : "",
                     "; nothing to salvage"));
  }
  if (!absl::IsDataLoss(verdict.status)) return verdict.status;
  to_.out << "damaged: " << std::string(verdict.status.message()) << "\n";
  return absl::OkStatus();
}

absl::Status Salvager::Gather() {
  const absl::StatusOr<StoreFiles> found = FindStoreFiles(files_, directory_);
  if (!found.ok()) return found.status();
  absl::StatusOr<SurvivingStore> store = FindSurvivors(files_, directory_, *found, how_);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  // The new snapshot must not take the name of an old one before MANIFEST is written.
  if (std::binary_search(found->snapshots.begin(), found->snapshots.end(), store_.top)) {
    store_.top += 1;
  }
  if (store_.manifest.epoch < kEpochMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(directory_, ": all epochs are used up"));
}

// All files, not only those that are known to be damaged: with them a salvage can be undone.
absl::Status Salvager::CopyAside() {
  absl::Status status = files_->CreateDirectory(aside_);
  if (!status.ok()) return status;
  const absl::StatusOr<std::vector<std::string>> there = files_->List(aside_);
  if (!there.ok()) return there.status();
  if (!there->empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(aside_, ": must be empty, but there is ", there->front()));
  }
  const absl::StatusOr<std::vector<std::string>> names = files_->List(directory_);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (name == "LOCK") continue;
    old_names_.push_back(name);
    const std::string path = directory_ + "/" + name;
    const absl::StatusOr<CopiedPart> whole = WholeFile(files_, path);
    if (!whole.ok()) return whole.status();
    status = CopyFile(files_, path, aside_ + "/" + name, *whole);
    if (!status.ok()) return status;
  }
  return files_->SyncDirectory(aside_);
}

absl::Status Salvager::WriteSnapshot() {
  Manifest& manifest = store_.manifest;
  manifest.epoch += 1;
  manifest.wall_ms = Clock::System()->WallMs();
  const SnapshotHeader header = {.covers = store_.top,
                                 .salt = Random64(),
                                 .store_ms = manifest.store_ms,
                                 .wall_ms = manifest.wall_ms,
                                 .epoch = manifest.epoch,
                                 .store_id = manifest.store_id,
                                 .secret = manifest.secret};
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> writer =
      SnapshotWriter::Create(files_, directory_, header);
  if (!writer.ok()) return writer.status();
  absl::Status status = AddSurvivors(**writer);
  if (status.ok()) status = (*writer)->Seal();
  for (bool more = true; status.ok() && more;) {
    const absl::StatusOr<bool> read = (*writer)->Verify();
    status = read.status();
    more = read.ok() && *read;
  }
  if (status.ok()) status = (*writer)->Publish();
  snapshot_ = (*writer)->snapshot();
  return status;
}

absl::Status Salvager::AddSurvivors(SnapshotWriter& writer) {
  return store_.keys.ForEach([&writer](std::string_view record, Lsn lsn) {
    Image image;
    const absl::StatusOr<size_t> length = DecodeRecord(record, image);
    if (!length.ok()) return length.status();
    writer.Add(image, lsn);
    return writer.Write();
  });
}

uint64_t Salvager::NextNumber() const {
  uint64_t newest = 0;
  for (const std::string& name : old_names_) {
    newest = std::max(newest, SegmentNumber(name).value_or(0));
  }
  return newest + 1;
}

absl::Status Salvager::StartSegment() {
  SegmentHeader header;
  header.number = NextNumber();
  header.file_bytes = store_.segment_bytes;
  header.salt = Random64();
  header.first_lsn = store_.top + 1;
  header.store_ms = store_.manifest.store_ms;
  header.wall_ms = store_.manifest.wall_ms;
  header.epoch = store_.manifest.epoch;
  header.store_id = store_.manifest.store_id;
  header.secret = store_.manifest.secret;
  segment_ = {.number = header.number,
              .salt = header.salt,
              .file_bytes = header.file_bytes,
              .state = SegmentState::kInUse,
              .end = {}};
  Options options;
  options.directory = directory_;
  options.file_system = files_;
  absl::StatusOr<std::unique_ptr<File>> file =
      CreateZeroedSegment(options, header.number, header.file_bytes);
  if (!file.ok()) return file.status();
  SegmentWriter writer;
  absl::Status status = writer.Start(*std::move(file), header);
  return status.ok() ? writer.Sync() : status;
}

absl::Status Salvager::WriteManifest() {
  Manifest& manifest = store_.manifest;
  manifest.durable_lsn = store_.top;
  manifest.clean_stop_lsn = 0;
  manifest.salvages += 1;
  manifest.boot_id = Clock::System()->BootId();
  manifest.snapshots = {snapshot_};
  manifest.segments = {segment_};
  return ManifestFile(files_, directory_, manifest).Commit([](Manifest&) {});
}

absl::Status Salvager::RemoveTheRest() {
  const std::string kept = SnapshotPath(directory_, snapshot_.covers);
  for (const std::string& name : old_names_) {
    const std::string path = directory_ + "/" + name;
    const bool of_the_store = SegmentNumber(name).has_value() || SnapshotCovers(name).has_value();
    if (of_the_store && path != kept) files_->Remove(path).IgnoreError();
  }
  return files_->SyncDirectory(directory_);
}

absl::Status Salvager::CheckClean() { return JudgeDirectory(files_, directory_).status; }

void Salvager::Tell() {
  for (const std::string& note : store_.notes) to_.out << "damaged: " << note << "\n";
  for (const LostRange& lost : store_.lost) {
    to_.out << "lost: records " << lost.first << " .. " << lost.last << "\n";
  }
  to_.out << "salvaged: " << store_.keys.count() << " keys, epoch " << store_.manifest.epoch
          << "; the store as it was is in " << aside_ << "\n";
}

int Run(const Arguments& arguments, const Surroundings& to) {
  const bool cut = arguments.Has("--cut");
  const std::optional<std::string> aside = arguments.Value("--aside");
  if (cut == arguments.Has("--skip")) {
    return Fail(to, absl::InvalidArgumentError("say either --cut or --skip; see --help"));
  }
  if (!aside.has_value() || aside->empty()) {
    return Fail(to, absl::InvalidArgumentError("say --aside DIR2; see --help"));
  }
  const Salvage how = cut ? Salvage::kCut : Salvage::kSkip;
  absl::Status status = Salvager(to, arguments.directory(0), *aside, how).Run();
  return status.ok() ? kClean : Fail(to, status);
}

constexpr Command::Flag kFlags[] = {{"--cut"}, {"--skip"}, {"--aside", true}};

constexpr char kHelp[] = R"(
Goes on with what can be read of a damaged store. Data is lost: try a second copy of the file or a
backup first. A store that is healthy or in use is refused, and so is one with a torn tail only: the
next open cuts that by itself.

  --aside DIR2  every file of DIR is copied there before anything is changed; DIR2 must be empty or
                missing. To undo a salvage, put these files back in place of all others
  --cut         the log ends at the first damage. The state is one that the store once had, but
                everything after that is forgotten: what was finished then can be claimed again
  --skip        everything is kept whose own hashes are right, before and behind the damage. Less is
                lost, but the state is one that the store never had: a key whose last change is lost
                shows an older one, so a finished key can be in progress again

Both list every range of lost records. What survives is written as one snapshot, and MANIFEST then
names that and a new segment. The epoch is raised, so that no token is given twice. The store
remembers: INFO shows `salvages` for ever.

Needs space for a copy of DIR in DIR2, and for the live keys and one segment in DIR; and memory for
the live keys and the largest file.

Exit codes:
  0   done; the lost ranges are listed
  2   nothing would be left, or DIR2 or DIR cannot be read; DIR is as it was
  3   refused: healthy, in use, DIR2 is not empty, no space, a newer format
  64  a wrong command line

Examples:
  idem-tool salvage /var/lib/idem --cut --aside /backup/idem-damaged
  idem-tool salvage /var/lib/idem --skip --aside /backup/idem-damaged
)";

}  // namespace

const Command kSalvage = {.name = "salvage",
                          .summary = "goes on with what is left of a damaged store; loses data",
                          .synopsis = "DIR --cut | --skip --aside DIR2",
                          .help = kHelp,
                          .flags = kFlags,
                          .run = Run};

}  // namespace idem::engine
