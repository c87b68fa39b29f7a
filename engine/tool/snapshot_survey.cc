#include "tool/snapshot_survey.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/coding.h"
#include "log/record.h"
#include "tool/whole_file.h"

namespace idem::engine {
namespace {

using Visitor = std::function<void(const Image&, Lsn)>;

class Survey {
 public:
  Survey(const std::string& path, std::string_view bytes, const Visitor& visit)
      : path_(path), bytes_(bytes), visit_(visit) {}

  SurveyedSnapshot Run() {
    if (!ReadHeader()) return std::move(survey_);
    while (!footer_seen_ && offset_ < bytes_.size()) {
      if (!ReadBlock()) SkipToNextBlock();
    }
    if (!footer_seen_) Damaged("the snapshot ends without its footer");
    if (footer_seen_ && offset_ != bytes_.size()) Damaged("bytes behind the footer");
    return std::move(survey_);
  }

 private:
  bool ReadHeader();
  bool ReadBlock();
  void SkipToNextBlock();
  void VisitRecords(std::string_view records, uint32_t count);
  void CheckFooter(std::string_view payload);

  void Damaged(absl::string_view why) {
    survey_.damage.Update(
        absl::DataLossError(absl::StrCat(path_, ": offset ", offset_, ": ", why)));
  }

  const std::string& path_;
  const std::string_view bytes_;
  const Visitor& visit_;
  uint64_t offset_ = 0;
  SnapshotFooter found_;
  bool footer_seen_ = false;
  SurveyedSnapshot survey_;
};

bool Survey::ReadHeader() {
  absl::StatusOr<SnapshotHeader> header = DecodeSnapshotHeader(path_, bytes_, &found_.chain);
  survey_.damage = header.status();
  if (!header.ok()) return false;
  survey_.has_header = true;
  survey_.header = *std::move(header);
  found_.highest_lsn = survey_.header.covers;
  offset_ = kBlockBytes;
  return true;
}

// False: there is none. A block whose payload is damaged is passed over.
bool Survey::ReadBlock() {
  const std::string_view rest = bytes_.substr(offset_);
  if (rest.size() < kSnapshotBlockHeaderBytes) return false;
  const uint64_t number = Load<uint64_t>(rest.data() + 8);
  SnapshotBlockHeader header;
  if (!DecodeSnapshotBlockHeader(rest, survey_.header.salt, number, header)) return false;
  if (number != found_.blocks + 1)
    Damaged(absl::StrCat("block ", found_.blocks + 1, " is missing"));
  const std::string_view payload =
      rest.substr(kSnapshotBlockHeaderBytes).substr(0, header.payload_bytes);
  const bool whole = payload.size() == header.payload_bytes &&
                     Checksum(survey_.header.salt, payload) == header.payload_hash;
  if (!whole) Damaged("the block is damaged");
  footer_seen_ = whole && header.kind == SnapshotBlockKind::kFooter;
  if (footer_seen_) {
    CheckFooter(payload);
  } else {
    if (whole) VisitRecords(payload, header.record_count);
    found_.blocks = number;
    found_.records += header.record_count;
    found_.chain = NextSnapshotChain(found_.chain, header);
  }
  offset_ += kSnapshotBlockHeaderBytes + payload.size();
  return true;
}

void Survey::SkipToNextBlock() {
  Damaged("the block header is damaged");
  SnapshotBlockHeader header;
  for (++offset_; offset_ < bytes_.size(); ++offset_) {
    const std::string_view rest = bytes_.substr(offset_);
    if (rest[0] != 'i' || rest.size() < kSnapshotBlockHeaderBytes) continue;
    const uint64_t number = Load<uint64_t>(rest.data() + 8);
    if (DecodeSnapshotBlockHeader(rest, survey_.header.salt, number, header)) return;
  }
}

void Survey::VisitRecords(std::string_view records, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (records.size() < sizeof(Lsn)) return Damaged("a record is cut short");
    const Lsn lsn = Load<Lsn>(records.data());
    records.remove_prefix(sizeof(Lsn));
    Image image;
    const absl::StatusOr<size_t> length = DecodeRecord(records, image);
    if (!length.ok()) return Damaged(length.status().message());
    records.remove_prefix(*length);
    ++survey_.records;
    found_.highest_lsn = std::max(found_.highest_lsn, lsn);
    found_.latest_deadline_ms =
        std::max(found_.latest_deadline_ms, image.deadline_ms == 0 ? kNeverMs : image.deadline_ms);
    if (visit_) visit_(image, lsn);
  }
  if (!records.empty()) Damaged("bytes behind the last record of a block");
}

void Survey::CheckFooter(std::string_view payload) {
  const bool read = DecodeSnapshotFooter(payload, survey_.footer);
  if (!read || survey_.footer != found_) Damaged("the footer contradicts the blocks");
}

}  // namespace

SurveyedSnapshot SurveySnapshot(FileSystem* files, const std::string& path, const Visitor& visit) {
  const absl::StatusOr<std::string> bytes = ReadWholeFile(files, path);
  if (bytes.ok()) return Survey(path, *bytes, visit).Run();
  SurveyedSnapshot unreadable;
  unreadable.damage = bytes.status();
  return unreadable;
}

}  // namespace idem::engine
