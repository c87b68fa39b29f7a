#include "tool/survivors.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "log/record.h"
#include "log/segment.h"
#include "tool/batch_scan.h"
#include "tool/snapshot_survey.h"
#include "tool/survey.h"

namespace idem::engine {
namespace {

constexpr Lsn kNoLimit = std::numeric_limits<Lsn>::max();

struct Piece {
  ManifestSegment segment;
  std::optional<SegmentHeader> header;
  Lsn limit = kNoLimit;  // where a later segment goes on: what stands behind was cut once
};

class Gatherer {
 public:
  Gatherer(FileSystem* files, const std::string& directory, const StoreFiles& found, Salvage how)
      : files_(files), directory_(directory), found_(found), how_(how) {}

  absl::StatusOr<SurvivingStore> Run();

 private:
  absl::Status FindIdentity();
  void Identify(const StoreId& id, const HashSecret& secret);
  void FindPieces();
  void AddPiece(const ManifestSegment& segment);
  void DropUnfinishedOpen();
  void SetLimits();
  void ReadSnapshots();
  bool ReadSnapshot(Lsn covers);
  void ReadPiece(const Piece& piece);
  void ReadBatch(const Piece& piece, const ScannedBatch& batch);
  void ReadRecords(const Piece& piece, const ScannedBatch& batch);
  Lsn EndOf(const Piece& piece) const;
  void Lose(Lsn first, Lsn last);

  void Note(std::string text) { store_.notes.push_back(std::move(text)); }
  void SawLsn(Lsn lsn) { store_.top = std::max(store_.top, lsn); }
  void SawTime(int64_t ms) { store_.manifest.store_ms = std::max(store_.manifest.store_ms, ms); }
  void SawEpoch(uint32_t epoch) { store_.manifest.epoch = std::max(store_.manifest.epoch, epoch); }
  bool IsOurs(const StoreId& id) const { return id == store_.manifest.store_id; }

  FileSystem* const files_;
  const std::string& directory_;
  const StoreFiles& found_;
  const Salvage how_;
  SurvivingStore store_;
  std::vector<Piece> pieces_;
  Lsn reached_ = 0;       // all up to here was read, or need not be
  bool stopped_ = false;  // by the damage; only the highest LSN is still looked for
};

// The newest header that can be read speaks for a lost manifest.
absl::Status Gatherer::FindIdentity() {
  if (found_.manifest.ok()) {
    store_.manifest = *found_.manifest;
    SawLsn(std::max(store_.manifest.durable_lsn, store_.manifest.clean_stop_lsn));
    return absl::OkStatus();
  }
  Note(std::string(found_.manifest.status().message()));
  for (auto number = found_.segments.rbegin(); number != found_.segments.rend(); ++number) {
    const std::optional<SegmentHeader> header = ReadSegmentHeader(files_, directory_, *number);
    if (!header.has_value()) continue;
    Identify(header->store_id, header->secret);
    return absl::OkStatus();
  }
  for (auto covers = found_.snapshots.rbegin(); covers != found_.snapshots.rend(); ++covers) {
    const SurveyedSnapshot survey = SurveySnapshot(files_, SnapshotPath(directory_, *covers));
    if (!survey.has_header) continue;
    Identify(survey.header.store_id, survey.header.secret);
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      directory_, ": neither MANIFEST nor the header of any segment or snapshot can be read"));
}

void Gatherer::Identify(const StoreId& id, const HashSecret& secret) {
  store_.manifest.store_id = id;
  store_.manifest.secret = secret;
}

void Gatherer::FindPieces() {
  if (found_.manifest.ok()) {
    for (const ManifestSegment& segment : found_.manifest->segments) AddPiece(segment);
  } else {
    for (const uint64_t number : found_.segments) {
      const std::optional<ManifestSegment> segment = DescribeSegment(files_, directory_, number);
      if (segment.has_value()) {
        AddPiece(*segment);
      } else {
        Note(SegmentPath(directory_, number) +
             ": its header is damaged: nothing of it can be read");
      }
    }
    DropUnfinishedOpen();
  }
  SetLimits();
}

void Gatherer::AddPiece(const ManifestSegment& segment) {
  Piece piece{segment, ReadSegmentHeader(files_, directory_, segment.number)};
  if (piece.header.has_value() &&
      (piece.header->salt != segment.salt || !IsOurs(piece.header->store_id))) {
    piece.header.reset();  // of an open that did not come to its end, or of another store
  }
  if (!piece.header.has_value() && !found_.manifest.ok()) return;
  store_.segment_bytes = std::max(store_.segment_bytes, segment.file_bytes);
  if (piece.header.has_value()) {
    SawEpoch(piece.header->epoch);
    SawTime(piece.header->store_ms);
  }
  pieces_.push_back(piece);
}

// Without a manifest: a newest segment that does not reach what the one before it holds is a copy
// of that one's tail which an open did not finish.
void Gatherer::DropUnfinishedOpen() {
  if (pieces_.size() < 2) return;
  if (EndOf(pieces_.back()) < EndOf(pieces_[pieces_.size() - 2])) pieces_.pop_back();
}

Lsn Gatherer::EndOf(const Piece& piece) const {
  return SurveySegment(files_, directory_, piece.segment).end.last_lsn;
}

void Gatherer::SetLimits() {
  Lsn limit = kNoLimit;
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    piece->limit = limit;
    if (piece->segment.state == SegmentState::kClosed) {
      piece->limit = std::min(limit, piece->segment.end.last_lsn);
    }
    if (piece->header.has_value()) limit = std::min(limit, piece->header->first_lsn - 1);
  }
}

