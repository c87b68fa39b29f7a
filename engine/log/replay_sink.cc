#include "log/replay_sink.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/coding.h"
#include "log/record.h"

namespace idem::engine {

absl::Status DamageAt(std::string_view path, uint64_t offset, std::string_view why) {
  return absl::DataLossError(absl::StrCat(absl::string_view(path.data(), path.size()), ": offset ",
                                          offset, ": ", absl::string_view(why.data(), why.size())));
}

uint64_t OffsetOf(const RecordBlock& block, const char* position) {
  return block.offset + static_cast<uint64_t>(position - block.records.data());
}

bool RecordBlockReader::Fail(const char* why) {
  damage_ = why;
  return false;
}

bool RecordBlockReader::Next(Found& found) {
  if (damage_ != nullptr) return false;
  if (count_left_ == 0) return left_.empty() ? false : Fail("bytes behind the last record");
  std::string_view rest = left_;
  found.lsn = block_.first_lsn + count_done_;
  if (block_.first_lsn == 0) {
    if (rest.size() < sizeof(Lsn)) return Fail("a record is missing");
    found.lsn = Load<Lsn>(rest.data());
    rest.remove_prefix(sizeof(Lsn));
  }
  if (!FindRecord(rest, found.record, found.key)) return Fail("a record with a wrong length");
  left_ = rest.substr(found.record.size());
  --count_left_;
  ++count_done_;
  return true;
}

absl::Status RecordBlockReader::status() const {
  if (damage_ == nullptr) return absl::OkStatus();
  return DamageAt(*block_.path, OffsetOf(block_, left_.data()), damage_);
}

bool VisitorSink::Add(RecordBlock block) {
  if (status_.ok()) status_ = Visit(block);
  return status_.ok();
}

absl::Status VisitorSink::Visit(const RecordBlock& block) {
  RecordBlockReader reader(block);
  for (RecordBlockReader::Found found; reader.Next(found);) {
    Image image;
    const absl::StatusOr<size_t> length = DecodeRecord(found.record, image);
    if (!length.ok()) {
      const absl::string_view why = length.status().message();
      return DamageAt(*block.path, OffsetOf(block, found.record.data()), {why.data(), why.size()});
    }
    absl::Status status = visitor_(image, found.lsn);
    if (!status.ok()) return status;
  }
  return reader.status();
}

void VisitorSink::Clear() {
  status_ = absl::OkStatus();
  clear_();
}

}  // namespace idem::engine
