// idem-tool check: what stands in a directory, and what an open would say to it.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "log/segment.h"
#include "log/snapshot_format.h"
#include "log/snapshot_verifier.h"
#include "tool/commands.h"
#include "tool/directory_use.h"
#include "tool/judge.h"
#include "tool/store_files.h"
#include "tool/survey.h"

namespace idem::engine {
namespace {

// A store that runs may move files while they are read. What is wrong every time is wrong.
constexpr int kTriesWhileInUse = 5;

std::string FileNameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void Line(const Surroundings& to, const std::string& name, const std::string& text) {
  to.out << absl::StrFormat("%-26s  %s\n", name, text);
}

std::string WallTime(int64_t wall_ms) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixMillis(wall_ms),
                          absl::UTCTimeZone());
}

const char* NameOf(SegmentState state) {
  switch (state) {
    case SegmentState::kClosed:
      return "closed";
    case SegmentState::kInUse:
      return "in use";
    case SegmentState::kSpare:
      return "spare";
  }
  return "?";
}

void TellManifest(const Surroundings& to, const StoreFiles& found) {
  if (!found.manifest.ok()) {
    const bool missing = absl::IsNotFound(found.manifest.status());
    return Line(to, "MANIFEST", missing ? "missing" : "damaged");
  }
  const Manifest& manifest = *found.manifest;
  std::string text = absl::StrFormat("store %s, epoch %d, generation %d, written %s",
                                     StoreIdText(manifest.store_id), manifest.epoch,
                                     manifest.generation, WallTime(manifest.wall_ms));
  absl::StrAppend(&text, ", durable up to ", manifest.durable_lsn);
  if (manifest.clean_stop_lsn != 0) {
    absl::StrAppend(&text, ", clean stop at ", manifest.clean_stop_lsn);
  }
  if (manifest.salvages != 0) absl::StrAppend(&text, ", salvaged ", manifest.salvages, " time(s)");
  Line(to, "MANIFEST", text);
}

std::string BehindTheEnd(const SurveyedSegment& survey) {
  if (survey.remains.zero) return ", then zeros";
  std::string text =
      absl::StrCat(", then, from offset ", survey.end_offset, ", something that is no valid batch");
  if (survey.remains.durable_upto > survey.end.last_lsn) {
    absl::StrAppend(&text, "; a header at offset ", survey.remains.offset, " says that all up to ",
                    survey.remains.durable_upto, " was durable");
  }
  return text;
}

std::string TellSegment(const SurveyedSegment& survey, uint64_t file_bytes) {
  if (!survey.status.ok()) return std::string(survey.status.message());
  if (!survey.has_header()) {
    const bool zero = survey.header_state == SegmentReader::HeaderState::kZero;
    return zero && survey.remains.zero ? "zeros" : "the segment header is damaged";
  }
  const std::string records =
      survey.records == 0
          ? "no records"
          : absl::StrCat("records ", survey.header.first_lsn, " .. ", survey.end.last_lsn);
  return absl::StrCat(records, " in ", survey.batches, " batches, ", survey.end.offset, " of ",
                      file_bytes, " bytes", BehindTheEnd(survey));
}

// Where the last segment that holds records ends.
struct LogEnd {
  std::string path;
  uint64_t offset = 0;
};

LogEnd TellSegments(const Surroundings& to, const std::string& directory, const StoreFiles& found) {
  LogEnd end;
  for (const uint64_t number : found.segments) {
    const std::string path = SegmentPath(directory, number);
    const ManifestSegment* const named = found.Named(number);
    if (named == nullptr && found.manifest.ok()) {
      Line(to, FileNameOf(path), "not named by MANIFEST: an open removes it, or refuses it");
      continue;
    }
    const std::optional<ManifestSegment> segment =
        named != nullptr ? *named : DescribeSegment(to.files, directory, number);
    if (!segment.has_value()) {
      Line(to, FileNameOf(path), "the segment header is damaged");
      continue;
    }
    const SurveyedSegment survey = SurveySegment(to.files, directory, *segment);
    const char* const state = named == nullptr ? "no MANIFEST" : NameOf(named->state);
    Line(to, FileNameOf(path),
         absl::StrFormat("%s: %s", state, TellSegment(survey, segment->file_bytes)));
    if (survey.has_header()) end = {path, survey.end_offset};
  }
  return end;
}

std::string TellSnapshot(const Surroundings& to, const std::string& path,
                         const ManifestSnapshot& named) {
  absl::StatusOr<SnapshotVerifier> verifier = SnapshotVerifier::Open(to.files, path, named);
  if (!verifier.ok()) return std::string(verifier.status().message());
  while (!verifier->done()) {
    const absl::StatusOr<bool> more = verifier->Next();
    if (!more.ok()) return std::string(more.status().message());
  }
  return absl::StrCat("snapshot: covers records up to ", named.covers, ", ", named.bytes,
                      " bytes, begun ", WallTime(named.wall_ms), ", whole");
}

