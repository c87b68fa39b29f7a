// idem-tool dump: the records of the log, one line each.
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/path.h"
#include "log/record.h"
#include "tool/commands.h"
#include "tool/record_json.h"
#include "tool/snapshot_survey.h"
#include "tool/store_files.h"
#include "tool/survey.h"

namespace idem::engine {
namespace {

struct Wanted {
  Lsn from = 0;
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  std::optional<std::string> key;
  bool values = false;
};

absl::Status ReadNumber(const Arguments& arguments, const char* flag, uint64_t& to) {
  const std::optional<std::string> value = arguments.Value(flag);
  if (!value.has_value() || absl::SimpleAtoi(*value, &to)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(flag, ": takes a number, not ", *value));
}

absl::StatusOr<Wanted> ReadWanted(const Arguments& arguments) {
  Wanted wanted;
  wanted.key = arguments.Value("--key");
  wanted.values = arguments.Has("--values");
  absl::Status status = ReadNumber(arguments, "--from", wanted.from);
  status.Update(ReadNumber(arguments, "--limit", wanted.limit));
  if (!status.ok()) return status;
  return wanted;
}

class Dump {
 public:
  Dump(const Surroundings& to, const std::string& directory, Wanted wanted)
      : to_(to), directory_(directory), left_(wanted.limit), wanted_(std::move(wanted)) {}

  int Run(const StoreFiles& found) {
    if (!found.snapshots.empty()) DumpSnapshot(found.snapshots.back());
    for (const uint64_t number : found.segments) {
      if (left_ > 0) DumpSegment(found, number);
    }
    return code_;
  }

 private:
  void DumpSnapshot(Lsn covers);
  void DumpSegment(const StoreFiles& found, uint64_t number);
  void DumpBatch(const SegmentReader& reader, const SegmentReader::ReadBatch& batch);
  void Print(const Image& image, const RecordPlace& place);

  // Something could not be read; the rest still may be.
  void Miss(const std::string& why) {
    to_.errors << "idem-tool: " << why << "\n";
    code_ = kDamaged;
  }

  const Surroundings& to_;
  const std::string& directory_;
  uint64_t left_;
  const Wanted wanted_;
  int code_ = kClean;
};

void Dump::DumpSnapshot(Lsn covers) {
  const std::string path = SnapshotPath(directory_, covers);
  const SurveyedSnapshot survey = SurveySnapshot(to_.files, path, [&](const Image& image, Lsn lsn) {
    if (left_ > 0) Print(image, {lsn, FileName(path)});
  });
  if (!survey.damage.ok()) Miss(std::string(survey.damage.message()));
}

void Dump::DumpSegment(const StoreFiles& found, uint64_t number) {
  const ManifestSegment* const named = found.Named(number);
  if (named == nullptr && found.manifest.ok()) return;
  const std::optional<ManifestSegment> segment =
      named != nullptr ? *named : DescribeSegment(to_.files, directory_, number);
  if (!segment.has_value()) return Miss(absl::StrCat("segment ", number, ": no valid header"));
  const SurveyedSegment survey =
      SurveySegment(to_.files, directory_, *segment,
                    [this](const SegmentReader& reader, const SegmentReader::ReadBatch& batch) {
                      DumpBatch(reader, batch);
                    });
  if (!survey.status.ok()) return Miss(std::string(survey.status.message()));
  const bool cut_short =
      segment->state == SegmentState::kClosed && survey.end.offset < segment->end.offset;
  if (cut_short || !survey.remains.zero) {
    Miss(absl::StrCat("segment ", number, ": offset ", survey.end_offset,
                      ": no valid batch, but not the end either; idem-tool check tells more"));
  }
}

void Dump::DumpBatch(const SegmentReader& reader, const SegmentReader::ReadBatch& batch) {
  std::string_view records = batch.block.records;
  for (uint32_t i = 0; i < batch.header.record_count && left_ > 0; ++i) {
    Image image;
    const absl::StatusOr<size_t> length = DecodeRecord(records, image);
    if (!length.ok()) return Miss(reader.path() + ": " + std::string(length.status().message()));
    Print(image, {batch.header.first_lsn + i, FileName(reader.path())});
    records.remove_prefix(*length);
  }
}

void Dump::Print(const Image& image, const RecordPlace& place) {
  if (place.lsn < wanted_.from) return;
  if (wanted_.key.has_value() && *wanted_.key != image.key) return;
  to_.out << RecordJson(image, place, wanted_.values) << "\n";
  --left_;
}

int Run(const Arguments& arguments, const Surroundings& to) {
  absl::StatusOr<Wanted> wanted = ReadWanted(arguments);
  if (!wanted.ok()) return Fail(to, wanted.status());
  const std::string& directory = arguments.directory(0);
  const absl::StatusOr<StoreFiles> found = FindStoreFiles(to.files, directory);
  if (!found.ok()) return Fail(to, found.status());
  return Dump(to, directory, *std::move(wanted)).Run(*found);
}

constexpr Command::Flag kFlags[] = {
    {"--values"}, {"--from", true}, {"--key", true}, {"--limit", true}};

constexpr char kHelp[] = R"(
Prints the records of the store, one JSON object a line: first those of the newest snapshot, then
those of the log in their order. A record is everything that is known of its key after a change; the
one with the highest lsn counts. A claim shows its steps with the bytes of their data; step_made:
the last of them was made by this change. A damaged directory is printed as far as it can be read.

  --values      also the responses and values themselves: they are your users' data
  --from LSN    only records at or above this position
  --key KEY     only records of this key, byte for byte
  --limit N     at most N records

In keys and values every byte that is not printable ASCII is written \u00XX: one character is one
byte (decode as Latin-1). Times named _ms are store time: they run while the store is open.

Exit codes:
  0   all was read
  2   something could not be read; stderr says what
  3   cannot read DIR, or there is no store in it
  64  a wrong command line

Examples:
  idem-tool dump /var/lib/idem --key order-7
  idem-tool dump /var/lib/idem --from 120000 --limit 10 --values
)";

}  // namespace

const Command kDump = {.name = "dump",
                       .summary = "prints records as JSON lines; no values unless asked",
                       .synopsis = "DIR [--values] [--from LSN] [--key KEY] [--limit N]",
                       .help = kHelp,
                       .flags = kFlags,
                       .run = Run};

}  // namespace idem::engine