// The newest whole one is the base. When skipping, what can be read of a damaged newer one counts.
void Gatherer::ReadSnapshots() {
  std::vector<Lsn> newest_first(found_.snapshots.rbegin(), found_.snapshots.rend());
  if (found_.manifest.ok()) {
    newest_first.clear();
    for (const ManifestSnapshot& s : found_.manifest->snapshots) newest_first.push_back(s.covers);
  }
  reached_ = store_.manifest.forgotten_lsn;
  for (const Lsn covers : newest_first) {
    if (ReadSnapshot(covers)) return;
  }
}

// True: it is whole.
bool Gatherer::ReadSnapshot(Lsn covers) {
  const std::string path = SnapshotPath(directory_, covers);
  const SurveyedSnapshot survey = SurveySnapshot(files_, path);
  const bool ours = survey.has_header && IsOurs(survey.header.store_id);
  const bool whole = ours && survey.damage.ok();
  if (!survey.damage.ok()) Note(std::string(survey.damage.message()));
  if (survey.has_header && !ours) Note(path + ": belongs to another store");
  if (!ours) return false;
  SawEpoch(survey.header.epoch);
  SawTime(survey.header.store_ms);
  SawLsn(survey.header.covers);
  if (!whole && how_ == Salvage::kCut) return false;
  SurveySnapshot(files_, path, [this](const Image& image, Lsn lsn) {
    SawLsn(lsn);
    store_.keys.Add(image, lsn);
  });
  if (whole) reached_ = covers;
  return whole;
}

void Gatherer::ReadPiece(const Piece& piece) {
  const std::string path = SegmentPath(directory_, piece.segment.number);
  const absl::Status status = ScanBatches(
      files_, path, piece.segment, [&](const ScannedBatch& batch) { ReadBatch(piece, batch); });
  if (!status.ok()) Note(std::string(status.message()));
}

void Gatherer::ReadBatch(const Piece& piece, const ScannedBatch& batch) {
  const BatchHeader& header = batch.header;
  if (header.record_count == 0 || header.first_lsn > piece.limit) {
    SawLsn(std::min(piece.limit, header.durable_upto));
    return;
  }
  const Lsn last = std::min(header.last_lsn(), piece.limit);
  SawLsn(std::max(last, header.durable_upto));
  SawTime(header.store_ms);
  if (last <= reached_) return;
  stopped_ |= how_ == Salvage::kCut && (header.first_lsn > reached_ + 1 || batch.records.empty());
  if (stopped_ || batch.records.empty()) return;
  Lose(reached_ + 1, header.first_lsn - 1);
  reached_ = std::max(reached_, header.first_lsn - 1);
  ReadRecords(piece, batch);
}

// A record that cannot be decoded hides those behind it in the batch.
void Gatherer::ReadRecords(const Piece& piece, const ScannedBatch& batch) {
  std::string_view records = batch.records;
  const Lsn last = std::min(batch.header.last_lsn(), piece.limit);
  for (Lsn lsn = batch.header.first_lsn; lsn <= last; ++lsn) {
    Image image;
    const absl::StatusOr<size_t> length = DecodeRecord(records, image);
    if (!length.ok()) {
      stopped_ |= how_ == Salvage::kCut;
      return;
    }
    store_.keys.Add(image, lsn);
    reached_ = std::max(reached_, lsn);
    records.remove_prefix(*length);
  }
}

void Gatherer::Lose(Lsn first, Lsn last) {
  if (first <= last) store_.lost.push_back({first, last});
}

absl::StatusOr<SurvivingStore> Gatherer::Run() {
  absl::Status status = FindIdentity();
  if (!status.ok()) return status;
  FindPieces();
  ReadSnapshots();
  for (const Piece& piece : pieces_) ReadPiece(piece);
  Lose(reached_ + 1, store_.top);
  if (store_.keys.count() == 0 && !store_.lost.empty()) {
    return absl::DataLossError(
        absl::StrCat(directory_, ": nothing would be left",
                     how_ == Salvage::kCut ? "; --skip may find something behind the damage" : ""));
  }
  store_.manifest.segments.clear();
  store_.manifest.snapshots.clear();
  return std::move(store_);
}

}  // namespace

void Survivors::Add(const Image& image, Lsn lsn) {
  Newest& newest = keys_[std::string(image.key)];
  if (lsn <= newest.lsn) return;
  newest.lsn = lsn;
  newest.removed = image.absent();
  newest.record.clear();
  if (!newest.removed) EncodeRecord(image, newest.record);
}

uint64_t Survivors::count() const {
  return static_cast<uint64_t>(std::count_if(keys_.begin(), keys_.end(),
                                             [](const auto& key) { return !key.second.removed; }));
}

absl::StatusOr<SurvivingStore> FindSurvivors(FileSystem* files, const std::string& directory,
                                             const StoreFiles& found, Salvage how) {
  return Gatherer(files, directory, found, how).Run();
}

}  // namespace idem::engine