void TellSnapshots(const Surroundings& to, const std::string& directory, const StoreFiles& found) {
  for (const Lsn covers : found.snapshots) {
    const std::string path = SnapshotPath(directory, covers);
    const ManifestSnapshot* const named = found.NamedSnapshot(covers);
    const char* const unnamed = "a snapshot that MANIFEST does not name: an open removes it";
    Line(to, FileNameOf(path), named == nullptr ? unnamed : TellSnapshot(to, path, *named));
  }
}

void TellMissing(const Surroundings& to, const std::string& directory, const StoreFiles& found) {
  if (!found.manifest.ok()) return;
  for (const ManifestSegment& segment : found.manifest->segments) {
    if (std::binary_search(found.segments.begin(), found.segments.end(), segment.number)) continue;
    Line(to, FileNameOf(SegmentPath(directory, segment.number)), "missing");
  }
  for (const ManifestSnapshot& snapshot : found.manifest->snapshots) {
    if (std::binary_search(found.snapshots.begin(), found.snapshots.end(), snapshot.covers))
      continue;
    Line(to, FileNameOf(SnapshotPath(directory, snapshot.covers)), "missing");
  }
}

LogEnd TellFiles(const Surroundings& to, const std::string& directory, const StoreFiles& found) {
  TellManifest(to, found);
  TellSnapshots(to, directory, found);
  LogEnd end = TellSegments(to, directory, found);
  TellMissing(to, directory, found);
  for (const std::string& name : found.other_files) {
    Line(to, name, "not a file of the store, or an unfinished one");
  }
  return end;
}

// While a store runs, until it looks clean or two looks find the same damage.
Verdict Judge(const Surroundings& to, const std::string& directory, bool in_use) {
  Verdict verdict = JudgeDirectory(to.files, directory);
  for (int i = 1; in_use && i < kTriesWhileInUse; ++i) {
    const absl::Status before = verdict.status;
    if (before.ok() && !verdict.torn) break;
    verdict = JudgeDirectory(to.files, directory);
    if (!before.ok() && verdict.status == before) break;
  }
  return verdict;
}

int Tell(const Surroundings& to, const Verdict& verdict, const LogEnd& end, bool in_use) {
  if (absl::IsDataLoss(verdict.status)) {
    to.out << "damaged: " << std::string(verdict.status.message()) << "\n";
    return kDamaged;
  }
  if (!verdict.status.ok()) return Fail(to, verdict.status);
  if (!verdict.torn) {
    if (verdict.damaged_snapshots > 0) {
      to.out << "a snapshot is damaged; all is there without it, and the next one replaces it\n";
    }
    to.out << "clean: all records up to " << verdict.last_lsn << " can be read\n";
    return kClean;
  }
  if (in_use) {
    to.out << "clean so far: all records up to " << verdict.last_lsn
           << " can be read; a write behind them is under way, or torn\n";
    return kCannotRead;
  }
  to.out << "torn tail: " << end.path << ": offset " << end.offset << ": record "
         << verdict.last_lsn + 1 << " was being written; no answer depended on it\n";
  return kTornTail;
}

int Run(const Arguments& arguments, const Surroundings& to) {
  const std::string& directory = arguments.directory(0);
  std::optional<std::string> holder = HolderOf(directory);
  const absl::StatusOr<StoreFiles> found = FindStoreFiles(to.files, directory);
  if (!found.ok()) return Fail(to, found.status());
  const LogEnd end = TellFiles(to, directory, *found);
  const Verdict verdict = Judge(to, directory, holder.has_value());
  if (!holder.has_value()) holder = HolderOf(directory);
  if (holder.has_value()) {
    to.out << "in use by " << *holder
           << ": what is said of the end was true when it was read, and may not be now\n";
  }
  return Tell(to, verdict, end, holder.has_value());
}

constexpr char kHelp[] = R"(
Prints one line for each file, then a verdict: what an open of DIR would say. It is found by an
open that writes nothing, so it is the engine's own. No file is written; LOCK is not made.

A directory in use may be checked. The store goes on writing meanwhile, so what is said of the end
of the log is a snapshot. Damage is told only if two looks find the same.

One damaged snapshot alone is no damage to the store: the one before it is used. Its line tells.

Exit codes:
  0   clean
  1   torn tail: the next open cuts it; nothing that was answered is lost
  2   damaged: an open refuses. The line names file and offset; see idem-tool salvage
  3   cannot read DIR, or there is no store in it, or it was written by a newer version, or it is in
      use and a write is under way at the end: ask again
  64  a wrong command line

Examples:
  idem-tool check /var/lib/idem
  idem-tool check /var/lib/idem || echo "exit code $?"
)";

}  // namespace

const Command kCheck = {.name = "check",
                        .summary = "is this directory whole? Reads, changes nothing",
                        .synopsis = "DIR",
                        .help = kHelp,
                        .flags = {},
                        .run = Run};

}  // namespace idem::engine
