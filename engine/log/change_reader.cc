#include "log/change_reader.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "log/record.h"
#include "log/steps.h"

namespace idem::engine {
namespace {

constexpr size_t kPageBytes = 1 << 20;  // read, or told
// How often files may vanish under one call.
constexpr int kAttempts = 4;

bool NamesSegment(const Manifest& manifest, uint64_t number) {
  return std::any_of(manifest.segments.begin(), manifest.segments.end(),
                     [number](const ManifestSegment& segment) { return segment.number == number; });
}

void TellFinish(const Image& image, Change& change) {
  change.what = image.state == State::kCompleted ? Change::What::kCompleted : Change::What::kFailed;
  change.code = image.code;
  change.response_omitted = image.value_omitted;
  change.response_bytes = image.value_omitted ? image.omitted_bytes : image.value.size();
  change.response = image.value;
}

void TellStep(const Image& image, Change& change) {
  Step last;
  StepReader steps(image.value);
  while (steps.Next(last)) {
  }
  change.what = Change::What::kStep;
  change.step = last.name;
  change.response_bytes = last.data.size();
  change.response = last.data;
}

void TellSequence(const Sequence& sequence, Change& change) {
  change.what = Change::What::kSequence;
  change.epoch = sequence.epoch;
  change.expected = sequence.next;
  change.ahead = sequence.ahead;
}

}  // namespace

std::optional<Change> ChangeOf(const Image& image, Lsn lsn, const ChangesOptions& which) {
  Change change;
  change.lsn = lsn;
  change.key = image.key;
  change.token = image.token;
  change.attempt = image.attempt;
  if (image.kind == Kind::kRecord && image.finished()) {
    TellFinish(image, change);
  } else if (which.steps && image.step_made) {
    TellStep(image, change);
  } else if (which.sequences && image.kind == Kind::kSequence) {
    TellSequence(image.sequence, change);
  } else {
    return std::nullopt;
  }
  return change;
}

struct ChangeReader::Reading {
  const ChangesOptions& which;
  const WrittenLog written;
  const Lsn after;
  Manifest manifest = {};
  ChangePage page = {};
  std::optional<Truncated> truncated = std::nullopt;
  size_t segment = 0;  // index in manifest.segments
  std::optional<SegmentReader> reader = std::nullopt;
  SegmentReader::Position before = {};  // the batch that holds what follows page.next, or behind
  size_t bytes_read = 0;
  size_t bytes_told = 0;

  uint64_t segment_number() const { return manifest.segments[segment].number; }
  // Where the batches of a segment end, as far as they may be read; 0: nowhere.
  uint64_t EndOf(const ManifestSegment& of) const {
    if (of.state == SegmentState::kClosed) return of.end.offset;
    return of.number == written.segment ? written.offset : 0;
  }
  bool full() const {
    return page.changes.size() >= which.count || bytes_read >= kPageBytes ||
           bytes_told >= kPageBytes;
  }
  absl::Status Damaged() const {
    return DamageAt(reader->path(), reader->next_offset(),
                    "no valid batch, though the log was synced beyond it");
  }
  void Tell(Change change) {
    bytes_told += change.key.size() + change.response.size() + change.step.size();
    page.changes.push_back(std::move(change));
  }
  // The records of a batch, until the page is full.
  absl::Status TellAll(const RecordBlock& block);
};

absl::Status ChangeReader::Reading::TellAll(const RecordBlock& block) {
  RecordBlockReader records(block);
  for (RecordBlockReader::Found found; !full() && records.Next(found);) {
    if (found.lsn <= page.next) continue;
    Image image;
    const absl::StatusOr<size_t> length = DecodeRecord(found.record, image);
    if (!length.ok()) {
      const absl::string_view why = length.status().message();
      return DamageAt(*block.path, OffsetOf(block, found.record.data()), {why.data(), why.size()});
    }
    if (std::optional<Change> change = ChangeOf(image, found.lsn, which)) Tell(*std::move(change));
    page.next = found.lsn;
  }
  return records.status();
}

absl::StatusOr<ChangesAnswer> ChangeReader::Read(Lsn after, const ChangesOptions& which,
                                                 const WrittenLog& written) {
  for (int attempt = 1;; ++attempt) {
    Reading reading{.which = which, .written = written, .after = after};
    reading.page.next = after;
    reading.page.synced = written.synced;
    reading.manifest = manifest_.Get();
    absl::Status status = after < written.synced ? Start(reading) : absl::OkStatus();
    if (status.ok() && reading.truncated.has_value()) return *reading.truncated;
    if (status.ok() && reading.reader.has_value()) status = ReadOn(reading);
    if (status.ok() && reading.reader.has_value()) {
      Remember({reading.page.next, reading.segment_number(), reading.before}, after);
    }
    // What was read before an error is told; the next call meets it again.
    if (status.ok() || reading.page.next > after) return std::move(reading.page);
    // A file that was dropped meanwhile is no damage.
    if (attempt == kAttempts || NamesSegment(manifest_.Get(), reading.segment_number())) {
      return status;
    }
  }
}

// The segment with the record behind `after`, at its batch or before.
absl::Status ChangeReader::Start(Reading& reading) {
  const std::vector<ManifestSegment>& segments = reading.manifest.segments;
  Place place;
  const bool known = Recall(reading.after, place);
  size_t& at = reading.segment;
  if (known && NamesSegment(reading.manifest, place.segment)) {
    while (segments[at].number != place.segment) ++at;
    return OpenSegment(reading, &place);
  }
  while (segments[at].state == SegmentState::kClosed &&
         segments[at].end.last_lsn <= reading.after) {
    ++at;
  }
  absl::Status status = OpenSegment(reading, nullptr);
  if (!status.ok()) return status;
  const Lsn first_lsn = reading.reader->header().first_lsn;
  if (first_lsn > reading.after + 1) {
    reading.truncated = Truncated{first_lsn - 1};
    return absl::OkStatus();
  }
  return reading.reader->SeekTo(reading.after + 1);
}

absl::Status ChangeReader::OpenSegment(Reading& reading, const Place* place) const {
  const ManifestSegment& segment = reading.manifest.segments[reading.segment];
  absl::StatusOr<SegmentReader> reader =
      place == nullptr ? SegmentReader::Open(options_.file_system, options_.directory, segment)
                       : SegmentReader::OpenAt(options_.file_system, options_.directory, segment,
                                               place->position);
  if (!reader.ok()) return reader.status();
  if (reader->header_state() != SegmentReader::HeaderState::kValid) {
    return DamageAt(reader->path(), 0, "the header is damaged");
  }
  reading.reader.emplace(*std::move(reader));
  reading.reader->LimitTo(reading.EndOf(segment));
  return absl::OkStatus();
}

absl::Status ChangeReader::ReadOn(Reading& reading) const {
  reading.before = reading.reader->position();
  while (reading.page.next < reading.written.synced && !reading.full()) {
    const absl::StatusOr<bool> more = ReadBatch(reading);
    if (!more.ok()) return more.status();
    if (!*more) break;
  }
  return absl::OkStatus();
}

// Batches are written and synced whole, so none lies across `synced`. False: there is none yet.
absl::StatusOr<bool> ChangeReader::ReadBatch(Reading& reading) const {
  SegmentReader& reader = *reading.reader;
  reading.before = reader.position();
  absl::StatusOr<std::optional<SegmentReader::ReadBatch>> batch = reader.Next();
  if (!batch.ok()) return batch.status();
  if (!batch->has_value()) return NextSegment(reading);
  const BatchHeader& header = (*batch)->header;
  reading.bytes_read += header.payload_bytes;
  absl::Status status = reading.TellAll((*batch)->block);
  if (!status.ok()) return status;
  if (reading.page.next >= header.last_lsn()) reading.before = reader.position();
  return true;
}

absl::StatusOr<bool> ChangeReader::NextSegment(Reading& reading) const {
  const std::vector<ManifestSegment>& segments = reading.manifest.segments;
  const SegmentReader& reader = *reading.reader;
  if (reader.end().offset < reading.EndOf(segments[reading.segment])) return reading.Damaged();
  const size_t next = reading.segment + 1;
  if (next == segments.size() || reading.EndOf(segments[next]) == 0) return false;
  const SegmentEnd end = reader.end();
  reading.segment = next;
  absl::Status status = OpenSegment(reading, nullptr);
  if (!status.ok()) return status;
  const SegmentHeader& header = reading.reader->header();
  if (header.first_lsn != end.last_lsn + 1 || header.previous_chain != end.chain) {
    return DamageAt(reading.reader->path(), 0, "it does not follow the segment before");
  }
  return true;
}

bool ChangeReader::Recall(Lsn after, Place& place) {
  MutexLock lock(mutex_);
  for (const Place& known : places_) {
    if (known.segment == 0 || known.after != after) continue;
    place = known;
    return true;
  }
  return false;
}

// A reader that went on has its place moved; a new one gets that of the reader longest here.
void ChangeReader::Remember(const Place& place, Lsn instead_of) {
  MutexLock lock(mutex_);
  for (Place& known : places_) {
    if (known.segment == 0 || known.after != instead_of) continue;
    known = place;
    return;
  }
  places_[next_place_] = place;
  next_place_ = (next_place_ + 1) % kPlaces;
}

}  // namespace idem::engine
